"""Models, a fleet of them, and a way to ask one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.fleets import Said, model_at
from tests.support.tiny_model import write_tiny_model

from laird.domain.local_models import RunnableModel
from laird.runtime.fleet import Fleet
from laird.transport.client import HttpTransport

CONTEXT = 16_384
SAID = {"one": "the first speaks", "two": "second model talks", "three": "third of them answers"}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three real models that say different things, by name."""
    folder = tmp_path_factory.mktemp("models")
    for name, text in SAID.items():
        write_tiny_model(folder / f"{name}.gguf", text, context=CONTEXT)
    return {name: folder / f"{name}.gguf" for name in SAID}


@pytest.fixture
def models(files: dict[str, Path]) -> dict[str, RunnableModel]:
    """The three models, each of which takes 100 bytes of a memory that is only counted."""
    return {name: model_at(path, name) for name, path in files.items()}


@pytest.fixture
async def new_fleet(tmp_path: Path) -> AsyncIterator[Callable[..., Fleet]]:
    """Make fleets that are closed after the test; their memory has room for two models."""
    made: list[Fleet] = []

    def make(models: dict[str, RunnableModel], memory: int = 200, **more: Any) -> Fleet:
        fleet = Fleet(tmp_path / "logs", memory=lambda: memory, threads=1, **more)
        fleet.configure(models)
        made.append(fleet)
        return fleet

    yield make
    for fleet in made:
        await fleet.close()


@pytest.fixture
async def network() -> AsyncIterator[HttpTransport]:
    """What reaches the processes."""
    transport = HttpTransport()
    yield transport
    await transport.close()


@pytest.fixture
def said() -> Said:
    """What each model says."""
    return SAID
