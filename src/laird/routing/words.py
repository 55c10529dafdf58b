"""Words for abilities, and the request fields that ask for them."""

from __future__ import annotations

from laird.routing.target import (
    CHAT,
    EMBEDDINGS,
    JSON_MODE,
    REASONING,
    STREAMING,
    TOOLS,
    VISION,
)

ABILITIES: tuple[tuple[int, str, str], ...] = (
    (EMBEDDINGS, "embeddings", "model"),
    (CHAT, "chat", "model"),
    (TOOLS, "tool calls", "tools"),
    (VISION, "images", "messages"),
    (JSON_MODE, "JSON output", "response_format"),
    (STREAMING, "streaming", "stream"),
    (REASONING, "reasoning", "reasoning_effort"),
)
"""Bit, name and request field of each ability, the one that matters most first."""


def missing_words(lacks: int) -> str:
    """Return what a model can't do, from its missing abilities as bits."""
    return "it has no " + ", no ".join(word for bit, word, _ in ABILITIES if lacks & bit)
