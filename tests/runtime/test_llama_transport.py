"""The library as a provider: what reaches the models, and what is answered without them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from tests.runtime.fleets import TIMEOUTS, Said, ask, chat, endless, model_at, taking
from tests.support.waiting import until

from laird.domain.catalog import Timeouts
from laird.domain.errors import (
    ConnectionLost,
    UpstreamGarbled,
    UpstreamModelDown,
    UpstreamModelMissing,
    UpstreamTimeout,
)
from laird.domain.local_models import RunnableModel, RunState
from laird.runtime.fleet import Fleet
from laird.runtime.transport import WHOLE, LlamaTransport
from laird.transport.base import Origin, RequestHead, UpstreamRequest
from laird.transport.client import HttpTransport

Models = dict[str, RunnableModel]
NewFleet = Callable[..., Fleet]


async def test_a_request_loads_its_model_and_the_next_finds_it_warm(
    new_fleet: NewFleet, models: Models, network: HttpTransport, said: Said
) -> None:
    fleet = new_fleet(models)
    transport = LlamaTransport(fleet, network)
    assert fleet.states()["one"].state is RunState.COLD
    assert await ask(transport, "one") == said["one"]
    first = fleet.states()["one"]
    assert await ask(transport, "one") == said["one"]
    second = fleet.states()["one"]
    assert (second.state, second.pid, second.active) == (RunState.WARM, first.pid, 0)
    assert second.loaded_ms
    assert second.last_used_us


async def test_at_the_host_of_the_library_the_body_names_the_model(
    new_fleet: NewFleet, models: Models, network: HttpTransport, said: Said
) -> None:
    transport = LlamaTransport(new_fleet(models), network)
    request = chat("two")
    head = RequestHead("POST", Origin("library", WHOLE, 0), request.head.target)
    response = await transport.send(UpstreamRequest(head, request.body), TIMEOUTS)
    body = orjson.loads(await response.read(100_000))
    response.close()
    assert body["choices"][0]["message"]["content"] == said["two"]
    refused = await transport.send(UpstreamRequest(head, b"[]"), TIMEOUTS)
    assert refused.status == 400
    assert b"name a 'model'" in await refused.read(1000)


async def test_a_stream_is_passed_on_and_holds_its_slot_until_it_is_closed(
    new_fleet: NewFleet, models: Models, network: HttpTransport, said: Said
) -> None:
    fleet = new_fleet(models)
    transport = LlamaTransport(fleet, network)
    response = await transport.send(chat("one", stream=True), TIMEOUTS)
    assert response.headers["content-type"].startswith("text/event-stream")
    taken: list[bytes] = [await response.chunk()]
    assert await response.pipe(taking(taken))
    assert b"".join(taken).endswith(b"data: [DONE]\n\n")
    assert fleet.states()["one"].active == 1
    response.close()
    response.close()
    assert fleet.states()["one"].active == 0


async def test_probes_see_all_models_and_load_none(
    new_fleet: NewFleet, models: Models, network: HttpTransport
) -> None:
    fleet = new_fleet(models)
    transport = LlamaTransport(fleet, network)
    await ask(transport, "one")

    async def get(host: str, target: str) -> tuple[int, bytes]:
        head = RequestHead("GET", Origin("library", host, 0), target)
        response = await transport.send(UpstreamRequest(head), TIMEOUTS)
        taken: list[bytes] = []
        assert await response.pipe(taking(taken))
        assert await response.chunk() == b""
        response.close()
        return response.status, b"".join(taken)

    status, body = await get(WHOLE, "/v1/models")
    shown = {each["id"]: each["status"]["value"] for each in orjson.loads(body)["data"]}
    assert status == 200
    assert shown == {"one": "loaded", "two": "unloaded", "three": "unloaded"}
    status, body = await get("two", "/models?x=1")
    assert [(each["id"], each["meta"]) for each in orjson.loads(body)["data"]] == [
        ("two", {"n_ctx": 256})
    ]
    assert await get(WHOLE, "/health") == (200, b'{"status":"ok"}')
    assert fleet.states()["two"].state is RunState.COLD


async def test_a_load_counts_against_the_wait_for_the_first_byte_where_that_is_said(
    new_fleet: NewFleet, files: dict[str, Path], network: HttpTransport, said: Said
) -> None:
    models = {name: model_at(files[name], name, context=16_000) for name in ("one", "two")}
    fleet = new_fleet(models, memory=100)
    transport = LlamaTransport(fleet, network)
    response = await transport.send(endless("one", stream=True), TIMEOUTS)
    with pytest.raises(UpstreamTimeout, match=r"'two' was not free within 0\.1 s"):
        await transport.send(chat("two"), Timeouts(total=60.0, begin=0.1))
    response.close()
    assert await ask(transport, "two", Timeouts(total=60.0, begin=50.0)) == said["two"]


def kill(pid: int) -> None:
    """End a process, and return when all of it is gone, whether or not the loop has noticed."""
    os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


async def test_a_model_that_was_killed_answers_the_next_request(
    new_fleet: NewFleet, models: Models, network: HttpTransport, said: Said
) -> None:
    fleet = new_fleet(models)
    transport = LlamaTransport(fleet, network)
    await ask(transport, "one")
    first = fleet.states()["one"].pid
    assert first is not None
    kill(first)
    assert await ask(transport, "one") == said["one"]
    assert fleet.states()["one"].pid != first


async def test_a_crash_breaks_the_answer_under_way_and_says_so(
    new_fleet: NewFleet, files: dict[str, Path], network: HttpTransport
) -> None:
    fleet = new_fleet({"one": model_at(files["one"], "one", context=16_000)})
    transport = LlamaTransport(fleet, network)
    response = await transport.send(endless("one", stream=True), TIMEOUTS)
    await response.chunk()
    pid = fleet.states()["one"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ConnectionLost, match=r"local model 'one' broke off.*one.log"):
        await response.pipe(lambda _: True)
    with pytest.raises(ConnectionLost):
        await response.chunk()
    with pytest.raises(ConnectionLost):
        await response.read(10)
    await until(lambda: fleet.states()["one"].state is not RunState.WARM)
    assert "signal 9" in str(fleet.states()["one"].problem)
    response.close()
    assert fleet.states()["one"].active == 0


async def test_errors_name_the_model_the_cause_and_what_to_do(
    new_fleet: NewFleet, models: Models, network: HttpTransport, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGML" + bytes(5000))
    models["broken"] = model_at(broken, "broken")
    models["huge"] = model_at(broken, "huge", need=9_000_000_000)
    transport = LlamaTransport(new_fleet(models), network)
    with pytest.raises(UpstreamModelMissing, match="no model 'nothing'"):
        await ask(transport, "nothing")
    with pytest.raises(UpstreamModelDown, match=r"'huge' needs 9\.0 GB .* 200 bytes now"):
        await ask(transport, "huge")
    with pytest.raises(UpstreamModelDown, match="'broken' can't be started: invalid magic"):
        await ask(transport, "broken")
    with pytest.raises(UpstreamTimeout, match="'one' was not free within 0 s") as late:
        await ask(transport, "one", Timeouts(total=0.0))
    assert late.value.phase == "total"


async def test_a_cancelled_request_gives_its_slot_back(
    new_fleet: NewFleet, files: dict[str, Path], network: HttpTransport, said: Said
) -> None:
    fleet = new_fleet({"one": model_at(files["one"], "one", context=16_000)})
    transport = LlamaTransport(fleet, network)
    await ask(transport, "one")
    task = asyncio.create_task(transport.send(endless("one"), TIMEOUTS))
    await until(lambda: fleet.states()["one"].active == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert fleet.states()["one"].active == 0
    assert await ask(transport, "one") == said["one"]


async def test_a_slow_answer_is_told_of_the_model_and_not_of_an_address(
    new_fleet: NewFleet, files: dict[str, Path], network: HttpTransport
) -> None:
    fleet = new_fleet({"one": model_at(files["one"], "one", context=16_000)})
    transport = LlamaTransport(fleet, network)
    await ask(transport, "one")
    with pytest.raises(UpstreamTimeout, match=r"'one' was slower than .* first_byte") as slow:
        await transport.send(endless("one"), Timeouts(first_byte=0.05))
    assert "127.0.0.1" not in slow.value.message
    assert fleet.states()["one"].active == 0


async def test_an_answer_of_the_library_is_bounded_like_any_other(
    new_fleet: NewFleet, models: Models, network: HttpTransport
) -> None:
    transport = LlamaTransport(new_fleet(models), network)
    head = RequestHead("GET", Origin("library", WHOLE, 0), "/v1/models")
    response = await transport.send(UpstreamRequest(head), TIMEOUTS)
    with pytest.raises(UpstreamGarbled):
        await response.read(10)
    await transport.close()
