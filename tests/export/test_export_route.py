"""GET /api/usage/export: while calls are made, to slow clients, and with the database away."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import gzip
import io
import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.client import Client, Exchange
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.usage.cases import finished, started

from laird.api.admin.download import AT_ONCE
from laird.keys.draft import KeyDraft
from laird.usage.ledger import insert_finished

DEMO = document(provider("demo", "demo://demo", kind="demo", models="[demo]"))
NOW_US = int(datetime.now(UTC).timestamp() * 1_000_000)


@pytest.fixture
async def laird(tmp_path: Path) -> AsyncIterator[RunningLaird]:
    async with running_laird(tmp_path / "home", DEMO) as running:
        yield running


@pytest.fixture
async def admin(laird: RunningLaird) -> Client:
    key = await laird.make_key(KeyDraft(name="administrator", scopes=frozenset({"admin"})))
    return laird.client(key)


async def fill(laird: RunningLaird, rows: int) -> None:
    many = [
        finished(started(f"r{n:05}", at_us=NOW_US - rows + n, workflow="w" * 150), cost_nano=n)
        for n in range(rows)
    ]
    await laird.program.database.write(lambda connection: insert_finished(connection, many))


def read_csv(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


async def test_calls_that_were_just_made_are_in_it(laird: RunningLaird, admin: Client) -> None:
    answer = await laird.client().chat("demo", headers={"x-laird-workflow": "nightly"})
    export = await admin.request("GET", "/api/usage/export")
    (row,) = read_csv(export.body)
    assert row["request_id"] == answer.headers["x-laird-request-id"]
    assert (row["workflow_id"], row["key_name"]) == ("nightly", "test")
    assert row["timestamp"].startswith(f"{datetime.now(UTC):%Y-%m-}")
    assert export.headers["x-laird-complete"] == "true"


async def test_a_browser_saves_it_as_a_file(admin: Client) -> None:
    answer = await admin.request("GET", "/api/usage/export?since=2026-01-01&until=2026-02-01")
    headers = answer.headers
    assert headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert headers["content-disposition"] == (
        'attachment; filename="laird-usage-2026-01-01-to-2026-02-01.csv"'
    )
    assert headers["cache-control"] == "no-store"
    assert "content-encoding" not in headers
    lines = await admin.request("GET", "/api/usage/export?format=jsonl")
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert lines.headers["content-disposition"].endswith('.jsonl"')


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("deflate, GZip;q=0.5, br", True),
        ("*", True),
        ("gzip;q=0, *", False),
        ("gzip; q=0.0", False),
        ("br, gzipped", False),
        ("", False),
    ],
)
async def test_it_is_compressed_for_those_who_take_it(
    laird: RunningLaird, admin: Client, accepted: str, packed: bool
) -> None:
    await fill(laird, 3)
    answer = await admin.request("GET", "/api/usage/export", headers={"accept-encoding": accepted})
    assert (answer.headers.get("content-encoding") == "gzip") == packed
    assert answer.headers["vary"] == "accept-encoding"
    body = gzip.decompress(answer.body) if packed else answer.body
    assert len(read_csv(body)) == 3


async def test_columns_and_filters_come_by_query(laird: RunningLaird, admin: Client) -> None:
    await fill(laird, 5)
    await laird.client().chat("demo")
    query = "columns=provider,cost_usd&columns=attempt&provider=openai&status=ok&status=cut"
    answer = await admin.request("GET", f"/api/usage/export?format=jsonl&{query}")
    rows = [json.loads(line) for line in answer.body.splitlines()]
    assert [list(row) for row in rows] == [["provider", "cost_usd", "attempt"]] * 5
    none = await admin.request("GET", "/api/usage/export?key=test&model=openai/nope")
    assert read_csv(none.body) == []


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("columns=colour", "colour"),
        ("columns=", "no column"),
        ("format=xml", "format"),
        ("days=0", "days"),
        ("since=monday", "since"),
        ("until=1", "until"),
        ("since=2026-02-01&until=2026-01-01", "ends before"),
        ("status=fine", "status"),
    ],
)
async def test_what_has_to_be_asked_differently_is_a_400(
    admin: Client, query: str, word: str
) -> None:
    answer = await admin.request("GET", f"/api/usage/export?{query}")
    assert answer.status == 400
    assert word in answer.error["message"]


async def test_it_is_for_administrators(laird: RunningLaird) -> None:
    assert (await laird.client().request("GET", "/api/usage/export")).status == 403


async def test_without_the_database_there_is_no_file(laird: RunningLaird, admin: Client) -> None:
    await fill(laird, 1)
    file = laird.program.database.file
    file.rename(file.with_suffix(".moved"))
    answer = await admin.request("GET", "/api/usage/export")
    assert answer.status == 503
    assert answer.error["code"] == "storage_unavailable"
    assert "content-disposition" not in answer.headers
    file.with_suffix(".moved").rename(file)
    assert len(read_csv((await admin.request("GET", "/api/usage/export")).body)) == 1


async def test_what_waits_for_the_ledger_is_told_of(laird: RunningLaird, admin: Client) -> None:
    file = laird.program.database.file
    await laird.client().chat("demo")
    await laird.program.drain.flush()
    await laird.client().chat("demo")
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = await admin.request("GET", "/api/usage/export")
    assert answer.status == 200
    assert answer.headers["x-laird-complete"] == "false"
    assert len(read_csv(answer.body)) == 1


async def test_it_is_of_one_moment_while_calls_are_made(laird: RunningLaird, admin: Client) -> None:
    await fill(laird, 12_000)
    exchange = await admin.open("GET", "/api/usage/export?columns=request_id,cost_usd,workflow_id")
    await exchange.head()
    pieces = exchange.chunks()
    body = await anext(pieces)
    await laird.client().chat("demo")
    assert await laird.program.drain.flush()
    body += b"".join([piece async for piece in pieces])
    rows = read_csv(body)
    assert len(rows) == 12_000
    assert sum(Decimal(row["cost_usd"]) for row in rows) * 10**9 == sum(range(12_000))
    after = await admin.request("GET", "/api/usage/export?columns=request_id")
    assert len(read_csv(after.body)) == 12_001


async def test_clients_that_do_not_read_hold_little_and_leave_nothing_behind(
    laird: RunningLaird, admin: Client
) -> None:
    await fill(laird, 40_000)
    slow: list[Exchange] = []
    for _ in range(AT_ONCE):
        slow.append(await admin.open("GET", "/api/usage/export"))
        await slow[-1].head()
    refused = await admin.request("GET", "/api/usage/export")
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert (await laird.client().chat("demo")).status == 200
    for exchange in slow:
        exchange.leave()

    async with asyncio.timeout(20):
        while True:
            again = await admin.request("GET", "/api/usage/export?provider=x")
            if again.status == 200:
                break
