"""Keys from every store, the master key too, are found nowhere, whatever goes wrong."""

from __future__ import annotations

import base64
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import openai_wire
from tests.support.answers import Answer, error_event, failing, json_answer, sse_answer, text_answer
from tests.support.chat_upstream import MODELS, chat_upstream, prepared
from tests.support.documents import chain, document, provider
from tests.support.laird import UNMEASURED, LairdProcess, laird_process, running_laird
from tests.support.upstream import Received, ScriptedUpstream, threaded_upstream

from laird.providers.openai_compat import OpenAIAdapter
from laird.telemetry.logs import configure_logging

IN_DOCUMENT = "sk-canary-document-0123456789abcdef"
IN_ENVIRONMENT = "sk-canary-environment-123456789abcdef0"
OF_COMMAND = "tok-canary-command-23456789abcdef01"
GIVEN = "sk-canary-given-3456789abcdef012"
STAGED = "sk-canary-staged-456789abcdef0123"
MASTER = "5c" * 31 + "a7"
CANARIES = (IN_DOCUMENT, IN_ENVIRONMENT, OF_COMMAND, GIVEN, STAGED, MASTER)
READS = (
    "/api/credentials",
    "/api/providers",
    "/api/config",
    "/api/config/history",
    "/api/system",
    "/api/alerts",
    "/api/audit",
    "/api/usage/attempts",
    "/api/usage/export?format=jsonl",
    "/api/openapi.json",
    "/metrics",
    "/ready",
)


def forms(key: str) -> Iterator[bytes]:
    """Yield what a key may look like in a file or an answer."""
    raw = key.encode()
    yield raw
    yield key.encode("utf-16-le")
    yield base64.b64encode(raw).rstrip(b"=")
    yield raw.hex().encode()
    yield json.dumps(key)[1:-1].replace("-", "\\u002d").encode()


FORMS = [form for key in CANARIES for form in forms(key)] + [bytes.fromhex(MASTER)]


def hits(data: bytes) -> list[bytes]:
    return [form for form in FORMS if form in data]


def check_home(home: Path) -> None:
    found = {str(file): hits(file.read_bytes()) for file in home.rglob("*") if file.is_file()}
    assert not {file: forms for file, forms in found.items() if forms}


def key_of(received: Received) -> str:
    return received.headers.get("authorization", "").removeprefix("Bearer ")


def quoting(status: int) -> object:
    """Refuse and quote the key that came, in the body, a header and the words of the status."""

    def answer(received: Received) -> Answer:
        key = key_of(received)
        return failing(status, f"Incorrect API key provided: {key} (Bearer {key})").with_headers(
            ("www-authenticate", f"Bearer {key}"), ("x-key", key)
        )

    return answer


def faults() -> Iterator[object]:
    yield from (quoting(status) for status in (400, 401, 403, 404, 422, 429, 500, 503))
    for make in (
        lambda key: text_answer(f"<html>{key}</html>".encode(), content_type="text/html"),
        lambda key: text_answer(b'{"error": "' + key.encode(), content_type="application/json"),
        lambda key: error_event(f"bad key {key}", after=openai_wire.STREAM[:3]),
        lambda key: sse_answer([b"data: {nonsense " + key.encode() + b"\n\n"]),
        lambda key: json_answer({"error": {"message": key}}).reset(byte=40),
        lambda key: json_answer({}, status=307, headers=[("Location", f"http://{key}/")]),
        lambda key: json_answer({"choices": key}),
    ):
        yield lambda received, make=make: make(key_of(received))


class Seen:
    """Everything that came out of a Laird."""

    def __init__(self, laird: LairdProcess, admin: str) -> None:
        self.laird = laird
        self.admin = admin

    def ask(self, method: str, path: str, body: object = None, key: str | None = None) -> int:
        """Make a request; nothing in its answer may be a key."""
        headers = {"authorization": f"Bearer {key or self.admin}"}
        if body is not None:
            headers["content-type"] = "application/json"
        raw = json.dumps(body).encode() if body is not None else None
        connection = self.laird.connection()
        connection.request(method, path, raw, headers)
        answer = connection.getresponse()
        told = f"{answer.status} {answer.reason} {answer.headers}".encode() + answer.read()
        connection.close()
        assert hits(told) == [], (method, path)
        return answer.status

    def chat(self, model: str, *, stream: bool) -> int:
        messages = [{"role": "user", "content": "Hello"}]
        body = {"model": model, "messages": messages, "stream": stream}
        return self.ask("POST", "/v1/chat/completions", body, self.laird.key)

    def run(self, *words: str) -> None:
        """Run a command; nothing that it prints may be a key."""
        done = self.laird.command(*words, check=False)
        assert hits((done.stdout + done.stderr).encode()) == [], words


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with threaded_upstream() as up:
        yield prepared(up)


