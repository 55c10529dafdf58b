"""Whatever is inserted, replayed, interrupted and finished: the rollups are the ledger's sums."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from tests.usage.cases import NOON_US, finished, open_database, started
from tests.usage.reference import DAY_US, HOUR_US, add_up, grouped, ledger, stored

from laird.domain.usage import AttemptFinished, AttemptStatus
from laird.storage import schema
from laird.storage.engine import Database, sqlite_url
from laird.storage.tables import attempts as attempts_table
from laird.storage.tables import latency_days, latency_hours, usage_clock, usage_days, usage_hours
from laird.usage.ledger import LedgerRow, insert_finished, insert_interrupted
from laird.usage.rebuild import differences, ensure, rebuild
from laird.usage.recovery import drain_rows
from laird.usage.rollup import Breakdown

STATUSES = st.sampled_from(list(AttemptStatus))

attempts = st.builds(
    lambda number, attempt, hour, provider, model, key, workflow, node, origin, end: finished(
        started(
            f"req_{number}",
            attempt,
            at_us=NOON_US + hour * HOUR_US // 2,
            provider=provider,
            model=model,
            key_id=key,
            workflow=workflow,
            node=node,
            failover_from=origin,
            cost_nano=end["cost_nano"],
        ),
        **end,
    ),
    st.integers(0, 12),
    st.integers(1, 2),
    st.integers(-100, 100),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["m", "n"]),
    st.sampled_from(["k1", "k2"]),
    st.sampled_from([None, "", "w"]),
    st.sampled_from([None, "x", "y"]),
    st.sampled_from([None, "a/m"]),
    st.fixed_dictionaries(
        {
            "status": STATUSES,
            "cost_nano": st.none() | st.integers(0, 10**6),
            "prompt_tokens": st.integers(0, 1000),
            "cached_tokens": st.integers(0, 1000),
            "estimated": st.booleans(),
            "cache_hit": st.booleans(),
            "latency_ms": st.floats(0, 10**6),
            "ttft_ms": st.none() | st.floats(0, 10**5),
        }
    ),
)


SLOTS: dict[str, Callable[[int], int]] = {
    "usage_hours": lambda at_us: at_us // HOUR_US,
    "usage_days": lambda at_us: at_us // DAY_US,
    "usage_clock": lambda at_us: at_us // (28 * DAY_US) * 24 + at_us % DAY_US // HOUR_US,
}


def slots(row: LedgerRow, slot_of: Callable[[int], int]) -> dict[Breakdown, tuple[object, ...]]:
    """Return where a row counts."""
    slot = slot_of(row.at_us)
    origin = row.failover_from or ""
    workflow, node = row.workflow or "", row.node or ""
    model = (slot, row.provider, row.model)
    found: dict[Breakdown, tuple[object, ...]] = {
        Breakdown.ALL: (*model, row.key_id, workflow, node, row.status.value, origin),
        Breakdown.MODEL: (*model, "", "", "", "", ""),
        Breakdown.KEY: (slot, "", "", row.key_id, "", "", "", ""),
        Breakdown.NODE: (slot, "", "", "", workflow, node, "", ""),
        Breakdown.STATUS: (slot, "", "", "", "", "", row.status.value, ""),
    }
    if origin:
        found[Breakdown.FAILOVER] = (*model, "", "", "", "", origin)
    return found


def check(database: Database) -> None:
    rows = ledger(database)
    for table, slot_of in SLOTS.items():
        found = database.read_now(partial(stored, table=table))
        expected: dict[tuple[object, ...], tuple[int, ...]] = {}
        for breakdown in Breakdown:
            members = [row for row in rows if breakdown in slots(row, slot_of)]
            sums = grouped(members, lambda row: slots(row, slot_of)[breakdown])  # noqa: B023
            expected |= {(breakdown, *key): value for key, value in sums.items()}  # type: ignore[misc]
        assert {key: value[:-1] for key, value in found.items()} == expected
        for key, value in found.items():
            members = [row for row in rows if slots(row, slot_of).get(Breakdown(key[0])) == key[1:]]
            assert value[-1] >= max(row.cost_nano or 0 for row in members)
    assert database.read_now(differences) == []


def empty(database: Database) -> None:
    def delete(connection: Connection) -> None:
        sums = (usage_hours, usage_days, usage_clock, latency_hours, latency_days)
        for table in (attempts_table, *sums):
            connection.execute(table.delete())

    database.write_now(delete)


@pytest.mark.slow
def test_rollups_are_the_sums_of_the_ledger(tmp_path: Path) -> None:
    database = open_database(tmp_path)

    @settings(
        max_examples=30,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.lists(
            st.tuples(st.sampled_from(["finish", "interrupt", "drain"]), st.lists(attempts)),
            max_size=6,
        )
    )
    def whatever_happens(steps: list[tuple[str, list[AttemptFinished]]]) -> None:
        empty(database)
        for step, batch in steps:
            if step == "interrupt":
                begun = [each.started for each in batch]
                database.write_now(partial(insert_interrupted, attempts=begun))
            elif step == "finish":
                database.write_now(partial(insert_finished, attempts=batch))
            else:
                database.write_now(partial(drain_rows, rows=batch * 3))
        check(database)
        assert database.write_now(rebuild) == len(ledger(database))
        check(database)

    whatever_happens()
    database.close()


def test_what_is_wrong_is_found_and_made_good(database: Database) -> None:
    batch = [finished(started(f"req_{n}", at_us=NOON_US + n * DAY_US)) for n in range(3)]
    database.write_now(partial(insert_finished, attempts=batch))

    first = NOON_US // DAY_US
    columns = ", ".join(column.name for column in usage_days.columns if column.name != "slot")
    day = f"breakdown = 4 AND slot = {first}"
    second = f"usage_days WHERE breakdown = 4 AND slot = {first + 1}"
    mistakes = [
        f"UPDATE usage_days SET calls = calls + 2, cost_nano = cost_nano + 5 WHERE {day}",
        f"DELETE FROM latency_hours WHERE slot = {(NOON_US + DAY_US) // HOUR_US}",
        f"INSERT INTO usage_days (slot, {columns}) SELECT 7, {columns} FROM {second}",
        "UPDATE usage_clock SET calls = calls - 1 WHERE breakdown = 4",
    ]

    def spoil(connection: Connection) -> None:
        for statement in mistakes:
            connection.exec_driver_sql(statement)

    database.write_now(spoil)
    wrong, missing, stray, clock = database.read_now(differences)
    assert (wrong.day, wrong.table, wrong.rows) == (first, "usage_days", 1)
    assert (wrong.calls, wrong.cost_nano) == (2, 5)
    assert (missing.day, missing.table, missing.calls) == (first + 1, "latency_hours", 0)
    assert (stray.day, stray.rows, stray.calls, stray.cost_nano) == (7, 1, 1, 4_000)
    assert (clock.day, clock.table, clock.rows) == (first // 28 * 28, "usage_clock", 1)
    assert (clock.calls, clock.cost_nano) == (-1, 0)
    assert database.write_now(rebuild) == 3
    assert database.read_now(differences) == []


def test_replaying_a_batch_with_new_rows_in_it_counts_the_new_ones(database: Database) -> None:
    old = [finished(started(f"req_{n}")) for n in range(5)]
    database.write_now(partial(insert_finished, attempts=old))
    mixed = [finished(started(f"req_{n}"), cost_nano=1) for n in range(3, 9)]
    database.write_now(partial(insert_finished, attempts=mixed))
    assert add_up(ledger(database))[12] == 5 * 4_000 + 4
    check(database)


def test_a_step_down_and_up_again_finds_the_sums_by_hour_of_the_day(database: Database) -> None:
    moments = [NOON_US + number * 7 * HOUR_US for number in range(200)]
    batch = [finished(started(f"req_{at_us}", at_us=at_us)) for at_us in moments]
    database.write_now(partial(insert_finished, attempts=batch))
    before = database.read_now(partial(stored, table="usage_clock"))
    url = sqlite_url(database.file)
    schema.downgrade(url, "0010")
    schema.upgrade(url)
    assert database.read_now(partial(stored, table="usage_clock")) == before
    assert database.read_now(differences) == []


def test_a_ledger_without_rollups_gets_them_once(database: Database) -> None:
    batch = [finished(started(f"req_{number}")) for number in range(4)]
    database.write_now(partial(insert_finished, attempts=batch))
    database.write_now(lambda connection: connection.execute(usage_days.delete()))
    assert len(database.read_now(differences)) == 1
    assert ensure(database) == 4
    assert database.read_now(differences) == []
    assert ensure(database) == 0
