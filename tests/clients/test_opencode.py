"""OpenCode does a piece of work through Laird, whatever format the provider speaks."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.clients.house import Stand, provider_entry
from tests.clients.node import opencode
from tests.providers.contract import answered, as_events
from tests.providers.profiles import SECRET, Profile
from tests.providers.test_contract import WIRES
from tests.support.laird import UNMEASURED, LairdProcess, laird_process
from tests.support.upstream import (
    Answer,
    Received,
    ScriptedUpstream,
    failing,
    sse_answer,
    threaded_upstream,
)

from laird.domain.chat import ChatAnswer, FinishReason, Text, ToolCall

ASKED = [profile for profile in WIRES if profile.name in {"openai", "anthropic", "gemini"}]
"""A run takes seconds: one provider that speaks OpenCode's own format, and two that do not."""
SAID = "I wrote Grüße \N{SNOWMAN} into hello.txt."
WRITTEN = 'Grüße \N{SNOWMAN} "quoted"\n'
"""What the model has OpenCode write."""
GUIDE = Path(__file__).parents[2] / "docs" / "clients-opencode.md"


def configuration() -> dict[str, Any]:
    """Return the `opencode.json` that the guide shows."""
    block = GUIDE.read_text().partition("```json\n")[2].partition("```")[0]
    found: dict[str, Any] = json.loads(block)
    return found


class Model:
    """The model behind a provider: it calls a tool first, and then says what it did."""

    def __init__(self, profile: Profile, file: Path) -> None:
        self._profile = profile
        self._file = file
        self.asked: list[str] = []

    def behave(self, received: Received) -> Answer:
        """Answer as a provider of this profile does."""
        if received.method == "GET":
            return Stand.listed(self._profile)
        text = received.body.decode()
        self.asked.append(text)
        return sse_answer(self._stream(self._answer(text)))

    def _stream(self, answer: ChatAnswer) -> list[bytes]:
        return self._profile.stream(as_events(answer), answer.usage)

    def _answer(self, text: str) -> ChatAnswer:
        if '"tools"' not in text:
            return answered(Text("A title"))
        if "call_write" in text or "Wrote file" in text:
            return answered(Text(SAID))
        arguments = json.dumps({"filePath": str(self._file), "content": WRITTEN})
        call = ToolCall(id="call_write", name="write", arguments=arguments)
        return answered(Text("I write."), call, finish=FinishReason.TOOL_CALLS)


def nobody_else(received: Received) -> Answer:
    return failing(403, "OpenCode asked somebody else than Laird")


@contextmanager
def work_place(tmp_path: Path, profile: Profile) -> Iterator[tuple[LairdProcess, Model]]:
    """Run Laird with one provider, and a model behind it."""
    model = Model(profile, tmp_path / "project" / "hello.txt")
    with threaded_upstream() as upstream:
        upstream.always(model.behave)
        document = f"providers:\n{provider_entry(profile, upstream.url)}"
        environment = {"LAIRD_TESTS_UPSTREAM_KEY": SECRET, **UNMEASURED}
        with laird_process(tmp_path / "home", document, environment=environment) as laird:
            yield laird, model


def run_opencode(
    program: str, place: Path, laird: LairdProcess, outside: ScriptedUpstream, *words: str
) -> subprocess.CompletedProcess[str]:
    """Run one turn of OpenCode in `place`/project, at home in `place`/opencode."""
    home, project = place / "opencode", place / "project"
    home.mkdir()
    project.mkdir()
    settings = configuration()
    settings["provider"]["laird"]["options"]["baseURL"] = f"{laird.url}/v1"
    (project / "opencode.json").write_text(json.dumps(settings))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        **{f"XDG_{name}_HOME": str(home / name) for name in ("CONFIG", "DATA", "CACHE", "STATE")},
        "LAIRD_KEY": laird.key,
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_SHARE": "1",
        # Whoever else it might call is called through here, and noticed.
        "HTTP_PROXY": outside.url,
        "HTTPS_PROXY": outside.url,
        "NO_PROXY": "127.0.0.1,localhost",
        # It keeps a package for plugins up to date in the background, and gets none here.
        "npm_config_registry": "http://127.0.0.1:9/",
        "npm_config_fetch_retries": "0",
    }
    return subprocess.run(
        [program, "run", *words],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def program() -> str:
    found = opencode()
    if found is None:
        pytest.skip("OpenCode is packaged here for Linux on x86-64 and arm64 only")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("profile", ASKED, ids=[profile.name for profile in ASKED])
def test_it_writes_a_file_and_says_so(tmp_path: Path, program: str, profile: Profile) -> None:
    with threaded_upstream() as outside, work_place(tmp_path, profile) as (laird, model):
        outside.always(nobody_else)
        done = run_opencode(program, tmp_path, laird, outside, "Write hello.txt")
        assert done.returncode == 0, done.stderr
        assert SAID in done.stdout
        assert (tmp_path / "project" / "hello.txt").read_text() == WRITTEN
        turns = [text for text in model.asked if '"tools"' in text]
        assert len(turns) == 2, "one turn that calls the tool, one that answers"
        assert outside.requests == []
