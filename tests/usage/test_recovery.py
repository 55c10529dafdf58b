from __future__ import annotations

from pathlib import Path

import pytest
from tests.usage.cases import finished, rows, started

from laird.domain.errors import StorageUnavailable
from laird.domain.usage import AttemptStatus
from laird.storage.engine import Database
from laird.usage.journal import Journal
from laird.usage.recovery import Recovered, recover
from laird.usage.segments import find_segments


def left_behind(directory: Path) -> None:
    """Leave a journal of several segments, with two attempts under way, as kill -9 would."""
    journal = Journal(directory, segment_bytes=3_000)
    journal.start(started("open_1"))
    for number in range(30):
        begun = started(f"req_{number}")
        journal.start(begun)
        journal.finish(finished(begun))
    journal.start(started("open_2", cost_nano=None))
    journal.start(started("open_3"))
    journal.finish(finished(started("open_3")))
    assert len(journal.sealed) == 3


def test_finished_attempts_become_rows_and_the_others_interrupted_ones(
    directory: Path, database: Database
) -> None:
    left_behind(directory)
    assert recover(directory, database) == Recovered(finished=31, interrupted=2)
    found = rows(database)
    assert len(found) == 33
    first = found["open_1", 1]
    assert first.status is AttemptStatus.INTERRUPTED
    assert (first.cost_nano, first.estimated, first.prompt_tokens) == (5_000, True, 120)
    assert found["open_2", 1].cost_nano is None
    assert found["open_3", 1].status is AttemptStatus.OK
    assert list(directory.iterdir()) == []


def test_recovering_nothing_is_nothing(directory: Path, database: Database) -> None:
    assert recover(directory, database) == Recovered()
    Journal(directory).close()
    assert recover(directory, database) == Recovered()


def test_replaying_again_changes_nothing(directory: Path, database: Database) -> None:
    left_behind(directory)
    files = {path: path.read_bytes() for path in directory.iterdir()}
    recover(directory, database)
    once = rows(database)
    for order in (list(files), list(files)[::-1]):
        for path in order:
            path.write_bytes(files[path])
            recover(directory, database)
            assert rows(database) == once


def test_a_crash_between_any_two_steps_changes_nothing(
    directory: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(directory)
    files = sorted(directory.iterdir())
    real = Database.write_now
    for step in range(len(files) + 2):
        calls = 0

        def dies(self: Database, work: object, step: int = step) -> object:
            nonlocal calls
            calls += 1
            if calls > step:
                raise KeyboardInterrupt
            return real(self, work)  # type: ignore[arg-type]

        monkeypatch.setattr(Database, "write_now", dies)
        if step <= len(files):
            with pytest.raises(KeyboardInterrupt):
                recover(directory, database)
            assert sorted(directory.iterdir()) == files
        else:
            recover(directory, database)
        monkeypatch.undo()
    found = rows(database)
    assert sum(row.status is AttemptStatus.OK for row in found.values()) == 31
    assert sum(row.status is AttemptStatus.INTERRUPTED for row in found.values()) == 2


def test_the_segments_stay_while_the_database_is_away(directory: Path, database: Database) -> None:
    left_behind(directory)
    files = sorted(directory.iterdir())
    moved = database.file.with_name("moved")
    database.file.rename(moved)
    with pytest.raises(StorageUnavailable):
        recover(directory, database)
    assert sorted(directory.iterdir()) == files
    moved.rename(database.file)
    assert recover(directory, database).finished == 31


def test_a_torn_tail_is_cut_and_told(directory: Path, database: Database) -> None:
    journal = Journal(directory)
    for name in ("req_1", "req_2"):
        journal.start(started(name))
    journal.finish(finished(started("req_1")))
    whole = journal.pending_bytes
    journal.finish(finished(started("req_2")))
    (segment,) = find_segments(directory)
    content = segment.path.read_bytes()
    segment.path.write_bytes(content[: whole + 40] + bytes(2_000))
    assert recover(directory, database) == Recovered(finished=1, interrupted=1, torn=1)
    assert rows(database)["req_2", 1].status is AttemptStatus.INTERRUPTED
    assert list(directory.iterdir()) == []


def test_a_damaged_file_gives_what_is_good_in_it_and_is_set_aside(
    directory: Path, database: Database
) -> None:
    journal = Journal(directory)
    for number in range(3):
        journal.finish(finished(started(f"req_{number}")))
    (segment,) = find_segments(directory)
    content = bytearray(segment.path.read_bytes())
    content[20] ^= 0xFF
    segment.path.write_bytes(content)
    result = recover(directory, database)
    kept = segment.path.with_suffix(".damaged")
    assert result == Recovered(finished=2, damaged=1, aside=(kept,))
    assert list(directory.iterdir()) == [kept]
    assert set(rows(database)) == {("req_1", 1), ("req_2", 1)}
    assert recover(directory, database) == Recovered()


def test_a_record_of_an_unknown_form_is_set_aside_with_its_file(
    directory: Path, database: Database
) -> None:
    journal = Journal(directory)
    journal.finish(finished(status="perhaps"))
    journal.finish(finished(started("req_2")))
    result = recover(directory, database)
    assert (result.finished, result.damaged, len(result.aside)) == (1, 1, 1)
