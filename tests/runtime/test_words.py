"""Sizes and errors, told in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from laird.domain.errors import Unreachable, UpstreamGarbled
from laird.runtime.words import retold, size


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (512_000_000, "512 MB"), (4_370_000_000, "4.4 GB")],
)
def test_sizes_are_written_for_people(count: int, text: str) -> None:
    assert size(count) == text


def test_an_error_that_is_about_the_answer_is_left_as_it_is() -> None:
    garbled = UpstreamGarbled("It sent no JSON.")
    assert retold(garbled, "one", Path("one.log")) is garbled


def test_a_process_that_takes_no_connection_is_told_with_its_log() -> None:
    told = retold(Unreachable("127.0.0.1:40123 refused"), "one", Path("one.log"))
    assert isinstance(told, Unreachable)
    assert "'one' runs, but takes no connection" in told.message
    assert "one.log" in told.message
    assert "127.0.0.1" not in told.message
