"""The conversation of the measurement is the same in every client's format."""

from __future__ import annotations

import pytest
from bench.translation import BODIES, measure

from laird.domain.chat import ChatRequest, Text, ToolCall, ToolResult
from laird.wiring.routes import inference_routes


def said(request: ChatRequest) -> list[str]:
    found: list[str] = []
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text):
                found.append(part.text)
            elif isinstance(part, ToolCall):
                found.append(part.name)
            elif isinstance(part, ToolResult):
                found += [one.text for one in part.parts if isinstance(one, Text)]
    return found


@pytest.mark.parametrize("path", BODIES)
def test_it_is_the_same_conversation(path: str) -> None:
    chat = inference_routes()[path].chat
    first = inference_routes()["/v1/chat/completions"].chat
    assert chat is not None
    assert first is not None
    assert said(chat.request(BODIES[path]())) == said(
        first.request(BODIES["/v1/chat/completions"]())
    )


def test_every_format_is_measured() -> None:
    figures = measure(rounds=1)
    assert figures.keys() == BODIES.keys()
    for row in figures.values():
        assert row.keys() == {"read", "openai", "anthropic", "gemini", "cohere", "ollama"}
        assert min(row.values()) > 0
