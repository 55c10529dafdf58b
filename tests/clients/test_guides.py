"""What docs/clients.md tells people to run, runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.house import ROUTES
from tests.clients.node import FOLDER, node
from tests.docs.pages import page
from tests.support.laird import UNMEASURED, LairdProcess, laird_process

GUIDE = page("clients.md")
USUAL = "http://127.0.0.1:8012"
DOCUMENT = "providers:\n  - {id: demo, kind: demo, models: [demo]}\n"


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def laird(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LairdProcess]:
    with laird_process(
        tmp_path_factory.mktemp("guides"), DOCUMENT, environment=UNMEASURED
    ) as running:
        yield running


def run(laird: LairdProcess, *command: str, place: Path) -> str:
    done = subprocess.run(
        command,
        cwd=place,
        env={"PATH": os.environ["PATH"], "LAIRD_KEY": laird.key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def answered(output: str) -> bool:
    return "You said: Hello!" in output or "2 vectors" in output


@pytest.mark.parametrize("number", range(len(snippets("python"))))
def test_python(laird: LairdProcess, tmp_path: Path, number: int) -> None:
    code = snippets("python")[number].replace(USUAL, laird.url)
    assert answered(run(laird, sys.executable, "-c", code, place=tmp_path))


@pytest.mark.parametrize("number", range(len(snippets("sh"))))
def test_curl(laird: LairdProcess, tmp_path: Path, number: int) -> None:
    command = snippets("sh")[number].replace(USUAL, laird.url)
    assert answered(run(laird, "sh", "-c", command, place=tmp_path))


@pytest.mark.parametrize("number", range(len(snippets("js"))))
def test_javascript(laird: LairdProcess, tmp_path: Path, number: int) -> None:
    program = tmp_path / "example.mjs"
    program.write_text(snippets("js")[number].replace(USUAL, laird.url))
    (tmp_path / "node_modules").symlink_to(FOLDER / "node_modules")
    assert answered(run(laird, node(), str(program), place=tmp_path))


def test_there_is_something_to_run() -> None:
    assert len(snippets("python")) >= 5
    assert len(snippets("sh")) >= 2
    assert len(snippets("js")) == 1
    assert "/v1/messages" in ROUTES
