"""Logs of bounded size, whose last words are there."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from laird.runtime.run_log import RunLog, file_name


def write(log: RunLog, text: str) -> None:
    descriptor = log.open()
    os.write(descriptor, text.encode())
    os.close(descriptor)


def test_a_log_that_is_too_long_begins_anew_and_keeps_the_one_before(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "logs", "m", limit=100)
    write(log, "a" * 101 + "\n")
    assert log.too_long
    write(log, "new\n")
    assert log.path.read_text() == "new\n"
    assert (tmp_path / "logs" / "m.log.1").read_text() == "a" * 101 + "\n"
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert log.path.parent.stat().st_mode & 0o777 == 0o700


def test_it_is_cut_while_a_process_writes_to_it(tmp_path: Path) -> None:
    log = RunLog(tmp_path, "m", limit=100)
    descriptor = log.open()
    os.write(descriptor, b"b" * 150)
    log.trim()
    assert not log.too_long
    os.write(descriptor, b"after\n")
    os.close(descriptor)
    assert log.path.read_bytes() == b"after\n"
    assert (tmp_path / "m.log.1").read_bytes() == b"b" * 100
    assert log.last_lines() == ("after",)


def test_the_last_lines_are_those_of_the_last_run(tmp_path: Path) -> None:
    log = RunLog(tmp_path, "m")
    assert log.last_lines() == ()
    assert log.complaint() is None
    write(log, "of the run before\n")
    write(log, "first\n\nsecond\nthird\n")
    assert log.last_lines() == ("first", "second", "third")
    assert log.last_lines(2) == ("second", "third")


def test_the_first_error_is_the_complaint(tmp_path: Path) -> None:
    log = RunLog(tmp_path, "m")
    write(
        log,
        "0.00.001.000 I srv          init: initializing ...\n"
        "0.00.002.000 W srv    operator(): a warning\n"
        "0.00.004.931 E llama_model_load: error loading model: unknown architecture: 'x'\n"
        "0.00.004.947 E llama_model_load_from_file_impl: failed to load model\n",
    )
    assert log.complaint() == "unknown architecture: 'x'"


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_any_id_makes_a_name_of_its_own_that_stays_in_the_directory(one: str, other: str) -> None:
    name = file_name(one)
    assert Path(name).name == name
    assert not name.startswith(".")
    assert len(name) < 200
    assert (file_name(one) == file_name(other)) == (one == other)


def test_a_plain_id_is_the_name() -> None:
    assert file_name("tiny-Q4_K_M") == "tiny-Q4_K_M"
    assert file_name("a/b").startswith("a_b-")


def test_the_log_of_a_model_that_is_gone_is_deleted_with_the_one_before(tmp_path: Path) -> None:
    log = RunLog(tmp_path, "one", limit=10)
    for _ in range(2):
        write(log, "more than it may have\n")
    assert len(list(tmp_path.iterdir())) == 2
    log.delete()
    assert list(tmp_path.iterdir()) == []
    log.delete()
    assert log.last_lines() == ()
