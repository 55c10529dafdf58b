"""A program runs local models without a server, and leaves none behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.gateway.library_world import CONTEXT, put
from tests.support.processes import linux, lives
from tests.support.tiny_model import write_tiny_model

import laird

TEXT = "inside a program"


def offering(*names: str) -> dict[str, Any]:
    """Return a document that offers models of the library."""
    models = [{"id": name, "contextWindow": CONTEXT, "gpuLayers": 0} for name in names]
    return {"providers": [{"id": "library", "kind": "library", "models": models}]}


@linux
async def test_a_local_model_answers_and_ends_with_the_block(tmp_path: Path) -> None:
    home = tmp_path / "home"
    file = tmp_path / "tiny.gguf"
    write_tiny_model(file, TEXT)
    put(home, file)
    async with laird.open(offering("tiny"), home=home) as gateway:
        answer = await gateway.chat("Where?", model="library/tiny", temperature=0)
        assert answer.text == TEXT
        running = gateway.program.library.fleet.states()["tiny"]
        assert running.pid is not None
        assert lives(running.pid)
    assert not lives(running.pid)


async def test_a_model_that_is_not_there_says_so(tmp_path: Path) -> None:
    async with laird.open(offering("gone"), home=tmp_path / "home") as gateway:
        with pytest.raises(laird.LairdError, match="The library has no model 'gone'"):
            await gateway.chat("Where?", model="library/gone")
