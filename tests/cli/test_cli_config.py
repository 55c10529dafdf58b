"""laird config: checked, shown, exported, imported and taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import DEMO, Shell

BROKEN = """\
providers:
  - id: demo
    kind: demo
    maxConcurent: 4
    models: [demo]
chains:
  - id: c
    models: []
"""
LITELLM = """\
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_API_KEY
      rpm: 10
"""
MAPPING = """\
providers:
  openai:
    endpoint: https://api.openai.com/v1
    api_key: ${OPENAI_API_KEY}
    models: [gpt-4o]
    cost_tracking: true
"""
SECRET = """\
providers:
  - id: o
    kind: openai
    # mine
    authSecret: sk-canary-0123456789
    models: [gpt-4o]
"""


def test_a_good_document_is_in_order(shell: Shell) -> None:
    printed = shell.out("config", "check").splitlines()
    assert printed[0] == f"{shell.document} is in order: 2 providers, 2 models, 0 chains."
    assert printed[1].startswith("warning: ")
    found = shell.json("config", "check")
    assert found["ok"] is True
    assert found["file"] == str(shell.document)
    assert (found["providers"], found["models"], len(found["warnings"])) == (2, 2, 1)


def test_one_of_a_thing_is_not_called_several(offline: Shell, tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text("providers:\n  - {id: demo, kind: demo, models: [demo]}\n")
    assert "1 provider, 1 model, 0 chains." in offline.out("config", "check", str(file))


def test_every_mistake_is_a_line_with_its_place_and_fix(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(BROKEN)
    result = shell.run("config", "check", str(file), code=1)
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        (
            f"laird: {file}:4: providers[0].maxConcurent: there is no field 'maxConcurent'."
            " Did you mean 'maxConcurrent'?"
        ),
        f"laird: {file}:8: chains[0].models: must have at least one entry.",
    ]
    found = shell.json("config", "check", str(file), code=1)
    assert found["ok"] is False
    assert [(one["line"], one["path"]) for one in found["problems"]] == [
        (4, "providers[0].maxConcurent"),
        (8, "chains[0].models"),
    ]
    assert found["problems"][0]["fix"] == "Did you mean 'maxConcurrent'?"


def test_the_document_in_use_is_checked_even_while_it_is_broken(shell: Shell) -> None:
    shell.document.write_text(BROKEN)
    assert f"{shell.document}:4:" in shell.run("config", "check", code=1).stderr
    assert shell.json("config", "check", code=1)["ok"] is False


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"\xff\xfe", "UTF-8"), (b"", "empty"), (b"providers: [", ":1: "), (b"[]", "mapping")],
)
def test_what_is_no_document_is_said_in_a_line(
    shell: Shell, tmp_path: Path, data: bytes, says: str
) -> None:
    file = tmp_path / "other.yaml"
    file.write_bytes(data)
    line = shell.fails("config", "check", str(file))
    assert line.startswith(str(file))
    assert says in line


def test_a_file_that_is_not_there_is_said(offline: Shell, tmp_path: Path) -> None:
    assert "can't be read" in offline.fails("config", "check", str(tmp_path / "nope.yaml"))
    assert "can't be read" in offline.fails("config", "import", str(tmp_path))


def test_the_document_is_shown_and_exported_without_secrets(offline: Shell, tmp_path: Path) -> None:
    offline.document.write_text(SECRET)
    shown = SECRET.replace("sk-canary-0123456789", "«redacted»")
    assert offline.out("config", "show") == shown
    assert offline.json("config", "show")["document"] == shown
    assert offline.out("config", "export") == shown
    file = tmp_path / "copy.yaml"
    assert str(file) in offline.out("config", "export", str(file))
    assert file.read_text() == shown
    as_data = json.loads(offline.out("config", "export", "--format", "json"))
    assert as_data["providers"][0]["authSecret"] == "«redacted»"


def test_an_export_can_be_checked_where_it_came_from(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "copy.yaml"
    revision = shell.json("config", "show")["revision"]
    assert shell.json("config", "export", str(file)) == {"file": str(file), "revision": revision}
    assert shell.json("config", "check", str(file))["revision"] == revision


def test_an_export_to_nowhere_is_one_line(offline: Shell, tmp_path: Path) -> None:
    assert "can't be written" in offline.fails("config", "export", str(tmp_path / "no" / "where"))


@pytest.mark.parametrize(("text", "noted"), [(LITELLM, "rpm"), (MAPPING, None)])
def test_another_programs_configuration_is_printed_and_changes_nothing(
    shell: Shell, tmp_path: Path, text: str, noted: str | None
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    before = shell.document.read_text()
    result = shell.run("config", "import", str(file))
    assert "env:OPENAI_API_KEY" in result.stdout
    assert "gpt-4o" in result.stdout
    assert (noted in result.stderr) if noted else (result.stderr == "")
    assert shell.document.read_text() == before
    assert shell.json("config", "import", str(file))["in_force"] is False


def test_an_import_can_be_put_in_force_and_taken_back(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(MAPPING)
    before = shell.document.read_text()
    assert "in force" in shell.out("config", "import", str(file), "--replace")
    assert [one["key"] for one in shell.json("models", "list")["models"]] == ["openai/gpt-4o"]
    shell.run("config", "rollback")
    assert shell.document.read_text() == before


def test_an_import_replaces_a_broken_document(shell: Shell, tmp_path: Path) -> None:
    shell.document.write_text(BROKEN)
    file = tmp_path / "config.yaml"
    file.write_text(MAPPING)
    assert shell.json("config", "import", str(file), "--replace")["in_force"] is True
    assert shell.json("config", "check")["models"] == 1


def test_what_cannot_be_imported_is_one_line(offline: Shell, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("services: {}\n")
    assert "neither a LiteLLM" in offline.fails("config", "import", str(file))


def test_changes_are_listed_newest_first(shell: Shell) -> None:
    shell.run("chains", "set", "c", "a/m")
    newest, first = shell.out("config", "history").splitlines()[1:]
    assert "owner" in newest
    assert "cli" in newest
    assert "chain c: added" in newest
    assert "file" in first
    (change,) = shell.json("config", "history", "--limit", "1")["changes"]
    assert change["summary"] == ["chain c: added"]


def test_a_change_is_taken_back_and_that_is_a_change_too(shell: Shell) -> None:
    before = shell.document.read_text()
    shell.run("chains", "set", "c", "a/m")
    changed = shell.document.read_text()
    shell.run("config", "rollback")
    assert shell.document.read_text() == before
    number = shell.json("config", "history")["changes"][1]["id"]
    assert shell.json("config", "rollback", number)["change"] == number
    assert shell.document.read_text() == changed
    sources = [one["source"] for one in shell.json("config", "history")["changes"]]
    assert sources == ["rollback", "rollback", "cli", "file"]


def test_a_rollback_of_a_broken_file_brings_the_last_good_one(shell: Shell) -> None:
    shell.run("chains", "set", "c", "a/m")
    good = shell.document.read_text()
    shell.document.write_text(BROKEN)
    shell.run("config", "rollback", shell.json("config", "history")["changes"][0]["id"])
    assert shell.document.read_text() == good


def test_there_may_be_nothing_to_go_back_to(shell: Shell) -> None:
    assert "no earlier document" in shell.fails("config", "rollback")
    for change in ("99", "9" * 30, "x"):
        assert f"'{change}'" in shell.fails("config", "rollback", change, code=2)


class TestBrokenDocumentWithoutAServer:
    """What needs no document works; what does says what is wrong with it."""

    @pytest.fixture
    def broken(self, offline: Shell) -> Shell:
        offline.run("keys", "create", "laptop")
        offline.document.write_text(BROKEN)
        return offline

    def test_keys_usage_and_tables_are_as_ever(self, broken: Shell) -> None:
        assert broken.json("keys", "list")["keys"][0]["name"] == "laptop"
        broken.run("keys", "revoke", "laptop")
        assert broken.json("usage", "summary")["rows"] == []
        assert broken.json("db", "current")["version"] is not None

    def test_an_edit_says_what_is_wrong_and_changes_nothing(self, broken: Shell) -> None:
        for arguments in (
            ("providers", "add", "b", "--kind", "vllm"),
            ("chains", "set", "c", "demo/demo"),
            ("chains", "remove", "c"),
        ):
            assert f"{broken.document}:4:" in broken.run(*arguments, code=1).stderr
        assert broken.document.read_text() == BROKEN

    def test_show_says_it_and_rollback_mends_it(self, broken: Shell) -> None:
        shown = broken.run("config", "show")
        assert shown.stdout == ""
        assert f"{broken.document}:4:" in shown.stderr
        broken.run("config", "rollback")
        assert broken.json("config", "check")["ok"] is True

    def test_a_first_document_that_is_broken_has_nothing_before_it(self, tmp_path: Path) -> None:
        shell = Shell(tmp_path / "new")
        shell.home.mkdir(mode=0o700)
        shell.document.write_text(BROKEN)
        assert "no earlier document" in shell.fails("config", "rollback")
        shell.document.write_text(DEMO)
        assert shell.json("config", "check")["ok"] is True
