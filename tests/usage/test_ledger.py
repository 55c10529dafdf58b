from __future__ import annotations

from functools import partial
from math import inf, nan

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection
from tests.usage.cases import finished, rows, started

from laird.domain.usage import AttemptFinished, AttemptStarted, AttemptStatus
from laird.storage.engine import Database
from laird.storage.tables import attempts
from laird.usage.bounds import MAX_COST_NANO, MAX_TOKENS, bounded
from laird.usage.ledger import LedgerRow, insert_finished, insert_interrupted


def add(database: Database, *ended: AttemptFinished) -> None:
    database.write_now(partial(insert_finished, attempts=ended))


def interrupt(database: Database, *begun: AttemptStarted) -> None:
    database.write_now(partial(insert_interrupted, attempts=begun))


def test_a_row_holds_all_that_is_known_of_an_attempt(database: Database) -> None:
    begun = started(
        "req_9",
        2,
        failover_from="ollama/qwen",
        privacy="local",
        privacy_reason="header",
        workflow="w",
        node="n",
    )
    end = finished(begun, error="provider_error", status=AttemptStatus.CUT, cache_hit=True)
    add(database, end)
    (row,) = rows(database).values()
    expected = msgspec.structs.asdict(begun) | msgspec.structs.asdict(end)
    del expected["started"]
    assert msgspec.structs.asdict(row) == expected | {"id": 1}
    assert isinstance(row.stream, bool)


def test_the_table_and_the_value_have_the_same_fields() -> None:
    assert LedgerRow.__struct_fields__ == tuple(attempts.columns.keys())


def test_the_first_finish_stays(database: Database) -> None:
    add(database, finished(cost_nano=1), finished(cost_nano=2))
    add(database, finished(cost_nano=3))
    (row,) = rows(database).values()
    assert row.cost_nano == 1


def test_a_finish_takes_the_place_of_an_interruption_and_never_the_reverse(
    database: Database,
) -> None:
    interrupt(database, started())
    (row,) = rows(database).values()
    assert row.status is AttemptStatus.INTERRUPTED
    assert (row.cost_nano, row.estimated, row.prompt_tokens) == (5_000, True, 120)
    add(database, finished())
    interrupt(database, started())
    add(database, finished(status=AttemptStatus.INTERRUPTED, cost_nano=9))
    (row,) = rows(database).values()
    assert row.status is AttemptStatus.OK
    assert (row.cost_nano, row.estimated) == (4_000, False)


def test_many_rows_go_in_whatever_their_number(database: Database) -> None:
    for count in (1, 99, 100, 101, 250):
        add(database, *(finished(started(f"req_{count}_{n}")) for n in range(count)))
    interrupt(database, *(started(f"gone_{n}") for n in range(150)))
    assert len(rows(database)) == 551 + 150


def test_nothing_is_nothing(database: Database) -> None:
    add(database)
    interrupt(database)
    assert rows(database) == {}


def test_a_statement_is_written_for_the_driver_in_use() -> None:
    class Dialect:
        name = "postgresql"

    class Result:
        rowcount = 1

    class Recorder:
        dialect = Dialect()
        statements: list[str]

        def exec_driver_sql(self, statement: str, values: tuple[object, ...]) -> Result:
            self.statements.append(statement)
            assert statement.count("%s") == len(values)
            return Result()

    recorder = Recorder()
    recorder.statements = []
    connection: Connection = recorder  # type: ignore[assignment]
    insert_finished(connection, [finished()])
    assert "ON CONFLICT (request_id, attempt) DO NOTHING" in recorder.statements[0]
    assert all("DO UPDATE SET calls = " in statement for statement in recorder.statements[1:3])


@pytest.mark.parametrize("latency", [nan, inf])
def test_what_a_provider_makes_up_neither_stops_the_ledger_nor_its_sums(
    database: Database, latency: float
) -> None:
    absurd = finished(
        prompt_tokens=-5,
        completion_tokens=10**30,
        cached_tokens=2**63,
        cost_nano=2**64,
        latency_ms=latency,
        ttft_ms=latency,
    )
    add(database, absurd)
    (row,) = rows(database).values()
    assert (row.prompt_tokens, row.completion_tokens, row.cached_tokens) == (
        0,
        MAX_TOKENS,
        MAX_TOKENS,
    )
    assert (row.cost_nano, row.latency_ms, row.ttft_ms) == (MAX_COST_NANO, 0.0, None)


@given(
    st.integers(-(10**20), 10**20),
    st.none() | st.integers(-(10**20), 10**20),
    st.none() | st.floats(),
)
def test_bounding_twice_changes_nothing_and_a_sane_attempt_is_left_alone(
    tokens: int, cost: int | None, ttft: float | None
) -> None:
    once = bounded(finished(reasoning_tokens=tokens, cost_nano=cost, ttft_ms=ttft))
    assert bounded(once) is once
    assert 0 <= once.reasoning_tokens <= MAX_TOKENS
    sane = finished(reasoning_tokens=tokens % 1000, cost_nano=None, ttft_ms=None)
    assert bounded(sane) is sane
