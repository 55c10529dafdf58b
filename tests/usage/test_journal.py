from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.usage.cases import Records, finished, started

from laird.domain.errors import UsageUnavailable
from laird.domain.usage import AttemptFinished, AttemptStarted
from laird.usage.journal import Journal
from laird.usage.segments import find_segments


def content(directory: Path) -> tuple[list[AttemptStarted], list[AttemptFinished]]:
    """Return all that is on disk, in order; fails on damage."""
    begun: list[AttemptStarted] = []
    ended: list[AttemptFinished] = []
    for segment in find_segments(directory):
        records = Records(segment.path.read_bytes(), segment.seed)
        assert records.damaged == 0
        begun += [msgspec.msgpack.decode(each, type=AttemptStarted) for each in records.started]
        ended += [msgspec.msgpack.decode(each, type=AttemptFinished) for each in records.finished]
    return begun, ended


def test_what_was_started_and_finished_is_on_disk_at_once(directory: Path) -> None:
    journal = Journal(directory)
    first = started("req_1", workflow="nightly", node="n1", privacy_reason="header: ünïcode")
    journal.start(first)
    assert content(directory) == ([first], [])
    end = finished(first, cost_nano=None, ttft_ms=None, error="provider_error", cache_hit=True)
    journal.finish(end)
    assert content(directory) == ([first], [end])
    journal.close()
    assert content(directory) == ([first], [end])


def test_the_journal_is_for_its_owner_only_and_its_space_is_reserved(directory: Path) -> None:
    journal = Journal(directory, segment_bytes=100_000)
    journal.start(started())
    (file,) = directory.iterdir()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_blocks * 512 >= 100_000
    journal.close()


def test_the_counters_follow(directory: Path) -> None:
    journal = Journal(directory)
    assert (journal.pending_records, journal.pending_bytes, journal.open_attempts) == (0, 0, 0)
    journal.start(started("req_1"))
    journal.start(started("req_2"))
    journal.finish(finished(started("req_1")))
    assert (journal.pending_records, journal.open_attempts) == (1, 1)
    size = journal.pending_bytes
    journal.seal()
    assert journal.pending_records == 1
    assert journal.pending_bytes > size
    journal.discard(journal.sealed)
    assert journal.pending_records == 0
    assert journal.pending_bytes < size
    journal.close()


def test_a_new_segment_begins_with_what_is_under_way(directory: Path) -> None:
    journal = Journal(directory)
    for name in ("req_1", "req_2", "req_3"):
        journal.start(started(name))
    journal.finish(finished(started("req_2")))
    journal.seal()
    (sealed,) = journal.sealed
    assert sealed.finished == 1
    assert sealed.size == sealed.path.stat().st_size
    sealed.path.unlink()
    begun, ended = content(directory)
    assert [each.request_id for each in begun] == ["req_1", "req_3"]
    assert ended == []
    journal.close()


def test_sealing_without_a_finished_record_does_nothing(directory: Path) -> None:
    journal = Journal(directory)
    journal.seal()
    journal.start(started())
    journal.seal()
    assert journal.sealed == []
    journal.close()


def test_segments_rotate_by_size_and_lose_nothing(directory: Path) -> None:
    journal = Journal(directory, segment_bytes=5_000)
    for number in range(100):
        journal.start(started(f"req_{number}"))
        journal.finish(finished(started(f"req_{number}")))
    assert len(journal.sealed) > 3
    assert journal.pending_records == 100
    journal.close()
    _, ended = content(directory)
    assert [each.started.request_id for each in ended] == [f"req_{n}" for n in range(100)]
    assert all(each.stat().st_size <= 5_000 for each in directory.iterdir())


def test_a_segment_grows_with_what_is_under_way(directory: Path) -> None:
    journal = Journal(directory, segment_bytes=5_000)
    for number in range(200):
        journal.start(started(f"req_{number}"))
    for number in range(200):
        journal.finish(finished(started(f"req_{number}")))
    assert journal.pending_records == 200
    journal.close()


def test_an_empty_journal_leaves_no_file_and_closes_twice(directory: Path) -> None:
    journal = Journal(directory)
    journal.close()
    journal.start(started())
    journal.finish(finished())
    journal.seal()
    journal.sealed[0].path.unlink()
    journal.close()
    journal.close()
    assert list(directory.iterdir()) == []


def test_a_second_run_goes_on_behind_the_first(directory: Path) -> None:
    first = Journal(directory)
    first.start(started("req_1"))
    first.close()
    second = Journal(directory)
    assert [segment.path for segment in second.inherited] == list(directory.iterdir())
    assert second.pending_bytes == second.inherited[0].size
    second.start(started("req_2"))
    second.close()
    begun, _ = content(directory)
    assert [each.request_id for each in begun] == ["req_1", "req_2"]


