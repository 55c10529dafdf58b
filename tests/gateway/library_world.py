"""A Laird with local models, real ones of half a megabyte, and what they say."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.laird import RunningLaird, running_laird
from tests.support.tiny_model import write_tiny_model

CONTEXT = 512
SAID = {"one": "the first speaks", "two": "second model talks", "three": "third of them answers"}


def model_file(folder: Path, name: str, text: str, **facts: Any) -> Path:
    """Return the file of a model that says a text; it is written once."""
    path = folder / f"{name}.gguf"
    if not path.exists():
        write_tiny_model(path, text, **facts)
    return path


def put(home: Path, file: Path, name: str | None = None) -> Path:
    """Put a model's file into the library, as somebody does by hand."""
    folder = home / "library" / "maker" / "by-hand"
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(file, folder / f"{name or file.stem}.gguf"))


def entries(*names: str, provider: str = "library", rest: str = "", **fields: object) -> str:
    """Return a document in which a provider of local models offers some."""
    more = "".join(f", {name}: {value}" for name, value in fields.items())
    lines = "".join(
        f"      - {{id: {name}, contextWindow: {CONTEXT}, gpuLayers: 0{more}}}\n" for name in names
    )
    models = f"    models:\n{lines}" if names else "    models: []\n"
    return f"providers:\n  - id: {provider}\n    kind: library\n{models}{rest}"


@asynccontextmanager
async def local_models(
    home: Path, files: Iterable[Path], document: str, **flags: Any
) -> AsyncIterator[RunningLaird]:
    """Serve a document with files in the library."""
    for file in files:
        put(home, file)
    async with running_laird(home, document, **flags) as laird:
        yield laird


def text_of_answer(answer: Mapping[str, Any]) -> str:
    """Return what a chat's answer says."""
    text: str = answer["choices"][0]["message"]["content"]
    return text
