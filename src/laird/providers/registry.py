"""The kinds of providers that Laird knows, as rows of data, and the adapter that each needs.

A new OpenAI-compatible server is one more row here. Endpoints and health paths are the servers' own
defaults; see docs/providers.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from laird.domain.catalog import AuthType, Capabilities, Egress, Kind, Provider
from laird.domain.local_models import LIBRARY
from laird.providers import local_state
from laird.providers import openai_traits as traits
from laird.providers.anthropic.adapter import AnthropicAdapter
from laird.providers.azure import AzureAdapter
from laird.providers.base import Adapter
from laird.providers.cohere.adapter import CohereAdapter
from laird.providers.gemini.adapter import GeminiAdapter
from laird.providers.library import LibraryAdapter
from laird.providers.local_state import LocalServerAdapter, StateSource
from laird.providers.ollama.adapter import OllamaAdapter
from laird.providers.openai_compat import OpenAIAdapter
from laird.providers.openai_traits import OpenAITraits


class Row(msgspec.Struct, frozen=True):
    """A kind, and how its servers speak: OpenAI's format with some traits, or their own."""

    kind: Kind
    speaks: OpenAITraits | Callable[[Provider], Adapter]
    state: StateSource | None = None
    """Where servers with traits say which models are loaded, if they do."""


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
            id="gemini",
            title="Google Gemini",
            egress=Egress.EXTERNAL,
            endpoint="https://generativelanguage.googleapis.com",
            auth_type=AuthType.API_KEY,
            env_key="GEMINI_API_KEY",
            capabilities=Capabilities(streaming=True, function_calling=True, json_mode=True),
            prices_as="google",
        ),
        GeminiAdapter,
    ),
    Row(
        Kind(
            id="cohere",
            title="Cohere",
            egress=Egress.EXTERNAL,
            endpoint="https://api.cohere.com",
            auth_type=AuthType.BEARER,
            env_key="COHERE_API_KEY",
            capabilities=Capabilities(streaming=True, function_calling=True, json_mode=True),
            prices_as="cohere",
        ),
        CohereAdapter,
    ),
    Row(
        Kind(
            id="azure",
            title="Azure OpenAI",
            egress=Egress.EXTERNAL,
            auth_type=AuthType.API_KEY,
            env_key="AZURE_OPENAI_API_KEY",
            capabilities=Capabilities(streaming=True, function_calling=True, json_mode=True),
            prices_as="azure",
        ),
        AzureAdapter,
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
        OllamaAdapter,
    ),
    Row(
        Kind(
            id="lmstudio",
            title="LM Studio",
            egress=Egress.LOCAL,
            endpoint="http://127.0.0.1:1234",
            capabilities=_STREAMS,
        ),
        traits.LMSTUDIO,
        local_state.LM_STUDIO,
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
        local_state.LOCAL_AI,
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
        local_state.LLAMA_CPP,
    ),
    Row(
        Kind(
            id=LIBRARY,
            title="Local library",
            egress=Egress.LOCAL,
            endpoint=f"{LIBRARY}://{LIBRARY}",
            health_path="/health",
            # No vision projector is loaded beside a model.
            capabilities=Capabilities(streaming=True, vision=False),
        ),
        LibraryAdapter,
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
        local_state.VLLM,
    ),
    Row(
        Kind(
            id="lightllm",
            title="LightLLM",
            egress=Egress.LOCAL,
            endpoint="http://127.0.0.1:8000",
            # Its /health generates a token; this one only answers.
            health_path="/readiness",
            capabilities=Capabilities(streaming=True, embeddings=False),
        ),
        traits.LIGHTLLM,
        local_state.LIGHT_LLM,
    ),
    Row(
        Kind(
            id="mistral",
            title="Mistral",
            egress=Egress.EXTERNAL,
            endpoint="https://api.mistral.ai/v1",
            auth_type=AuthType.BEARER,
            env_key="MISTRAL_API_KEY",
            capabilities=Capabilities(streaming=True, function_calling=True, json_mode=True),
            prices_as="mistral",
        ),
        traits.MISTRAL,
    ),
    Row(
        Kind(
            id="groq",
            title="Groq",
            egress=Egress.EXTERNAL,
            endpoint="https://api.groq.com/openai/v1",
            auth_type=AuthType.BEARER,
            env_key="GROQ_API_KEY",
            capabilities=Capabilities(
                streaming=True, function_calling=True, json_mode=True, embeddings=False
            ),
            prices_as="groq",
        ),
        traits.GROQ,
    ),
    Row(
        Kind(
            id="deepseek",
            title="DeepSeek",
            egress=Egress.EXTERNAL,
            endpoint="https://api.deepseek.com/v1",
            auth_type=AuthType.BEARER,
            env_key="DEEPSEEK_API_KEY",
            capabilities=Capabilities(
                streaming=True,
                function_calling=True,
                vision=False,
                json_mode=True,
                embeddings=False,
            ),
            prices_as="deepseek",
        ),
        traits.DEEPSEEK,
    ),
    Row(
        Kind(
            id="openrouter",
            title="OpenRouter",
            egress=Egress.EXTERNAL,
            endpoint="https://openrouter.ai/api/v1",
            auth_type=AuthType.BEARER,
            env_key="OPENROUTER_API_KEY",
            capabilities=_STREAMS,
            prices_as="openrouter",
        ),
        traits.OPENROUTER,
    ),
    Row(
        Kind(
            id="together",
            title="Together AI",
            egress=Egress.EXTERNAL,
            endpoint="https://api.together.xyz/v1",
            auth_type=AuthType.BEARER,
            env_key="TOGETHER_API_KEY",
            capabilities=_STREAMS,
            prices_as="together",
        ),
        traits.TOGETHER,
    ),
    Row(
        Kind(
            id="xai",
            title="xAI",
            egress=Egress.EXTERNAL,
            endpoint="https://api.x.ai/v1",
            auth_type=AuthType.BEARER,
            env_key="XAI_API_KEY",
            capabilities=Capabilities(
                streaming=True, function_calling=True, json_mode=True, embeddings=False
            ),
            prices_as="x-ai",
        ),
        traits.XAI,
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
                embeddings=True,
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
        if row.state is not None:
            return LocalServerAdapter(provider, row.speaks, row.kind.health_path, row.state)
        return OpenAIAdapter(provider, row.speaks, row.kind.health_path)
    return row.speaks(provider)
