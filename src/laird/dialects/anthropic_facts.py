"""Checks the shape of a Messages body and extracts what routing needs, in a few microseconds.

The words are those of Anthropic's API: the path of the field, a colon, what is wrong. Only fields
that are there are looked at, and nothing is built. What a value means is left to the provider.
Wire facts: `anthropic.types.MessageCreateParams` and `ContentBlockParam` of the Python SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from laird.dialects.anthropic_checks import (
    CHECKS,
    missing,
    need_object,
    need_text,
    one_of,
    should_be,
)
from laird.domain.errors import InvalidRequest
from laird.domain.plan import RequestFacts
from laird.domain.tokens import estimate_tokens

ROLES = ("user", "assistant", "system")

_TOKENS_PER_IMAGE = 1_600
"""The most that an image counts: larger ones are made smaller."""
_TOKENS_PER_FILE = 3_000
"""A document whose length is not known: about a page of text and its picture."""
_DOCUMENT_CHARACTERS_PER_TOKEN = 40
"""Base64 characters of a PDF to a token: a page is some 100 KB and 3,000 tokens."""

Block = Mapping[str, Any]


class Amounts:
    """What a body holds."""

    __slots__ = ("characters", "images", "other")

    def __init__(self) -> None:
        self.characters = 0
        self.images = 0
        self.other = 0
        """Tokens of what is no text."""

    def tokens(self) -> int:
        """Return the estimated tokens of the whole."""
        return estimate_tokens(self.characters) + self.images * _TOKENS_PER_IMAGE + self.other


def message_facts(body: Mapping[str, Any]) -> RequestFacts:
    """Check the body of `POST /v1/messages` and return its facts. See `Dialect.facts`."""
    amounts = measured(body, ("model", "max_tokens", "messages"))
    get = body.get
    output = get("output_config") or {}
    thinking = get("thinking")
    return RequestFacts(
        model=body["model"],
        stream=get("stream") is True,
        tools=bool(get("tools")),
        vision=amounts.images > 0,
        json_mode=(output.get("format") or get("output_format")) is not None,
        reasoning=output.get("effort") is not None
        or (thinking is not None and thinking["type"] == "enabled"),
        prompt_tokens=amounts.tokens(),
        max_tokens=body["max_tokens"],
    )


def count_facts(body: Mapping[str, Any]) -> RequestFacts:
    """Check the body of `POST /v1/messages/count_tokens`; it asks for nothing but a model."""
    amounts = measured(body, ("model", "messages"))
    return RequestFacts(model=body["model"], prompt_tokens=amounts.tokens())


def measured(body: Mapping[str, Any], required: tuple[str, ...]) -> Amounts:
    """Check a body and return what it holds. Raises `InvalidRequest`."""
    if type(body) is not dict:
        raise InvalidRequest("The body should be a JSON object.")
    for field in required:
        if field not in body:
            raise missing(field)
    for field in body:
        check = CHECKS.get(field)
        if check is not None:
            check(field, body[field])
    amounts = Amounts()
    system = body.get("system")
    if type(system) is str:
        amounts.characters += len(system)
    elif system:
        _text_blocks("system", system, amounts)
    _measure(body["messages"], amounts)
    for field in ("tools", "output_config"):
        value = body.get(field)
        if value:
            amounts.characters += len(orjson.dumps(value))
    return amounts


def _measure(messages: list[Any], amounts: Amounts) -> None:
    for index, message in enumerate(messages):
        if type(message) is not dict:
            raise should_be(f"messages.{index}", "an object")
        role = message.get("role")
        content = message.get("content")
        if type(role) is not str or role not in ROLES:
            raise _bad_role(f"messages.{index}", message)
        if type(content) is str:
            amounts.characters += len(content)
            continue
        place = f"messages.{index}.content"
        if type(content) is not list:
            expected = "a valid string or a list of content blocks"
            raise missing(place) if content is None else should_be(place, expected)
        _blocks(place, content, role, amounts)


def _blocks(place: str, content: list[Any], role: str, amounts: Amounts) -> None:
    for number, block in enumerate(content):
        if type(block) is not dict:
            raise should_be(f"{place}.{number}", "an object")
        kind = block.get("type")
        if kind == "text" and type(block.get("text")) is str:
            amounts.characters += len(block["text"])
            continue
        path = f"{place}.{number}"
        if type(kind) is not str:
            kind = need_text(block, path, "type")
        owner = _OWNERS.get(kind)
        if owner is not None and owner != role:
            raise InvalidRequest(
                f"{path}: `{kind}` blocks can only be in `{owner}` messages", param=path
            )
        _MEASURES.get(kind, _unknown)(path, block, amounts)


def _text_blocks(place: str, content: list[Any], amounts: Amounts) -> None:
    for number, block in enumerate(content):
        path = f"{place}.{number}"
        if type(block) is not dict:
            raise should_be(path, "an object")
        if block.get("type") != "text":
            raise should_be(f"{path}.type", "'text'")
        _text(path, block, amounts)


def _text(place: str, block: Block, amounts: Amounts) -> None:
    amounts.characters += len(need_text(block, place, "text"))


def _image(place: str, block: Block, amounts: Amounts) -> None:
    source = need_object(block, place, "source")
    place = f"{place}.source"
    match need_text(source, place, "type"):
        case "base64":
            need_text(source, place, "media_type")
            need_text(source, place, "data")
        case "url":
            need_text(source, place, "url")
    amounts.images += 1


def _document(place: str, block: Block, amounts: Amounts) -> None:
    source = need_object(block, place, "source")
    place = f"{place}.source"
    match need_text(source, place, "type"):
        case "text":
            amounts.characters += len(need_text(source, place, "data"))
        case "base64":
            length = len(need_text(source, place, "data"))
            amounts.other += length // _DOCUMENT_CHARACTERS_PER_TOKEN + 1
        case "content":
            _content(place, source, amounts)
        case _:
            amounts.other += _TOKENS_PER_FILE


def _tool_use(place: str, block: Block, amounts: Amounts) -> None:
    need_text(block, place, "id")
    name = need_text(block, place, "name")
    arguments = need_object(block, place, "input")
    amounts.characters += len(name) + len(orjson.dumps(arguments))


def _tool_result(place: str, block: Block, amounts: Amounts) -> None:
    need_text(block, place, "tool_use_id")
    if type(block.get("is_error")) not in {bool, type(None)}:
        raise should_be(f"{place}.is_error", "a valid boolean")
    _content(place, block, amounts)


def _content(place: str, block: Block, amounts: Amounts) -> None:
    """Measure the `content` of a tool's result or of a document: a text, blocks, or nothing."""
    content = block.get("content")
    if type(content) is str:
        amounts.characters += len(content)
    elif type(content) is list:
        _blocks(f"{place}.content", content, "content", amounts)
    elif content is not None:
        raise should_be(f"{place}.content", "a valid string or a list of content blocks")


def _thinking(place: str, block: Block, amounts: Amounts) -> None:
    need_text(block, place, "signature")
    amounts.characters += len(need_text(block, place, "thinking"))


def _redacted(place: str, block: Block, amounts: Amounts) -> None:
    amounts.characters += len(need_text(block, place, "data"))


def _unknown(place: str, block: Block, amounts: Amounts) -> None:
    del place
    amounts.characters += len(orjson.dumps(block))


_MEASURES: Mapping[str, Callable[[str, Block, Amounts], None]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
}
"""Blocks of other types (those of the API's own tools) are left to the provider."""
_OWNERS: Mapping[str, str] = {
    "tool_use": "assistant",
    "thinking": "assistant",
    "redacted_thinking": "assistant",
    "tool_result": "user",
}


def _bad_role(place: str, message: Block) -> InvalidRequest:
    need_text(message, place, "role")
    return should_be(f"{place}.role", one_of(ROLES))
