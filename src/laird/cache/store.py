"""The answers themselves: by fingerprint, bounded in bytes, the least recently used go first."""

from __future__ import annotations

import sys
from collections import OrderedDict, deque

import msgspec

from laird.domain.cache import CacheSettings

OVERHEAD_BYTES = 760
"""What an entry takes beside its two bodies: the value, its name, and its places in the tables."""
_COMPACT_ABOVE = 1024


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One answer as a client got it."""

    body: bytes
    """The whole body, or a stream up to its last piece."""
    tail: bytes = b""
    """The last piece of a stream: why it ended, and the mark of its end."""
    stream: bool
    key_id: str
    """Who asked."""
    provider: str
    model: str
    upstream_model: str
    external: bool
    """The text of the request left our machines for it."""
    stored_at: float
    """Monotonic seconds."""
    tokens: int
    """Of prompt and answer; what each repetition saves."""
    cost_nano: int | None
    """What the answer cost; None where the price is unknown."""

    @property
    def size(self) -> int:
        """Bytes of memory that it takes."""
        return sys.getsizeof(self.body) + sys.getsizeof(self.tail) + OVERHEAD_BYTES


class CacheStats(msgspec.Struct, frozen=True, kw_only=True):
    """The cache at one moment; the counts are since the start of the server."""

    entries: int
    bytes: int
    """Memory that the entries take, and the answers that are being recorded."""
    max_bytes: int
    max_entry_bytes: int
    ttl_s: float
    shared: bool
    rules: int
    hits: int
    misses: int
    """Requests that asked for the cache and went to a provider, refreshes among them."""
    refreshes: int
    stored: int
    evicted: int
    """Entries that had to make room."""
    expired: int
    too_large: int
    """Answers that were too large to be kept."""
    saved_tokens: int
    saved_nano: int
    """Nano-dollars that the hits would have cost, as far as prices are known."""


class ResponseCache:
    """Used from one thread only, the event loop's. `now` is monotonic seconds throughout."""

    def __init__(self, settings: CacheSettings | None = None) -> None:
        self._settings = settings or CacheSettings()
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._ages: deque[tuple[float, bytes]] = deque()
        """Names with the time at which they were stored, oldest first. Some are gone by now."""
        self._bytes = 0
        self._recording = 0
        self._refreshes = 0
        self._hits = self._misses = self._stored = 0
        self._evicted = self._expired = self._too_large = 0
        self._saved_tokens = self._saved_nano = 0

    def __len__(self) -> int:
        return len(self._entries)

    def configure(self, settings: CacheSettings) -> None:
        """Go by other settings from now on; what does not fit them any more is dropped."""
        self._settings = settings
        for name, entry in tuple(self._entries.items()):
            if entry.size > settings.max_entry_bytes:
                self._evict(name)
        self._make_room(0)

    def get(self, name: bytes, now: float) -> Entry | None:
        """Return the answer of that name, which is then the most recently used one."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        if now - entry.stored_at >= self._settings.ttl_s:
            self.sweep(now)
            return None
        self._entries.move_to_end(name)
        return entry

    def put(self, name: bytes, entry: Entry) -> bool:
        """Keep an answer in the place of an earlier one, which goes even if this does not fit."""
        self._drop(name)
        size = entry.size
        if size > self._settings.max_entry_bytes or not self._make_room(size):
            self._too_large += 1
            return False
        self._entries[name] = entry
        self._bytes += size
        self._stored += 1
        if len(self._ages) > _COMPACT_ABOVE + 2 * len(self._entries):
            self._ages = deque(each for each in self._ages if self._is_current(*each))
        self._ages.append((entry.stored_at, name))
        self.sweep(entry.stored_at)
        return True

    def sweep(self, now: float) -> None:
        """Forget what is too old."""
        born_before = now - self._settings.ttl_s
        ages = self._ages
        while ages and ages[0][0] <= born_before:
            stored_at, name = ages.popleft()
            if self._is_current(stored_at, name):
                self._drop(name)
                self._expired += 1

    def clear(self, key_id: str | None = None) -> int:
        """Forget everything, or what one key asked for; returns how many answers that was."""
        gone = [
            name
            for name, entry in self._entries.items()
            if key_id is None or entry.key_id == key_id
        ]
        for name in gone:
            self._drop(name)
        return len(gone)

    def recorder(self) -> Recording:
        """Begin to record an answer, which counts as memory while it is under way."""
        return Recording(self)

    def hold(self, held: int, more: int) -> bool:
        """Take memory for a recording that has `held` bytes; False where that is too much."""
        too_much = held + more + OVERHEAD_BYTES > self._settings.max_entry_bytes
        if too_much or not self._make_room(more):
            self._too_large += 1
            return False
        self._recording += more
        return True

    def release(self, held: int) -> None:
        """Take the memory of a recording back."""
        self._recording -= held

    def hit(self, entry: Entry) -> None:
        """Count an answer that was given again."""
        self._hits += 1
        self._saved_tokens += entry.tokens
        self._saved_nano += entry.cost_nano or 0

    def miss(self, *, refresh: bool) -> None:
        """Count a request that asked for the cache and goes to a provider."""
        self._misses += 1
        self._refreshes += refresh

    def stats(self) -> CacheStats:
        """Return the state of this moment."""
        settings = self._settings
        return CacheStats(
            entries=len(self._entries),
            bytes=self._bytes + self._recording,
            max_bytes=settings.max_bytes,
            max_entry_bytes=settings.max_entry_bytes,
            ttl_s=settings.ttl_s,
            shared=settings.shared,
            rules=len(settings.rules),
            hits=self._hits,
            misses=self._misses,
            refreshes=self._refreshes,
            stored=self._stored,
            evicted=self._evicted,
            expired=self._expired,
            too_large=self._too_large,
            saved_tokens=self._saved_tokens,
            saved_nano=self._saved_nano,
        )

    def _make_room(self, size: int) -> bool:
        """Evict until `size` more bytes fit; False when they can't."""
        limit = self._settings.max_bytes - self._recording - size
        while self._bytes > limit and self._entries:
            self._evict(next(iter(self._entries)))
        return self._bytes <= limit

    def _evict(self, name: bytes) -> None:
        self._drop(name)
        self._evicted += 1

    def _drop(self, name: bytes) -> None:
        entry = self._entries.pop(name, None)
        if entry is not None:
            self._bytes -= entry.size

    def _is_current(self, stored_at: float, name: bytes) -> bool:
        entry = self._entries.get(name)
        return entry is not None and entry.stored_at == stored_at


class Recording:
    """The bytes of one answer while it passes. It is given up when it gets too large."""

    __slots__ = ("_cache", "_pieces", "size", "whole")

    def __init__(self, cache: ResponseCache) -> None:
        self._cache = cache
        self._pieces: list[bytes] = []
        self.size = 0
        """Bytes recorded."""
        self.whole = True
        """Nothing is missing."""

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        if not self.whole:
            return
        if self._cache.hold(self.size, len(data)):
            self._pieces.append(data)
            self.size += len(data)
        else:
            self.whole = False
            self.close()

    def take(self) -> bytes:
        """Return what was recorded, and end."""
        body = b"".join(self._pieces)
        self.close()
        return body

    def close(self) -> None:
        """Give the memory back. Closing again changes nothing."""
        self._cache.release(self.size)
        self._pieces.clear()
        self.size = 0
