"""Items of a conversation as they are kept, listed and passed on."""

from __future__ import annotations

from typing import Any

from openai.types.responses import ResponseItemList

from laird.dialects.responses_kept import (
    forwardable,
    id_of,
    input_items,
    listed,
    referred,
    resolved,
)

TEXT = {"role": "user", "content": "Hello"}
SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAB"}
FOREIGN = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gemini:x"}
OPEN = {"type": "reasoning", "id": "rs_3", "summary": []}


def test_a_text_is_one_item() -> None:
    assert input_items({"input": "Hello"}) == [{"type": "message", **TEXT}]
    assert input_items({"input": [TEXT]}) == [TEXT]
    assert input_items({}) == []


def test_references_are_found_and_replaced_where_they_are_known() -> None:
    items: list[Any] = [TEXT, {"type": "item_reference", "id": "a"}, {"id": "b"}]
    assert referred(items) == ["a", "b"]
    assert resolved(items, {"b": SEALED}) == [TEXT, items[1], SEALED]


def test_items_without_an_id_get_one() -> None:
    assert id_of(SEALED, "0a", 3) == "rs_1"
    assert id_of(TEXT, "0a", 3) == "msg_0ai003"
    assert id_of({"type": "function_call_output", "id": None}, "0a", 0) == "fco_0ai000"
    assert id_of({"type": "computer_call"}, "0a", 0) == "item_0ai000"


def test_items_are_listed_in_their_full_form() -> None:
    image = {"type": "input_image", "image_url": "https://x/y.png"}
    result = {"type": "function_call_output", "call_id": "c", "output": "ok"}
    items: list[Any] = [
        TEXT,
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": [image]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        result,
        OPEN,
    ]
    data = [listed(item, f"id_{place}") for place, item in enumerate(items)]
    found = ResponseItemList.model_validate(
        {"object": "list", "data": data, "first_id": "", "last_id": "", "has_more": False}
    )
    kinds = [item.type for item in found.data]
    assert kinds == ["message"] * 3 + ["function_call", "function_call_output", "reasoning"]
    assert data[0]["content"] == [{"type": "input_text", "text": "Hello"}]
    assert data[1]["content"][0]["type"] == "output_text"
    assert data[2]["content"] == [{**image, "detail": "auto"}]
    assert data[4]["status"] == "completed"


def test_an_upstream_is_told_to_keep_nothing_and_gets_no_foreign_thinking() -> None:
    body = {"model": "m", "input": [TEXT, SEALED, FOREIGN, OPEN], "previous_response_id": "r"}
    assert forwardable(body, keep=False) == {"model": "m", "input": [TEXT, SEALED], "store": False}
    plain = {"model": "m", "input": "Hello", "store": True}
    assert forwardable(plain, keep=True) == {**plain, "store": False}


def test_thinking_that_is_to_be_kept_is_asked_for_in_the_form_that_can_be_sent_back() -> None:
    body = {"model": "m", "input": [TEXT], "reasoning": {"effort": "low"}}
    wanted = forwardable(body, keep=True)
    assert wanted["include"] == ["reasoning.encrypted_content"]
    assert forwardable(wanted, keep=True) == wanted
    assert "include" not in forwardable(body, keep=False)
