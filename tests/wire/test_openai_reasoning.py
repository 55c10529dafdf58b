"""Thinking that must be sent back survives the way through `reasoning_details`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.domain.chat import Reasoning
from laird.wire.openai_reasoning import (
    read_detail,
    read_details,
    readable_by_openrouter,
    write_detail,
)

CLAUDE = "anthropic-claude-v1"
GEMINI = "google-gemini-v1"


def text(words: str, signature: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": words, "signature": signature, **more}


proofs = st.one_of(
    st.text(alphabet="abcXYZ+/=", min_size=1),
    st.text(alphabet="abcXYZ+/=", min_size=1).map("gemini:".__add__),
    st.text(alphabet="abcXYZ+/=", min_size=1).map("cohere:".__add__),
)
parts = st.one_of(
    st.builds(Reasoning, text=st.text(min_size=1)),
    st.builds(Reasoning, text=st.text(), signature=proofs),
    st.builds(Reasoning, redacted=proofs),
)


@given(st.lists(parts, max_size=5))
def test_what_is_written_is_read_back(written: list[Reasoning]) -> None:
    details = [write_detail(part, index) for index, part in enumerate(written)]
    assert read_details(details) == written


def test_pieces_of_a_stream_are_one_text() -> None:
    pieces = [
        text("Hm, ", index=0),
        text("well.", index=0),
        {"type": "reasoning.text", "signature": "c2ln", "format": CLAUDE, "index": 0},
        text("Then", index=1),
        text("again", index=2),
        {"type": "reasoning.encrypted", "data": "aGlk", "format": CLAUDE, "index": 3},
        {"type": "reasoning.summary", "summary": "In short.", "index": 4},
    ]
    assert read_details(pieces) == [
        Reasoning(text="Hm, well.", signature="c2ln"),
        Reasoning(text="Then"),
        Reasoning(text="again"),
        Reasoning(redacted="aGlk"),
        Reasoning(text="In short."),
    ]


def test_hidden_thinking_of_the_same_index_closes_the_text() -> None:
    pieces = [text("Hm"), {"type": "reasoning.encrypted", "data": "aGlk"}]
    assert read_details(pieces) == [Reasoning(text="Hm"), Reasoning(redacted="aGlk")]


@pytest.mark.parametrize(
    ("form", "more", "mark"),
    [
        (None, {}, ""),
        (CLAUDE, {}, ""),
        (GEMINI, {}, "gemini:"),
        (GEMINI, {"id": "tool_1"}, "openrouter:"),
        ("openai-responses-v1", {"id": "rs_1"}, "openrouter:"),
        ("unknown", {}, "openrouter:"),
    ],
)
def test_the_format_says_whose_it_is(form: str | None, more: dict[str, str], mark: str) -> None:
    detail = {"type": "reasoning.encrypted", "data": "xyz", "format": form, **more}
    part = read_detail(detail)
    assert part is not None
    assert part.redacted is not None
    assert part.redacted.startswith(mark)
    assert (mark == "openrouter:") is part.redacted.startswith("openrouter:")
    back = write_detail(part, 7)
    expected = {key: value for key, value in detail.items() if value is not None}
    assert back == {"format": CLAUDE, **expected, "index": 7}


def test_openrouters_own_come_back_as_they_were() -> None:
    detail = text("Hm", "sig", format="xai-responses-v1", id="r1")
    part = read_detail(detail)
    assert part is not None
    assert part.text == "Hm"
    assert write_detail(part, 0) == {**detail, "index": 0}


@pytest.mark.parametrize(
    "proof", ["openrouter:", "openrouter:{", "openrouter:[]", 'openrouter:{"type":"x"}']
)
def test_a_broken_one_is_left_out(proof: str) -> None:
    assert write_detail(Reasoning(text="Hm", signature=proof), 0) is None
    assert write_detail(Reasoning(redacted=proof), 0) is None


@pytest.mark.parametrize(
    "detail",
    [
        5,
        None,
        {},
        {"type": "reasoning.server_tool_call"},
        {"type": "reasoning.encrypted"},
        {"type": "reasoning.encrypted", "data": 5},
        {"type": "reasoning.text", "text": None, "signature": ""},
        {"type": "reasoning.summary", "summary": []},
    ],
)
def test_what_says_nothing_is_skipped(detail: Any) -> None:
    assert read_details([detail]) == []


def test_openrouter_reads_its_own_and_anthropics() -> None:
    assert readable_by_openrouter(Reasoning(signature="c2ln"))
    assert readable_by_openrouter(Reasoning(redacted="openrouter:{}"))
    assert not readable_by_openrouter(Reasoning(redacted="gemini:x"))
    assert not readable_by_openrouter(Reasoning(text="unsigned"))
