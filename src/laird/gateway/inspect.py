"""Looking at a provider without using it: its health, its credential, its models."""

from __future__ import annotations

import time

import msgspec

from laird.domain.catalog import Provider, Timeouts
from laird.domain.errors import UpstreamError
from laird.domain.health import LoadedModel, ProbeResult
from laird.gateway.gateway import BuildAdapter
from laird.providers.base import Adapter, FoundModel
from laird.telemetry.logs import get_logger
from laird.transport.base import Transport, UpstreamRequest

_BODY_LIMIT = 8 * 1024 * 1024

_log = get_logger("inspect")


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What a test of a provider found."""

    provider_id: str
    ok: bool
    latency_ms: float
    models: tuple[FoundModel, ...] = ()
    error: str | None = None


class Inspector:
    """Probes and tests providers."""

    def __init__(self, transport: Transport, build_adapter: BuildAdapter) -> None:
        self._transport = transport
        self._build_adapter = build_adapter

    async def probe(self, provider: Provider) -> ProbeResult:
        """Ask whether a provider is well. Raises an `UpstreamError` when it is not."""
        adapter = self._build_adapter(provider)
        began = time.monotonic()
        await self._ask(adapter, adapter.probe_request())
        return ProbeResult(
            provider_id=provider.id,
            ok=True,
            at_us=time.time_ns() // 1000,
            latency_ms=(time.monotonic() - began) * 1000,
        )

    async def models(self, provider: Provider) -> tuple[FoundModel, ...]:
        """List a provider's models. Raises an `UpstreamError`."""
        adapter = self._build_adapter(provider)
        return adapter.read_models(await self._ask(adapter, adapter.models_request()))

    async def test(self, provider: Provider) -> Inspection:
        """List a provider's models, which checks its address and its credential as well.

        Never raises an `UpstreamError`: what went wrong is in the result.
        """
        began = time.monotonic()
        try:
            models = await self.models(provider)
        except UpstreamError as error:
            latency_ms = (time.monotonic() - began) * 1000
            return Inspection(
                provider_id=provider.id, ok=False, latency_ms=latency_ms, error=error.message
            )
        latency_ms = (time.monotonic() - began) * 1000
        return Inspection(provider_id=provider.id, ok=True, latency_ms=latency_ms, models=models)

    async def look(self, provider: Provider) -> tuple[LoadedModel, ...] | None:
        """Ask which models a provider has loaded; None where it does not say.

        Never raises an `UpstreamError`: a server may be well and keep this to itself.
        """
        adapter = self._build_adapter(provider)
        for request in (adapter.state_request(), adapter.other_state_request()):
            if request is None:
                continue
            try:
                return adapter.read_state(await self._ask(adapter, request))
            except UpstreamError as error:
                _log.debug("no model state", provider=provider.id, reason=error.message)
        return None

    async def _ask(self, adapter: Adapter, request: UpstreamRequest) -> bytes:
        seconds = adapter.provider.health.timeout
        limits = Timeouts(connect=seconds, first_byte=seconds, idle=seconds, total=seconds)
        response = await self._transport.send(request, limits)
        try:
            body = await response.read(_BODY_LIMIT)
            if response.status >= 400:
                raise adapter.read_error(response.status, response.headers, body)
            return body
        finally:
            response.close()
