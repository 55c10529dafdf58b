"""docs/providers.md says which formats each kind takes as they are."""

from __future__ import annotations

import pytest
from tests.docs.pages import page, rows, section

from laird.domain.catalog import Egress, Kind, Provider
from laird.providers.registry import KINDS, build_adapter

TABLE = rows(section(page("providers.md"), "Which formats a kind takes"))
COLUMNS = (
    "openai.chat",
    "openai.embeddings",
    "openai.completions",
    "openai.responses",
    "anthropic.messages",
)
WRITTEN = {"azure": "https://r.openai.azure.com/openai/v1/", "custom": "http://127.0.0.1:1"}
"""Endpoints of kinds that have no usual one."""


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.id)
def test_the_table_says_what_a_kind_takes(kind: Kind) -> None:
    provider = Provider(
        id="p",
        name="P",
        kind=kind.id,
        egress=Egress.LOCAL,
        endpoint=kind.endpoint or WRITTEN[kind.id],
    )
    speaks = build_adapter(provider).speaks
    expected = ["as it is" if dialect in speaks else "translated" for dialect in COLUMNS]
    if kind.capabilities.embeddings is False:
        expected[1] = "–"  # noqa: RUF001 - as the page writes it
    assert [cell.strip() for cell in TABLE[kind.id]] == expected


def test_no_kind_is_told_of_that_does_not_exist() -> None:
    assert TABLE.keys() - {"kind"} == KINDS.keys()
