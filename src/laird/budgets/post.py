"""Alerts on their way out by mail: in order, and again until they are taken.

Nobody waits for mail but the next mail.

What is to be sent is in the database before it is sent, so a restart goes on where it was.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from laird.budgets import alerts
from laird.domain.errors import StorageUnavailable
from laird.domain.events import Alert
from laird.storage.engine import Database
from laird.telemetry.logs import get_logger

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 900.0
GIVE_UP_US = 48 * 3_600_000_000
"""How old an alert may be that is still sent."""

_log = get_logger("alerts")


class MailFailed(Exception):
    """A message could not be handed over. Its text names no secret."""


Send = Callable[[str, str], Awaitable[None]]
"""Sends a message with this subject and text. Raises `MailFailed`."""


class Post:
    """Sends alerts by mail."""

    def __init__(
        self,
        database: Database,
        send: Send,
        *,
        first_pause_s: float = FIRST_PAUSE_S,
        longest_pause_s: float = LONGEST_PAUSE_S,
    ) -> None:
        self._database = database
        self._send = send
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._waiting: deque[Alert] = deque()
        self._some = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Alerts that are not sent yet."""
        return len(self._waiting)

    def add(self, alert: Alert) -> None:
        """Send an alert that is in the database, in its turn."""
        self._waiting.append(alert)
        self._some.set()

    async def run(self) -> None:
        """Send what an earlier process left, and what is added, until cancelled."""
        with suppress(StorageUnavailable):
            since_us = time.time_ns() // 1000 - GIVE_UP_US
            left = await self._database.read(partial(alerts.waiting, since_us=since_us))
            added = {alert.id for alert in self._waiting}
            self._waiting.extendleft(one for one in reversed(left) if one.id not in added)
        while True:
            while self._waiting:
                await self._deliver(self._waiting[0])
                self._waiting.popleft()
            self._some.clear()
            await self._some.wait()

    async def _deliver(self, alert: Alert) -> None:
        pause_s = self._first_pause_s
        while True:
            try:
                await self._send(subject_of(alert), text_of(alert))
            except MailFailed as problem:
                if time.time_ns() // 1000 - alert.at_us > GIVE_UP_US:
                    _log.error("an alert was not sent", alert=alert.id, reason=str(problem))
                    return
                _log.warning(
                    "an alert waits for the mail server",
                    alert=alert.id,
                    reason=str(problem),
                    again_in_s=round(pause_s),
                )
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, self._longest_pause_s)
            else:
                break
        with suppress(StorageUnavailable):
            await self._database.write(partial(alerts.mark_sent, alert_id=alert.id))


def subject_of(alert: Alert) -> str:
    """Return the subject of an alert's message."""
    if alert.kind != alerts.KIND:
        return f"[Laird] The {alert.kind} '{alert.title}' needs attention"
    return f"[Laird] Budget '{alert.title}' has reached {alert.mark}%"


def text_of(alert: Alert) -> str:
    """Return the text of an alert's message."""
    group = "budgets" if alert.kind == alerts.KIND else f"{alert.kind}s"
    return (
        f"{alert.message}\n\n"
        "On the machine where Laird runs:\n\n"
        f"    laird {group} list\n"
        f"    laird budgets acknowledge {alert.id}\n"
    )
