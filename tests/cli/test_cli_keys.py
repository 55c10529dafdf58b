"""laird keys: made, listed, switched and revoked, and in force over HTTP at once."""

from __future__ import annotations

import re
import time

import pytest
from tests.cli.conftest import Shell, chat_status
from tests.support.waiting import MACHINE_S


def test_a_new_key_is_alone_on_standard_output(shell: Shell) -> None:
    made = shell.run("keys", "create", "laptop")
    assert re.fullmatch(r"lai_[0-9a-f]{32}\n", made.stdout)
    assert "only time" in made.stderr


def test_a_key_is_listed_without_its_text(shell: Shell) -> None:
    text = shell.out("keys", "create", "laptop").strip()
    printed = shell.out("keys", "list")
    assert re.search(rf"^laptop\s+key_\w+\s+{text[:8]}…\s+yes\s+inference", printed, re.MULTILINE)
    assert text not in printed
    assert text not in str(shell.json("keys", "list"))


def test_no_keys_is_said(shell: Shell) -> None:
    assert "laird keys create" in shell.out("keys", "list")
    assert shell.json("keys", "list") == {"keys": []}


def test_every_option_of_a_key_is_kept(shell: Shell) -> None:
    shell.run(
        *("keys", "create", "ci bot", "--scope", "admin", "--scope", "inference"),
        *("--model", "demo", "--provider", "demo", "--local-only", "--priority", "-5"),
        *("--requests-per-minute", "10", "--tokens-per-minute", "1000"),
        *("--expires-in-days", "0.5"),
    )
    (key,) = shell.json("keys", "list")["keys"]
    assert key["name"] == "ci bot"
    assert key["scopes"] == ["admin", "inference"]
    assert key["allowed_models"] == ["demo"]
    assert key["allowed_providers"] == ["demo"]
    assert key["privacy"] == "local"
    assert key["priority"] == -5
    assert key["requests_per_minute"] == 10
    assert key["tokens_per_minute"] == 1000
    assert key["expires_us"] - key["created_us"] == 43_200_000_000


def test_a_key_as_json_has_its_text_once(shell: Shell) -> None:
    made = shell.json("keys", "create", "laptop")
    assert made["key"].startswith(made["prefix"])
    assert "digest" not in made
    (listed,) = shell.json("keys", "list")["keys"]
    assert {**listed, "key": made["key"]} == made


@pytest.mark.parametrize("name", ["100% a/b?c=d#e", "ключ [/red]"])
def test_a_key_is_found_by_any_name(shell: Shell, name: str) -> None:
    shell.run("keys", "create", name)
    assert name in shell.out("keys", "list")
    assert re.search(r"enabled\s+no", shell.out("keys", "disable", name))
    assert re.search(r"enabled\s+yes", shell.out("keys", "enable", name))
    assert name in shell.out("keys", "revoke", name)
    assert shell.json("keys", "list") == {"keys": []}


def test_a_key_is_found_by_its_id(shell: Shell) -> None:
    made = shell.json("keys", "create", "laptop")
    assert shell.json("keys", "disable", made["id"])["enabled"] is False
    assert shell.json("keys", "enable", made["id"])["enabled"] is True
    assert shell.json("keys", "revoke", made["id"])["name"] == "laptop"


@pytest.mark.parametrize("verb", ["disable", "enable", "revoke"])
def test_a_key_that_does_not_exist_is_one_line(shell: Shell, verb: str) -> None:
    assert "'nobody'" in shell.fails("keys", verb, "nobody", code=1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["laptop"], "already"),
        (["x", "--scope", "root"], "admin, inference"),
        (["x", "--expires-in-days", "0"], "expires_in_days"),
        (["x", "--requests-per-minute", "0"], "requests_per_minute"),
        ([""], "needs a name"),
    ],
)
def test_what_has_to_be_written_differently_ends_with_2(
    shell: Shell, arguments: list[str], says: str
) -> None:
    shell.run("keys", "create", "laptop")
    assert says in shell.fails("keys", "create", *arguments, code=2)


def test_a_key_works_at_once_and_stops_at_once(served: Shell) -> None:
    assert served.url is not None
    key = served.out("keys", "create", "laptop").strip()
    assert chat_status(served.url, key) == 200
    served.run("keys", "disable", "laptop")
    assert chat_status(served.url, key) == 401
    served.run("keys", "enable", "laptop")
    assert chat_status(served.url, key) == 200
    began = time.monotonic()
    served.run("keys", "revoke", "laptop")
    assert chat_status(served.url, key) == 401
    assert time.monotonic() - began < 2 + MACHINE_S


def test_when_a_key_was_used_is_shown_after_the_server_stopped(served: Shell) -> None:
    assert served.url is not None
    key = served.out("keys", "create", "laptop", "--scope", "admin").strip()
    assert served.json("keys", "list")["keys"][0]["last_used_us"] is None
    assert chat_status(served.url, key) == 403
