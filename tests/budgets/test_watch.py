"""The watch: counters true to the database, and each mark alerted to once, restarts included."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, text
from tests.budgets.money import finished, started
from tests.support.waiting import until

from laird.budgets import alerts, store
from laird.budgets.counters import Counters
from laird.budgets.draft import BudgetDraft
from laird.budgets.watch import EVENT, Watch
from laird.domain.budget import Budget, BudgetPeriod
from laird.domain.errors import StorageUnavailable
from laird.domain.usage import AttemptFinished
from laird.pricing.cost import worst_case_nano
from laird.storage.engine import Database
from laird.telemetry.feed import Feed
from laird.usage.ledger import insert_finished

NOW_US = 2**50
"""Far in the future: what these tests spend is spent in a budget of the total."""


class House:
    """A watch over a database, with a ledger that is behind until it is flushed."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.feed = Feed()
        self.news = asyncio.Event()
        self.counters = Counters(worst_case_nano, self.news.set)
        self.watch = Watch(self.counters, database, self.flush, self.feed, self.news)
        self.waiting: list[AttemptFinished] = []
        self.numbers = 0
        self.flushes = True

    async def flush(self) -> bool:
        rows, self.waiting = self.waiting, []
        await self.database.write(lambda connection: insert_finished(connection, rows))
        return self.flushes

    async def budget(self, name: str = "team", limit: int = 100, **fields: Any) -> Budget:
        fields.setdefault("period", BudgetPeriod.TOTAL)
        draft = BudgetDraft(name=name, limit_nano=limit, **fields)
        made = await self.database.write(partial(store.create, draft=draft, now_us=0))
        await self.watch.refresh()
        return made

    def spend(self, nano: int) -> None:
        """End an attempt: first in the journal, then in the counters, as the gateway does."""
        self.numbers += 1
        begun = started(id(self) + self.numbers, at_us=NOW_US)
        self.waiting.append(finished(begun, nano))
        if self.counters.active:
            self.counters.settle(begun, nano, None)

    def spent(self, of: Budget) -> int:
        account = self.counters.account(of.id)
        assert account is not None
        return account.spent

    async def marks(self) -> list[int]:
        """Return the marks that the database has alerts to, oldest first."""
        found = await self.database.read(partial(alerts.newest, limit=100))
        return [one.mark for one in reversed(found)]

    def told(self) -> list[int]:
        """Return the marks that the feed has told of."""
        return [event.data["percent"] for event in self.feed.since(0) if event.kind == EVENT]


@pytest.fixture
async def house(database: Database) -> House:
    return House(database)


async def test_a_new_budget_counts_what_was_spent_before(house: House) -> None:
    house.spend(30)
    made = await house.budget()
    assert house.spent(made) == 30
    house.spend(5)
    assert house.spent(made) == 35


async def test_each_mark_is_alerted_to_once(house: House) -> None:
    await house.budget(alerts=(50, 80))
    house.spend(49)
    await house.watch.attend()
    assert await house.marks() == []
    house.spend(1)
    house.spend(1)
    await house.watch.attend()
    await house.watch.attend()
    house.spend(60)
    await asyncio.gather(house.watch.attend(), house.watch.attend())
    assert await house.marks() == [50, 80, 100] == house.told()
    event = house.feed.since(0)[-1]
    assert event.data["alert"] == 3
    assert event.data["budget"] == "team"
    assert "used up" in event.data["message"]


async def test_a_budget_made_too_late_alerts_at_once(house: House) -> None:
    house.spend(85)
    await house.budget()
    await house.watch.attend()
    assert await house.marks() == [80]


async def test_a_restart_neither_forgets_nor_repeats(house: House) -> None:
    made = await house.budget()
    house.spend(85)
    await house.watch.attend()
    await house.flush()
    again = House(house.database)
    await again.watch.refresh()
    assert again.spent(made) == 85
    await again.watch.attend()
    assert await again.marks() == [80]
    assert again.told() == []
    again.spend(15)
    await again.watch.attend()
    assert await again.marks() == [80, 100]


