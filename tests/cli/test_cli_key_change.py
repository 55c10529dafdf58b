"""laird keys change: what is named changes, in force for the next request."""

from __future__ import annotations

import pytest
from tests.cli.conftest import Shell, chat_status


def the_key(shell: Shell) -> dict[str, object]:
    (key,) = shell.json("keys", "list")["keys"]
    assert isinstance(key, dict)
    return key


def test_every_field_can_be_changed_and_what_is_not_named_stays(shell: Shell) -> None:
    shell.run("keys", "create", "laptop", "--rpm", "5", "--cache")
    printed = shell.out(
        *("keys", "change", "laptop", "--name", "desk", "--tpm", "1000", "--priority", "-5"),
        *("--privacy", "local", "--models", "demo, a/m", "--providers", "demo", "--expires", "2"),
        "--no-cache",
    )
    assert "desk" in printed
    assert "a/m, demo" in printed
    key = the_key(shell)
    assert (key["name"], key["requests_per_minute"], key["tokens_per_minute"]) == ("desk", 5, 1000)
    assert (key["priority"], key["privacy"], key["cache"]) == (-5, "local", False)
    assert (key["allowed_models"], key["allowed_providers"]) == (["a/m", "demo"], ["demo"])
    assert key["expires_us"] is not None


def test_limits_are_taken_away_by_name(shell: Shell) -> None:
    shell.run(
        *("keys", "create", "laptop", "--rpm", "5", "--tpm", "10", "--priority", "3"),
        *("--model", "demo", "--provider", "demo", "--expires-in-days", "1"),
    )
    shell.run(
        *("keys", "change", "laptop", "--rpm", "none", "--tpm", "none", "--priority", "none"),
        *("--models", "any", "--providers", "any", "--expires", "never"),
    )
    key = the_key(shell)
    for field in ("requests_per_minute", "tokens_per_minute", "priority", "expires_us"):
        assert key[field] is None
    assert key["allowed_models"] == key["allowed_providers"] == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "nothing to change"),
        (["--rpm", "0"], "requests_per_minute"),
        (["--privacy", "secret"], "any, local"),
        (["--expires", "-1"], "expires_in_days"),
        (["--name", ""], "needs a name"),
    ],
)
def test_what_has_to_be_written_differently_ends_with_2(
    shell: Shell, options: list[str], says: str
) -> None:
    shell.run("keys", "create", "laptop")
    assert says in shell.fails("keys", "change", "laptop", *options, code=2)


def test_what_is_no_number_is_told_so(offline: Shell) -> None:
    offline.run("keys", "create", "laptop")
    refused = offline.run("keys", "change", "laptop", "--rpm", "many", code=2)
    assert "'many' is no number" in refused.stderr


def test_a_change_is_in_force_for_the_next_request(served: Shell) -> None:
    assert served.url is not None
    key = served.out("keys", "create", "laptop").strip()
    assert chat_status(served.url, key) == 200
    served.run("keys", "change", "laptop", "--rpm", "1")
    # A limit counts from the change on.
    assert [chat_status(served.url, key) for _ in range(2)] == [200, 429]
    served.run("keys", "change", "laptop", "--rpm", "none", "--models", "a/m")
    assert chat_status(served.url, key) == 403
    served.run("keys", "change", "laptop", "--models", "any")
    assert chat_status(served.url, key) == 200
    answer = served.json("keys", "change", "laptop", "--tpm", "7")
    assert answer["tokens_per_minute"] == 7
    assert "digest" not in answer
