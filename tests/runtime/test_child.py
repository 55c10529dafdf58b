"""What the process of a model makes of what it is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import xllamacpp
from tests.runtime.fleets import model_at

from laird.domain.local_models import RunnableModel
from laird.runtime.child import parameters, read_job, tell
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


async def test_without_the_library_that_runs_models_it_says_so(
    tmp_path: Path, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = LlamaProcess(model_at(files["one"], "one"), RunLog(tmp_path, "one"))
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(StartFailed, match="No module named 'xllamacpp'"):
        await process.start(60)
