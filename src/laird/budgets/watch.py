"""Keeps the counters true to the database, and takes care of the marks that are reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial

from sqlalchemy import Connection

from laird.budgets import alerts, store
from laird.budgets.account import Crossing
from laird.budgets.counters import Counters
from laird.budgets.holding import Identity, Seed, Wanted
from laird.budgets.post import Post
from laird.budgets.spent import read_seeds
from laird.budgets.words import data_of, message_of
from laird.domain.errors import StorageUnavailable
from laird.storage.engine import Database
from laird.telemetry.feed import Feed
from laird.telemetry.logs import get_logger

EVENT = "budget.alert"
PERIOD_S = 30.0
"""How often windows that are over are turned where no request does it."""
AGAIN_S = 2.0
"""The pause before another try while the database is away."""

_log = get_logger("budgets")

_Fired = Mapping[tuple[str, int], frozenset[int]]


class Watch:
    """Reads budgets and what they have spent, and alerts.

    Args:
        counters: what requests are held to.
        database: where budgets, ledger and alerts are.
        flush: brings all that is settled into the ledger; False when it could not.
        feed: hears of alerts.
        news: is set when the counters need attention.
        post: sends alerts by mail, where that is configured.
    """

    def __init__(
        self,
        counters: Counters,
        database: Database,
        flush: Callable[[], Awaitable[bool]],
        feed: Feed,
        news: asyncio.Event,
        post: Post | None = None,
    ) -> None:
        self.counters = counters
        self.feed = feed
        self._database = database
        self._flush = flush
        self._news = news
        self._post = post
        self._told: set[Crossing] = set()
        self._refreshing = asyncio.Lock()
        self._attending = asyncio.Lock()

    async def refresh(self) -> None:
        """Put the budgets of the database in force, each with what its window has spent.

        Raises:
            StorageUnavailable: the database can't be read; then all stays as it was.
        """
        async with self._refreshing:
            budgets = await self._database.read(store.list_budgets)
            noted = self.counters.note()
            try:
                now_us = _now_us()
                wanted = self.counters.wanting(budgets, now_us)
                if wanted.unread and not await self._flush():
                    _log.warning("budgets may miss calls that are not in the ledger yet")
                seeds, fired = await self._database.read(partial(_read, wanted=wanted, noted=noted))
                self.counters.install(budgets, seeds, fired, now_us)
            except BaseException:
                self.counters.stop_noting()
                raise

    async def attend(self) -> None:
        """Take care of the marks that were reached, and read the windows that have turned.

        Raises:
            StorageUnavailable: the database is away; what is left to do is done next time.
        """
        async with self._attending:
            await self._write_alerts()
        if self.counters.keep_up(_now_us()):
            await self.refresh()

    async def _write_alerts(self) -> None:
        reached = self.counters.reached
        for crossing in tuple(reached):
            try:
                alert = await self._database.write(
                    partial(alerts.record, crossing=crossing, mail=self._post is not None)
                )
            except StorageUnavailable:
                # Whoever watches should not have to wait for the database.
                self._tell(crossing, None)
                raise
            reached.remove(crossing)
            if alert is not None:
                self._tell(crossing, alert.id)
                if self._post is not None:
                    self._post.add(alert)
            self._told.discard(crossing)

    async def run(self, period_s: float = PERIOD_S, again_s: float = AGAIN_S) -> None:
        """Attend to what comes up, until cancelled."""
        away = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(period_s):
                    await self._news.wait()
            self._news.clear()
            try:
                await self.attend()
            except StorageUnavailable as error:
                if not away:
                    _log.error("budgets wait for the database", cause=error.message)
                away = True
                await asyncio.sleep(again_s)
                self._news.set()
            else:
                away = False

    def _tell(self, crossing: Crossing, alert_id: int | None) -> None:
        if crossing in self._told:
            return
        self._told.add(crossing)
        data = data_of(crossing)
        _log.warning(
            "budget reached a mark",
            budget=crossing.budget.name,
            percent=crossing.mark,
            spent_usd=data["spent_usd"],
            limit_usd=data["limit_usd"],
        )
        self.feed.publish(EVENT, {"alert": alert_id, "message": message_of(crossing), **data})


def _read(
    connection: Connection, wanted: Wanted, noted: Mapping[Identity, object]
) -> tuple[dict[str, Seed], _Fired]:
    return read_seeds(connection, wanted.unread, noted), alerts.fired(connection, wanted.windows)


def _now_us() -> int:
    return time.time_ns() // 1000