def test_a_finish_without_a_start_is_kept_too(directory: Path) -> None:
    journal = Journal(directory)
    end = finished(cache_hit=True)
    journal.finish(end)
    assert content(directory) == ([], [end])
    journal.close()


def test_an_absurd_count_from_a_provider_does_not_cost_the_row(directory: Path) -> None:
    journal = Journal(directory)
    journal.finish(finished(completion_tokens=10**40))
    _, (row,) = content(directory)
    assert row.completion_tokens == 10**12
    journal.close()


def test_a_start_beyond_all_reason_is_refused(directory: Path) -> None:
    journal = Journal(directory)
    with pytest.raises(UsageUnavailable, match="too large"):
        journal.start(started(node="n" * 2_000_000))
    journal.start(started())
    assert len(content(directory)[0]) == 1
    journal.close()


def test_a_directory_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageUnavailable, match="can't be recorded"):
        Journal(tmp_path / "file" / "journal")


def test_a_directory_that_went_away_is_refused_until_it_is_back(directory: Path) -> None:
    journal = Journal(directory)
    directory.rmdir()
    with pytest.raises(UsageUnavailable, match="can't be recorded"):
        journal.start(started())
    directory.mkdir()
    journal.start(started())
    journal.close()
    assert len(content(directory)[0]) == 1


class Disk:
    """The system's write, with faults: the next `left` bytes are taken, then nothing is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.truncates = True
        self._write = os.write
        self._truncate = os.ftruncate
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "ftruncate", self.truncate)

    def write(self, descriptor: int, data: bytes) -> int:
        if self.left is None:
            return self._write(descriptor, data)
        if not self.left:
            raise OSError(errno.EIO, "Input/output error")
        taken = self._write(descriptor, bytes(data[: self.left]))
        self.left -= taken
        return taken

    def truncate(self, descriptor: int, size: int) -> None:
        if not self.truncates:
            raise OSError(errno.EIO, "Input/output error")
        self._truncate(descriptor, size)


@pytest.mark.parametrize("truncates", [True, False])
@pytest.mark.parametrize("taken", [0, 1, 11, 12, 50])
def test_half_a_record_never_stands_before_a_good_one(
    directory: Path, monkeypatch: pytest.MonkeyPatch, taken: int, *, truncates: bool
) -> None:
    disk = Disk(monkeypatch)
    journal = Journal(directory)
    journal.start(started("req_1"))
    disk.left = taken
    disk.truncates = truncates
    with pytest.raises(UsageUnavailable, match="can't be recorded"):
        journal.start(started("req_2"))
    disk.left = 0
    end = finished(started("req_1"))
    journal.finish(end)
    assert list(journal.unwritten.values()) == [end]
    assert (journal.open_attempts, journal.pending_records) == (1, 1)
    disk.left = None
    disk.truncates = True
    journal.start(started("req_3"))
    journal.retry_unwritten()
    assert (journal.unwritten, journal.open_attempts, journal.pending_records) == ({}, 1, 1)
    journal.close()
    begun, ended = content(directory)
    assert [each.request_id for each in begun] == ["req_1", "req_1", "req_3"]
    assert ended == [end]


def test_a_file_system_that_can_not_reserve_is_used_all_the_same(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    journal = Journal(directory)
    journal.start(started())
    journal.close()
    monkeypatch.delattr(os, "posix_fallocate")
    journal.start(started("req_2"))
    journal.close()
    assert len(content(directory)[0]) == 3


FULL_DISK = """
import resource, sys
from pathlib import Path
from laird.domain.errors import UsageUnavailable
from laird.usage.journal import Journal
from tests.usage.cases import Records, finished, started

journal = Journal(Path(sys.argv[1]), segment_bytes=20_000)
journal.start(started("req_0"))
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
accepted = ["req_0"]
try:
    for number in range(1, 1000):
        journal.start(started(f"req_{number}"))
        accepted.append(f"req_{number}")
except UsageUnavailable as error:
    assert "File too large" in error.message, error.message
assert 10 < len(accepted) < 100, len(accepted)
for name in accepted:
    journal.finish(finished(started(name)))
assert not journal.unwritten
assert journal.pending_records == len(accepted)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
journal.seal()
journal.start(started("late"))
print(len(accepted))
"""


def test_on_a_full_disk_starts_are_refused_and_every_finish_finds_its_space(
    directory: Path,
) -> None:
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(directory)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    begun, ended = content(directory)
    assert len(ended) == int(result.stdout)
    assert [each.request_id for each in begun if each.request_id == "late"] == ["late"]
