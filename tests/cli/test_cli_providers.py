"""laird providers, models and chains: what stands behind Laird, listed, changed and tried."""

from __future__ import annotations

import re

import pytest
from tests.cli.conftest import Shell, chat_status
from tests.support.answers import failing
from tests.support.upstream import ScriptedUpstream


def test_providers_are_listed(shell: Shell, upstream: ScriptedUpstream) -> None:
    printed = shell.out("providers", "list")
    assert re.search(
        rf"^a\s+custom\s+local\s+\w+\s+{upstream.url}\s+1\s+0/any", printed, re.MULTILINE
    )
    providers = shell.json("providers", "list")["providers"]
    assert [one["id"] for one in providers] == ["a", "demo"]


def test_an_added_provider_is_in_the_document_and_can_be_tested(
    shell: Shell, upstream: ScriptedUpstream
) -> None:
    before = shell.document.read_text()
    shell.run(
        *("providers", "add", "b", "--kind", "vllm", "--endpoint", upstream.url),
        *("--model", "m", "--model", "n", "--max-concurrent", "3"),
    )
    assert shell.document.read_text().startswith(before)
    added = shell.json("providers", "list")["providers"][2]
    assert (added["id"], added["kind"], added["models"], added["max_concurrent"]) == (
        "b", "vllm", 2, 3,
    )  # fmt: skip
    assert re.search(
        r"'b' answers in \d+ ms\. Its models:\nid .*\nm ", shell.out("providers", "test", "b")
    )
    assert shell.json("providers", "test", "b")["ok"] is True


def test_a_key_that_is_not_set_is_said(shell: Shell) -> None:
    arguments = ("providers", "add", "c", "--kind", "openai", "--secret", "env:NOT_SET")
    assert "env:NOT_SET is not set" in shell.run(*arguments).stderr


def test_adding_as_json_shows_no_secret(shell: Shell) -> None:
    arguments = ("providers", "add", "c", "--kind", "openai", "--secret", "sk-canary-123")
    added = shell.json(*arguments)
    assert added["provider"]["has_credential"] is True
    assert "canary" not in str(added)
    assert "canary" not in shell.out("config", "show")


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (["a", "--kind", "vllm"], "'a'", 2),
        (["b", "--kind", "vlm"], "Did you mean 'vllm'?", 1),
        (["B b", "--kind", "vllm"], "Write 'b-b'", 1),
        (["b", "--kind", "vllm", "--max-concurrent", "0"], "at least 1", 1),
    ],
)
def test_what_would_be_wrong_is_refused_and_changes_nothing(
    shell: Shell, arguments: list[str], says: str, code: int
) -> None:
    before = shell.document.read_text()
    assert says in shell.fails("providers", "add", *arguments, code=code)
    assert shell.document.read_text() == before


def test_a_provider_is_removed(shell: Shell) -> None:
    assert "rollback" in shell.out("providers", "remove", "demo")
    assert [one["id"] for one in shell.json("providers", "list")["providers"]] == ["a"]
    assert "'demo'" in shell.fails("providers", "remove", "demo")


def test_a_provider_in_use_is_removed_with_cascade_only(shell: Shell) -> None:
    shell.run("chains", "set", "both", "a/m", "demo/demo")
    shell.run("chains", "set", "alone", "a/m")
    result = shell.run("providers", "remove", "a", code=1)
    assert "chains[0].models[0]" in result.stderr
    assert "revision" in shell.json("providers", "remove", "a", "--cascade")
    (chain,) = shell.json("chains", "list")["chains"]
    assert [step["providerId"] for step in chain["models"]] == ["demo"]


def test_a_provider_that_does_not_answer_fails_the_test(
    shell: Shell, upstream: ScriptedUpstream
) -> None:
    upstream.on("/v1/models", failing(401, "bad \x1b[31mkey"))
    line = shell.fails("providers", "test", "a")
    assert "bad" in line
    assert "\x1b" not in line
    found = shell.json("providers", "test", "a", code=1)
    assert found["ok"] is False
    assert found["error"]


