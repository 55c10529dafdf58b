"""Probes every enabled provider, each in a task of its own, so that recovery needs no traffic."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from laird.domain.catalog import Provider, Snapshot
from laird.domain.errors import ConnectionLost, UpstreamError, UpstreamGarbled, UpstreamTimeout
from laird.domain.health import LoadedModel, ProbeResult, ProviderCondition
from laird.health.board import HealthBoard
from laird.telemetry.logs import get_logger

Probe = Callable[[Provider], Awaitable[ProbeResult]]
"""Asks one provider how it is. Returns what it found, or raises an `UpstreamError`."""
Look = Callable[[Provider], Awaitable[tuple[LoadedModel, ...] | None]]
"""Asks one provider which models are loaded; None where it does not say. Raises nothing."""

_SPREAD = 0.2
_HELD_OFF_S = 0.5

_log = get_logger("health")


class Prober:
    """Keeps the board up to date. It does nothing until it is configured.

    Args:
        board: takes the results, and says when a provider that is away is due.
        probe: asks one provider.
        look: asks one that is well which models are loaded.
        record: takes every result, for the history.
        clock: monotonic seconds, the board's own clock.
        jitter: returns a number in [0, 1), so that providers are not all probed at once.
    """

    def __init__(
        self,
        board: HealthBoard,
        probe: Probe,
        *,
        look: Look | None = None,
        record: Callable[[ProbeResult], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._board = board
        self._probe = probe
        self._look = look
        self._record = record
        self._clock = clock
        self._jitter = jitter
        self._watches: dict[str, _Watch] = {}
        self._ending: set[asyncio.Task[None]] = set()
        board.listen(self._changed)

    def configure(self, snapshot: Snapshot) -> None:
        """Follow a new configuration, after the board has; needs a running event loop.

        New and changed providers are probed at once, all at the same time.
        """
        wanted = {each.id: each for each in snapshot.providers.values() if each.enabled}
        for provider_id, watch in list(self._watches.items()):
            if wanted.get(provider_id) != watch.provider:
                self._end(self._watches.pop(provider_id))
        for provider_id, provider in wanted.items():
            if provider_id not in self._watches:
                self._watches[provider_id] = _Watch(provider, self._follow)

    async def probe_now(self, provider: Provider) -> ProbeResult:
        """Probe once, whatever is due, and take note of the result.

        Never raises an `UpstreamError`: what went wrong is in the result.
        """
        began = self._clock()
        try:
            async with asyncio.timeout(provider.health.timeout):
                result = await self._ask(provider)
            self._board.record_probe(result)
        except TimeoutError:
            text = f"no answer to its health probe within {provider.health.timeout:g} s"
            result = self._failed(provider, UpstreamTimeout(text, phase="total"), began)
        except UpstreamError as error:
            result = self._failed(provider, error, began)
        except Exception:  # noqa: BLE001 - a fault in one probe must not end this watch
            _log.exception("probe broke", provider=provider.id)
            text = "its health probe could not be done; the log says why"
            result = self._failed(provider, UpstreamGarbled(text), began)
        if self._record is not None:
            self._record(result)
        if self._look is not None:
            self._board.record_state(provider.id, await self._look(provider) if result.ok else None)
        return result

    async def stop(self) -> None:
        """End all probing and wait until it has ended."""
        for watch in self._watches.values():
            self._end(watch)
        self._watches.clear()
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _ask(self, provider: Provider) -> ProbeResult:
        """Probe, and once more where a kept-alive connection turned out to be closed."""
        try:
            return await self._probe(provider)
        except ConnectionLost as error:
            if not error.stale:
                raise
        return await self._probe(provider)

    def _failed(self, provider: Provider, error: UpstreamError, began: float) -> ProbeResult:
        self._board.record_probe_error(provider.id, error)
        return ProbeResult(
            provider_id=provider.id,
            ok=False,
            at_us=time.time_ns() // 1000,
            latency_ms=(self._clock() - began) * 1000,
            error=error.message,
        )

    def _end(self, watch: _Watch) -> None:
        self._ending.add(watch.task)
        watch.task.add_done_callback(self._ending.discard)
        watch.task.cancel()

    def _changed(self, provider_id: str, condition: ProviderCondition) -> None:
        """Wake the watch of a provider that is not well: its next probe is due sooner."""
        watch = self._watches.get(provider_id)
        if watch is not None and condition.error is not None:
            watch.woken.set()

    async def _follow(self, watch: _Watch) -> None:
        """Probe one provider for ever: at once, then whenever it is due."""
        provider, board = watch.provider, self._board
        due = self._clock()
        while True:
            watch.woken.clear()
            wait = due - self._clock()
            if wait > 0:
                if await _event_within(watch.woken, wait):
                    due = min(due, board.probe_due(provider.id, due))
                continue
            if not board.start_probe(provider.id):
                due = self._clock() + _HELD_OFF_S
                continue
            try:
                await self.probe_now(provider)
            finally:
                board.abandon_probe(provider.id)
            spread = 1 + (self._jitter() - 0.5) * _SPREAD
            planned = self._clock() + provider.health.interval * spread
            due = board.probe_due(provider.id, planned)


class _Watch:
    """One provider's task, and the event that wakes it before its time."""

    __slots__ = ("provider", "task", "woken")

    def __init__(
        self, provider: Provider, follow: Callable[[_Watch], Coroutine[Any, Any, None]]
    ) -> None:
        self.provider = provider
        self.woken = asyncio.Event()
        self.task = asyncio.create_task(follow(self), name=f"probe {provider.id}")


async def _event_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, at most so long; False when the time has passed first."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
