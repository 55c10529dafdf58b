"""The demo's legacy completions: what it would say in a chat, written as a `text_completion`."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import orjson

from laird.providers.demo_model import CREATED, Reply, WireStream
from laird.wire.openai import wire_usage


class BadPrompt(ValueError):
    """A request that the demo can't complete; the text says why."""


def prompt_of(body: Mapping[str, Any]) -> str:
    """Return the one text to complete. Raises `BadPrompt` for what the demo can't do."""
    prompt = body["prompt"]
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise BadPrompt("The demo completes one text at a time, and no tokens.")
    for field in ("n", "best_of"):
        if (body.get(field) or 1) > 1:
            raise BadPrompt(f"The demo makes one completion: {field} can't be more than 1.")
    for field in ("logprobs", "suffix"):
        if body.get(field) not in {None, ""}:
            raise BadPrompt(f"The demo knows no {field}.")
    return prompt


def as_chat(body: Mapping[str, Any], prompt: str) -> dict[str, Any]:
    """Return the chat that gets the same reply."""
    return {**body, "messages": [{"role": "user", "content": prompt}]}


def completion_body(body: Mapping[str, Any], reply: Reply, *, usage: bool) -> bytes:
    """Write the reply as a `text_completion`."""
    text = _echo(body) + "".join(reply.pieces)
    whole = {**_head(body), "choices": [_choice(text, reply.finish)]}
    if usage:
        whole["usage"] = wire_usage(reply.usage)
    return orjson.dumps(whole)


def completion_stream(body: Mapping[str, Any], reply: Reply, *, usage: bool) -> WireStream:
    """Write the reply as a stream of `text_completion` events."""
    head = _head(body)

    def event(text: str, finish: str | None = None) -> bytes:
        return b"data: " + orjson.dumps({**head, "choices": [_choice(text, finish)]}) + b"\n\n"

    echo = _echo(body)
    closing = [event("", reply.finish)]
    if usage and (body.get("stream_options") or {}).get("include_usage"):
        counts = {**head, "choices": [], "usage": wire_usage(reply.usage)}
        closing.append(b"data: " + orjson.dumps(counts) + b"\n\n")
    closing.append(b"data: [DONE]\n\n")
    return WireStream(
        (event(echo),) if echo else (), tuple(map(event, reply.pieces)), tuple(closing)
    )


def _echo(body: Mapping[str, Any]) -> str:
    return prompt_of(body) if body.get("echo") else ""


def _choice(text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}


def _head(body: Mapping[str, Any]) -> dict[str, Any]:
    digest = zlib.crc32(orjson.dumps(body["prompt"]))
    return {
        "id": f"cmpl-demo-{digest:08x}",
        "object": "text_completion",
        "created": CREATED,
        "model": body["model"],
    }
