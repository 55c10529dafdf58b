"""laird usage show and forget: one request as a whole."""

from __future__ import annotations

import http.client
import json
import re

import pytest
from tests.cli.conftest import Shell

Used = tuple[Shell, str]


def chat(url: str, key: str, text: str) -> str:
    """Make a chat request and return its id."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    body = {"model": "demo", "messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        response.read()
        return response.headers["x-laird-request-id"]
    finally:
        connection.close()


@pytest.fixture
def kept(served: Shell) -> Used:
    assert served.url is not None
    key = served.out("keys", "create", "agent", "--keep").strip()
    return served, chat(served.url, key, "What \x1b[31mis this?")


def test_a_request_is_shown_with_what_was_asked_and_answered(kept: Used) -> None:
    shell, request_id = kept
    printed = shell.out("usage", "show", request_id)
    assert printed.splitlines()[0].split()[:4] == ["attempt", "at", "provider", "model"]
    assert re.search(r"^Request, kept until \d{4}-", printed, re.MULTILINE)
    assert '"content": "What' in printed
    assert "\nAnswer:\n" in printed
    assert "\x1b" not in printed
    found = shell.json("usage", "show", request_id)
    assert found["kept"]["request"]["messages"][0]["content"] == "What \x1b[31mis this?"


def test_a_request_is_forgotten(kept: Used) -> None:
    shell, request_id = kept
    assert request_id in shell.out("usage", "forget", request_id)
    printed = shell.run("usage", "show", request_id)
    assert "not kept" in printed.stderr
    assert "demo" in printed.stdout
    assert "Nothing is kept" in shell.fails("usage", "forget", request_id)


def test_an_unknown_request_is_one_line(shell: Shell) -> None:
    assert "no request 'req_nope'" in shell.fails("usage", "show", "req_nope")


def test_what_is_kept_is_exported(kept: Used) -> None:
    shell, request_id = kept
    (line,) = shell.out("usage", "export", "--kept", "--key", "agent").splitlines()
    assert json.loads(line)["request_id"] == request_id


def test_keys_are_switched(shell: Shell) -> None:
    shell.run("keys", "create", "agent")
    assert shell.json("keys", "change", "agent", "--keep")["keep"] is True
    assert shell.json("keys", "change", "agent", "--no-keep")["keep"] is False
