"""Cells of CSV that no spreadsheet takes for a formula, and back."""

from __future__ import annotations

import re

GUARD = "'"
RISKY = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20" + GUARD)
"""What a cell must not begin with: what begins a formula in some spreadsheet (the full-width forms
count in East Asian ones), and the guard itself, so that reading back is certain."""

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def guarded(text: str) -> str:
    """Return a text as a cell: with an apostrophe before it where it could act as a formula.

    Numbers may begin with a sign.
    """
    if text[:1] in RISKY and _NUMBER.fullmatch(text) is None:
        return GUARD + text
    return text


def unguarded(cell: str) -> str:
    """Return the text that a cell was made of."""
    return cell.removeprefix(GUARD)
