"""What the process of a model makes of what it is told."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import msgspec
import pytest
import xllamacpp
from tests.runtime.fleets import model_at
from tests.support.processes import linux

from laird.domain.local_models import RunnableModel
from laird.runtime import child
from laird.runtime.child import end_with, main, parameters, read_job, tell
from laird.runtime.process import LlamaProcess, StartFailed
from laird.runtime.run_log import RunLog


def told(model: RunnableModel, tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """Return what a process is told, as it reads it."""
    launch = LlamaProcess(model, RunLog(tmp_path, model.id), threads=3).launch()
    assert launch.key not in repr(launch)
    source, target = os.pipe()
    os.write(target, msgspec.json.encode(launch) + b"\n")
    os.close(target)
    job = read_job(source)
    os.close(source)
    return {**job, **changes}


def test_it_is_closed_to_everybody_but_its_parent(tmp_path: Path) -> None:
    job = told(model_at("/x.gguf", "one"), tmp_path)
    wanted = parameters(xllamacpp, job)
    assert wanted.hostnames == ["127.0.0.1"]
    assert wanted.port == 0
    assert [len(key) > 40 for key in wanted.api_keys] == [True]
    assert wanted.cors_origins == wanted.cors_headers == wanted.cors_methods == ""
    assert (wanted.cors_credentials, wanted.ui, wanted.endpoint_slots) == (False, False, False)


def test_it_takes_no_memory_that_was_not_counted(tmp_path: Path) -> None:
    model = model_at("/x.gguf", "one", slots=3, context=1000)
    wanted = parameters(xllamacpp, told(model, tmp_path))
    assert (wanted.n_parallel, wanted.n_ctx) == (3, 3000)
    assert wanted.cache_ram_mib == 0
    assert wanted.cpuparams.n_threads == 3
    assert wanted.model.path == "/x.gguf"
    assert wanted.model_alias == {"one"}


@pytest.mark.parametrize(
    ("layers", "given", "fitted"),
    [(None, -1, True), (0, 0, False), (7, 7, False), (-1, 999, False)],
)
def test_layers_are_put_where_they_are_wanted(
    tmp_path: Path, layers: int | None, given: int, *, fitted: bool
) -> None:
    job = told(model_at("/x.gguf", "one"), tmp_path, gpu_layers=layers, threads=None)
    wanted = parameters(xllamacpp, job)
    assert (wanted.n_gpu_layers, wanted.fit_params) == (given, fitted)


def test_a_model_pools_its_vectors_as_it_says_itself(tmp_path: Path) -> None:
    kinds = xllamacpp.llama_pooling_type
    for text, kind in (
        (b"bert.pooling_type", kinds.LLAMA_POOLING_TYPE_UNSPECIFIED),
        (b"something else", kinds.LLAMA_POOLING_TYPE_MEAN),
    ):
        file = tmp_path / "vectors.gguf"
        file.write_bytes(text)
        model = model_at(file, "vectors", embeddings=True, context=512)
        wanted = parameters(xllamacpp, told(model, tmp_path))
        assert wanted.embedding
        assert wanted.pooling_type == kind
        assert wanted.n_ubatch == 512


def test_it_answers_with_one_line(tmp_path: Path) -> None:
    source, target = os.pipe()
    tell(target, {"problem": "a\nb"})
    assert os.read(source, 100) == b'{"problem": "a\\nb"}\n'
    os.close(source)
    os.close(target)


class Ended(BaseException):
    """What the end of the process is here; its argument is the status."""


class System:
    """What the process asks of the system, which would be felt by the tests themselves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.signals: dict[int, Any] = {}
        self.flags = 0
        self.death: tuple[int, ...] = ()
        self.readable: list[int] = []
        library = SimpleNamespace(prctl=self._prctl)
        monkeypatch.setattr("laird.runtime.child.os._exit", self._exit)
        monkeypatch.setattr("laird.runtime.child.os.set_blocking", lambda *_: None)
        monkeypatch.setattr("laird.runtime.child.signal.signal", self.signals.__setitem__)
        monkeypatch.setattr("laird.runtime.child.ctypes.CDLL", lambda _: library)
        monkeypatch.setattr("laird.runtime.child.fcntl.fcntl", self._fcntl)
        monkeypatch.setattr("laird.runtime.child.select.select", lambda *_: (self.readable, [], []))

    def _exit(self, status: int) -> NoReturn:
        raise Ended(status)

    def _prctl(self, *arguments: int) -> None:
        self.death = arguments

    def _fcntl(self, _file: int, command: int, value: int = 0) -> int:
        if command == fcntl.F_SETFL:
            self.flags = value
        return 0


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    return System(monkeypatch)


