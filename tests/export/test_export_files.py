"""What stands in an export: every row of the ledger, to the last digit."""

from __future__ import annotations

import csv
import gzip
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text
from tests.usage.cases import NOON_US, finished, started

from laird.domain.errors import InvalidRequest
from laird.domain.usage import AttemptFinished, AttemptStatus
from laird.export.cells import unguarded
from laird.export.columns import COLUMNS, Form, chosen
from laird.export.query import Format, Wanted, statement
from laird.export.writing import PORTION, compressed, export
from laird.keys import store
from laird.keys.draft import KeyDraft
from laird.storage.engine import Database
from laird.storage.tables import attempts
from laird.usage.ledger import insert_finished

FIRST = (
    "timestamp", "workflow_id", "workflow_name", "node_id", "provider", "model", "prompt_tokens",
    "completion_tokens", "cost_usd", "request_id", "attempt",
)  # fmt: skip


def whole(**changes: Any) -> Wanted:
    return Wanted(since_us=0, until_us=2**62, **changes)


def keep(database: Database, *rows: AttemptFinished) -> None:
    database.write_now(lambda connection: insert_finished(connection, rows))


def written(database: Database, wanted: Wanted) -> bytes:
    return database.read_now(lambda connection: b"".join(export(connection, wanted)))


def from_csv(database: Database, wanted: Wanted | None = None) -> list[dict[str, str]]:
    data = written(database, wanted or whole()).decode()
    return list(csv.DictReader(io.StringIO(data, newline=""), strict=True))


def from_jsonl(database: Database, wanted: Wanted | None = None) -> list[dict[str, Any]]:
    data = written(database, wanted or whole(format=Format.JSONL))
    return [json.loads(line) for line in data.splitlines()]


def test_an_empty_ledger_is_a_header_or_nothing(database: Database) -> None:
    header = ",".join(column.name for column in COLUMNS)
    assert written(database, whole()) == header.encode() + b"\r\n"
    assert written(database, whole(format=Format.JSONL)) == b""


def test_the_first_columns_are_those_that_others_rely_on() -> None:
    assert tuple(column.name for column in COLUMNS)[: len(FIRST)] == FIRST


def test_every_column_of_the_ledger_is_in_it() -> None:
    assert {column.source for column in COLUMNS} == {column.name for column in attempts.columns}


def test_a_row_says_what_the_ledger_says(database: Database) -> None:
    begun = started(workflow="nightly", node="n1", failover_from="a/m", privacy_reason="key")
    keep(database, finished(begun, cost_nano=1_234_567_891))
    (row,) = from_csv(database)
    assert [row[name] for name in FIRST] == [
        "2026-09-21T14:13:20.000000Z", "nightly", "nightly", "n1", "openai", "gpt-5-mini", "100",
        "40", "1.234567891", "req_1", "1",
    ]  # fmt: skip
    assert row["stream"] == "true"
    assert row["estimated"] == "false"
    assert row["latency_ms"] == "812.5"
    assert row["error"] == ""
    (plain,) = from_jsonl(database)
    assert plain["timestamp"] == row["timestamp"]
    assert plain["cost_usd"] == "1.234567891"
    assert plain["cost_nano"] == 1_234_567_891
    assert plain["stream"] is True
    assert plain["error"] is None
    assert plain["at_us"] == NOON_US
    assert list(plain) == list(row)


def test_an_unknown_price_is_empty_and_never_0(database: Database) -> None:
    keep(
        database,
        finished(started("free"), cost_nano=0),
        finished(started("unpriced", price_version=None), cost_nano=None),
    )
    assert {row["request_id"]: row["cost_usd"] for row in from_csv(database)} == {
        "free": "0.000000000",
        "unpriced": "",
    }
    assert [row["cost_usd"] for row in from_jsonl(database)] == ["0.000000000", None]


def test_costs_sum_up_to_the_ledger_to_the_last_nano_dollar(database: Database) -> None:
    costs = [1, 999_999_999, 10**15 + 7, 0, None, 123_456_789_012, 3]
    many = [
        finished(started(f"r{number}"), cost_nano=costs[number % len(costs)])
        for number in range(2 * PORTION + 17)
    ]
    keep(database, *many)
    total = database.read_now(
        lambda connection: connection.execute(select(func.sum(attempts.c.cost_nano))).scalar_one()
    )
    for rows in (from_csv(database), from_jsonl(database)):
        assert len(rows) == len(many)
        assert sum(Decimal(row["cost_usd"]) for row in rows if row["cost_usd"]) * 10**9 == total


NASTY = [
    '=HYPERLINK("http://x")', "+1", "-1+1", "@cmd", "a,b", 'say "hi"', "two\r\nlines", "\ttab", "'",
    "'=1", "''", "Größe €", "漢字 🎉", " ", "-5", "\u202e", "\uff1d1", "\\", "\x0b", "nul\x01",
]  # fmt: skip


