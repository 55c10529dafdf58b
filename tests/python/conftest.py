from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.chat_upstream import prepared
from tests.support.upstream import ScriptedUpstream, threaded_upstream

import laird


@pytest.fixture(autouse=True)
def nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test opens is in its own directory."""
    monkeypatch.setenv("LAIRD_HOME", str(tmp_path / "default-home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def gateway() -> AsyncIterator[laird.Gateway]:
    """A Laird with the demo alone."""
    models = ["demo", "demo-tools", "demo-thinking"]
    document = {"providers": [{"id": "demo", "kind": "demo", "models": models}]}
    async with laird.open(document, temporary=True) as opened:
        yield opened


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """A server that lists the model `m` and answers chats."""
    with threaded_upstream() as up:
        yield prepared(up)
