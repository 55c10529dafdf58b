"""Laird: one self-hosted endpoint in front of local models and cloud providers.

`laird.open` opens it inside a program. What is named here is loaded when it is first used, so that
importing the package costs nothing.
"""

import importlib

__version__ = "0.1.0"

_PLACES = {
    "Answer": "laird.embed.results",
    "ChatStream": "laird.embed.stream",
    "CostEstimate": "laird.embed.results",
    "CostSummary": "laird.embed.results",
    "Delta": "laird.embed.results",
    "Explanation": "laird.embed.results",
    "Gateway": "laird.embed.gateway",
    "HealthReport": "laird.embed.results",
    "LairdError": "laird.domain.errors",
    "ModelInfo": "laird.embed.results",
    "Provider": "laird.embed.provider",
    "ProviderManager": "laird.embed.manager",
    "ProviderStatus": "laird.embed.results",
    "ToolCall": "laird.embed.results",
    "Vectors": "laird.embed.results",
    "open": "laird.embed.session",
}
"""What programs use, and where it is; `__init__.pyi` tells type checkers the same."""

__all__ = ["__version__", *_PLACES]  # noqa: PLE0604 - all of them are texts


def __getattr__(name: str) -> object:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module 'laird' has no attribute '{name}'")
    found = getattr(importlib.import_module(place), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
