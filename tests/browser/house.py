"""A Laird with people in it, as a process of its own, for a browser to visit."""

from __future__ import annotations

import json
import random
import re
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

from bench.usage_data import MODELS, fill
from sqlalchemy import insert, select
from tests.browser.places import ROLES, Role
from tests.support import openai_wire
from tests.support.answers import json_answer
from tests.support.laird import UNMEASURED, LairdProcess, free_port
from tests.support.people import PASSWORD
from tests.support.upstream import ScriptedUpstream

from laird.storage.engine import Database, sqlite_url
from laird.storage.tables import api_keys, attempts

NAMES: dict[Role, str] = {"admin": "ada", "operator": "oscar", "viewer": "vera"}
_LINK = re.compile(r"http://\S+(/setup\?token=[\w-]+)")
_TITLES = {
    "ollama": "Gaming PC",
    "vllm": "GPU server",
    "openai": "OpenAI",
    "anthropic": "Anthropic",
}
_KINDS = {"ollama": "custom", "vllm": "vllm", "openai": "openai", "anthropic": "anthropic"}
_ENVIRONMENT = {
    **UNMEASURED,
    "OPENAI_API_KEY": "sk-of-a-test",
    "ANTHROPIC_API_KEY": "sk-ant-of-a-test",
    # Nothing listens there: what tests do not provide is away, and nobody else is asked.
    "HF_ENDPOINT": "http://127.0.0.1:9",
}
_KEYS = (
    "agent-triage", "agent-review", "support-desk", "nightly-report", "claude-code", "notebook",
    "agent-invoices", "home-assistant", "translation", "editor", "research", "onboarding",
)  # fmt: skip


class House:
    """A Laird on a port of its own, which it keeps over a restart; `environment` is added."""

    def __init__(self, home: Path, document: str, **environment: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        (home / "providers.yaml").write_text(document)
        self.home = home
        self._cookies: dict[Role, str] = {}
        self._key = ""
        self._process = LairdProcess(
            home, "--port", str(free_port()), environment={**_ENVIRONMENT, **environment}
        )

    @property
    def url(self) -> str:
        """Where it is."""
        return self._process.url

    @property
    def document(self) -> Path:
        """The document's file."""
        return self.home / "providers.yaml"

    def start(self) -> Self:
        """Start it, at the place where it was before."""
        self._process.start()
        return self

    def stop(self) -> None:
        """Stop it in good order."""
        assert self._process.stop() == 0

    def close(self) -> None:
        """End it, however it is."""
        self._process.close()

    def setup_link(self) -> str:
        """Return the path of the link that the last start printed for the first administrator."""
        links: list[str] = _LINK.findall("".join(self._process.printed))
        return links[-1]

    def settle(self) -> Self:
        """Make an administrator, an operator and a viewer: `NAMES`, each with `PASSWORD`."""
        token = self.setup_link().partition("=")[2]
        self._cookies["admin"] = self._accept(token, "admin")
        for role in ROLES:
            if role != "admin":
                link = self.call("POST", "/api/invitations", {"role": role})
                self._cookies[role] = self._accept(link["token"], role)
        return self

    def _accept(self, token: str, role: Role) -> str:
        wanted = {"token": token, "name": NAMES[role], "password": PASSWORD}
        return self._begin("/api/invitations/accept", wanted)

    def cookie(self, role: Role) -> str:
        """Return the cookie of the session that all tests share."""
        return self._cookies[role]

    def sign_in(self, role: Role) -> str:
        """Begin another session and return its cookie."""
        return self._begin("/api/session", {"name": NAMES[role], "password": PASSWORD})

    def _begin(self, path: str, body: object) -> str:
        status, headers, text = self._send("POST", path, body, {})
        assert status < 300, text
        return headers["set-cookie"].partition(";")[0].partition("=")[2].strip('"')

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        role: Role = "admin",
        cookie: str | None = None,
    ) -> Any:
        """Ask the API as somebody who is signed in; the answer must be a good one."""
        signed = {"cookie": f"laird_session={cookie or self._cookies[role]}"}
        status, _, text = self._send(method, path, body, signed)
        assert status < 300, f"{method} {path}: {status} {text}"
        return json.loads(text) if text else None

    def key(self) -> str:
        """Return an API key for requests to models."""
        if not self._key:
            self._key = self.call("POST", "/api/keys", {"name": "browser-tests"})["key"]
        return self._key

    def chat(self, text: str, *, model: str = "demo", **headers: str) -> tuple[int, Any]:
        """Make a request to a model and return status and answer."""
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["authorization"] = f"Bearer {self.key()}"
        status, _, answer = self._send("POST", "/v1/chat/completions", body, sent)
        return status, json.loads(answer)

    def _send(
        self, method: str, path: str, body: object, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], str]:
        connection = HTTPConnection("127.0.0.1", int(self.url.rpartition(":")[2]), timeout=20)
        sent = {"content-type": "application/json", "origin": self.url, **headers}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            reply = connection.getresponse()
            named = {name.lower(): value for name, value in reply.getheaders()}
            return reply.status, named, reply.read().decode()
        finally:
            connection.close()


