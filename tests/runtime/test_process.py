"""One llama.cpp process: what it answers, what it shows, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from tests.runtime.fleets import TIMEOUTS, chat, model_at
from tests.support.waiting import until

from laird.domain.local_models import RunSettings
from laird.runtime.process import LlamaProcess, StartFailed, ending, environment
from laird.runtime.run_log import RunLog
from laird.transport.base import RequestHead, UpstreamRequest
from laird.transport.client import HttpTransport

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
async def process(files: dict[str, Path], tmp_path: Path) -> AsyncIterator[LlamaProcess]:
    """One that answers."""
    made = LlamaProcess(model_at(files["one"], "one"), RunLog(tmp_path, "one"), threads=1)
    await made.start(60)
    yield made
    made.kill()
    await made.wait()


async def call(
    process: LlamaProcess, network: HttpTransport, request: UpstreamRequest, key: str | None
) -> tuple[int, bytes, dict[str, str]]:
    head = request.head
    headers = [pair for pair in head.headers if pair[0] != "Authorization"]
    if key is not None:
        headers.append(("authorization", f"Bearer {key}"))
    real = RequestHead(head.method, process.origin, head.target, tuple(headers))
    response = await network.send(UpstreamRequest(real, request.body), TIMEOUTS)
    try:
        return response.status, await response.read(1_000_000), dict(response.headers)
    finally:
        response.close()


async def test_it_answers_nobody_without_its_key(
    process: LlamaProcess, network: HttpTransport
) -> None:
    request = chat("one")
    assert (await call(process, network, request, None))[0] == 401
    assert (await call(process, network, request, "placeholder"))[0] == 401
    status, body, _ = await call(process, network, request, process.key.reveal())
    assert status == 200
    assert orjson.loads(body)["model"] == "one"


async def test_pages_of_other_websites_can_read_nothing(
    process: LlamaProcess, network: HttpTransport
) -> None:
    origin = ("origin", "https://elsewhere.example")
    for method, target in (("OPTIONS", "/v1/chat/completions"), ("GET", "/v1/models")):
        request = UpstreamRequest(RequestHead(method, process.origin, target, (origin,)))
        _, _, headers = await call(process, network, request, process.key.reveal())
        assert not headers.get("access-control-allow-origin")
    for target in ("/", "/slots"):
        request = UpstreamRequest(RequestHead("GET", process.origin, target))
        status, _, _ = await call(process, network, request, process.key.reveal())
        assert status >= 400


@linux
async def test_the_key_shows_in_no_command_line_and_no_environment(
    process: LlamaProcess,
) -> None:
    key = process.key.reveal().encode()
    for pid in (process.pid, os.getpid()):
        for place in ("cmdline", "environ"):
            assert key not in Path(f"/proc/{pid}/{place}").read_bytes()
    assert process.key.reveal() not in repr(process.key)
    assert key not in process.log.path.read_bytes()


def test_no_credential_is_in_the_environment_of_a_process() -> None:
    ours = {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "0",
        "LAIRD_DATABASE_URL": "postgresql://me:pw@db",
        "PROVIDER_X_API_KEY": "k",
        "OPENAI_API_KEY": "k",
        "HF_TOKEN": "t",
        "db_password": "p",
    }
    assert environment(ours) == {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "0"}


async def test_it_is_in_a_group_of_its_own_and_hears_no_ctrl_c(process: LlamaProcess) -> None:
    assert process.pid is not None
    assert os.getpgid(process.pid) == process.pid
    os.kill(process.pid, signal.SIGINT)
    await process.stop()
    assert await process.wait() == "by signal 15 (SIGTERM)"


async def test_sigterm_ends_it_at_once_and_one_that_hangs_is_killed(
    process: LlamaProcess, files: dict[str, Path], tmp_path: Path
) -> None:
    await process.stop()
    await process.stop()
    hanging = LlamaProcess(model_at(files["two"], "two"), RunLog(tmp_path, "two"))
    await hanging.start(60)
    os.kill(hanging.pid or 0, signal.SIGSTOP)
    await hanging.stop(limit_s=0.05)
    assert (await hanging.wait()).startswith("by signal")
    hanging.kill()


async def test_it_ends_when_the_pipe_from_its_parent_does(process: LlamaProcess) -> None:
    inner = process._process
    assert inner is not None
    assert inner.stdin is not None
    inner.stdin.close()
    async with asyncio.timeout(30):
        await process.wait()


async def test_it_ends_when_the_pipe_does_also_before_it_answers(
    files: dict[str, Path], tmp_path: Path
) -> None:
    process = LlamaProcess(model_at(files["one"], "one"), RunLog(tmp_path, "one"))
    waiting = asyncio.create_task(process.start(60))
    await until(lambda: process.pid)
    inner = process._process
    assert inner is not None
    assert inner.stdin is not None
    inner.stdin.close()
    with pytest.raises((StartFailed, ConnectionError)):
        await waiting


async def test_one_that_is_stopped_before_it_began_leaves_no_process(
    files: dict[str, Path], tmp_path: Path
) -> None:
    process = LlamaProcess(model_at(files["one"], "one"), RunLog(tmp_path, "one"))
    await process.stop()
    with pytest.raises(StartFailed):
        await process.start(60)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid or 0, 0)


async def test_a_cancelled_start_leaves_no_process(files: dict[str, Path], tmp_path: Path) -> None:
    process = LlamaProcess(model_at(files["one"], "one"), RunLog(tmp_path, "one"))
    starting = asyncio.create_task(process.start(60))
    await until(lambda: process.pid)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid or 0, 0)


async def test_a_log_that_can_not_be_written_is_told(
    files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    process = LlamaProcess(model_at(files["one"], "one"), RunLog(tmp_path / "file", "one"))
    with pytest.raises(StartFailed, match="its process can't be started"):
        await process.start(60)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("not JSON\n", "can't be read"),
        ('{"port": 70000}\n', "can't be read"),
        ('{"port": "http://elsewhere"}\n', "can't be read"),
        ("x" * 100_000, "can't be read"),
        ("{}\n", "no reason"),
        ('{"problem": "no such thing"}\n', "no such thing"),
        ('{"port": 8', "ended with status 3 while it was loaded"),
        ("", "ended with status 3 while it was loaded"),
    ],
)
async def test_what_a_process_says_instead_of_a_port_is_a_failed_start(
    files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: str,
    said: str,
) -> None:
    child = tmp_path / "child.py"
    child.write_text(f"import os\nos.write(1, {written.encode()!r})\nos._exit(3)\n")
    monkeypatch.setattr("laird.runtime.process._CHILD", str(child))
    process = LlamaProcess(model_at(files["one"], "one"), RunLog(tmp_path, "one"))
    with pytest.raises(StartFailed, match=said):
        await process.start(60)
    assert process.pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


async def test_the_context_is_for_each_slot(
    files: dict[str, Path], tmp_path: Path, network: HttpTransport
) -> None:
    model = model_at(files["one"], "one", slots=2, context=512)
    process = LlamaProcess(model, RunLog(tmp_path, "one"), threads=1)
    await process.start(60)
    request = UpstreamRequest(RequestHead("GET", process.origin, "/props"))
    _, body, _ = await call(process, network, request, process.key.reveal())
    assert orjson.loads(body)["default_generation_settings"]["n_ctx"] == 512
    assert orjson.loads(body)["total_slots"] == 2
    await process.stop()


async def test_a_model_for_vectors_makes_them(
    files: dict[str, Path], tmp_path: Path, network: HttpTransport
) -> None:
    model = model_at(files["one"], "one", embeddings=True)
    process = LlamaProcess(model, RunLog(tmp_path, "one"), threads=1)
    await process.start(60)
    head = RequestHead("POST", process.origin, "/v1/embeddings")
    request = UpstreamRequest(head, orjson.dumps({"model": "one", "input": "hello"}))
    status, body, _ = await call(process, network, request, process.key.reveal())
    assert status == 200
    assert len(orjson.loads(body)["data"][0]["embedding"]) == 64
    await process.stop()


async def test_layers_go_where_they_fit_when_nothing_is_said(
    files: dict[str, Path], tmp_path: Path
) -> None:
    model = model_at(files["one"], "one")
    for layers in (None, -1):
        settings = RunSettings(gpu_layers=layers)
        process = LlamaProcess(
            type(model)(id="one", path=model.path, need=model.need, settings=settings),
            RunLog(tmp_path, "one"),
        )
        began = time.monotonic()
        await process.start(60)
        assert 0 < process.loaded_ms <= (time.monotonic() - began) * 1000
        await process.stop()


def test_endings_are_told_in_words() -> None:
    assert ending(3) == "with status 3"
    assert ending(-9) == "by signal 9 (SIGKILL)"
    assert ending(-200) == "by signal 200 (unknown)"
