"""Seeds from the ledger: to the nano-dollar, from rollups and rows together."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection
from tests.budgets.money import DAY_US, NOW, budget, finished, started

from laird.budgets.spent import BREAKDOWNS, read_seeds, spent_in
from laird.domain.budget import Budget, BudgetPeriod, BudgetScope, Window, window_at
from laird.domain.usage import AttemptFinished
from laird.storage.engine import Database
from laird.usage.ledger import insert_finished
from laird.usage.rollup import TOLD_APART, Breakdown

HOUR_US = DAY_US // 24
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns")


def rows(count: int) -> list[AttemptFinished]:
    """Return attempts of some forty days around now, free and unpriced ones among them."""
    chance = random.Random(3)
    return [
        finished(
            started(
                number,
                key=chance.choice(["k", "x"]),
                workflow=chance.choice([None, "night", "day"]),
                provider=chance.choice(["p", "q"]),
                at_us=NOW + chance.randrange(-35 * DAY_US, 6 * DAY_US),
            ),
            chance.choice([None, 0, chance.randrange(10**9), 10**14]),
        )
        for number in range(count)
    ]


def test_a_seed_is_the_sum_of_the_rows_in_the_window_in_every_zone(database: Database) -> None:
    ledger = rows(600)
    database.write_now(lambda connection: insert_finished(connection, ledger))
    subjects: dict[BudgetScope, list[str | None]] = {
        BudgetScope.GLOBAL: [None],
        BudgetScope.KEY: ["k", "nobody"],
        BudgetScope.WORKFLOW: ["night"],
        BudgetScope.PROVIDER: ["q"],
    }
    wanted: dict[str, tuple[Budget, Window]] = {}
    for scope, names in subjects.items():
        for subject in names:
            for zone in ZONES:
                for period in BudgetPeriod:
                    of = budget(
                        f"{scope}{subject}{zone}{period}",
                        scope=scope,
                        subject=subject,
                        zone=zone,
                        period=period,
                        reset_day=20,
                        created_us=NOW - 3 * DAY_US + 777,
                    )
                    wanted[of.id] = (of, window_at(of, NOW))
    seeds = database.read_now(lambda connection: read_seeds(connection, wanted, {}))
    some = 0
    for budget_id, (of, window) in wanted.items():
        expected = sum(
            row.cost_nano or 0
            for row in ledger
            if window.holds(row.started.at_us) and held(of, row)
        )
        assert seeds[budget_id].spent == expected, of
        some += expected > 0
    assert some > len(wanted) / 2


def held(of: Budget, row: AttemptFinished) -> bool:
    begun = row.started
    subjects = {
        BudgetScope.GLOBAL: None,
        BudgetScope.KEY: begun.key_id,
        BudgetScope.WORKFLOW: begun.workflow,
        BudgetScope.PROVIDER: begun.provider,
    }
    return of.subject == subjects[of.scope]


@pytest.mark.parametrize("start", [0, 1, HOUR_US - 1, HOUR_US, DAY_US - 1, DAY_US, DAY_US + 1])
@pytest.mark.parametrize("length", [1, HOUR_US, HOUR_US + 2, DAY_US, 2 * DAY_US, 3 * DAY_US + 5])
def test_no_instant_is_left_out_and_none_counts_twice(
    database: Database, start: int, length: int
) -> None:
    first = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp()) * 1_000_000
    window = Window(first + start, first + start + length)
    edges = {
        first + at
        for day in range(6)
        for at in (day * DAY_US, day * DAY_US + HOUR_US, day * DAY_US - 1, day * DAY_US + 1)
    } | {window.start_us, window.start_us - 1, window.start_us + length - 1, window.end_us}
    instants = sorted(each for each in edges if each is not None)
    ledger = [
        finished(started(number, at_us=at), 1 << (number % 40))
        for number, at in enumerate(instants)
    ]

    def look(connection: Connection) -> int:
        return spent_in(connection, BudgetScope.GLOBAL, window).get(None, 0)

    database.write_now(lambda connection: insert_finished(connection, ledger))
    expected = sum(row.cost_nano or 0 for row in ledger if window.holds(row.started.at_us))
    assert database.read_now(look) == expected


def test_what_was_noted_meanwhile_is_told_apart(database: Database) -> None:
    there = [finished(started(number), 5) for number in range(1200)]
    database.write_now(lambda connection: insert_finished(connection, there))
    of = budget()
    noted = {(row.started.request_id, 1): None for row in there[::2]}
    noted |= {("req_elsewhere", 1): None, ("req_0", 2): None}
    wanted = {of.id: (of, window_at(of, NOW))}
    seed = database.read_now(lambda connection: read_seeds(connection, wanted, noted))[of.id]
    assert seed.spent == 6000
    assert seed.present == noted.keys() - {("req_elsewhere", 1), ("req_0", 2)}


def test_the_numbers_of_breakdowns_are_those_of_the_rollups() -> None:
    """They are stored, so both sides know them; this is what keeps them alike."""
    names = {
        BudgetScope.PROVIDER: "provider",
        BudgetScope.KEY: "key_id",
        BudgetScope.WORKFLOW: "workflow",
    }
    for scope, number in BREAKDOWNS.items():
        told_apart = TOLD_APART[Breakdown(number)]
        assert scope is BudgetScope.GLOBAL or names[scope] in told_apart
