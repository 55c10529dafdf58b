"""Content blocks of Anthropic's Messages format as parts of ours.

Wire facts: `anthropic.types.ContentBlockParam` of the Python SDK. `CALL_SEAL` is our own: the
format has no place for the signature of a tool call, so it travels as a block of redacted thinking
right before the call, which clients send back unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from laird.domain.chat import Document, Image, Part, Reasoning, Text, ToolCall, ToolResult
from laird.domain.errors import UnsupportedField

CALL_SEAL = "call:"
"""Begins the `data` of a redacted block that is the signature of the tool call after it."""

Block = Mapping[str, Any]
Shown = Text | Image | Document


def unsupported(place: str, why: str = "") -> UnsupportedField:
    """Return the refusal of a field that has no equal outside Anthropic's API."""
    reason = f" ({why})" if why else ""
    return UnsupportedField(
        f"'{place}' can't be translated for this provider{reason}: leave it out, or ask a model of"
        " a provider that speaks Anthropic's format.",
        param=place,
    )


def user_parts(place: str, content: list[Any]) -> tuple[Shown, ...]:
    """Return what a user says, but for the results of tools."""
    parts: list[Shown] = []
    for number, block in enumerate(content):
        if block["type"] == "text":
            parts.append(Text(block["text"]))
        elif block["type"] != "tool_result":
            parts += _shown(f"{place}.{number}", block)
    return tuple(parts)


def tool_results(place: str, content: list[Any]) -> tuple[ToolResult, ...]:
    """Return the results of tools in a user's turn."""
    return tuple(
        _tool_result(f"{place}.{number}", block)
        for number, block in enumerate(content)
        if block["type"] == "tool_result"
    )


def _tool_result(place: str, block: Block) -> ToolResult:
    if block.get("toolset_name"):
        raise unsupported(f"{place}.toolset_name")
    content = block.get("content")
    return ToolResult(
        call_id=block["tool_use_id"],
        parts=_inner(f"{place}.content", content),
        is_error=block.get("is_error") is True,
    )


def _inner(place: str, content: Any) -> tuple[Shown, ...]:
    if type(content) is str:
        return (Text(content),)
    return user_parts(place, content or [])


def plain_text(place: str, block: Block) -> str:
    """Return the text of a block that can be nothing else."""
    if block["type"] != "text":
        raise unsupported(place, "a system message is text")
    text: str = block["text"]
    return text


def _shown(place: str, block: Block) -> Iterator[Shown]:
    match block["type"]:
        case "image":
            yield _image(place, block)
        case "document":
            yield from _document(place, block)
        case "search_result":
            yield _search_result(place, block)
        case kind:
            raise unsupported(place, f"a block of type '{kind}'")


def _image(place: str, block: Block) -> Image:
    if block.get("transformations"):
        raise unsupported(f"{place}.transformations")
    source = block["source"]
    match source["type"]:
        case "base64":
            return Image(media_type=source["media_type"].lower(), data=source["data"])
        case "url":
            return Image(url=source["url"])
        case _:
            raise _no_file(place)


def _no_file(place: str) -> UnsupportedField:
    return unsupported(
        f"{place}.source", "a file that was uploaded to Anthropic; send it inline or by its address"
    )


def _document(place: str, block: Block) -> Iterator[Shown]:
    _refuse_citations(place, block)
    title: str | None = block.get("title")
    if context := block.get("context"):
        yield Text(context)
    source = block["source"]
    match source["type"]:
        case "base64":
            kind = source.get("media_type")
            yield Document(media_type=kind, data=source["data"], name=title)
        case "url":
            yield Document(url=source["url"], name=title)
        case "text":
            yield Text(f"{title}\n\n{source['data']}" if title else source["data"])
        case "content":
            if title:
                yield Text(title)
            yield from _inner(f"{place}.source.content", source.get("content"))
        case _:
            raise _no_file(place)


def _search_result(place: str, block: Block) -> Text:
    _refuse_citations(place, block)
    found = (block.get("title"), block.get("source"))
    content = block.get("content")
    said = [plain_text(f"{place}.content", each) for each in content or ()]
    return Text("\n".join([" | ".join(filter(None, found)), *said]))


def _refuse_citations(place: str, block: Block) -> None:
    citations = block.get("citations")
    if isinstance(citations, dict) and citations.get("enabled"):
        raise unsupported(f"{place}.citations", "answers of other providers cite nothing")


def assistant_parts(place: str, content: list[Any]) -> tuple[Part, ...]:
    """Return what the model has said before; notes on where it found that are left out."""
    parts: list[Part] = []
    seal: str | None = None
    for number, block in enumerate(content):
        match block["type"]:
            case "text":
                parts.append(Text(block["text"]))
            case "thinking":
                signature = block["signature"] or None
                parts.append(Reasoning(text=block["thinking"], signature=signature))
            case "redacted_thinking" if block["data"].startswith(CALL_SEAL):
                seal = block["data"].removeprefix(CALL_SEAL)
            case "redacted_thinking":
                parts.append(Reasoning(redacted=block["data"]))
            case "tool_use":
                parts.append(_tool_call(f"{place}.{number}", block, seal))
                seal = None
            case kind:
                raise unsupported(f"{place}.{number}", f"a block of type '{kind}'")
    return tuple(parts)


def _tool_call(place: str, block: Block, seal: str | None) -> ToolCall:
    caller = block.get("caller")
    if caller and caller != {"type": "direct"}:
        raise unsupported(f"{place}.caller")
    if block.get("toolset_name"):
        raise unsupported(f"{place}.toolset_name")
    arguments = orjson.dumps(block["input"]).decode()
    return ToolCall(id=block["id"], name=block["name"], arguments=arguments, signature=seal)
