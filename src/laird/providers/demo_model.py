"""The demo model: what it answers, as a pure function of the request."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from itertools import cycle, islice
from typing import Any

import msgspec
import orjson

from laird.domain.tokens import TokenUsage, estimate_tokens
from laird.providers.demo_schema import instance_of
from laird.providers.demo_script import Script
from laird.wire.openai import wire_usage

CREATED = 1_735_689_600
"""The time in each answer, Unix seconds: the same request gets the same bytes."""

_TOKENS_PER_IMAGE = 85
_PIECE = 12
"""Characters of a tool call's arguments per chunk."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer before it is written: pieces of text or of one tool call's arguments."""

    pieces: tuple[str, ...]
    tool: str | None
    thinking: str
    finish: str
    usage: TokenUsage


def reply_to(body: Mapping[str, Any], script: Script, text: str) -> Reply:
    """Return the answer to a request whose last message says `text`."""
    call = _call(body, script)
    thinking = "The user wrote something. I repeat it." if script.think else ""
    finish = "stop"
    if call is not None:
        tool, arguments = call
        finish = "tool_calls"
        pieces = [arguments[i : i + _PIECE] for i in range(0, len(arguments), _PIECE)]
    else:
        tool = None
        pieces = _pieces(_text(body, text), script.chunks)
        pieces, finish = _limited(pieces, body)
    length = sum(map(len, pieces))
    usage = TokenUsage(
        prompt=_prompt_tokens(body["messages"]),
        completion=estimate_tokens(length + len(thinking)),
        reasoning=estimate_tokens(len(thinking)),
    )
    return Reply(pieces=tuple(pieces), tool=tool, thinking=thinking, finish=finish, usage=usage)


def last_text(messages: Iterable[Mapping[str, Any]]) -> str:
    """Return the text of the last message that a user wrote."""
    texts = [_text_of(m.get("content")) for m in messages if m.get("role") == "user"]
    return texts[-1] if texts else ""


def _text_of(content: object) -> str:
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _images(content: object) -> int:
    parts = content if isinstance(content, list) else ()
    return sum(1 for part in parts if isinstance(part, dict) and part.get("type") == "image_url")


def _prompt_tokens(messages: Iterable[Mapping[str, Any]]) -> int:
    contents = [message.get("content") for message in messages]
    characters = sum(len(_text_of(content)) for content in contents)
    return estimate_tokens(characters) + _TOKENS_PER_IMAGE * sum(map(_images, contents))


def _call(body: Mapping[str, Any], script: Script) -> tuple[str, str] | None:
    """Return the tool to call and its arguments, where one is to be called."""
    if body["messages"][-1].get("role") == "tool" or body.get("tool_choice") == "none":
        return None
    if script.tool is not None:
        return script.tool
    functions = {
        tool["function"]["name"]: tool["function"]
        for tool in body.get("tools") or ()
        if isinstance(tool.get("function"), dict) and "name" in tool["function"]
    }
    choice = body.get("tool_choice")
    named = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    if not functions or not (script.tools or named or choice == "required"):
        return None
    function = functions.get(named) or next(iter(functions.values()))
    arguments = instance_of(function.get("parameters") or {})
    return function["name"], orjson.dumps(arguments or {}).decode()


def _text(body: Mapping[str, Any], text: str) -> str:
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        schema = (form.get("json_schema") or {}).get("schema") or {}
        return orjson.dumps(instance_of(schema)).decode()
    last = body["messages"][-1]
    if last.get("role") == "tool":
        said = f"The tool answered: {_text_of(last.get('content'))}"
    else:
        said = f"This is the Laird demo model. You said: {text}"
        images = _images(last.get("content"))
        if images:
            said += f" (and sent {images} image{'s' * (images > 1)})"
    if form.get("type") == "json_object":
        return orjson.dumps({"answer": said}).decode()
    return said


def _pieces(text: str, count: int | None) -> list[str]:
    """Return the text word by word; with a count, so many words, over and over."""
    words = re.findall(r"\s*\S+\s*?(?=\s|$)", text) or [text]
    if count is None:
        return words
    first, rest = words[0], [word if word[:1].isspace() else f" {word}" for word in words]
    return [first, *islice(cycle([*rest[1:], rest[0]]), count - 1)]


def _limited(pieces: list[str], body: Mapping[str, Any]) -> tuple[list[str], str]:
    """Obey `stop` and the limit of tokens; return what is left and why it ended."""
    text, finish = "".join(pieces), "stop"
    end = len(text)
    stops = body.get("stop")
    for stop in (stops,) if isinstance(stops, str) else stops or ():
        at = text.find(stop) if stop else -1
        end = min(end, at) if at >= 0 else end
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit is not None and 4 * limit < end:
        end, finish = 4 * limit, "length"
    if end == len(text):
        return pieces, finish
    kept: list[str] = []
    for piece in pieces:
        if end <= 0:
            break
        kept.append(piece[:end])
        end -= len(piece)
    return kept, finish


def answer_body(body: Mapping[str, Any], reply: Reply, *, usage: bool) -> bytes:
    """Write the reply as a `chat.completion`."""
    text = "".join(reply.pieces)
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if reply.tool is not None:
        function = {"name": reply.tool, "arguments": text}
        message |= {
            "content": None,
            "tool_calls": [{**_call_head(body), "function": function}],
        }
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish}
    whole = {**_head(body, "chat.completion"), "choices": [choice]}
    if usage:
        whole["usage"] = wire_usage(reply.usage)
    return orjson.dumps(whole)


class WireStream(msgspec.Struct, frozen=True):
    """A streamed reply: events before the pieces, one event per piece, events after them."""

    opening: tuple[bytes, ...]
    pieces: tuple[bytes, ...]
    closing: tuple[bytes, ...]


def answer_stream(body: Mapping[str, Any], reply: Reply, *, usage: bool) -> WireStream:
    """Write the reply as a stream of `chat.completion.chunk` events."""
    head = _head(body, "chat.completion.chunk")

    def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return b"data: " + orjson.dumps({**head, "choices": [choice]}) + b"\n\n"

    opening = [event({"role": "assistant", "content": "" if reply.tool is None else None})]
    if reply.thinking:
        opening.append(event({"reasoning_content": reply.thinking}))
    if reply.tool is not None:
        start = {"index": 0, **_call_head(body), "function": {"name": reply.tool, "arguments": ""}}
        opening.append(event({"tool_calls": [start]}))
        pieces = [
            event({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
            for piece in reply.pieces
        ]
    else:
        pieces = [event({"content": piece}) for piece in reply.pieces]
    closing = [event({}, reply.finish)]
    if usage and (body.get("stream_options") or {}).get("include_usage"):
        counts = {**head, "choices": [], "usage": wire_usage(reply.usage)}
        closing.append(b"data: " + orjson.dumps(counts) + b"\n\n")
    closing.append(b"data: [DONE]\n\n")
    return WireStream(tuple(opening), tuple(pieces), tuple(closing))


def _head(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-demo-{_digest(body)}",
        "object": kind,
        "created": CREATED,
        "model": body["model"],
    }


def _call_head(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": f"call_demo_{_digest(body)}", "type": "function"}


def _digest(body: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(orjson.dumps(body['messages'])):08x}"
