"""Cells of CSV that spreadsheets don't run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.export.cells import RISKY, guarded, unguarded

TEXTS = st.text() | st.builds(
    lambda first, rest: first + rest, st.sampled_from("".join(RISKY)), st.text()
)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1",
        "\uff20x",
        "=",
        "-",
    ],
)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert guarded(text) == "'" + text


@pytest.mark.parametrize("text", ["-5", "+1.5", "-1e9", "-0.000000001", "gpt-5", "a=b", "", " =1"])
def test_a_number_and_plain_text_stay(text: str) -> None:
    assert guarded(text) == text


@given(TEXTS)
def test_a_cell_never_begins_like_a_formula_and_can_be_read_back(text: str) -> None:
    cell = guarded(text)
    assert unguarded(cell) == text
    begins = cell[:1] in RISKY - {"'"}
    assert not begins or float(cell) is not None
