"""laird providers discover, and what the first start finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.conftest import Shell, serving
from tests.gateway import discovery_servers
from tests.gateway.discovery_servers import Script
from tests.gateway.discovery_world import own_address
from tests.support.upstream import ScriptedUpstream, threaded_upstream

pytestmark = pytest.mark.allow_hosts(["127.0.0.0/8", "::1"])


@contextmanager
def running(script: Script, address: str) -> Iterator[ScriptedUpstream]:
    server = ScriptedUpstream(host=address, port=script.port)
    for path, answer in script.paths.items():
        server.on(path, answer)
    server.always(script.otherwise)
    with threaded_upstream(server) as started:
        yield started


def test_what_is_found_is_a_table(shell: Shell) -> None:
    address = own_address()
    with running(discovery_servers.SGLANG, address), running(discovery_servers.KEYED_JAN, address):
        result = shell.run("providers", "discover", "--host", address, "--host", "nobody.invalid")
    lines = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()}
    assert lines["id"] == ["kind", "where", "version", "models", "state"]
    assert lines["sglang"] == ["custom", f"http://{address}:30000/v1", "-", "1", "new"]
    assert lines["jan"][-5:] == ["0", "new,", "needs", "a", "key"]
    assert "nobody.invalid was not asked" in result.stderr
    assert "--add" in result.stderr


def test_what_is_new_is_added_and_the_rest_stays(shell: Shell) -> None:
    before = shell.document.read_text()
    address = own_address()
    with running(discovery_servers.SGLANG, address), running(discovery_servers.KEYED_JAN, address):
        arguments = ("providers", "discover", "--host", address)
        result = shell.run(*arguments, "--only", "jan", "--only", "sglang")
        assert "Added 'jan'. Try it: laird providers test jan" in result.stdout
        assert "'jan' is switched off: name its key in authSecret" in result.stderr
        assert shell.document.read_text().startswith(before)
        again = shell.json(*arguments, "--add")
    mine = [one for one in again["servers"] if address in one["endpoint"]]
    assert {one["configured_as"] for one in mine} == {"jan", "sglang"}
    assert not {"jan", "sglang"} & set(again["added"])
    providers = {one["id"]: one for one in shell.json("providers", "list")["providers"]}
    assert (providers["sglang"]["type"], providers["sglang"]["models"]) == ("local", 1)
    assert not providers["jan"]["enabled"]


def test_an_id_that_was_not_found_is_said_and_nothing_is_added(shell: Shell) -> None:
    before = shell.document.read_text()
    line = shell.fails("providers", "discover", "--only", "olama")
    assert "'olama'" in line
    assert shell.document.read_text() == before


def test_a_host_that_may_not_be_asked_is_refused(shell: Shell) -> None:
    for host in ("169.254.169.254", "http://box"):
        line = shell.fails("providers", "discover", "--host", host, code=2)
        assert host in line


def test_clouds_are_shown_by_variable_and_never_by_value(
    offline: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XAI_API_KEY", "canary-xai")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "canary-azure")
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    printed = offline.out("providers", "discover")
    assert "env:XAI_API_KEY" in printed
    assert "AZURE_OPENAI_ENDPOINT is not set" in printed
    added = offline.json("providers", "discover", "--only", "xai")
    assert added["added"] == ["xai"]
    assert "canary" not in printed + str(added) + offline.document.read_text()
    provider = offline.json("providers", "list")["providers"][-1]
    assert (provider["credential"], provider["has_credential"]) == ("env:XAI_API_KEY", True)
    assert "configured" in offline.out("providers", "discover")


class TestFirstStart:
    def test_the_document_has_what_was_found(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = own_address()
        monkeypatch.setenv("LAIRD_DISCOVERY_HOSTS", f"{address}, nobody.invalid")
        monkeypatch.setenv("OPENAI_API_KEY", "canary-openai")
        home = tmp_path / "fresh"
        with running(discovery_servers.OLLAMA, address), serving(home):
            shell = Shell(home)
            providers = {one["id"]: one for one in shell.json("providers", "list")["providers"]}
            models = [one["key"] for one in shell.json("models", "list")["models"]]
        text = (home / "providers.yaml").read_text()
        assert "canary" not in text
        assert f"endpoint: http://{address}:11434" in text
        assert "# Ollama, found running.\n" in text
        ollama = next(
            one for one in providers.values() if one["endpoint"] == f"http://{address}:11434"
        )
        assert f"{ollama['id']}/llama3.2:3b" in models
        assert (ollama["type"], ollama["enabled"]) == ("local", True)
        assert providers["openai"]["credential"] == "env:OPENAI_API_KEY"
        assert providers["openai"]["enabled"]
        assert providers["demo"]["priority"] == 1000

    def test_hosts_that_are_none_keep_it_from_starting(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LAIRD_DISCOVERY_HOSTS", "169.254.169.254")
        line = Shell(tmp_path / "fresh").fails("providers", "list")
        assert line.startswith("LAIRD_DISCOVERY_HOSTS is wrong: '169.254.169.254' may not be asked")
