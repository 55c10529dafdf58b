"""Chooses a transport by the scheme of a request's origin."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from laird.domain.catalog import Timeouts
from laird.transport.base import Transport, UpstreamRequest, UpstreamResponse


class SchemeSwitch:
    """One transport for the network, others for schemes that are served in this process."""

    def __init__(self, network: Transport, by_scheme: Mapping[str, Transport]) -> None:
        self._network = network
        self._by_scheme = dict(by_scheme)

    def send(
        self, request: UpstreamRequest, timeouts: Timeouts
    ) -> Coroutine[Any, Any, UpstreamResponse]:
        """Send by the transport of the request's scheme; see `Transport.send`."""
        chosen = self._by_scheme.get(request.head.origin.scheme, self._network)
        return chosen.send(request, timeouts)

    async def close(self) -> None:
        """Close all of them."""
        await self._network.close()
        for transport in self._by_scheme.values():
            await transport.close()