def written(upstream: ScriptedUpstream) -> str:
    return document(
        provider("plain", upstream.url, authType="bearer", authSecret=IN_DOCUMENT),
        provider("variable", upstream.url, authType="bearer", authSecret="env:A_KEY"),
        provider("command", upstream.url, authType="bearer", authSecret="stored:printed"),
        provider("given", upstream.url, authType="bearer", authSecret="stored:given"),
        provider("away", "http://127.0.0.1:9", authType="bearer", authSecret="stored:given"),
        rest=f"# a copy: {IN_DOCUMENT}\n"
        + chain("all", "plain/m", "variable/m", "command/m", "given/m", "away/m"),
    )


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGABRT, signal.SIGKILL])
def test_no_key_of_any_store_is_found_anywhere(
    ending: signal.Signals, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    token = tmp_path / "token"
    token.write_text(f"{OF_COMMAND}\n")
    environment = {"A_KEY": IN_ENVIRONMENT, "LAIRD_MASTER_KEY": MASTER, "PYTHONFAULTHANDLER": "1"}
    environment |= UNMEASURED
    with laird_process(
        home, written(upstream), "--log-level", "debug", environment=environment
    ) as laird:
        made = laird.command("keys", "create", "admin", "--scope", "admin", "--json")
        seen = Seen(laird, json.loads(made.stdout)["key"])
        seen.run("credentials", "set", "printed", "--command", f"cat {token}")
        assert seen.ask("PUT", "/api/credentials/given", {"value": GIVEN}) == 200
        assert seen.ask("POST", "/api/credentials/given/stage", {"value": STAGED}) == 200
        for model in ("plain/m", "variable/m", "command/m", "given/m"):
            assert seen.chat(model, stream=False) == 200
        sent = {key_of(one) for one in upstream.requests}
        assert {IN_DOCUMENT, IN_ENVIRONMENT, OF_COMMAND, GIVEN} <= sent
        if ending is signal.SIGTERM:
            break_everything(seen, upstream)
        for path in READS:
            assert seen.ask("GET", path) < 400
        laird.signal(ending)
        code = laird.wait()
        assert code == (0 if ending is signal.SIGTERM else -ending)
        printed = "".join([*laird.printed, *laird.logged])
        assert ("Fatal Python error" in printed) is (ending is signal.SIGABRT)
        assert hits(printed.encode()) == []
    check_home(home)


def break_everything(seen: Seen, upstream: ScriptedUpstream) -> None:
    for fault in faults():
        upstream.always(fault)  # type: ignore[arg-type]
        upstream.on("/v1/models", fault)  # type: ignore[arg-type]
        for stream in (False, True):
            for model in ("plain/m", "given/m", "all"):
                seen.chat(model, stream=stream)
        seen.ask("POST", "/api/credentials/given/test")
        seen.ask("POST", "/api/providers/variable/test")
    seen.run("credentials", "test", "given", "--slot", "active", "--json")
    seen.run("providers", "test", "command")
    prepared(upstream)
    upstream.on("/v1/models", json_answer(MODELS))
    seen.chat("away/m", stream=False)
    for body in ({"value": [GIVEN]}, {GIVEN: 1}, {"value": f"{GIVEN}\n"}, {"value": GIVEN * 999}):
        seen.ask("PUT", "/api/credentials/given", body)
    seen.ask("PUT", f"/api/credentials/{GIVEN}", {"value": "x"})
    seen.ask("PATCH", "/api/providers/variable", {"authSecret": STAGED})
    seen.ask("PATCH", "/api/providers/variable", {"authSecret": STAGED, "kind": STAGED})
    seen.ask("POST", "/api/config/check", {"document": f"providers:\n  - authSecret: {GIVEN}"})
    for words in (
        ("list", "--json"),
        ("set", GIVEN),
        ("set", "given", GIVEN),
        ("promote", "given", "--json"),
        ("rekey",),
        ("migrate",),
    ):
        seen.run("credentials", *words)
    for words in (("config", "show"), ("config", "export"), ("doctor",), ("providers", "list")):
        seen.run(*words)


@pytest.mark.parametrize("style", ["json", "text"])
async def test_a_defect_of_an_adapter_does_not_show_the_key(
    style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: OpenAIAdapter, *_: object) -> object:
        held = (self.provider, self._heads)
        raise RuntimeError(len(held))

    async with chat_upstream() as upstream:
        text = document(provider("a", upstream.url, authType="bearer", authSecret=IN_DOCUMENT))
        async with running_laird(tmp_path, text) as laird:
            configure_logging("debug", style)  # type: ignore[arg-type]
            monkeypatch.setattr(OpenAIAdapter, "forward_request", broken)
            reply = await laird.client().chat("a/m")
            assert reply.status == 500
            assert hits(reply.body) == []
    told = "".join(capsys.readouterr())
    assert "RuntimeError" in told
    assert hits(told.encode()) == []
    check_home(tmp_path)
