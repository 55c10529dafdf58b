"""Searching among scripted servers, each at an address of its own."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from tests.gateway.discovery_servers import Script
from tests.support.upstream import ScriptedUpstream

from laird.config.compile import compile_snapshot
from laird.config.document import read_document
from laird.config.rewrite import dump_yaml
from laird.domain.catalog import Snapshot
from laird.gateway.discovery.found import Discovered, FoundServer
from laird.gateway.discovery.hosts import Host, read_hosts
from laird.gateway.discovery.search import Discovery
from laird.providers.registry import KINDS, build_adapter

_numbers = itertools.count(1)
NOTHING = Snapshot(revision="", providers={}, models={})


def snapshot_of(text: str, environment: Mapping[str, str] | None = None) -> Snapshot:
    return compile_snapshot(
        read_document(text, "providers.yaml"),
        kinds=KINDS,
        environment=environment or {},
        price=lambda _kind, _model: None,
    )


def written(*entries: Mapping[str, object] | None) -> Snapshot:
    """Compile a document of these entries."""
    return snapshot_of(dump_yaml({"providers": [dict(entry or {}) for entry in entries]}))


async def search(
    address: str,
    *hosts: str,
    snapshot: Snapshot = NOTHING,
    environment: Mapping[str, str] | None = None,
    names: Mapping[str, Iterable[str]] | None = None,
) -> Discovered:
    async def look_up(host: str, _port: int) -> list[tuple[int, str]]:
        known = {address: [address], **(names or {})}
        found = known.get(host)
        if found is None:
            if host[0].isdigit() or ":" in host:
                found = [host]
            else:
                raise OSError("unknown")
        return [(0, each) for each in found]

    discovery = Discovery(
        KINDS, build_adapter, environment or {}, here=Host(address), lookup=look_up
    )
    return await discovery.search(snapshot, read_hosts(hosts))


async def only(address: str, *hosts: str, **how: Any) -> FoundServer:
    found = await search(address, *hosts, **how)
    (server,) = found.servers
    return server


def check(server: FoundServer, script: Script) -> None:
    assert (server.kind, server.title) == (script.kind, script.title)
    assert tuple(model.id for model in server.models) == script.models
    assert tuple(model.context_window for model in server.models) == script.windows
    assert server.version == script.version
    assert server.needs_key is script.needs_key


def own_address() -> str:
    """Return an address of this machine that no other test uses, so that usual ports are free."""
    number = next(_numbers)
    return f"127.{20 + os.getpid() % 200}.{number // 250}.{1 + number % 250}"


@asynccontextmanager
async def running(
    script: Script, address: str, *ports: int
) -> AsyncIterator[list[ScriptedUpstream]]:
    """Run a server, at its usual port where no other is named."""
    async with AsyncExitStack() as stack:
        servers = []
        for port in ports or (script.port,):
            server = await stack.enter_async_context(ScriptedUpstream(host=address, port=port))
            for path, answer in script.paths.items():
                server.on(path, answer)
            server.always(script.otherwise)
            servers.append(server)
        yield servers
