"""What is asked of the response cache, and what it answered, as values."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class CacheWish(StrEnum):
    """What a request says of the cache in its header `x-laird-cache`."""

    USE = "use"
    """Answer from the cache where it can, and keep the answer where it can't."""
    REFRESH = "refresh"
    """Ask a provider, and keep the new answer in the place of the old one."""
    OFF = "off"
    """Neither answer from the cache nor keep anything, whatever key and rules say."""


class CacheMark(StrEnum):
    """What the cache did for a request, as the answer's header says it."""

    OFF = "off"
    """Nothing: nobody asked for it."""
    MISS = "miss"
    REFRESH = "refresh"
    HIT = "hit"


class CacheRule(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that use the cache unasked: all that fit each list that is not empty.

    The lists hold patterns in which `*` stands for any characters.
    """

    models: tuple[str, ...] = ()
    """Names as the client writes them, or what an alias among them stands for."""
    keys: tuple[str, ...] = ()
    """Names of keys, or their ids."""
    workflows: tuple[str, ...] = ()


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the cache behaves. Sizes are bytes of memory; `max_bytes` of 0 switches it off."""

    ttl_s: float = 3600.0
    """Seconds for which an answer is good."""
    max_bytes: int = 64 * 1024 * 1024
    max_entry_bytes: int = 1024 * 1024
    shared: bool = False
    """An answer that one key got may be given to another one."""
    rules: tuple[CacheRule, ...] = ()
