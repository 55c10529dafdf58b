"""Receipts of rows that do not say everything."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.usage.cases import finished, open_database, started

from laird.domain.usage import AttemptFinished
from laird.usage.ledger import insert_finished
from laird.usage.receipts import Wanted, receipts


def row(egress: str | None, attempt: int = 1, *, hit: bool = False) -> AttemptFinished:
    return finished(started(attempt=attempt, egress=egress), cache_hit=hit)


@pytest.mark.parametrize(
    ("rows", "left"),
    [
        ([row("local")], False),
        ([row("external")], True),
        ([row("local"), row("external", 2)], True),
        ([row(None)], None),
        ([row(None), row("local", 2)], None),
        ([row(None), row("external", 2)], True),
        ([row(None, hit=True)], False),
    ],
)
def test_whether_it_left(tmp_path: Path, rows: list[AttemptFinished], left: bool | None) -> None:
    database = open_database(tmp_path)
    database.write_now(lambda connection: insert_finished(connection, rows))
    wanted = Wanted(since_us=0, until_us=2**62)
    (receipt,) = database.read_now(lambda connection: receipts(connection, wanted))
    assert receipt.left is left
    assert [hop.attempt for hop in receipt.hops] == [one.started.attempt for one in rows]
    database.close()
