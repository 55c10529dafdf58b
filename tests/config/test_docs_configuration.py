from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from tests.config.world import CompileText

from laird.config import schema
from laird.config.settings import SETTINGS

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
ENTRIES = [
    entry
    for entry in vars(schema).values()
    if isinstance(entry, type) and issubclass(entry, schema.Entry) and entry is not schema.Entry
]


def rows() -> dict[str, list[str]]:
    """Return the rows of the page's tables by the name in their first cell."""
    found: dict[str, list[str]] = {}
    for line in PAGE.splitlines():
        match = re.match(r"\| `([^`]+)` \| (.*) \|$", line)
        if match:
            found.setdefault(match[1], []).append(match[2])
    return found


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__name__)
def test_every_field_of_the_document_has_a_row(entry: type[BaseModel]) -> None:
    missing = [
        field.alias or name
        for name, field in entry.model_fields.items()
        if (field.alias or name) not in rows()
    ]
    assert missing == []


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.name)
def test_every_setting_has_a_row_with_its_default(row: object) -> None:
    setting = next(one for one in SETTINGS if one is row)
    (text,) = rows()[setting.name]
    assert text.startswith(f"`{setting.default}` |")


def test_no_row_tells_of_what_does_not_exist() -> None:
    known = {row.name for row in SETTINGS}
    known |= {f"PROVIDER_{{ID}}_{what}" for what in ("ENDPOINT", "ENABLED", "API_KEY")}
    for entry in ENTRIES:
        known |= {field.alias or name for name, field in entry.model_fields.items()}
    assert rows().keys() - known == set()


@pytest.mark.parametrize("strategy", schema.StrategyName.__args__)  # type: ignore[attr-defined]
def test_every_strategy_is_named(strategy: str) -> None:
    assert f"`{strategy}`" in PAGE


def test_the_example_is_right(compile_text: CompileText) -> None:
    example = re.search(r"```yaml\n(version: 1.*?)```", PAGE, re.DOTALL)
    assert example is not None
    snapshot = compile_text(example[1], OPENAI_API_KEY="k")
    assert snapshot.warnings == ()
    assert snapshot.aliases == {"gpt-4": "reliable"}
