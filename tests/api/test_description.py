"""The machine-readable description tells of every route what it takes and returns."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from laird.api.describe import document, text

ROOT = Path(__file__).parents[2]
CAMEL = re.compile(r"[a-z]+([A-Z][a-z]*)*")
DOCUMENT = document()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
ADMINISTRATION = {name: one for name, one in OPERATIONS.items() if " /api/" in name}
UNTYPED: set[str] = set()
"""Routes of which nobody says yet what they return. A route that is described leaves this list."""


def returned(operation: dict[str, Any]) -> dict[str, Any]:
    """Return the media types of a good answer, with their schemas."""
    good = [one for status, one in operation["responses"].items() if status.startswith("2")]
    content: dict[str, Any] = good[0].get("content", {})
    return content


@pytest.mark.parametrize("name", ADMINISTRATION)
def test_every_answer_has_a_shape(name: str) -> None:
    content = returned(ADMINISTRATION[name])
    schema = content.get("application/json", {}).get("schema")
    named = schema is not None and "$ref" in schema
    other = bool(set(content) - {"application/json"})
    assert named or other or name in UNTYPED


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_a_name_and_a_tag(name: str) -> None:
    operation = OPERATIONS[name]
    assert CAMEL.fullmatch(operation["operationId"])
    assert operation["tags"]
    assert operation["summary"]


def test_names_are_unique() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ADMINISTRATION)
def test_every_route_tells_of_its_errors(name: str) -> None:
    responses = ADMINISTRATION[name]["responses"]
    assert {"400", "401", "403", "500"} <= set(responses)
    for status, response in responses.items():
        if not status.startswith("2"):
            schema = response["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Error"}


def test_references_lead_somewhere() -> None:
    known = DOCUMENT["components"]["schemas"]
    wanted = set(re.findall(r'"#/components/schemas/([^"]+)"', text()))
    assert wanted <= set(known)


def test_the_dashboard_has_the_present_description() -> None:
    kept = (ROOT / "web" / "openapi.json").read_text()
    assert kept == text(), (
        "Run python -m laird.api.describe > web/openapi.json, then npm run client in web/."
    )
