"""How the servers that speak OpenAI's chat format differ, as data: one value per kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class OpenAITraits(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of OpenAI-compatible server does otherwise than OpenAI."""

    limit_field: str = "max_tokens"
    """The field for the output limit when Laird writes the body."""
    knows_completion_limit: bool = False
    """It reads `max_completion_tokens`; where not, that is renamed to `max_tokens`."""
    top_k: bool = True
    """It honours `top_k`, which is not in OpenAI's format."""
    takes_reasoning: bool = True
    """It reads an assistant's earlier thinking in `reasoning_content`."""
    ignores: frozenset[str] = frozenset()
    """Fields that it drops in silence: asking for them is refused."""
    api_key_header: str = "authorization"
    """Where a credential of authType api_key goes; in `authorization` it is a bearer token."""
    cloud_suffixes: tuple[str, ...] = ()
    """Endings of model names that are run elsewhere, though the server is ours."""


OPENAI = OpenAITraits(
    limit_field="max_completion_tokens",
    knows_completion_limit=True,
    top_k=False,
    takes_reasoning=False,
)
OLLAMA = OpenAITraits(
    top_k=False,
    ignores=frozenset({"n", "logit_bias", "tool_choice"}),
    cloud_suffixes=("-cloud", ":cloud"),
)
"""Ollama's `/v1`, by its source openai/openai.go: the fields it ignores are not in its structs."""
LOCAL = OpenAITraits()
MODERN_LOCAL = OpenAITraits(knows_completion_limit=True)
"""vLLM and llama.cpp's server."""
CUSTOM = OpenAITraits(knows_completion_limit=True, api_key_header="x-api-key")
DEMO = OpenAITraits(knows_completion_limit=True)


def asks_for(field: str, value: Any) -> bool:
    """Tell whether a value of a field that may be ignored wishes for more than the default."""
    if field == "n":
        return value not in {None, 1}
    if field == "tool_choice":
        return value not in (None, "auto", "none")
    return bool(value)


def without_tools(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body that offers no tools, which is what `tool_choice: none` means."""
    return {key: value for key, value in body.items() if key not in {"tools", "tool_choice"}}
