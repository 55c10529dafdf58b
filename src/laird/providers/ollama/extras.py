"""Fields of a client's body that we do not model: passed on, left out for a reason, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laird.providers import hints
from laird.providers.ollama.refusals import unsupported

NATIVE = frozenset({"keep_alive", "think", "format"})
"""Fields of Ollama's own, passed on as they are."""

OPTIONS: Mapping[str, str] = {
    "min_p": "min_p",
    "repeat_last_n": "repeat_last_n",
    "repeat_penalty": "repeat_penalty",
    "repetition_penalty": "repeat_penalty",
    "typical_p": "typical_p",
}
"""Sampling fields that other servers take at the top level, and their names in `options`."""

KNOWN_OPTIONS = frozenset(
    {
        "draft_num_predict",
        "frequency_penalty",
        "main_gpu",
        "min_p",
        "num_batch",
        "num_gpu",
        "num_keep",
        "num_predict",
        "num_thread",
        "presence_penalty",
        "repeat_last_n",
        "repeat_penalty",
        "seed",
        "stop",
        "temperature",
        "top_k",
        "top_p",
        "typical_p",
        "use_mmap",
    }
)
"""What may stand in `options`; anything else the server would drop with a line in its log."""

BOOKKEEPING = hints.BOOKKEEPING | {"cache_control"}
"""Labels and hints that change no answer."""

NEUTRAL = {**hints.NEUTRAL, "service_tier": ("auto", "default")}
"""Values that ask for nothing beyond what happens anyway."""


def add_extras(body: dict[str, Any], extra: Mapping[str, Any], provider: str) -> None:
    """Put the fields into the body, over what is there; `options` are merged.

    Raises `UnsupportedField` for the first that has no place.
    """
    options = body["options"]
    for name, value in extra.items():
        if value is None or name in BOOKKEEPING or value in NEUTRAL.get(name, ()):
            continue
        if name in NATIVE:
            body[name] = value
        elif name in OPTIONS:
            options[OPTIONS[name]] = value
        elif name == "options" and isinstance(value, Mapping):
            options.update(_options(value, provider))
        else:
            raise unsupported(provider, name, "its API has nothing like it; leave it out.")


def _options(options: Mapping[str, Any], provider: str) -> Mapping[str, Any]:
    for name in options:
        if name == "num_ctx":
            raise unsupported(
                provider,
                "options.num_ctx",
                "it is the model's contextWindow in Laird's document, the same for all requests,"
                " since another one reloads the model.",
            )
        if name not in KNOWN_OPTIONS:
            raise unsupported(provider, f"options.{name}", "Ollama knows no such option.")
    return options
