"""laird library pull, downloads, pause, resume and cancel: models on their way here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.cli.conftest import Shell, serving
from tests.cli.local_models import CURATED, FILE, ID, NAME, REPOSITORY
from tests.support.hub_server import Fault, HubServer, model_bytes
from tests.support.waiting import MACHINE_S

from laird.cli import library_following
from laird.cli.channel import Channel

pytestmark = pytest.mark.usefixtures("hub")
LARGE, LARGE_FILE, LARGE_SIZE = "maker/large-GGUF", "large.Q4_K_M.gguf", 4_000_000


class TestPull:
    def test_the_last_line_is_the_name_by_which_it_is_asked(self, shell: Shell) -> None:
        printed = shell.run("library", "pull", REPOSITORY)
        assert printed.stdout == f"{NAME}\n"
        assert f"{FILE}: 100 % of " in printed.stderr
        models = shell.json("models", "list", "--provider", "library")["models"]
        assert [one["key"] for one in models] == [NAME]

    def test_what_is_installed_is_said_and_no_failure(self, installed: Shell) -> None:
        printed = installed.run("library", "pull", REPOSITORY, "--file", FILE)
        assert printed.stdout == f"{NAME}\n"
        assert "installed already" in printed.stderr
        assert installed.json("library", "pull", REPOSITORY)["id"] == ID

    def test_a_recommended_one_has_a_short_name(self, offline: Shell) -> None:
        pulled = offline.json("library", "pull", "tinyllama")
        assert (pulled["repository"], pulled["verified"]) == (CURATED.repository, True)

    def test_a_quantization_can_be_chosen(self, offline: Shell) -> None:
        pulled = offline.json("library", "pull", REPOSITORY, "--quantization", "f16")
        assert pulled["files"] == ["tiny.F16.gguf"]

    def test_what_is_no_model_is_told_at_the_end(self, offline: Shell, hub: HubServer) -> None:
        hub.add("maker/odd-GGUF", {"odd.Q4_K_M.gguf": model_bytes(5000)})
        printed = offline.run("library", "pull", "maker/odd-GGUF", code=1)
        assert "can't be run" in printed.stderr
        assert offline.json("library", "pull", "maker/odd-GGUF", code=1)["problem"]

    def test_with_a_broken_document_it_is_offered_when_that_is_mended(self, served: Shell) -> None:
        sound = served.document.read_text()
        served.document.write_text(f"# mine\n{sound}oops: [\n")
        until_seen(served, broken=True)
        said = served.run("library", "pull", REPOSITORY, code=1).stderr
        assert f"'{ID}' is installed, and the document can't offer it yet" in said
        served.document.write_text(f"# mine\n{sound}")
        until_seen(served, broken=False)
        assert served.out("library", "pull", REPOSITORY) == f"{NAME}\n"
        assert served.document.read_text().startswith("# mine\n")

    def test_one_that_is_gated_says_what_to_do(self, shell: Shell, hub: HubServer) -> None:
        hub.add("maker/gated-GGUF", {"g.Q4_K_M.gguf": b"GGUF"}, gated="auto")
        printed = shell.run("library", "pull", "maker/gated-GGUF", code=1)
        assert "Accept its licence" in printed.stderr
        assert "laird library resume" in printed.stderr
        listed = shell.run("library", "downloads")
        assert "failed" in listed.stdout
        assert "Accept its licence" in listed.stderr

    def test_wrong_names_are_one_line(self, offline: Shell) -> None:
        for name in ("maker/nope", "nope"):
            assert name in offline.fails("library", "pull", name)
        assert "Did you mean 'tinyllama'?" in offline.fails("library", "pull", "tinylama")
        wanted = ("library", "pull", REPOSITORY, "--quantization", "Q9")
        assert "F16, Q4_K_M" in offline.fails(*wanted, code=2)
        assert "no file 'x.gguf'" in offline.fails(
            "library", "pull", REPOSITORY, "--file", "x.gguf", code=2
        )

    def test_a_hub_that_is_away_is_one_line(
        self, offline: Shell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        assert "The hub at 127.0.0.1" in offline.fails("library", "pull", REPOSITORY)


class TestDownloads:
    def test_one_under_way_is_listed_paused_resumed_and_cancelled(
        self, served: Shell, hub: HubServer
    ) -> None:
        with stalling(hub):
            begun = served.run("library", "pull", LARGE, "--detach")
            download = begun.stdout.strip()
            assert "The server downloads it" in begun.stderr
            assert served.json("library", "pull", LARGE, "--detach")["id"] == download
            assert f"{download}  {LARGE}" in served.out("library", "downloads")
            assert "paused" in served.out("library", "pause", "LARGE")
            assert served.json("library", "pause", download[:6])["state"] == "paused"
            assert served.run("library", "resume", download, "--detach").stdout.strip() == download
            assert "deleted" in served.out("library", "cancel", "large.q4")
        assert served.json("library", "cancel", download)["state"] == "cancelled"
        assert "No download is called 'large'" in served.fails("library", "pause", "large")

    def test_names_that_mean_several_are_refused(self, served: Shell, hub: HubServer) -> None:
        with stalling(hub):
            served.run("library", "pull", LARGE, "--detach")
            served.run("library", "pull", LARGE, "--quantization", "Q8_0", "--detach")
            assert "one of 2 downloads" in served.fails("library", "cancel", "maker/")

    def test_what_is_paused_goes_on_when_it_is_pulled_again(
        self, served: Shell, hub: HubServer
    ) -> None:
        with stalling(hub):
            served.run("library", "pull", LARGE, "--detach")
            served.run("library", "pause", "large")
        assert "is installed" in served.run("library", "pull", LARGE, code=1).stderr

    def test_one_that_somebody_gives_up_is_said(self, served: Shell, hub: HubServer) -> None:
        with stalling(hub), command(served.home, "library", "pull", LARGE) as pulling:
            assert LARGE_FILE in pulling.line()
            served.run("library", "cancel", "large")
            assert pulling.end() == 1
        assert "laird library pull begins it anew" in pulling.rest

    def test_without_a_server_one_waits_for_it(self, offline: Shell) -> None:
        begun = offline.run("library", "pull", REPOSITORY, "--detach")
        assert "No server runs" in begun.stderr
        listed = offline.run("library", "downloads")
        assert REPOSITORY in listed.stdout
        assert "laird serve" in listed.stderr
        with serving(offline.home):
            served = Shell(offline.home)
            assert served.out("library", "pull", REPOSITORY) == f"{NAME}\n"

    def test_without_a_server_resume_downloads_it(self, offline: Shell) -> None:
        download = offline.json("library", "pull", REPOSITORY, "--detach")["id"]
        assert offline.out("library", "resume", download) == f"{NAME}\n"
        assert "no downloads" in offline.out("library", "downloads")


class TestInterrupted:
    def test_the_server_goes_on(self, served: Shell, hub: HubServer) -> None:
        with stalling(hub), command(served.home, "library", "pull", LARGE) as pulling:
            assert LARGE_FILE in pulling.line()
            assert pulling.end(signal.SIGINT) == 130
            assert "The server goes on with it. laird library pause" in pulling.rest
            (one,) = served.json("library", "downloads")["downloads"]
            assert one["state"] == "running"

    def test_without_a_server_it_is_paused(self, offline: Shell, hub: HubServer) -> None:
        with stalling(hub), command(offline.home, "library", "pull", LARGE) as pulling:
            assert LARGE_FILE in pulling.line()
            assert "does not answer" in offline.fails("library", "list")
            assert pulling.end(signal.SIGINT) == 130
            assert "Paused, at " in pulling.rest
        (one,) = offline.json("library", "downloads")["downloads"]
        assert one["state"] == "paused"
        assert "is installed" in offline.run("library", "pull", LARGE, code=1).stderr

    def test_a_server_that_goes_away_is_said(self, home: Path, hub: HubServer) -> None:
        with stalling(hub), serving(home):
            pulling = Command(home, "library", "pull", LARGE)
            assert LARGE_FILE in pulling.line()
        assert pulling.end() == 1
        assert "The download goes on when it runs again" in pulling.rest


class TestProgress:
    progress: Mapping[str, Any] = {
        "files": [FILE], "state": "running", "done": 1_200_000, "total": 10_000_000,
        "speed": 2_500_000.0, "eta_s": 3.5, "problem": None, "retry_in_s": None,
    }  # fmt: skip

    def test_in_words(self) -> None:
        assert library_following.words(self.progress) == ("12 % of 10.0 MB, 2.5 MB/s, 4 s left")
        waiting = {
            **self.progress, "state": "waiting", "speed": 0.0, "eta_s": None, "retry_in_s": 9.0,
        }  # fmt: skip
        assert library_following.words(waiting) == "12 % of 10.0 MB, waiting, next try in 9 s"
        assert library_following.words({**waiting, "retry_in_s": 0.2}).endswith("in 1 s")

    def test_a_terminal_has_a_bar(self, monkeypatch: pytest.MonkeyPatch) -> None:
        console = Console(force_terminal=True, width=120, record=True)
        monkeypatch.setattr(library_following, "Console", lambda **_: console)
        with library_following.watcher(silent=False) as watch:
            watch(self.progress)
            for state in ("waiting", "running", "waiting"):
                watch({**self.progress, "state": state, "problem": "The line broke.\x1b"})
            watch({**self.progress, "state": "done", "done": 10_000_000})
        shown = console.export_text()
        assert shown.count("The line broke.") == 1
        assert shown.startswith(f"{FILE}\n")
        assert "\n━" in shown
        assert "100 % of 10.0 MB, done, 2.5 MB/s" in shown

    def test_elsewhere_there_is_a_line_at_each_change(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with library_following.watcher(silent=False) as watch:
            for _ in range(3):
                watch(self.progress)
            watch({**self.progress, "state": "waiting", "problem": "The line broke."})
        lines = capsys.readouterr().err.splitlines()
        assert [line.split(":")[0] for line in lines] == [FILE, "The line broke.", FILE]

    def test_a_program_sees_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        with library_following.watcher(silent=True) as watch:
            watch(self.progress)
        assert capsys.readouterr().err == ""


def test_a_channel_knows_whether_a_server_answers(served: Shell, tmp_path: Path) -> None:
    assert Channel({"home": served.home}, served.home).served
    assert not Channel({"home": tmp_path / "x"}, tmp_path / "x").served


def until_seen(shell: Shell, *, broken: bool) -> None:
    """Look until the server has noticed that the document is broken, or in order."""
    end = time.monotonic() + 10 * MACHINE_S
    while time.monotonic() < end:
        if (shell.json("config", "show")["error"] is not None) is broken:
            return
    pytest.fail("the server did not notice the document")


@contextmanager
def stalling(hub: HubServer) -> Iterator[None]:
    """Let nothing of a large model come but its first bytes, until the block ends."""
    files = {LARGE_FILE: model_bytes(LARGE_SIZE), "large.Q8_0.gguf": model_bytes(LARGE_SIZE, 1)}
    hub.add(LARGE, files)
    hub.always_on_bytes(Fault(stall_after=1_500_000))
    try:
        yield
    finally:
        hub.always_on_bytes(Fault())


class Command:
    """A command as a process of its own, whose standard error is read while it runs."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.rest = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "laird", *arguments, "--home", str(home)],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env=dict(os.environ),
            start_new_session=True,
        )
        self._guard = threading.Timer(20 * MACHINE_S, self._process.kill)
        self._guard.start()

    def line(self) -> str:
        """Return the next line."""
        assert self._process.stderr is not None
        return self._process.stderr.readline()

    def end(self, by: signal.Signals | None = None) -> int:
        """Return the exit code, after a signal where one is given."""
        if by is not None:
            self._process.send_signal(by)
        _, self.rest = self._process.communicate()
        self._guard.cancel()
        return self._process.returncode

    def close(self) -> None:
        """End it, if it has not."""
        self._guard.cancel()
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@contextmanager
def command(home: Path, *arguments: str) -> Iterator[Command]:
    """Run a command beside the test."""
    running = Command(home, *arguments)
    try:
        yield running
    finally:
        running.close()