def furnished(home: Path, upstream: ScriptedUpstream, *, rows: int = 3000) -> House:
    """Return a house with 100 days of usage behind it; an upstream answers for its providers."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / "laird.db"
    fill(file, rows, days=100, until_us=time.time_ns() // 1000)
    _name_keys(file)
    return House(home, document(upstream))


def document(upstream: ScriptedUpstream) -> str:
    """Return a document with demo, four providers that an upstream answers for, and a chain."""
    told = "".join(_provider(name, upstream.url) for name in _TITLES)
    return (
        "providers:\n"
        "  - id: demo\n    name: Demo\n    kind: demo\n    priority: 1000\n"
        "    models: [{id: demo, isDefault: true}, demo-tools, demo-fail]\n"
        f"{told}"
        "chains:\n"
        "  - id: coding\n    name: Coding\n    models:\n"
        "      - {providerId: vllm, modelId: qwen3-coder}\n"
        "      - {providerId: anthropic, modelId: claude-sonnet-4-5}\n"
        "  - id: rescue\n    name: Rescue\n    models:\n"
        "      - {providerId: demo, modelId: demo-fail, maxRetries: 0}\n"
        "      - {providerId: demo, modelId: demo}\n"
        "aliases:\n  fast: openai/gpt-5-mini\n"
    )


def _provider(name: str, url: str) -> str:
    kind = _KINDS[name]
    models = [f'"{model.name}"' for model in MODELS if model.provider == name]
    lines = [
        f"  - id: {name}",
        f"    name: {_TITLES[name]}",
        f"    kind: {kind}",
        f"    endpoint: {url}{'/v1' if kind == 'openai' else ''}",
        f"    models: [{', '.join(models)}]",
    ]
    if kind == "custom":
        lines.append("    type: local")
    if kind in {"openai", "anthropic"}:
        lines.append(f"    authSecret: env:{kind.upper()}_API_KEY")
    return "\n".join(lines) + "\n"


def answering(upstream: ScriptedUpstream) -> ScriptedUpstream:
    """Let an upstream be well, list models, and answer chats when nothing else is scripted."""
    names = [model.name for model in MODELS if model.provider in _TITLES]
    listed = [{"id": name, "object": "model", "owned_by": "test"} for name in names]
    upstream.on("/v1/models", json_answer({"object": "list", "data": listed}))
    upstream.on("/health", json_answer({}))
    upstream.always(json_answer(openai_wire.COMPLETION))
    return upstream


def _name_keys(file: Path) -> None:
    """Give the keys of made-up usage their rows, so that pages can name them."""
    made_us = time.time_ns() // 1000 - 120 * 86_400_000_000
    dice = random.Random(1)
    database = Database(sqlite_url(file))
    with_keys = database.read_now(
        lambda connection: list(
            connection.scalars(select(attempts.c.key_id).distinct().order_by(attempts.c.key_id))
        )
    )
    rows = [
        {
            "id": key_id,
            "name": _KEYS[number % len(_KEYS)] + (f"-{number}" if number >= len(_KEYS) else ""),
            "digest": f"{dice.getrandbits(256):064x}",
            "prefix": f"lai_{dice.getrandbits(16):04x}",
            "created_us": made_us,
            "enabled": True,
            "scopes": '["inference"]',
            "allowed_models": "[]",
            "allowed_providers": "[]",
            "privacy": "any",
        }
        for number, key_id in enumerate(with_keys)
    ]
    database.write_now(lambda connection: connection.execute(insert(api_keys), rows))
    database.close()