@linux
def test_its_end_is_left_to_the_kernel(system: System) -> None:
    end_with(os.getppid())
    assert system.death[:2] == (1, signal.SIGKILL)
    assert system.flags & os.O_ASYNC
    assert system.signals[signal.SIGIO] is signal.SIG_DFL
    assert system.signals[signal.SIGTERM] is signal.SIG_DFL
    assert system.signals[signal.SIGINT] is signal.SIG_IGN


@linux
def test_one_whose_parent_has_gone_already_ends_at_once(system: System) -> None:
    with pytest.raises(Ended, match="0"):
        end_with(os.getppid() + 1)
    system.readable = [0]
    with pytest.raises(Ended, match="0"):
        end_with(os.getppid())


def test_where_there_are_no_such_signals_it_does_without(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("laird.runtime.child.sys.platform", "win32")
    end_with(0)
    assert system.signals == {}


def test_one_that_is_told_nothing_ends(system: System) -> None:
    source, target = os.pipe()
    os.write(target, b'{"half": ')
    os.close(target)
    with pytest.raises(Ended, match="0"):
        read_job(source)
    os.close(source)


@pytest.fixture
def answers(tmp_path: Path, system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where the answer of `main` comes, which has been told of a model."""
    job = told(model_at("/x.gguf", "one"), tmp_path, parent=os.getppid())
    source, target = os.pipe()
    monkeypatch.setattr(child, "read_job", lambda _: job)
    monkeypatch.setattr(child, "end_with", lambda _: None)
    monkeypatch.setattr("laird.runtime.child.os.dup", lambda _: target)
    monkeypatch.setattr("laird.runtime.child.os.dup2", lambda *_: None)
    monkeypatch.setattr("laird.runtime.child.sys.path", sys.path.copy())
    yield source
    os.close(source)
    os.close(target)


def test_it_tells_where_it_answers_and_lives_as_long_as_its_input(
    answers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = SimpleNamespace(listening_address="http://127.0.0.1:40123")
    monkeypatch.setattr(xllamacpp, "Server", lambda _: server)
    read = os.read
    inputs = [b"", b"x"]
    monkeypatch.setattr(
        "laird.runtime.child.os.read", lambda file, _: inputs.pop() if not file else b""
    )
    with pytest.raises(Ended, match="0"):
        main()
    assert inputs == []
    assert read(answers, 100) == b'{"port": 40123}\n'


@pytest.mark.parametrize(
    ("problem", "said"), [(RuntimeError("no such file"), "no such file"), (OSError(), "OSError")]
)
def test_it_tells_why_it_can_not(
    answers: int, monkeypatch: pytest.MonkeyPatch, problem: Exception, said: str
) -> None:
    def fail(_: object) -> NoReturn:
        raise problem

    monkeypatch.setattr(xllamacpp, "Server", fail)
    with pytest.raises(Ended, match="1"):
        main()
    assert os.read(answers, 100) == f'{{"problem": "{said}"}}\n'.encode()


async def test_without_the_library_that_runs_models_it_says_so(
    tmp_path: Path, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = LlamaProcess(model_at(files["one"], "one"), RunLog(tmp_path, "one"))
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(StartFailed, match="No module named 'xllamacpp'"):
        await process.start(60)
