from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.usage.cases import Records, finished, started

from laird.usage.journal import Journal
from laird.usage.segments import FINISHED, STARTED, find_segments, segment_name, sequence_of


def written(directory: Path, count: int) -> tuple[bytes, int, list[int]]:
    """Return the content of a segment with finished attempts, its seed, and where records end."""
    journal = Journal(directory, segment_bytes=1 << 16)
    ends = [0]
    for number in range(count):
        journal.finish(finished(started(f"req_{number}")))
        ends.append(journal.pending_bytes)
    journal.close()
    (segment,) = find_segments(directory)
    return segment.path.read_bytes(), segment.seed, ends


def requests(payloads: list[memoryview]) -> list[str]:
    return [msgspec.msgpack.decode(payload)[0][0] for payload in payloads]


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, int, list[int]]:
    return written(tmp_path_factory.mktemp("segment"), 5)


def test_a_whole_segment_is_read_in_order(segment: tuple[bytes, int, list[int]]) -> None:
    data, seed, _ = segment
    records = Records(data, seed)
    assert requests(records.finished) == ["req_0", "req_1", "req_2", "req_3", "req_4"]
    assert (records.started, records.damaged, records.torn) == ([], 0, False)


def test_reserved_space_behind_the_records_is_not_damage(
    segment: tuple[bytes, int, list[int]],
) -> None:
    data, seed, _ = segment
    records = Records(data + bytes(5000), seed)
    assert len(records.finished) == 5
    assert (records.damaged, records.torn) == (0, False)


def test_a_tail_cut_at_any_byte_costs_only_the_last_record(
    segment: tuple[bytes, int, list[int]],
) -> None:
    data, seed, ends = segment
    for cut in range(ends[-2], ends[-1]):
        for tail in (b"", bytes(400)):
            records = Records(data[:cut] + tail, seed)
            assert requests(records.finished) == ["req_0", "req_1", "req_2", "req_3"]
            assert records.damaged == 0
            assert records.torn == (cut > ends[-2])


def test_a_changed_byte_costs_only_its_own_record(segment: tuple[bytes, int, list[int]]) -> None:
    data, seed, ends = segment
    for position in range(ends[2], ends[3]):
        changed = bytearray(data)
        changed[position] ^= 0x41
        records = Records(bytes(changed), seed)
        assert requests(records.finished) == ["req_0", "req_1", "req_3", "req_4"]
        assert (records.damaged, records.torn) == (1, False)


def test_a_hole_of_zeros_costs_only_what_was_in_it(segment: tuple[bytes, int, list[int]]) -> None:
    data, seed, ends = segment
    hole = data[: ends[1]] + bytes(ends[3] - ends[1]) + data[ends[3] :]
    records = Records(hole, seed)
    assert requests(records.finished) == ["req_0", "req_3", "req_4"]
    assert records.damaged == 1


def test_a_record_of_another_run_is_not_taken(segment: tuple[bytes, int, list[int]]) -> None:
    data, seed, _ = segment
    records = Records(data, seed ^ 1)
    assert (records.finished, records.torn) == ([], True)


def test_a_length_beyond_all_reason_is_damage(segment: tuple[bytes, int, list[int]]) -> None:
    data, seed, ends = segment
    changed = bytearray(data)
    changed[ends[2] + 4 : ends[2] + 8] = b"\xff\xff\xff\x7f"
    assert requests(Records(bytes(changed), seed).finished) == ["req_0", "req_1", "req_3", "req_4"]


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1))
def test_anything_can_be_read_and_nothing_is_made_up(data: bytes, seed: int) -> None:
    for content in (data, STARTED + data, FINISHED + data):
        records = Records(content, seed)
        assert records.started == []
        assert records.finished == []
        assert records.torn == any(content)


def test_segments_are_found_in_the_order_of_writing(tmp_path: Path) -> None:
    names = [segment_name(number, 0xABC) for number in (10, 2, 9, 11)]
    for name in [*names, "notes.txt", "0000000001-00000000.damaged", "1-2.segment"]:
        (tmp_path / name).write_bytes(b"12345")
    found = find_segments(tmp_path)
    assert [sequence_of(segment.path) for segment in found] == [2, 9, 10, 11]
    assert {(segment.seed, segment.size) for segment in found} == {(0xABC, 5)}
    assert sequence_of(tmp_path / "notes.txt") is None
    assert find_segments(tmp_path / "missing") == []