@pytest.mark.parametrize("value", NASTY)
def test_what_somebody_wrote_comes_back_as_it_was(database: Database, value: str) -> None:
    keep(database, finished(started(value, workflow=value, node=value)))
    (row,) = from_csv(database)
    assert {unguarded(row[name]) for name in ("request_id", "workflow_id", "node_id")} == {value}
    (plain,) = from_jsonl(database)
    assert plain["workflow_name"] == value


def test_rows_are_in_the_order_of_time(database: Database) -> None:
    moments = [5, 1, 3, 3, 2]
    keep(
        database,
        *(
            finished(started(f"r{place}", at_us=NOON_US + moment))
            for place, moment in enumerate(moments)
        ),
    )
    assert [row["request_id"] for row in from_csv(database)] == ["r1", "r4", "r2", "r3", "r0"]


def test_nothing_is_sorted_for_that(database: Database) -> None:
    compiled = statement(whole(providers=("a",), keys=("k",)), {}).compile(
        compile_kwargs={"literal_binds": True}
    )
    plan = database.read_now(
        lambda connection: connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}")).all()
    )
    steps = " ".join(str(step) for step in plan)
    assert "ix_attempts_at_us" in steps
    assert "TEMP B-TREE" not in steps


def test_a_period_has_its_first_moment_and_not_its_last(database: Database) -> None:
    keep(database, *(finished(started(f"r{n}", at_us=NOON_US + n)) for n in range(4)))
    wanted = Wanted(since_us=NOON_US + 1, until_us=NOON_US + 3)
    assert [row["request_id"] for row in from_csv(database, wanted)] == ["r1", "r2"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"providers": ("openai",)}, {"a", "d"}),
        ({"providers": ("openai", "ollama")}, {"a", "b", "d"}),
        ({"models": ("gpt-5-mini",)}, {"a", "b", "d"}),
        ({"models": ("ollama/gpt-5-mini", "own/model")}, {"b", "c"}),
        ({"keys": ("key_1",)}, {"a", "b"}),
        ({"workflows": ("nightly",)}, {"c"}),
        ({"statuses": ("error",)}, {"d"}),
        ({"statuses": ("error",), "providers": ("ollama",)}, set()),
    ],
)
def test_filters_let_through_what_fits(
    database: Database, filters: dict[str, Any], expected: set[str]
) -> None:
    keep(
        database,
        finished(started("a")),
        finished(started("b", provider="ollama")),
        finished(started("c", provider="own", model="model", key_id="k2", workflow="nightly")),
        finished(started("d", key_id="k2"), status=AttemptStatus.ERROR),
    )
    assert {row["request_id"] for row in from_csv(database, whole(**filters))} == expected


def test_keys_are_named_while_they_exist(database: Database) -> None:
    made = database.write_now(
        lambda connection: store.create(connection, KeyDraft(name="-laptop"), NOON_US)
    )
    keep(
        database,
        finished(started("a", key_id=made.key.id)),
        finished(started("b", key_id="key_gone")),
    )
    rows = from_csv(database)
    assert [row["key_name"] for row in rows] == ["'-laptop", ""]
    assert [row["key_id"] for row in rows] == [made.key.id, "key_gone"]
    assert [row["key_name"] for row in from_jsonl(database)] == ["-laptop", None]
    for asked in ("-laptop", made.key.id):
        (row,) = from_csv(database, whole(keys=(asked,)))
        assert row["request_id"] == "a"


def test_columns_are_chosen_and_ordered(database: Database) -> None:
    keep(database, finished())
    wanted = whole(columns=chosen(["status", "cost_usd"]))
    assert written(database, wanted) == b"status,cost_usd\r\nok,0.000004000\r\n"
    assert chosen([]) == COLUMNS


def test_a_cell_that_is_alone_and_empty_is_still_a_row(database: Database) -> None:
    keep(database, finished(), finished(started("r2")))
    wanted = whole(columns=chosen(["error"]))
    assert written(database, wanted) == b'error\r\n""\r\n""\r\n'


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"no column 'cost'.*cost_usd"):
        chosen(["cost"])
    with pytest.raises(InvalidRequest, match="twice"):
        chosen(["model", "model"])


def test_numbers_are_never_guarded() -> None:
    forms = {column.name: column.form for column in COLUMNS}
    assert forms["cost_nano"] is Form.NUMBER
    assert forms["latency_ms"] is Form.NUMBER
    assert forms["stream"] is Form.TRUTH
    assert forms["error"] is Form.TEXT


def test_it_comes_in_pieces_of_a_bounded_size(database: Database) -> None:
    keep(database, *(finished(started(f"r{number}")) for number in range(3 * PORTION)))
    pieces = database.read_now(lambda connection: list(export(connection, whole())))
    assert len(pieces) == 4
    assert max(piece.count(b"\r\n") for piece in pieces) == PORTION


def test_compressed_it_is_the_same(database: Database) -> None:
    keep(database, *(finished(started(f"r{number}")) for number in range(PORTION + 1)))
    plain = written(database, whole())
    packed = database.read_now(lambda connection: b"".join(compressed(export(connection, whole()))))
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 5