def test_testing_an_unknown_provider_names_the_known_ones(shell: Shell) -> None:
    assert "a, demo" in shell.fails("providers", "test", "nope")


def test_a_running_server_uses_a_new_provider_at_once(
    served: Shell, upstream: ScriptedUpstream
) -> None:
    assert served.url is not None
    key = served.out("keys", "create", "laptop").strip()
    assert chat_status(served.url, key, "b/m") == 404
    served.run(
        "providers", "add", "b", "--kind", "vllm", "--endpoint", upstream.url, "--model", "m"
    )
    assert chat_status(served.url, key, "b/m") == 200
    served.run("providers", "remove", "b")
    assert chat_status(served.url, key, "b/m") == 404


def test_models_are_listed_with_their_prices(shell: Shell) -> None:
    shell.run("providers", "add", "openai", "--kind", "openai", "--model", "gpt-4o")
    printed = shell.out("models", "list")
    assert re.search(
        r"^openai/gpt-4o\s+external\s+-\s+\S+\s+2\.5\S*\s+10\S*\s+streaming", printed, re.MULTILINE
    )
    assert re.search(r"^a/m\s+local\s+\S+\s+-\s+0\s+0\s", printed, re.MULTILINE)
    assert "USD per million tokens" in printed
    models = shell.json("models", "list")["models"]
    assert [one["key"] for one in models] == ["a/m", "demo/demo", "openai/gpt-4o"]


def test_models_of_one_provider(shell: Shell) -> None:
    assert [one["id"] for one in shell.json("models", "list", "--provider", "a")["models"]] == ["m"]
    assert "no provider 'nope'" in shell.fails("models", "list", "--provider", "nope")


def test_no_models_is_said(offline: Shell) -> None:
    offline.document.write_text("providers: []\n")
    assert offline.out("models", "list") == "There are no models. Add some to providers.yaml.\n"
    assert "laird providers add" in offline.out("providers", "list")


def test_a_chain_is_set_replaced_and_removed(shell: Shell) -> None:
    assert shell.out("chains", "list") == "There are no chains.\n"
    shell.run("chains", "set", "both", "a/m", "demo/demo", "--retries", "2", "--timeout-ms", "5000")
    assert "a/m then demo/demo" in shell.out("chains", "list")
    made = shell.json(
        *("chains", "set", "both", "demo/demo", "--name", "Both", "--strategy", "fastest")
    )
    assert made["chain"] == {
        "id": "both",
        "name": "Both",
        "strategy": "fastest",
        "models": [{"providerId": "demo", "modelId": "demo", "maxRetries": 1, "timeoutMs": None}],
    }
    assert shell.json("chains", "list")["chains"] == [made["chain"]]
    assert "rollback" in shell.out("chains", "remove", "both")
    assert shell.json("chains", "list")["chains"] == []


def test_retries_and_timeout_count_for_each_step(shell: Shell) -> None:
    chain = shell.json("chains", "set", "c", "a/m", "--retries", "0", "--timeout-ms", "1000")
    assert chain["chain"]["models"] == [
        {"providerId": "a", "modelId": "m", "maxRetries": 0, "timeoutMs": 1000}
    ]


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (["c", "a/nope"], "nope", 1),
        (["c", "a/m", "--retries", "11"], "maxRetries", 2),
        (["c", "a/m", "--timeout-ms", "1"], "timeoutMs", 2),
        (["c", "a/m", "--strategy", "fastes"], "'fastest'", 1),
        (["auto", "a/m"], "auto", 1),
    ],
)
def test_a_wrong_chain_is_refused(shell: Shell, arguments: list[str], says: str, code: int) -> None:
    assert says in shell.fails("chains", "set", *arguments, code=code)


def test_a_step_is_written_as_provider_and_model(offline: Shell) -> None:
    for step in ("m", "a/"):
        assert "provider/model" in offline.run("chains", "set", "c", step, code=2).stderr


def test_removing_an_unknown_chain_is_one_line(shell: Shell) -> None:
    assert "'nope'" in shell.fails("chains", "remove", "nope", code=2)
