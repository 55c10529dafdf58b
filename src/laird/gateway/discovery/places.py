"""Where exactly is asked, and which answers come from one and the same server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from laird.domain.catalog import Snapshot
from laird.gateway.discovery.fingerprints import USUAL_PORTS
from laird.gateway.discovery.hosts import Host, Names, authority, is_ours
from laird.gateway.discovery.walk import Sighting
from laird.transport.base import Origin
from laird.transport.urls import origin_of


class Place(msgspec.Struct, frozen=True):
    """An address and a port that is asked once, by whatever names it is known."""

    name: str
    """The name that is asked for: in the Host header, and in the endpoint."""
    addresses: tuple[str, ...]
    port: int
    named: bool
    """The port was named by somebody."""
    aliases: tuple[str, ...] = ()
    """Endpoints by other names."""

    @property
    def origin(self) -> Origin:
        """Where to connect."""
        return Origin("http", self.name, self.port)

    @property
    def endpoint(self) -> str:
        """The base URL."""
        return f"http://{authority(self.name, self.port)}"

    @property
    def ours(self) -> bool:
        """It is on this machine."""
        return all(map(is_ours, self.addresses))


class Sighted(msgspec.Struct, frozen=True):
    """A server and the places at which it answers, the first one first."""

    seen: Sighting
    places: tuple[Place, ...]

    @property
    def endpoints(self) -> tuple[str, ...]:
        """All its base URLs."""
        found = [url for place in self.places for url in (place.endpoint, *place.aliases)]
        path = self.seen.fingerprint.path
        return tuple(dict.fromkeys(f"{url}{path}" for url in found))


def lay_out(hosts: Iterable[Host], resolved: Mapping[str, Sequence[str]]) -> tuple[Place, ...]:
    """Return the places of hosts, each address and port once.

    A second name for an address is an alias. A name that leads to a known address and to others as
    well is asked at the others by their address.
    """
    places: dict[tuple[str, int], Place] = {}
    for host in hosts:
        for port in (host.port,) if host.port else USUAL_PORTS:
            _lay(places, host, port, resolved[host.name])
    return tuple(dict.fromkeys(places.values()))


def _lay(
    places: dict[tuple[str, int], Place], host: Host, port: int, addresses: Sequence[str]
) -> None:
    known = [address for address in addresses if (address, port) in places]
    fresh = tuple(address for address in addresses if (address, port) not in places)
    named = host.port is not None
    for address in known:
        old = places[address, port]
        url = f"http://{authority(host.name, port)}"
        aliases = old.aliases if url == old.endpoint else (*old.aliases, url)
        new = replace(old, aliases=tuple(dict.fromkeys(aliases)), named=old.named or named)
        for each in old.addresses:
            places[each, port] = new
    if not fresh:
        return
    if known:
        for address in fresh:
            places[address, port] = Place(address, (address,), port, named)
        return
    place = Place(host.name, fresh, port, named)
    for address in fresh:
        places[address, port] = place


def told_once(sightings: Iterable[tuple[Place, Sighting]]) -> tuple[Sighted, ...]:
    """Put together what is the same server at several places.

    That is: on one machine, of one kind, saying the same of itself and of all its models, at one
    port, or at two usual ones. A server without a model is known by its port alone.
    """
    found: list[Sighted] = []
    for place, seen in sightings:
        for at, other in enumerate(found):
            if other.seen == seen and any(_same(place, each, seen) for each in other.places):
                found[at] = Sighted(seen, (*other.places, place))
                break
        else:
            found.append(Sighted(seen, (place,)))
    return tuple(found)


def _same(one: Place, other: Place, seen: Sighting) -> bool:
    if one.addresses != other.addresses and not (one.ours and other.ours):
        return False
    if one.port == other.port:
        return True
    return bool(seen.models) and not one.named and not other.named


async def configured(sighted: Sighted, snapshot: Snapshot, names: Names) -> str | None:
    """Return the id of the provider that is this server, if one is. Nothing is asked of anybody."""
    ports = {place.port for place in sighted.places}
    origins = {
        provider.id: origin
        for provider in snapshot.providers.values()
        if (origin := _origin(provider.endpoint)) is not None and origin.port in ports
    }
    known = await asyncio.gather(
        *(names.addresses(origin.host) for origin in origins.values()), return_exceptions=True
    )
    for (provider_id, origin), addresses in zip(origins.items(), known, strict=True):
        found = () if isinstance(addresses, BaseException) else addresses
        if any(_leads_to(origin, found, place) for place in sighted.places):
            return provider_id
    return None


def _origin(endpoint: str) -> Origin | None:
    try:
        return origin_of(endpoint)[0]
    except ValueError:
        return None


def _leads_to(origin: Origin, addresses: Sequence[str], place: Place) -> bool:
    if origin.port != place.port:
        return False
    if origin.host == place.name or set(addresses) & set(place.addresses):
        return True
    return bool(addresses) and place.ours and all(map(is_ours, addresses))
