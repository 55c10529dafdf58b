"""What people should hear of credentials: in the log, in the feed of events, and as alerts.

An alert is made once and stands until what it tells of is over; then it may be made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from laird.domain.errors import StorageUnavailable
from laird.domain.events import Alert
from laird.storage.engine import Database
from laird.storage.tables import alerts
from laird.telemetry.feed import Feed
from laird.telemetry.logs import get_logger

KIND = "credential"
REFUSED = 401
"""The mark of an alert to a refused credential."""
FELL_BACK = -1
"""The mark of an alert to a credential whose value before stepped in."""

_log = get_logger("credentials")
_decode = msgspec.json.decode


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be heard of once."""

    event: str
    """Of the feed: `credential.refused`, `credential.fell_back`, `credential.expires`."""
    source: str
    """The provider, or the credential, that it is about."""
    mark: int
    """What tells it from others about the same: `REFUSED`, `FELL_BACK`, or days left."""
    since_us: int = 0
    """What it counts from, so that it is told of again for another one: of an expiry, its time."""
    message: str
    data: Mapping[str, Any] = {}


class Notices:
    """Tells people.

    Args:
        database: where alerts are kept.
        feed: hears of events.
        mail: takes alerts that are to be sent by mail; None where there is none.
    """

    def __init__(
        self, database: Database, feed: Feed, mail: Callable[[Alert], None] | None = None
    ) -> None:
        self._database = database
        self._feed = feed
        self._mail = mail
        self._told: set[tuple[str, int, int]] = set()

    async def tell(self, notice: Notice) -> bool:
        """Tell of something, unless it was told of already; True when it was new."""
        key = (notice.source, notice.mark, notice.since_us)
        if key in self._told:
            return False
        self._told.add(key)
        alert: Alert | None = None
        try:
            alert = await self._database.write(
                partial(_record, notice=notice, mail=self._mail is not None)
            )
            if alert is None:
                return False
        except StorageUnavailable:
            # Whoever watches should not have to wait for the database.
            self._told.discard(key)
        _log.warning(notice.message, about=notice.source, **notice.data)
        told = {"alert": alert.id if alert else None, "message": notice.message, **notice.data}
        self._feed.publish(notice.event, told)
        if alert is not None and self._mail is not None:
            self._mail(alert)
        return True

    async def standing(self, mark: int) -> set[str]:
        """Return what alerts with this mark still stand for. Raises `StorageUnavailable`."""
        return await self._database.read(partial(_standing, mark=mark))

    async def over(self, source: str, mark: int) -> None:
        """Note that something is over: it is told of again when it comes again."""
        self._told = {key for key in self._told if key[:2] != (source, mark)}
        try:
            await self._database.write(partial(_stand_down, source=source, mark=mark))
        except StorageUnavailable as error:
            _log.warning("an alert still stands", about=source, cause=error.message)

    def event(self, event: str, data: Mapping[str, Any]) -> None:
        """Publish an event that nobody has to see."""
        self._feed.publish(event, data)


def _record(connection: Connection, notice: Notice, *, mail: bool) -> Alert | None:
    column = alerts.c
    there = select(column.id).where(
        column.kind == KIND,
        column.source == notice.source,
        column.mark == notice.mark,
        column.since_us == notice.since_us,
        column.standing,
    )
    if connection.execute(there).first() is not None:
        return None
    values: dict[str, Any] = {
        "kind": KIND,
        "at_us": time.time_ns() // 1000,
        "source": notice.source,
        "title": notice.source,
        "mark": notice.mark,
        "since_us": notice.since_us,
        "message": notice.message,
        "data": msgspec.json.encode({"event": notice.event, **notice.data}).decode(),
        "standing": True,
        "mail": "waiting" if mail else "off",
    }
    added = connection.execute(insert(alerts).values(values).returning(alerts)).mappings().one()
    return Alert(**{**added, "data": _decode(added["data"])})


def _standing(connection: Connection, mark: int) -> set[str]:
    column = alerts.c
    query = select(column.source).where(column.kind == KIND, column.mark == mark, column.standing)
    return set(connection.execute(query).scalars())


def _stand_down(connection: Connection, source: str, mark: int) -> None:
    column = alerts.c
    connection.execute(
        update(alerts)
        .where(column.kind == KIND, column.source == source, column.mark == mark, column.standing)
        .values(standing=False)
    )
