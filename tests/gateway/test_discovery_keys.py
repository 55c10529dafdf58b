"""No credential goes to whoever is asked: a canary is put everywhere, and arrives nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.gateway import discovery_servers
from tests.gateway.discovery_world import (
    NOTHING,
    check,
    only,
    own_address,
    running,
    search,
    snapshot_of,
)
from tests.support.laird import free_port
from tests.support.llama_server import LlamaServer
from tests.support.tiny_model import write_tiny_model

from laird.gateway.discovery.hosts import Host
from laird.gateway.discovery.search import Discovery
from laird.providers.registry import KINDS, build_adapter

pytestmark = pytest.mark.allow_hosts(["127.0.0.0/8", "::1"])

CANARY = "canary-5e2f"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 34\r\n\r\n" + b'{"object": "list", "data": [null]}'


@asynccontextmanager
async def listening(address: str, port: int, heard: bytearray) -> AsyncIterator[None]:
    """Write down every byte that comes, and answer something."""

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(ANSWER)
        await writer.drain()
        heard.extend(await reader.read())
        writer.close()

    server = await asyncio.start_server(hear, address, port)
    async with server:
        yield


async def test_a_canary_arrives_at_no_socket(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = own_address()
    heard, by_proxy = bytearray(), bytearray()
    proxy_port = free_port()
    environment = {kind.env_key: CANARY for kind in KINDS.values() if kind.env_key is not None} | {
        "AZURE_OPENAI_ENDPOINT": f"http://{address}:8000",
        "PROVIDER_BOX_API_KEY": CANARY,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://user:{CANARY}@127.0.0.1:{proxy_port}")
    (tmp_path / ".netrc").write_text(f"machine {address} login a password {CANARY}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    snapshot = snapshot_of(
        f"providers:\n"
        f"  - {{id: box, kind: ollama, endpoint: 'http://{address}:11434', authSecret: {CANARY}}}\n"
        f"  - {{id: gpu, kind: vllm, endpoint: 'http://{address}:8000', authSecret: {CANARY}}}\n",
        environment,
    )
    assert snapshot.providers["gpu"].secret is not None
    discovery = Discovery(KINDS, build_adapter, environment, here=Host(address))
    async with (
        listening(address, 11434, heard),
        listening(address, 1234, heard),
        listening("127.0.0.1", proxy_port, by_proxy),
        running(discovery_servers.VLLM, address) as (server,),
    ):
        found = await discovery.search(snapshot)
    assert [one.configured_as for one in found.servers] == ["gpu"]
    assert bytes(heard).count(b"GET /v1/models HTTP/1.1\r\n") == 2
    assert by_proxy == b""
    sent = bytes(heard) + b"".join(
        f"{one.target}{one.headers}".encode() + one.body for one in server.requests
    )
    assert server.requests
    for word in (CANARY, "authorization", "cookie", "x-api-key", "proxy-"):
        assert word.encode() not in sent.lower()
    assert CANARY not in str(found)


async def test_nothing_is_sent_to_clouds() -> None:
    address = own_address()
    asked: list[str] = []

    async def look_up(host: str, _port: int) -> list[tuple[int, str]]:
        asked.append(host)
        return [(0, host)]

    environment = {kind.env_key: CANARY for kind in KINDS.values() if kind.env_key is not None}
    discovery = Discovery(KINDS, build_adapter, environment, here=Host(address), lookup=look_up)
    snapshot = snapshot_of("providers:\n  - {id: openai, kind: openai}\n", environment)
    async with running(discovery_servers.VLLM, address):
        found = await discovery.search(snapshot)
    assert len(found.clouds) == len(environment)
    assert asked == [address]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    write_tiny_model(path, "local models answer here")
    return path


@asynccontextmanager
async def llama(model: Path, key: str) -> AsyncIterator[LlamaServer]:
    server = await asyncio.to_thread(LlamaServer(model, free_port(), key).start)
    try:
        yield server
    finally:
        server.kill()


async def test_a_real_llama_cpp_is_found(model: Path) -> None:
    # An empty key is what a request without one has.
    async with llama(model, "") as server:
        found = await only(own_address(), f"127.0.0.1:{server.port}")
    assert (found.kind, found.endpoint, found.needs_key) == ("llamacpp", server.url, False)
    assert [(one.id, one.context_window) for one in found.models] == [("tiny", 512)]
    assert found.version


async def test_a_real_llama_cpp_with_a_key_is_found_without_it(model: Path) -> None:
    async with llama(model, "local-key") as server:
        found = await only(own_address(), f"127.0.0.1:{server.port}")
    assert (found.kind, found.needs_key, found.models) == ("llamacpp", True, ())
    assert found.entry is not None
    assert found.entry["enabled"] is False


async def test_the_search_ends_what_it_opened() -> None:
    address = own_address()
    async with running(discovery_servers.OLLAMA, address) as (server,):
        check(await only(address), discovery_servers.OLLAMA)
        await server.wait_for(lambda: server.open_connections == 0)
        assert (await search(address, snapshot=NOTHING)).servers