async def test_a_crash_before_the_alert_was_written_alerts_after_it(house: House) -> None:
    await house.budget()
    house.spend(85)
    await house.flush()
    again = House(house.database)
    await again.watch.refresh()
    await again.watch.attend()
    assert await again.marks() == [80] == again.told()


async def test_a_raised_budget_alerts_again_when_it_is_crossed_again(house: House) -> None:
    made = await house.budget()
    house.spend(85)
    await house.watch.attend()
    change = partial(
        store.change, reference=made.id, fields={"limit_nano": 200}, spent=house.spent(made)
    )
    await house.database.write(change)
    await house.watch.refresh()
    await house.watch.attend()
    assert await house.marks() == [80]
    house.spend(80)
    await house.watch.attend()
    assert await house.marks() == [80, 80] == house.told()
    # And not once more after a restart.
    await house.flush()
    again = House(house.database)
    await again.watch.refresh()
    await again.watch.attend()
    assert await again.marks() == [80, 80]


async def test_a_lowered_budget_alerts_at_once(house: House) -> None:
    made = await house.budget(limit=1000)
    house.spend(85)
    await house.database.write(
        partial(store.change, reference=made.id, fields={"limit_nano": 90}, spent=85)
    )
    await house.watch.refresh()
    await house.watch.attend()
    assert await house.marks() == [80]


async def test_spending_goes_on_while_the_ledger_is_read(house: House) -> None:
    await house.budget("first", 10**9)
    spending = True

    async def spend() -> None:
        while spending:
            for _ in range(5):
                house.spend(3)
            await asyncio.sleep(0.001)

    async def drain() -> None:
        while spending:
            await house.flush()
            await asyncio.sleep(0.003)

    tasks = [asyncio.create_task(spend()), asyncio.create_task(drain())]
    made = [await house.budget(f"b{number}", 10**9) for number in range(8)]
    spending = False
    await asyncio.gather(*tasks)
    house.spend(1)
    truth = 3 * (house.numbers - 1) + 1
    assert [house.spent(one) for one in made] == [truth] * 8


async def test_without_a_database_the_feed_is_told_and_the_rest_follows(house: House) -> None:
    made = await house.budget()
    house.spend(85)
    away = text("ALTER TABLE alerts RENAME TO away")
    await house.database.write(lambda connection: connection.execute(away))
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            await house.watch.attend()
    assert house.told() == [80]
    with pytest.raises(StorageUnavailable):
        await house.watch.refresh()
    house.spend(1)
    assert house.spent(made) == 86
    back = text("ALTER TABLE away RENAME TO alerts")
    await house.database.write(lambda connection: connection.execute(back))
    await house.watch.attend()
    assert await house.marks() == [80] == house.told()


async def test_what_could_not_be_drained_is_no_reason_to_hold_nobody(house: House) -> None:
    house.flushes = False
    made = await house.budget()
    house.spend(10)
    assert house.spent(made) == 10


def execute(statement: str, connection: Connection) -> None:
    connection.execute(text(statement))


async def test_the_watch_runs_by_itself(house: House) -> None:
    running = asyncio.create_task(house.watch.run(period_s=0.01, again_s=0.01))
    await house.budget()
    house.spend(85)
    await until(lambda: house.told() == [80])
    # The database goes away and comes back; nothing is told twice, nothing is lost.
    for work in ("ALTER TABLE alerts RENAME TO away", "ALTER TABLE away RENAME TO alerts"):
        await house.database.write(partial(execute, work))
        house.spend(20)
        await until(lambda: 100 in house.told())
    await until(lambda: not house.counters.reached)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert await house.marks() == [80, 100] == house.told()


async def test_a_window_that_is_over_turns_without_a_request(house: House) -> None:
    made = await house.budget(period=BudgetPeriod.DAILY)
    account = house.counters.account(made.id)
    assert account is not None
    account.turn(0)
    account.seed(50, frozenset())
    running = asyncio.create_task(house.watch.run(period_s=0.01))
    await until(lambda: account.start > 0 and account.seeded)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert account.spent == 0
