"""Nothing in a request goes unread for want of knowing its field."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laird.privacy.leaves import leaves

MARK = "MARK-7f3e"
PNG = "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 2).decode()
BLOB = base64.b64encode(bytes(range(256))).decode()


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


@st.composite
def planted(draw: st.DrawFn) -> Any:
    """Return JSON of any form with the mark somewhere in it: as a value, a name or a part."""
    value: Any = draw(
        st.sampled_from(
            [MARK, f"before {MARK} after", {MARK: 1}, [MARK], json.dumps({"a": [f"\n{MARK}"]})]
        )
    )
    for _ in range(draw(st.integers(0, 6))):
        other = draw(_json)
        value = draw(
            st.sampled_from([[other, value], {"f": value, "g": other}, {"type": "x", "y": value}])
        )
    return value


@settings(deadline=None)
@given(planted())
def test_a_text_is_found_wherever_it_is(value: Any) -> None:
    assert MARK in leaves(value).text


@pytest.mark.parametrize(
    "value",
    [
        {"arguments": json.dumps({"mail": f"line\n{MARK}"}).replace("7", "\\u0037")},
        {
            "source": {
                "type": "base64",
                "media_type": "text/plain",
                "data": coded(f"a {MARK} b " * 30),
            }
        },
        f"data:text/plain;base64,{coded(MARK)}",
        f"data:text/plain,{MARK}",
        f"the config is {coded('secret ' + MARK + ' end')} in base64",
        {"signature": MARK},
        {"type": "redacted_thinking", "data": MARK},
    ],
)
def test_what_is_wrapped_is_unwrapped(value: Any) -> None:
    assert MARK in leaves(value).text


@settings(deadline=None)
@given(st.text() | st.text('abc+/=: \\n{}[]\\"du', max_size=300), st.sampled_from(["", MARK]))
def test_a_plain_message_holds_what_its_text_holds(text: str, more: str) -> None:
    for content in (text + more, more + text, f"data:{text}", coded(text + more), "\u00a0" + text):
        message = leaves({"role": "user", "content": content})
        alone = leaves([content])
        assert (message.texts[3:], message.sealed) == (alone.texts, alone.sealed)
        assert message.texts[:3] == ["role", "user", "content"]


@pytest.mark.parametrize("role", [None, 1, {}, [], "user:", "other"])
def test_any_role_is_read(role: Any) -> None:
    assert MARK in leaves({"role": role, "content": MARK}).text


def test_long_numbers_are_text_and_short_ones_are_not() -> None:
    assert leaves({"card": 4111111111111111, "n": 5, "t": 0.5, "b": True}).text == (
        "card\n4111111111111111\nn\nt\nb"
    )
    assert "4111111111111111" in leaves([4111111111111111.0]).text
    assert "1234567.5" in leaves([1234567.5]).text


@pytest.mark.parametrize(
    "value",
    [
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "input_image", "image_url": "https://example.org/a.png"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BLOB}},
        {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64," + BLOB}},
        {"type": "input_file", "file_url": "https://example.org/a.pdf"},
        {"type": "input_audio", "input_audio": {"data": BLOB, "format": "wav"}},
        {"anything": BLOB},
        {"input": [1, 2, 3]},
        {"prompt": [[1, 2, 3], [4]]},
        "data:image/svg+xml,%3Csvg%3E",
        {"data": coded("good text " * 500)[:4096] + BLOB},
    ],
)
def test_what_can_not_be_read_is_told_of(value: Any) -> None:
    assert leaves(value).sealed


@pytest.mark.parametrize(
    "value",
    [
        {"role": "user", "content": "https://example.org/a.png is an image"},
        {"signature": BLOB},
        {"type": "reasoning", "encrypted_content": BLOB},
        {"type": "redacted_thinking", "data": BLOB},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"image_url": None},
        {"type": "url", "url": "https://mcp.example.org"},
        {"stop": [], "input": [], "logit_bias": {"50256": -100}},
        "sha512-" + BLOB[:88],
        {"data": coded("good text " * 600)},
        "é" * 300,
    ],
)
def test_what_is_text_or_the_provider_s_own_is_not(value: Any) -> None:
    assert not leaves(value).sealed


def test_a_blob_is_not_searched_for_text_by_chance() -> None:
    assert leaves({"data": BLOB}).texts == ["data"]
