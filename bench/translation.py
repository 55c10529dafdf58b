"""What it costs to translate a request: `python -m bench.translation`.

A conversation of 20 messages with two tools, two calls of them and their results is read in each
client format and written in each provider's. Microseconds of one thread; the best of many rounds
counts, since all else on a machine only ever makes it slower.
"""

from __future__ import annotations

import json
import timeit
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from laird.config.compile import compile_snapshot
from laird.config.document import read_document
from laird.domain.catalog import Snapshot
from laird.providers.base import Adapter
from laird.providers.registry import KINDS, build_adapter
from laird.wiring.routes import inference_routes

LIMIT_US = 300.0
"""What a translation is meant to stay under."""

_MESSAGES = 20
_TEXT = "What a request has to say in an ordinary turn of a conversation. " * 4
_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_DOCUMENT = """\
providers:
  - {id: openai, kind: openai, authSecret: "env:K", models: [m]}
  - {id: anthropic, kind: anthropic, authSecret: "env:K", models: [m]}
  - {id: gemini, kind: gemini, authSecret: "env:K", models: [m]}
  - {id: cohere, kind: cohere, authSecret: "env:K", models: [m]}
  - {id: ollama, kind: ollama, endpoint: "http://127.0.0.1:1", models: [{id: m, contextWindow: 32768}]}
"""  # noqa: E501 - one line for each provider


def chat_body() -> dict[str, Any]:
    """Return the conversation as OpenAI's chat completions have it."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": _TEXT}]
    for number in range(2):
        call = {"id": f"c{number}", "type": "function"}
        call["function"] = {"name": "weather", "arguments": '{"city": "Paris"}'}  # type: ignore[assignment]
        messages += [
            {"role": "user", "content": _TEXT},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"c{number}", "content": "18 C and cloudy"},
            {"role": "assistant", "content": _TEXT},
        ]
    while len(messages) < _MESSAGES:
        role = "user" if messages[-1]["role"] == "assistant" else "assistant"
        messages.append({"role": role, "content": _TEXT})
    tools = [
        {"type": "function", "function": {"name": name, "parameters": _SCHEMA}}
        for name in ("weather", "news")
    ]
    return {"model": "m", "messages": messages, "tools": tools, "max_tokens": 500}


def messages_body() -> dict[str, Any]:
    """Return it as Anthropic's Messages have it."""
    turns: list[dict[str, Any]] = []
    for message in chat_body()["messages"][1:]:
        if message["role"] == "tool":
            block = {"type": "tool_result", "tool_use_id": message["tool_call_id"]}
            turns.append({"role": "user", "content": [{**block, "content": message["content"]}]})
        elif message.get("tool_calls"):
            use = {"type": "tool_use", "id": message["tool_calls"][0]["id"], "name": "weather"}
            turns.append({"role": "assistant", "content": [{**use, "input": {"city": "Paris"}}]})
        else:
            turns.append({"role": message["role"], "content": message["content"]})
    tools = [{"name": name, "input_schema": _SCHEMA} for name in ("weather", "news")]
    return {"model": "m", "system": _TEXT, "messages": turns, "tools": tools, "max_tokens": 500}


def responses_body() -> dict[str, Any]:
    """Return it as OpenAI's Responses have it."""
    items: list[dict[str, Any]] = []
    for message in chat_body()["messages"][1:]:
        if message["role"] == "tool":
            output = {"type": "function_call_output", "call_id": message["tool_call_id"]}
            items.append({**output, "output": message["content"]})
        elif message.get("tool_calls"):
            call = message["tool_calls"][0]
            items.append({"type": "function_call", "call_id": call["id"], **call["function"]})
        else:
            items.append({"role": message["role"], "content": message["content"]})
    tools = [
        {"type": "function", "name": name, "parameters": _SCHEMA} for name in ("weather", "news")
    ]
    return {"model": "m", "instructions": _TEXT, "input": items, "tools": tools}


BODIES: Mapping[str, Callable[[], dict[str, Any]]] = {
    "/v1/chat/completions": chat_body,
    "/v1/messages": messages_body,
    "/v1/responses": responses_body,
}


def providers() -> tuple[Snapshot, dict[str, Adapter]]:
    """Return a provider of each format with its adapter."""
    snapshot = compile_snapshot(
        read_document(_DOCUMENT),
        kinds=KINDS,
        environment={"K": "sk-bench"},
        price=lambda *_: None,
    )
    return snapshot, {each.id: build_adapter(each) for each in snapshot.providers.values()}


def measure(rounds: int = 40) -> dict[str, dict[str, float]]:
    """Return microseconds by client route: of reading, and of writing for each provider."""
    snapshot, adapters = providers()
    found: dict[str, dict[str, float]] = {}
    for path, make in BODIES.items():
        chat = inference_routes()[path].chat
        assert chat is not None
        body = json.loads(json.dumps(make()))
        facts = chat.facts(body)
        assert facts is not None
        request = chat.request(body)
        figures = {"read": _best(lambda: chat.request(body), rounds)}  # noqa: B023 - called at once
        for name, adapter in adapters.items():
            model = snapshot.models[f"{name}/m"]
            figures[name] = _best(lambda: adapter.chat_request(model, request), rounds)  # noqa: B023
        found[path] = figures
    return found


def _best(work: Callable[[], object], rounds: int) -> float:
    return min(timeit.repeat(work, number=50, repeat=rounds)) / 50 * 1e6


def main() -> int:
    """Print the figures; return 1 when a translation takes too long."""
    found = measure()
    names = list(next(iter(found.values())))
    table = Table("client, us", *names, box=None, pad_edge=False, header_style="bold")
    worst = 0.0
    for path, figures in found.items():
        read = figures["read"]
        totals = [read + figures[name] for name in names[1:]]
        worst = max(worst, *totals)
        table.add_row(path, f"{read:.0f}", *(f"{total:.0f}" for total in totals))
    console = Console(width=110)
    console.print(table)
    console.print(f"reading and writing together, at most {worst:.0f} us of {LIMIT_US:.0f}")
    return 0 if worst < LIMIT_US else 1


if __name__ == "__main__":
    raise SystemExit(main())
