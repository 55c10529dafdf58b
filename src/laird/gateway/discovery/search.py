"""Looking for providers: everywhere at once, and what was found said once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from laird.config.egress import is_own_network, leaves_by_name
from laird.domain.catalog import Egress, Kind, Provider, Snapshot
from laird.gateway.discovery import proofs
from laird.gateway.discovery.clouds import find_clouds
from laird.gateway.discovery.entries import server_entry
from laird.gateway.discovery.found import Discovered, FoundServer
from laird.gateway.discovery.hosts import Host, Names, family_of
from laird.gateway.discovery.places import Place, Sighted, configured, lay_out, told_once
from laird.gateway.discovery.proofs import Models
from laird.gateway.discovery.walk import Sighting, Walk
from laird.gateway.gateway import BuildAdapter
from laird.providers.base import FoundModel
from laird.transport.client import HttpTransport
from laird.transport.connect import Lookup, look_up
from laird.transport.proxies import Proxies

THIS_MACHINE = Host("127.0.0.1")
_RESERVED = frozenset({"auto", "demo"})
_NOWHERE = "http://127.0.0.1"

OpenTransport = Callable[[Lookup], HttpTransport]


class Discovery:
    """Finds providers that could be used: on this machine, on named hosts, in the environment."""

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        build_adapter: BuildAdapter,
        environment: Mapping[str, str],
        hosts: Sequence[Host] = (),
        *,
        here: Host = THIS_MACHINE,
        lookup: Lookup = look_up,
    ) -> None:
        """Take what there may be, and the `hosts` that are always asked after `here`.

        `lookup` finds the addresses of names; what it finds is what is dialled.
        """
        self._kinds = kinds
        self._build_adapter = build_adapter
        self._environment = environment
        self._hosts = (here, *hosts)
        self._lookup = lookup

    async def search(self, snapshot: Snapshot, hosts: Sequence[Host] = ()) -> Discovered:
        """Return what is found, beside what `snapshot` has already.

        Ids of the entries are free in it, and differ from each other. Never raises a `LairdError`:
        who does not answer is not found. Nothing that is sent holds a credential, and no proxy is
        used.
        """
        names = Names(self._lookup)
        asked = tuple(dict.fromkeys((*self._hosts, *hosts)))
        resolved, problems = await _resolve(names, asked)
        places = lay_out((host for host in asked if host.name in resolved), resolved)
        sighted = told_once(await self._look(places))
        taken = {*_RESERVED, *snapshot.providers, *snapshot.chains, *snapshot.aliases}
        configured_as = await asyncio.gather(*(configured(one, snapshot, names) for one in sighted))
        return Discovered(
            asked=tuple(map(str, asked)),
            servers=tuple(
                self._server(one, provider_id, taken)
                for one, provider_id in zip(sighted, configured_as, strict=True)
            ),
            clouds=find_clouds(self._kinds, self._environment, snapshot, taken),
            problems=problems,
        )

    async def _look(self, places: Sequence[Place]) -> list[tuple[Place, Sighting]]:
        by_name = {(place.name, place.port): place.addresses for place in places}

        async def addresses(host: str, port: int) -> list[tuple[int, str]]:
            return [(family_of(address), address) for address in by_name[host, port]]

        transport = HttpTransport(proxies=Proxies({}), lookup=addresses)
        try:
            walk = Walk(transport, self._read_models)
            seen = await asyncio.gather(
                *(walk.look(place.origin, named=place.named) for place in places)
            )
        finally:
            await transport.close()
        return [(place, one) for place, one in zip(places, seen, strict=True) if one is not None]

    def _read_models(self, kind: str, raw: bytes) -> Models:
        provider = Provider(id=kind, name=kind, kind=kind, egress=Egress.LOCAL, endpoint=_NOWHERE)
        return self._build_adapter(provider).read_models(raw)

    def _server(self, one: Sighted, provider_id: str | None, taken: set[str]) -> FoundServer:
        row = one.seen.fingerprint
        endpoint, *others = one.endpoints
        kind = self._kinds[row.kind]
        models = tuple(_with_egress(model, kind, endpoint) for model in one.seen.models)
        seen = replace(one.seen, models=models)
        return FoundServer(
            kind=row.kind,
            title=row.title,
            endpoint=endpoint,
            also_at=tuple(others),
            version=seen.version,
            models=models,
            needs_key=seen.needs_key,
            configured_as=provider_id,
            entry=server_entry(seen, endpoint, taken) if provider_id is None else None,
        )


def _with_egress(model: FoundModel, kind: Kind, endpoint: str) -> FoundModel:
    """Say that a model leaves where it does by name, or because its server is not ours."""
    if leaves_by_name(kind, endpoint, model.id):
        return proofs.sent_on(model)
    return model


async def _resolve(
    names: Names, hosts: Iterable[Host]
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Return the addresses of hosts by name, and what is wrong with those that have none."""
    wanted = list(dict.fromkeys(host.name for host in hosts))
    answers = await asyncio.gather(*map(names.addresses, wanted), return_exceptions=True)
    found: dict[str, tuple[str, ...]] = {}
    problems = []
    for name, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, ValueError):
            problems.append(f"{name} was not asked: {answer}.")
        elif isinstance(answer, BaseException):
            raise answer
        elif answer:
            found[name] = answer
        else:
            problems.append(f"{name} was not asked: nobody knows an address of that name.")
    return found, tuple(problems)


def egress_of(server: FoundServer, model: FoundModel) -> Egress:
    """Return where the text of a request to a found model goes."""
    if model.egress is Egress.EXTERNAL or not is_own_network(server.endpoint):
        return Egress.EXTERNAL
    return Egress.LOCAL
