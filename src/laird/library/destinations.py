"""Where a hub may lead: one on the public internet to nothing inside this network.

Redirects and links are the hub's, not an administrator's. A hub that is inside itself, by the
address that HF_ENDPOINT names, may lead to its neighbours; where clouds hand out this machine's
credentials, none may.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

from laird.domain.errors import UpstreamGarbled
from laird.transport.addresses import is_metadata, is_public, literal
from laird.transport.base import Origin, Transport
from laird.transport.client import HttpTransport
from laird.transport.connect import Lookup, look_up


class Destinations:
    """Finds for each place that a hub leads to what may reach it. Belongs to one event loop."""

    def __init__(self, network: Transport, *, lookup: Lookup = look_up) -> None:
        """Take what reaches the hub itself; `lookup` finds the addresses of hosts."""
        self._network = network
        self._lookup = lookup
        self._public = HttpTransport(lookup=self._public_only)

    async def way_to(self, place: Origin, hub: Origin) -> Transport:
        """Return what sends to a place. Raises `UpstreamGarbled` where nobody should.

        What it sends by looks at the addresses that are dialled, so that a name which changes its
        mind gains nothing.
        """
        if place == hub:
            return self._network
        refuse_written(place.host)
        if await self._is_inside(hub):
            return self._network
        refuse_inside(place.host, (place.host,))
        return self._public

    async def close(self) -> None:
        """Close connections to places outside; the hub's are closed by whoever made them."""
        await self._public.close()

    async def _is_inside(self, hub: Origin) -> bool:
        try:
            found = await self._lookup(hub.host, hub.port)
        except (OSError, UnicodeError):
            return False  # a proxy may know it, which is no reason to trust it
        return any_inside(address for _, address in found)

    async def _public_only(self, host: str, port: int) -> list[tuple[int, str]]:
        found = await self._lookup(host, port)
        refuse_inside(host, (address for _, address in found))
        return found


def any_inside(hosts: Iterable[str]) -> bool:
    """Tell whether one of them is written as an address that is not on the public internet."""
    addresses = map(literal, hosts)
    return any(address is not None and not is_public(address) for address in addresses)


def refuse_written(host: str) -> None:
    """Raise `UpstreamGarbled` for a host that is written as a metadata server's address."""
    address = literal(host)
    if address is not None and is_metadata(address):
        raise _refusal(host)


def refuse_inside(host: str, addresses: Iterable[str]) -> None:
    """Raise `UpstreamGarbled` where one of a host's addresses is inside this network."""
    if any_inside(addresses):
        raise _refusal(host)


def refuse_question(place: Origin, hub: Origin) -> None:
    """Raise `UpstreamGarbled` for a place to which a hub's answer may not lead. Blocks."""
    if place == hub:
        return
    refuse_written(place.host)
    if not any_inside(_addresses(hub)):
        refuse_inside(place.host, _addresses(place))


def _addresses(origin: Origin) -> list[str]:
    try:
        found = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return [origin.host]
    return [str(address[0]) for _, _, _, _, address in found]


def _refusal(host: str) -> UpstreamGarbled:
    return UpstreamGarbled(
        f"The hub leads to {host}, which is inside this network. A hub has no business there;"
        " where it is a mirror of yours, let HF_ENDPOINT name an address inside."
    )
