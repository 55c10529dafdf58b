"""Documents for tests."""

from __future__ import annotations

from tests.support.upstream import ScriptedUpstream


def provider(
    provider_id: str, url: str, *, kind: str = "custom", models: str = "[m]", **fields: object
) -> str:
    """Return one provider's entry; fields in the document's own words."""
    more = "".join(f"    {name}: {value}\n" for name, value in fields.items())
    return (
        f"  - id: {provider_id}\n    kind: {kind}\n    type: local\n    endpoint: {url}\n"
        f"    models: {models}\n{more}"
    )


def document(*providers: str, rest: str = "") -> str:
    """Return a document of these providers."""
    return "providers:\n" + "".join(providers) + rest


def chain(chain_id: str, *steps: str, retries: int = 0) -> str:
    """Return a `chains` section with one chain over `provider/model` steps."""
    lines = "".join(
        f"      - {{providerId: {step.partition('/')[0]}, modelId: {step.partition('/')[2]},"
        f" maxRetries: {retries}}}\n"
        for step in steps
    )
    return f"chains:\n  - id: {chain_id}\n    models:\n{lines}"


def pair(first: ScriptedUpstream, second: ScriptedUpstream, *, retries: int = 0) -> str:
    """Return a document in which the chain `both` tries `a/m`, then `b/m`."""
    return document(
        provider("a", first.url),
        provider("b", second.url),
        rest=chain("both", "a/m", "b/m", retries=retries),
    )
