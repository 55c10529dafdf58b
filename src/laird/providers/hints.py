"""Fields of OpenAI's formats that ask nothing of an upstream which has nothing like them.

A provider with formats of its own leaves them out in silence; any other field that it has no place
for is refused. Its `extras.py` says what differs there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BOOKKEEPING = frozenset(
    {
        "metadata",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "stream_options",
    }
)
"""Labels and hints that change no answer."""

NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "modalities": (["text"],),
    "service_tier": ("auto",),
    "store": (False,),
    "verbosity": ("medium",),
}
"""Values that ask for nothing beyond what happens anyway."""
