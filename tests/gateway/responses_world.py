"""What the tests of the Responses interface share: OpenAI's SDK before Laird, upstreams behind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import Received, ScriptedUpstream

DEMO = "  - id: demo\n    kind: demo\n    models: [demo, demo-tools, demo-thinking, demo-cut]\n"
USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 12,
}


def openai_provider(url: str, provider_id: str = "o") -> str:
    """Return the entry of a provider that has the Responses interface itself."""
    return (
        f"  - id: {provider_id}\n    kind: openai\n    endpoint: {url}/v1\n    models: [m]\n"
        "    authType: null\n"
    )


@asynccontextmanager
async def sdk_before(home: Path, document: str) -> AsyncIterator[tuple[Any, RunningLaird]]:
    """Serve a document with OpenAI's SDK before it; its answers are unions of a hundred types."""
    async with (
        running_laird(home, document) as laird,
        AsyncOpenAI(base_url=f"{laird.url}/v1", api_key=laird.key, max_retries=0) as sdk,
    ):
        yield sdk, laird


def asked(upstream: ScriptedUpstream, path: str = "/responses") -> list[Received]:
    """Return the requests that came, without the probes."""
    return [one for one in upstream.requests if one.path.endswith(path)]


def response(text: str = "Hello there.", **fields: Any) -> dict[str, Any]:
    """Return a response object as OpenAI sends it."""
    return {
        "id": "resp_up",
        "object": "response",
        "created_at": 7,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "m-2026",
        "output": [message(text)],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": False,
        "tool_choice": "auto",
        "tools": [],
        "usage": USAGE,
        **fields,
    }


def message(text: str, item_id: str = "msg_up", status: str = "completed") -> dict[str, Any]:
    """Return an output message."""
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    return {
        "id": item_id,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [part] if text else [],
    }


def wire(event: dict[str, Any]) -> bytes:
    """Return one server-sent event."""
    data = json.dumps(event, separators=(",", ":"))
    return f"event: {event['type']}\ndata: {data}\n\n".encode()


def stream(*texts: str, last: str = "completed", **fields: Any) -> list[bytes]:
    """Return a streamed response as OpenAI sends it, one event in each piece."""
    whole = response("".join(texts), **fields)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    place = {"item_id": "msg_up", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    done = whole["output"][0]["content"][0]
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": message("", status="in_progress"),
        },
        {"type": "response.content_part.added", **place, "part": part},
        *(
            {"type": "response.output_text.delta", **place, "delta": text, "logprobs": []}
            for text in texts
        ),
        {"type": "response.output_text.done", **place, "text": done["text"], "logprobs": []},
        {"type": "response.content_part.done", **place, "part": done},
        {"type": "response.output_item.done", "output_index": 0, "item": whole["output"][0]},
        {"type": f"response.{last}", "response": {**whole, "status": last}},
    ]
    return [wire({"sequence_number": number, **event}) for number, event in enumerate(events)]


def one_try_each(*entries: str) -> str:
    """Return a document in which each chain `one0`, `one1`, … tries one provider once.

    What befalls one of them leaves the others as healthy as they were.
    """
    ids = [entry.partition("id: ")[2].partition("\n")[0] for entry in entries]
    chains = "".join(
        f"  - id: one{number}\n    models:\n"
        f"      - {{providerId: {provider_id}, modelId: m, maxRetries: 0}}\n"
        for number, provider_id in enumerate(ids)
    )
    return "providers:\n" + "".join(entries) + "chains:\n" + chains
