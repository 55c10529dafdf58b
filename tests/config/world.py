"""A small world for configuration: some kinds and a price list."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from laird.domain.catalog import AuthType, Capabilities, Egress, Kind, Pricing, Rate, Snapshot

KINDS: Mapping[str, Kind] = {
    kind.id: kind
    for kind in (
        Kind(id="demo", title="Demo", egress=Egress.LOCAL, endpoint="demo://"),
        Kind(
            id="ollama",
            title="Ollama",
            egress=Egress.LOCAL,
            endpoint="http://127.0.0.1:11434",
            capabilities=Capabilities(streaming=True),
        ),
        Kind(id="vllm", title="vLLM", egress=Egress.LOCAL, endpoint="http://127.0.0.1:8000/v1"),
        Kind(id="openai-compatible", title="an OpenAI-compatible server", egress=Egress.LOCAL),
        Kind(
            id="openai",
            title="OpenAI",
            egress=Egress.EXTERNAL,
            endpoint="https://api.openai.com/v1",
            auth_type=AuthType.BEARER,
            env_key="OPENAI_API_KEY",
            capabilities=Capabilities(streaming=True, function_calling=True),
            prices_as="openai",
        ),
        Kind(
            id="anthropic",
            title="Anthropic",
            egress=Egress.EXTERNAL,
            endpoint="https://api.anthropic.com",
            auth_type=AuthType.API_KEY,
            env_key="ANTHROPIC_API_KEY",
            prices_as="anthropic",
        ),
        Kind(
            id="azure-openai",
            title="Azure OpenAI",
            egress=Egress.EXTERNAL,
            auth_type=AuthType.API_KEY,
            env_key="AZURE_OPENAI_API_KEY",
            prices_as="azure",
        ),
    )
}

GPT_4O = Pricing(input=Rate(2_500_000_000), output=Rate(10_000_000_000), version="test-1")


def list_price(kind: Kind, upstream_model: str) -> Pricing | None:
    """Know the price of one model at one provider, as a catalogue knows some of many."""
    return GPT_4O if (kind.prices_as, upstream_model) == ("openai", "gpt-4o") else None


CompileText = Callable[..., Snapshot]
"""A text and the environment as keyword arguments, to a snapshot."""
