"""laird usage export: the ledger as a file."""

from __future__ import annotations

import csv
import io
import json
import stat
from pathlib import Path

import pytest
from tests.cli.conftest import Shell, chat_status
from tests.usage.cases import finished, started

from laird.storage.engine import Database, sqlite_url
from laird.storage.schema import prepare
from laird.usage.ledger import insert_finished

ALL = ("--since", "2026-01-01", "--until", "2027-01-01")


@pytest.fixture
def used(home: Path) -> int:
    """A ledger with more rows than fit into one piece of a file; returns how many."""
    database = Database(sqlite_url(home / "laird.db"))
    prepare(database)
    rows = [finished(started(f"r{number:04}", workflow="=nightly")) for number in range(1200)]
    database.write_now(lambda connection: insert_finished(connection, rows))
    database.close()
    return len(rows)


def test_it_goes_to_the_standard_output(used: int, shell: Shell) -> None:
    printed = shell.run("usage", "export", *ALL)
    assert printed.stderr == ""
    rows = list(csv.DictReader(io.StringIO(printed.stdout, newline="")))
    assert [row["request_id"] for row in rows] == [f"r{number:04}" for number in range(used)]
    assert rows[0]["workflow_id"] == "'=nightly"
    assert shell.out("usage", "export").count("\n") == 1


@pytest.mark.parametrize("arguments", [("--format", "jsonl"), ("--json",)])
def test_json_has_a_line_for_each_row(used: int, offline: Shell, arguments: tuple[str]) -> None:
    lines = offline.out("usage", "export", *ALL, *arguments).splitlines()
    assert len(lines) == used
    assert json.loads(lines[0])["error"] is None


def test_rows_and_columns_are_chosen(used: int, shell: Shell) -> None:
    chosen = ("--columns", "attempt,model", "--provider", "openai", "--model", "openai/gpt-5-mini")
    rest = ("--key", "key_1", "--workflow", "=nightly", "--status", "ok", "--status", "error")
    printed = shell.out("usage", "export", *ALL, *chosen, *rest)
    assert printed.splitlines()[:2] == ["attempt,model", "1,gpt-5-mini"]
    assert shell.out("usage", "export", *ALL, "--status", "cut").count("\n") == 1
    assert used


def test_a_file_is_whole_or_what_it_was(used: int, shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    file = folder / "usage.csv"
    file.write_text("before")
    assert "colour" in shell.fails(
        "usage", "export", "--output", str(file), "--columns", "colour", code=2
    )
    assert file.read_text() == "before"
    assert shell.out("usage", "export", *ALL, "--output", str(file)) == ""
    assert file.read_bytes().count(b"\r\n") == used + 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(folder.iterdir()) == [file]


def test_a_place_that_takes_no_file_is_one_line(shell: Shell, tmp_path: Path) -> None:
    told = shell.fails("usage", "export", "--output", str(tmp_path / "nowhere" / "x.csv"))
    assert told == "The export can't be written: No such file or directory."


def test_a_full_disk_is_one_line(used: int, shell: Shell) -> None:
    told = shell.fails("usage", "export", *ALL, "--output", "/dev/full")
    assert told == "The export can't be written: No space left on device."
    assert used
    assert Path("/dev/full").is_char_device()


def test_calls_of_a_moment_ago_are_in_it(served: Shell) -> None:
    assert served.url is not None
    key = served.out("keys", "create", "laptop").strip()
    assert chat_status(served.url, key) == 200
    (line,) = served.out("usage", "export", "--json", "--key", "laptop").splitlines()
    assert json.loads(line)["provider"] == "demo"
