"""laird usage receipts, and what `laird explain` says of privacy."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from tests.cli.conftest import Shell, chat_status, serving

DOCUMENT = """
providers:
  - id: demo
    kind: demo
    models: [demo]
privacy:
  detect: {cards: local}
"""
CARD = "4111 1111 1111 1111"


def test_where_requests_went_is_shown(served: Shell) -> None:
    assert served.url is not None
    assert served.out("usage", "receipts") == "There are no such receipts.\n"
    key = served.out("keys", "create", "agent").strip()
    assert chat_status(served.url, key, "demo") == 200
    lines = served.out("usage", "receipts").splitlines()
    assert lines[0].split()[:2] == ["at", "request"]
    assert " agent " in lines[1]
    assert "demo/demo (local, ok)" in lines[1]
    (receipt,) = served.json("usage", "receipts", "--key", "agent")["receipts"]
    assert (receipt["left"], receipt["privacy"]) == (False, "any")
    request_id = receipt["request_id"]
    assert request_id in served.out("usage", "receipts", "--request", request_id)
    assert "no such" in served.out("usage", "receipts", "--privacy", "local")
    assert "privacy" in served.fails("usage", "receipts", "--privacy", "none", code=2)


@pytest.mark.parametrize("runs", [False, True], ids=["offline", "served"])
def test_explain_tells_the_verdict(home: Path, runs: bool) -> None:
    (home / "providers.yaml").write_text(DOCUMENT)
    with serving(home) if runs else nullcontext() as url:
        shell = Shell(home, url)
        assert "Privacy" not in shell.out("explain", "demo", "--message", "Hello")
        told = shell.out("explain", "demo", "--message", CARD)
        assert "Privacy: local (detected:card)" in told
        assert shell.json("explain", "demo", "--message", CARD)["privacy"]["verdict"] == "local"
