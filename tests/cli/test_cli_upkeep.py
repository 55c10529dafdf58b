"""laird doctor and laird db: is everything in order, and the database's tables."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tests.cli.conftest import DEMO, Shell
from tests.support.answers import failing
from tests.support.upstream import ScriptedUpstream

from laird.storage.schema import REVISIONS


def found(shell: Shell, code: int = 0) -> dict[str, str]:
    """Return the doctor's levels by subject, the worst of each."""
    worst: dict[str, str] = {}
    for one in shell.json("doctor", code=code):
        before = worst.get(one["subject"], "ok")
        worst[one["subject"]] = max(before, one["level"], key=("ok", "warning", "error").index)
    return worst


def test_all_is_well(shell: Shell) -> None:
    levels = found(shell)
    assert levels["home"] == levels["ledger"] == "ok"
    assert levels["provider a"] == levels["provider demo"] == "ok"
    printed = shell.out("doctor")
    assert re.search(
        r"^ok       document: .*providers.yaml: 2 providers, 2 models$", printed, re.MULTILINE
    )
    assert re.search(r"^ok       provider a: answers: 1 models, \d+ ms$", printed, re.MULTILINE)
    server = f"running as process {os.getpid()}" if shell.url is not None else "not running"
    assert f"ok       server: {server}\n" in printed


def test_warnings_are_no_errors(offline: Shell) -> None:
    offline.home.chmod(0o755)
    printed = offline.out("doctor")
    assert f"warning  home: {offline.home} can be read by others (755)" in printed
    assert re.search(r"^warning  document: .*provider 'a' has no credential", printed, re.MULTILINE)


def test_a_provider_that_is_down_is_an_error(shell: Shell, upstream: ScriptedUpstream) -> None:
    upstream.on("/v1/models", failing(500, "on fire"))
    assert found(shell, code=1)["provider a"] == "error"
    assert re.search(
        r"^ERROR    provider a: .*on fire", shell.run("doctor", code=1).stdout, re.MULTILINE
    )


def test_a_disabled_provider_is_not_asked(offline: Shell, upstream: ScriptedUpstream) -> None:
    text = offline.document.read_text()
    offline.document.write_text(text.replace("id: a\n", "id: a\n    enabled: false\n"))
    assert "ok       provider a: disabled\n" in offline.out("doctor")
    assert upstream.requests == []


def test_a_broken_document_is_an_error_for_each_mistake(offline: Shell) -> None:
    offline.document.write_text(f"{DEMO}    typo: 1\nchains: 4\n")
    printed = offline.run("doctor", code=1).stdout
    assert printed.count("\nERROR    document: ") == 2
    assert f"document: {offline.document}:5: providers[0].typo" in printed


def test_a_home_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "new")
    assert "will be made" in shell.out("doctor")
    assert not shell.home.exists()


def test_a_home_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "file")
    shell.home.write_text("")
    assert "is not a directory" in shell.run("doctor", code=1).stdout


def test_tables_are_upgraded_and_taken_back(offline: Shell) -> None:
    assert offline.json("db", "current")["version"] is None
    assert not (offline.home / "laird.db").exists()
    made = offline.json("db", "upgrade")
    assert made == {
        "database": str(offline.home / "laird.db"),
        "version": REVISIONS[-1],
        "newest": REVISIONS[-1],
    }
    offline.run("keys", "create", "laptop")
    assert re.search(r"version +-\n", offline.out("db", "downgrade", "base", "--yes"))
    assert offline.json("db", "current")["version"] is None
    assert re.search(rf"version +{REVISIONS[-1]}\n", offline.out("db", "upgrade", REVISIONS[-1]))
    assert offline.json("keys", "list") == {"keys": []}


def test_what_would_be_lost_is_asked_about(offline: Shell) -> None:
    offline.run("db", "upgrade")
    refused = offline.run("db", "downgrade", "base", stdin="n\n", code=1)
    assert str(offline.home / "laird.db") in refused.stderr
    assert offline.json("db", "current")["version"] == REVISIONS[-1]
    offline.run("db", "downgrade", "base", stdin="y\n")
    assert offline.json("db", "current")["version"] is None


@pytest.mark.parametrize("verb", ["upgrade", "downgrade"])
def test_a_version_that_does_not_exist_is_one_line(offline: Shell, verb: str) -> None:
    offline.run("db", "upgrade")
    arguments = ("db", verb, "9999", *(["--yes"] if verb == "downgrade" else []))
    assert "no database version 9999" in offline.fails(*arguments)


@pytest.mark.parametrize("arguments", [["upgrade"], ["downgrade", "base", "--yes"]])
def test_tables_are_left_alone_while_a_server_runs(served: Shell, arguments: list[str]) -> None:
    assert f"process {os.getpid()}" in served.fails("db", *arguments)
    assert served.json("db", "current")["version"] == REVISIONS[-1]
