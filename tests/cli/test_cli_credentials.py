"""`laird credentials`: keys go in, and nothing of them comes out."""

from __future__ import annotations

import json
from pathlib import Path

from tests.credentials.vault_world import ONE, TWO, files_with
from tests.support.chat_upstream import prepared
from tests.support.documents import document, provider
from tests.support.laird import laird_process
from tests.support.upstream import threaded_upstream
from typer.testing import CliRunner

from laird.cli.app import app

DEMO = "providers:\n  - {id: demo, kind: demo}\n"


def laird(home: Path, *words: str, given: str | None = None) -> tuple[int, str, str]:
    """Run a command; return its exit code and what it printed."""
    runner = CliRunner(env={"LAIRD_HOME": str(home), "LAIRD_MASTER_KEY": ""})
    done = runner.invoke(app, ["credentials", *words], input=given)
    assert ONE not in done.output
    assert TWO not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.stdout, done.stderr


def test_a_key_goes_in_and_is_listed_without_a_server(tmp_path: Path) -> None:
    (tmp_path / "providers.yaml").write_text(DEMO)
    code, out, _ = laird(tmp_path, "list")
    assert (code, out) == (0, "Nothing is stored. laird credentials set NAME keeps a key.\n")
    code, out, err = laird(
        tmp_path, "set", "openai", "--stdin", "--expires", "2027-01-31", given=f"{ONE}\n"
    )
    assert code == 0
    assert "is kept in the vault" in out
    assert "authSecret: openai" in err
    code, out, _ = laird(tmp_path, "list")
    assert "2027-01-31" in out
    code, out, _ = laird(tmp_path, "list", "--json")
    assert [one["name"] for one in json.loads(out)["credentials"]] == ["openai"]
    code, out, _ = laird(tmp_path, "rekey")
    assert "2 values are wrapped anew" in out
    code, out, err = laird(tmp_path, "rotate", "openai", "--stdin", "--stage", given=TWO)
    assert "laird credentials promote openai" in out
    code, out, _ = laird(tmp_path, "list")
    assert "ready" in out
    code, out, _ = laird(tmp_path, "promote", "openai", "--fallback-hours", "0")
    assert "in force" in out
    code, _, err = laird(tmp_path, "discard", "openai")
    assert (code, "no staged" in err) == (1, True)
    code, _, err = laird(tmp_path, "test", "openai")
    assert (code, "nobody to test it with" in err) == (2, True)
    code, out, _ = laird(tmp_path, "remove", "openai")
    assert "Revoke the key at the provider" in out
    assert files_with(tmp_path, ONE, TWO) == []


def test_a_key_is_never_an_argument_and_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "providers.yaml").write_text(DEMO)
    for words in (
        ("set", "openai", ONE),
        ("rotate", "openai", ONE),
        ("set", ONE),
        ("rotate", ONE, "--stdin"),
        ("set", ONE.upper()),
        ("set", "openai", "--value", ONE),
        ("set", "openai", f"--value={ONE}"),
        ("set", "openai", "--store", ONE),
        ("set", "openai", "--expires", ONE),
        ("set", "openai", "--command", f"'{ONE}"),
    ):
        code, out, err = laird(tmp_path, *words, given=TWO)
        assert code == 2, words
        assert ONE.upper() not in out + err


def test_without_a_terminal_and_without_stdin_it_is_said_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "providers.yaml").write_text(DEMO)
    code, _, err = laird(tmp_path, "set", "openai", given=ONE)
    assert (code, "--stdin" in err) == (2, True)
    code, _, err = laird(tmp_path, "set", "openai", "--stdin", given="\n")
    assert (code, "empty" in err) == (2, True)


def test_a_command_can_be_named_by_who_owns_the_home(tmp_path: Path) -> None:
    (tmp_path / "providers.yaml").write_text(DEMO)
    code, out, _ = laird(tmp_path, "set", "gc", "--command", f"printf %s {ONE}", "--lifetime", "60")
    assert (code, "as a command" in out) == (0, True)
    code, out, _ = laird(tmp_path, "list")
    assert "not run" in out
    code, _, err = laird(tmp_path, "set", "bad", "--command", "false", "--timeout", "5")
    assert (code, "code 1" in err) == (1, True)
    assert files_with(tmp_path, ONE, "printf") == []


def test_what_is_written_out_is_moved(tmp_path: Path) -> None:
    text = document(provider("a", "http://127.0.0.1:9", authType="bearer", authSecret=ONE))
    (tmp_path / "providers.yaml").write_text(f"# mine\n{text}")
    code, out, err = laird(tmp_path, "migrate")
    assert (code, out) == (0, "The key of 'a' is the stored credential 'a' now.\n")
    assert "rotate the keys" in err
    assert (tmp_path / "providers.yaml").read_text() == f"# mine\n{text.replace(ONE, 'a')}"
    code, out, _ = laird(tmp_path, "migrate")
    assert out == "No key is written out in the document.\n"
    assert files_with(tmp_path, ONE) == []


def test_a_key_is_rotated_on_a_running_server(tmp_path: Path) -> None:
    with threaded_upstream() as upstream:
        prepared(upstream)
        text = document(provider("a", upstream.url, authType="bearer", authSecret="a"))
        with laird_process(tmp_path, text) as server:
            code, out, _ = laird(tmp_path, "set", "a", "--stdin", given=ONE)
            assert code == 0
            status, _ = server.post(
                "/v1/chat/completions",
                {"model": "a/m", "messages": [{"role": "user", "content": "Hello"}]},
            )
            assert status == 200
            assert upstream.requests[-1].headers["authorization"] == f"Bearer {ONE}"
            code, out, _ = laird(tmp_path, "rotate", "a", "--stdin", "--json", given=TWO)
            assert json.loads(out)["staged"] is None
            code, out, _ = laird(tmp_path, "test", "a", "--slot", "previous")
            assert "takes the previous key" in out
            assert upstream.requests[-1].headers["authorization"] == f"Bearer {ONE}"
            code, _, err = laird(tmp_path, "remove", "a")
            assert (code, "in use" in err) == (2, True)
            assert server.stop() == 0
            assert not [line for line in server.logged if ONE in line or TWO in line]
    assert files_with(tmp_path, ONE, TWO) == []
