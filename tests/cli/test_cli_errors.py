"""Whatever goes wrong is one line that says what to do, and never a traceback."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.conftest import DEMO, Shell
from tests.support.laird import LairdProcess, laird_command, laird_process

from laird.storage.lock import FILE_NAME, HomeLock

NO_HOME = Path("/proc/nowhere") if sys.platform == "linux" else Path("/dev/null/nowhere")


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["keys", "list"], ["db", "upgrade"]])
class TestHome:
    def test_one_that_can_not_be_made(self, command: list[str]) -> None:
        line = Shell(NO_HOME).fails(*command)
        assert "LAIRD_HOME" in line
        assert str(NO_HOME) in line

    def test_one_that_is_a_file(self, command: list[str], tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        assert "LAIRD_HOME" in Shell(tmp_path / "file").fails(*command)

    def test_one_that_can_not_be_written(self, command: list[str], tmp_path: Path) -> None:
        home = Path("/proc") if os.geteuid() == 0 else tmp_path / "read-only"
        if os.geteuid() != 0:
            home.mkdir(mode=0o500)
        line = Shell(home).fails(*command)
        assert "can't be written" in line
        assert "LAIRD_HOME" in line

    def test_a_database_of_a_newer_laird(self, command: list[str], tmp_path: Path) -> None:
        shell = Shell(tmp_path / "home")
        shell.run("db", "upgrade")
        connection = sqlite3.connect(shell.home / "laird.db")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        connection.close()
        line = shell.fails(*command)
        assert "9999" in line
        assert "update Laird" in line

    def test_a_file_that_is_no_database(self, command: list[str], tmp_path: Path) -> None:
        shell = Shell(tmp_path)
        (tmp_path / "laird.db").write_text("this is not a database, " * 100)
        assert str(tmp_path / "laird.db") in shell.fails(*command)

    def test_a_database_that_is_not_supported(
        self, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = "mysql://user:canary@db.example/laird"
        monkeypatch.setenv("LAIRD_DATABASE_URL", url)
        line = Shell(tmp_path).fails(*command)
        assert "LAIRD_DATABASE_URL" in line
        assert "canary" not in line

    def test_a_setting_that_is_wrong(
        self, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LAIRD_LOG_LEVEL", "loud")
        line = Shell(tmp_path).fails(*command)
        assert "LAIRD_LOG_LEVEL" in line
        assert "debug" in line


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--port", "99999"], "--port"),
        (["--drain-seconds", "-1"], "--drain-seconds"),
        (["--max-body-bytes", "lots"], "--max-body-bytes"),
        (["--log-format", "xml"], "--log-format"),
        (["--database-url", "nonsense"], "--database-url"),
        (["--host", "256.0.0.1", "--port", "0"], "256.0.0.1"),
    ],
)
def test_a_flag_that_is_wrong_is_named(tmp_path: Path, flags: list[str], says: str) -> None:
    assert says in Shell(tmp_path).fails("serve", *flags)


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = Shell(tmp_path).fails("serve", "--port", str(port))
    assert f"127.0.0.1:{port}" in line
    assert "LAIRD_PORT" in line


def test_a_home_too_deep_for_a_socket_serves_not_but_answers_commands(tmp_path: Path) -> None:
    shell = Shell(tmp_path / ("x" * 110))
    assert "shorter" in shell.fails("serve", "--port", "0")
    assert shell.json("keys", "list") == {"keys": []}


def test_a_server_does_not_start_with_a_broken_document(offline: Shell) -> None:
    offline.document.write_text(f"{DEMO}    typo: 1\n")
    line = offline.fails("serve", "--port", "0")
    assert line.startswith(f"{offline.document}:5: providers[0].typo")
    assert not (offline.home / "control.sock").exists()


def test_a_document_that_can_not_be_read_is_one_line(offline: Shell) -> None:
    offline.document.unlink()
    offline.document.mkdir()
    assert str(offline.document) in offline.fails("serve", "--port", "0")
    assert str(offline.document) in offline.fails("config", "check")


def test_a_first_document_is_written_where_there_is_none(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "new")
    assert [one["id"] for one in shell.json("providers", "list")["providers"]] == ["demo"]
    assert shell.json("config", "check")["ok"] is True
    assert shell.home.stat().st_mode & 0o777 == 0o700


def test_a_wrong_command_line_ends_with_2(offline: Shell) -> None:
    for arguments in (["keys", "make"], ["keys", "create"], ["keys", "list", "--colour"]):
        assert "Usage: " in offline.run(*arguments, code=2).stderr


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (b"", "did not answer"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", "did not answer"),
        (b"HTTP/1.1 502 Bad\r\ncontent-length: 4\r\n\r\noops", "answered 502"),
    ],
)
def test_a_server_that_answers_with_nonsense_is_one_line(
    offline: Shell, reply: bytes, says: str
) -> None:
    with answering(offline.home / "control.sock", reply):
        assert says in offline.fails("keys", "list")


@contextmanager
def answering(path: Path, reply: bytes) -> Iterator[None]:
    """Listen at a control socket; say the same to each request and hang up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    # The command first only looks whether somebody listens, and says nothing.
                    if connection.recv(65536):
                        connection.sendall(reply)
                        return

        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join()


def test_a_home_that_is_busy_without_answering_is_said(offline: Shell) -> None:
    with HomeLock(offline.home / FILE_NAME):
        assert "Try again in a moment" in offline.fails("keys", "list")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LairdProcess]:
    """A server in a process of its own."""
    with laird_process(tmp_path_factory.mktemp("served"), DEMO) as process:
        yield process


class TestProcesses:
    """What a shell sees: a server and commands as processes of their own."""

    def test_the_first_start_prints_a_key_and_a_call_that_works(self, server: LairdProcess) -> None:
        printed = "".join(server.printed)
        assert f"Laird is ready at {server.url}" in printed
        assert f"curl {server.url}/v1/chat/completions" in printed
        body = {"model": "auto", "messages": [{"role": "user", "content": "Hello!"}]}
        status, answer = server.post("/v1/chat/completions", body)
        assert status == 200
        assert answer["provider"] == "demo"

    def test_a_key_can_be_caught_in_a_variable(self, server: LairdProcess) -> None:
        made = server.command("keys", "create", "script")
        assert re.fullmatch(r"lai_[0-9a-f]{32}\n", made.stdout)

    def test_a_second_server_on_the_same_home(self, server: LairdProcess) -> None:
        second = laird_command(server.home, "serve", "--port", "0", check=False)
        assert second.returncode == 1
        assert second.stdout == ""
        assert f"process {server.pid}" in second.stderr
        assert second.stderr.count("\n") == 1

    def test_a_server_that_can_not_start_says_why(self, tmp_path: Path) -> None:
        (tmp_path / "providers.yaml").write_text("providers: 4\n")
        failed = laird_command(tmp_path, "serve", "--port", "0", check=False)
        assert failed.returncode == 1
        assert failed.stdout == ""
        assert failed.stderr.startswith(f"laird: {tmp_path}/providers.yaml:1: providers: ")
        assert failed.stderr.count("\n") == 1


IMPATIENT = """
import runpy, sys

class Impatient:
    def find_spec(self, name, path=None, target=None):
        if name == "laird.cli.app":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Impatient())
runpy.run_module("laird", run_name="__main__")
"""


def test_who_interrupts_it_while_it_is_being_loaded_sees_no_traceback() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", IMPATIENT], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
