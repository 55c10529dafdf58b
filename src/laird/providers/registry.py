"""The kinds of providers that Laird knows, as rows of data, and the adapter that each needs.

A new OpenAI-compatible server is one more row here. Endpoints and health paths are the servers' own
defaults; see docs/providers.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from laird.domain.catalog import AuthType, Capabilities, Egress, Kind, Provider
from laird.providers import openai_traits as traits
from laird.providers.anthropic.adapter import AnthropicAdapter
from laird.providers.base import Adapter
from laird.providers.openai_compat import OpenAIAdapter
from laird.providers.openai_traits import OpenAITraits


class Row(msgspec.Struct, frozen=True):
    """A kind, and how its servers speak: OpenAI's format with some traits, or their own."""

    kind: Kind
    speaks: OpenAITraits | Callable[[Provider], Adapter]


_STREAMS = Capabilities(streaming=True)

ROWS: tuple[Row, ...] = (
    Row(
        Kind(
            id="openai",
            title="OpenAI",
            egress=Egress.EXTERNAL,
            endpoint="https://api.openai.com/v1",
            auth_type=AuthType.BEARER,
            env_key="OPENAI_API_KEY",
            capabilities=Capabilities(streaming=True, function_calling=True, json_mode=True),
            prices_as="openai",
        ),
        traits.OPENAI,
    ),
    Row(
        Kind(
            id="anthropic",
            title="Anthropic",
            egress=Egress.EXTERNAL,
            endpoint="https://api.anthropic.com",
            auth_type=AuthType.API_KEY,
            env_key="ANTHROPIC_API_KEY",
            capabilities=Capabilities(streaming=True, function_calling=True, embeddings=False),
            prices_as="anthropic",
        ),
        AnthropicAdapter,
    ),
    Row(
        Kind(
            id="ollama",
            title="Ollama",
            egress=Egress.LOCAL,
            endpoint="http://127.0.0.1:11434",
            health_path="/api/version",
            capabilities=_STREAMS,
        ),
        traits.OLLAMA,
    ),
    Row(
        Kind(
            id="lmstudio",
            title="LM Studio",
            egress=Egress.LOCAL,
            endpoint="http://127.0.0.1:1234",
            capabilities=_STREAMS,
        ),
        traits.LOCAL,
    ),
    Row(
        Kind(
            id="localai",
            title="LocalAI",
            egress=Egress.LOCAL,
            endpoint="http://127.0.0.1:8080",
            health_path="/readyz",
            capabilities=_STREAMS,
        ),
        traits.LOCAL,
    ),
    Row(
        Kind(
            id="llamacpp",
            title="llama.cpp server",
            egress=Egress.LOCAL,
            endpoint="http://127.0.0.1:8080",
            health_path="/health",
            capabilities=_STREAMS,
        ),
        traits.MODERN_LOCAL,
    ),
    Row(
        Kind(
            id="vllm",
            title="vLLM",
            egress=Egress.LOCAL,
            endpoint="http://127.0.0.1:8000",
            health_path="/health",
            capabilities=_STREAMS,
        ),
        traits.MODERN_LOCAL,
    ),
    Row(
        Kind(
            id="lightllm",
            title="LightLLM",
            egress=Egress.LOCAL,
            endpoint="http://127.0.0.1:8000",
            # Its /health generates a token; this one only answers.
            health_path="/readiness",
            capabilities=_STREAMS,
        ),
        traits.LOCAL,
    ),
    Row(
        Kind(
            id="custom",
            title="OpenAI-compatible server",
            egress=Egress.EXTERNAL,
            auth_type=AuthType.BEARER,
            capabilities=_STREAMS,
        ),
        traits.CUSTOM,
    ),
    Row(
        Kind(
            id="demo",
            title="Demo (offline)",
            egress=Egress.LOCAL,
            endpoint="demo://demo",
            capabilities=Capabilities(
                streaming=True,
                function_calling=True,
                vision=True,
                json_mode=True,
                embeddings=False,
                reasoning=True,
            ),
        ),
        traits.DEMO,
    ),
)

KINDS: Mapping[str, Kind] = {row.kind.id: row.kind for row in ROWS}
"""All kinds by the word in the document's `kind`."""

_BY_KIND: Mapping[str, Row] = {row.kind.id: row for row in ROWS}


def build_adapter(provider: Provider) -> Adapter:
    """Return the adapter for a provider. Raises `ValueError` for an unknown kind or address."""
    row = _BY_KIND.get(provider.kind)
    if row is None:
        raise ValueError(f"There is no kind '{provider.kind}'. Known are: {', '.join(KINDS)}.")
    if isinstance(row.speaks, OpenAITraits):
        return OpenAIAdapter(provider, row.speaks, row.kind.health_path)
    return row.speaks(provider)
