"""Reading a request: what is in it, as far as it is not known yet."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import orjson

from laird.privacy.apart import Apart, DetectorFailed
from laird.privacy.harmless import is_harmless
from laird.privacy.known import Known
from laird.privacy.sought import FIRST_WORD, SEALED, Sought

INLINE_BYTES = 4096
"""Up to so much is read where the request is; it takes less than a millisecond."""

_SCAN = "laird.privacy.scan"
_BIG = 256 * 1024
_LISTS = frozenset({"contents", "functions", "input", "messages", "system", "tools"})
"""Fields of requests, as the dialects call them, that hold objects which come again each time."""

_Scan = Callable[[bytes, Sought], int]


class ReaderState(msgspec.Struct, frozen=True, kw_only=True):
    """How much was read, for metrics and the administration."""

    scanned: int
    """Messages that were looked at."""
    known: int
    """Messages that had been looked at before."""
    failures: int
    """Requests that could not be looked at, and so counted as sensitive."""
    process: int | None
    """The id of the process that reads long texts; None while there is none."""


class Reader:
    """Reads requests. Detectors are loaded when they are first needed, off the event loop."""

    def __init__(self, *, inline_bytes: int = INLINE_BYTES, apart: Apart | None = None) -> None:
        self._inline_bytes = inline_bytes
        self._apart = apart or Apart()
        self._scan: _Scan | None = None
        self._loading = asyncio.Lock()
        self._scanned = self._hits = self._failures = 0

    @property
    def state(self) -> ReaderState:
        """The counters of this moment."""
        return ReaderState(
            scanned=self._scanned,
            known=self._hits,
            failures=self._failures,
            process=self._apart.pid,
        )

    def glance(self, known: Known, body: Mapping[str, Any], sought: Sought) -> int | None:
        """Return what is in a request of which little is new; None for one to `read`.

        Raises `DetectorFailed`.
        """
        if self._scan is None:
            return None
        try:
            # A rule's words may stand in what is harmless to detectors.
            pieces = units(body, harmless_too=bool(sought.words))
            return self._glanced(self._scan, known, pieces, sought)
        except Exception as error:  # noqa: BLE001 - what a detector stumbles over is not read
            self._failures += 1
            raise DetectorFailed(type(error).__name__) from None

    def _glanced(
        self, scan: _Scan, known: Known, pieces: Iterable[bytes], sought: Sought
    ) -> int | None:
        left = self._inline_bytes
        mask = _mask(sought)
        found = 0
        for raw in pieces:
            if len(raw) > left:
                return None
            digest = known.digest(raw)
            bits = known.get(digest, mask)
            if bits is None:
                bits = scan(raw, sought)
                known.put(digest, mask, bits)
                left -= len(raw)
                self._scanned += 1
            else:
                self._hits += 1
            found |= bits
        return found

    async def read(self, known: Known, body: Mapping[str, Any], sought: Sought) -> int:
        """Return what is in a request, as `scan` does. Raises `DetectorFailed`.

        `known` is what was found before by whoever looks for this.
        """
        try:
            return await self._read(known, body, sought)
        except DetectorFailed:
            self._failures += 1
            raise
        except Exception as error:  # noqa: BLE001 - what a detector stumbles over is not read
            self._failures += 1
            raise DetectorFailed(type(error).__name__) from None

    async def _read(self, known: Known, body: Mapping[str, Any], sought: Sought) -> int:
        mask = _mask(sought)
        found = size = 0
        missing: dict[bytes, bytes] = {}
        for raw in units(body):
            digest = known.digest(raw) if len(raw) < _BIG else await _digest(known, raw)
            bits = known.get(digest, mask)
            if bits is not None:
                found |= bits
                self._hits += 1
            elif digest not in missing:
                missing[digest] = raw
                size += len(raw)
        if missing:
            raws = list(missing.values())
            for digest, bits in zip(missing, await self._look(raws, size, sought), strict=True):
                known.put(digest, mask, bits)
                found |= bits
            self._scanned += len(raws)
        return found

    async def _look(self, raws: list[bytes], size: int, sought: Sought) -> list[int]:
        if size > self._inline_bytes:
            return await self._apart.scan(raws, sought)
        scan = self._scan or await self._loaded()
        return [scan(raw, sought) for raw in raws]

    async def warm_up(self) -> None:
        """Have everything ready before the first request needs it. Raises `DetectorFailed`."""
        try:
            await self._loaded()
            await self._apart.warm_up()
        except (ImportError, OSError, EOFError) as error:
            raise DetectorFailed(f"{type(error).__name__}: {error}") from error

    async def _loaded(self) -> _Scan:
        async with self._loading:
            if self._scan is None:
                module = await asyncio.to_thread(importlib.import_module, _SCAN)
                self._scan = module.scan
            scan = self._scan
        assert scan is not None  # noqa: S101 - it was loaded just now
        return scan

    async def close(self) -> None:
        """End the process that reads long texts."""
        await self._apart.close()


async def _digest(known: Known, raw: bytes) -> bytes:
    return await asyncio.to_thread(known.digest, raw)


def units(body: Mapping[str, Any], *, harmless_too: bool = True) -> Iterator[bytes]:
    """Yield a body in pieces that are likely to come again: each message, each tool, the rest.

    Messages in which detectors find nothing can be left out.
    """
    rest: dict[str, Any] = {}
    for field, value in body.items():
        # What hangs on another name is read with that.
        if isinstance(value, list) and value and isinstance(value[0], dict) and field in _LISTS:
            for each in value:
                if harmless_too or not is_harmless(each):
                    yield orjson.dumps(each)
        else:
            rest[field] = value
    if rest:
        yield orjson.dumps(rest)


def _mask(sought: Sought) -> int:
    """Return all bits that can be found."""
    return sought.categories | SEALED | ((FIRST_WORD << len(sought.words)) - FIRST_WORD)
