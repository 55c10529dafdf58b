"""docs/export.md tells of every column and of each parameter."""

from __future__ import annotations

from tests.docs.pages import page, rows, section

from laird.export.columns import COLUMNS
from laird.export.query import Format
from laird.export.writing import PORTION

PAGE = page("export.md")


def test_the_columns_are_told_in_their_order() -> None:
    told = list(rows(section(PAGE, "Columns")))
    assert sorted(told) == sorted(column.name for column in COLUMNS)
    assert told[:11] == [column.name for column in COLUMNS[:11]]


def test_the_formats_are_told() -> None:
    assert all(f"`{each.value}`" in PAGE for each in Format)


def test_figures_are_those_of_the_code() -> None:
    assert f"portions of {PORTION}" in PAGE
