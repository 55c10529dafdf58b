"""Sensitive requests stay in the house, by whatever makes them sensitive, and it is told why."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.privacy_world import (
    CARD,
    INSIDE,
    MARK,
    OUTSIDE,
    PRIVACY,
    answering,
    house,
    provider,
    saw,
    told,
)
from tests.support.answers import failing, sse_answer
from tests.support.chat_upstream import chat_upstream
from tests.support.client import Client, Reply
from tests.support.laird import RunningLaird, running_laird
from tests.support.openai_wire import chunk
from tests.support.upstream import ScriptedUpstream

from laird.domain.keys import PrivacyClass
from laird.keys.draft import KeyDraft
from laird.privacy.apart import Apart
from laird.privacy.reader import Reader

TOKEN = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
PNG = "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 2).decode()


class World:
    """A running Laird with a cloud that must see nothing, and a home."""

    def __init__(
        self, laird: RunningLaird, cloud: ScriptedUpstream, home: ScriptedUpstream
    ) -> None:
        self.laird, self.cloud, self.home = laird, cloud, home
        self.client = laird.client()

    async def ask(self, text: str, client: Client | None = None, **wishes: Any) -> Reply:
        wishes.setdefault("model", "cloud-first")
        return await (client or self.client).chat(text=text, **wishes)

    async def client_named(self, name: str, **fields: Any) -> Client:
        return self.laird.client(await self.laird.make_key(KeyDraft(name=name, **fields)))


@asynccontextmanager
async def world(home_dir: Path, privacy: str = PRIVACY) -> AsyncIterator[World]:
    async with chat_upstream() as cloud, chat_upstream() as home:
        cloud.always(answering(OUTSIDE))
        home.always(answering(INSIDE))
        async with running_laird(home_dir, house(cloud, home, privacy)) as laird:
            yield World(laird, cloud, home)


def kept_home(reply: Reply, reason: str) -> None:
    assert reply.status == 200, reply.body
    assert reply.headers["x-laird-provider"] == "home"
    assert reply.headers["x-laird-privacy"] == f"local; reason={reason}"


async def test_what_is_harmless_goes_where_it_likes_and_nothing_is_said(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        reply = await it.ask("Hello")
        assert reply.headers["x-laird-provider"] == "cloud"
        assert "x-laird-privacy" not in reply.headers
        (row,) = await it.laird.rows()
    assert (row["privacy"], row["privacy_reason"], row["egress"]) == ("any", None, "external")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"pay with {CARD}", "detected:card"),
        (f"why 401 with {TOKEN}?", "detected:secret"),
        (f"about {MARK.lower()} now", "rule:words"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_found_stays_home(
    tmp_path: Path, text: str, reason: str, stream: bool
) -> None:
    async with world(tmp_path) as it:
        kept_home(await it.ask(text, stream=stream), reason)
        (row,) = await it.laird.rows()
        assert not told(it.cloud)
    assert (row["privacy"], row["privacy_reason"], row["egress"]) == ("local", reason, "local")


async def test_keys_labels_and_headers_count_as_well(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        crm = await it.client_named("crm-1")
        ci = await it.client_named("ci-1")
        inner = await it.client_named("inner", privacy=PrivacyClass.LOCAL_ONLY)
        phone = "call +49 30 901820"
        kept_home(await it.ask(phone, crm), "rule:crm")
        assert (await it.ask(phone)).headers["x-laird-provider"] == "cloud"
        kept_home(await it.ask("x", headers={"x-laird-workflow": "billing"}), "rule:bills")
        kept_home(await it.ask("x", headers={"x-laird-privacy": "local"}), "header")
        kept_home(await it.ask(CARD, headers={"x-laird-privacy": "local"}), "header")
        kept_home(await it.ask("x", inner), "key")
        assert (await it.ask(TOKEN, ci)).headers["x-laird-provider"] == "cloud"
        kept_home(await it.ask(CARD, ci), "detected:card")


async def test_a_warning_lets_it_go_and_writes_it_down(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        reply = await it.ask("mail a@b.org")
        (row,) = await it.laird.rows()
    assert reply.headers["x-laird-provider"] == "cloud"
    assert reply.headers["x-laird-privacy"] == "any; reason=detected:email"
    assert (row["privacy"], row["privacy_reason"]) == ("any", "detected:email")


async def test_what_is_refused_goes_nowhere(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        iban = "DE89 3704 0044 0532 0130 00"
        reply = await it.ask(iban)
        other = await it.client.request(
            "POST",
            "/v1/messages",
            {"model": "home/m", "max_tokens": 5, "messages": [{"role": "user", "content": iban}]},
        )
        metrics = (await it.client.request("GET", "/metrics")).body.decode()
        assert not told(it.cloud) + told(it.home)
        assert await it.laird.rows() == []
    assert (reply.status, reply.error["code"]) == (403, "refused_by_privacy")
    assert reply.error["type"] == "permission_error"
    assert "detected:iban" in reply.error["message"]
    assert "0532" not in reply.body.decode()
    assert reply.headers["x-laird-privacy"] == "refuse; reason=detected:iban"
    assert (other.status, other.error["type"]) == (403, "permission_error")
    assert 'local_ai_privacy_verdicts_total{verdict="refuse"} 2.0' in metrics


async def test_with_nothing_local_it_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        reply = await it.ask(CARD, model="cloud/m")
        assert not told(it.cloud)
    assert (reply.status, reply.error["code"]) == (403, "no_local_provider")
    assert reply.headers["x-laird-privacy"] == "local; reason=detected:card"
    assert "detected:card" in reply.error["message"]


USER = {"role": "user", "content": "Hello"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def _called(arguments: str, result: str) -> list[dict[str, Any]]:
    """Return an OpenAI conversation with a call of a tool in it."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    answer = {"role": "tool", "tool_call_id": "c", "content": result}
    return [USER, {"role": "assistant", "tool_calls": [call]}, answer]


def _used(given: dict[str, Any], result: str) -> list[dict[str, Any]]:
    """Return the same as Anthropic has it."""
    use = {"type": "tool_use", "id": "c", "name": "f", "input": given}
    text = [{"type": "text", "text": result}]
    answer = {"type": "tool_result", "tool_use_id": "c", "content": text}
    return [USER, {"role": "assistant", "content": [use]}, {"role": "user", "content": [answer]}]


def _chats() -> dict[str, dict[str, Any]]:
    described = {"name": "f", "description": CARD, "parameters": {"type": "object"}}
    part = {"type": "text", "text": CARD}
    return {
        "system prompt": {"messages": [{"role": "system", "content": CARD}, USER]},
        "content part": {"messages": [{"role": "user", "content": [part]}]},
        "tool": {"messages": [USER], "tools": [{"type": "function", "function": described}]},
        "arguments": {"messages": _called(json.dumps({"card": CARD}), "ok"), "tools": [TOOL]},
        "result": {"messages": _called("{}", CARD), "tools": [TOOL]},
        "unknown field": {"messages": [USER], "x_new": {"deep": [CARD]}},
        "user": {"messages": [USER], "user": CARD},
    }


def _messages() -> dict[str, dict[str, Any]]:
    system = [{"type": "text", "text": CARD}]
    return {
        "Anthropic's system": {"system": system, "messages": [USER]},
        "Anthropic's tool": {"messages": _used({"card": 4111111111111111}, "ok")},
        "Anthropic's result": {"messages": _used({}, CARD)},
    }


def _bodies() -> dict[str, tuple[str, dict[str, Any]]]:
    item = {"role": "user", "content": [{"type": "input_text", "text": CARD}]}
    return {
        **{name: ("/v1/chat/completions", body) for name, body in _chats().items()},
        **{name: ("/v1/messages", {"max_tokens": 5, **one}) for name, one in _messages().items()},
        "embeddings": ("/v1/embeddings", {"input": ["a", CARD]}),
        "completions": ("/v1/completions", {"prompt": CARD}),
        "responses": ("/v1/responses", {"input": [item]}),
        "instructions": ("/v1/responses", {"input": "Hello", "instructions": CARD}),
        "tokens to count": ("/v1/messages/count_tokens", {"system": CARD, "messages": [USER]}),
    }


@pytest.mark.parametrize("place", _bodies())
async def test_wherever_it_is_in_a_body(tmp_path: Path, place: str) -> None:
    path, body = _bodies()[place]
    async with world(tmp_path) as it:
        reply = await it.client.request("POST", path, {"model": "cloud-first", **body})
        assert reply.headers["x-laird-privacy"] == "local; reason=detected:card"
        assert not told(it.cloud)
        assert reply.status != 403


async def test_a_picture_can_not_be_looked_into(tmp_path: Path) -> None:
    content = [{"type": "image_url", "image_url": {"url": PNG}}, {"type": "text", "text": "What?"}]
    body = {"model": "cloud-first", "messages": [{"role": "user", "content": content}]}
    path = "/v1/chat/completions"
    async with world(tmp_path) as it:
        kept_home(await it.client.request("POST", path, body), "attachment")
        open_house = PRIVACY.replace("privacy:", "privacy:\n  attachments: any", 1)
        await it.laird.write_document(house(it.cloud, it.home, open_house))
        reply = await it.client.request("POST", path, body)
        (_, row) = await it.laird.rows()
    assert reply.headers["x-laird-provider"] == "cloud"
    assert reply.headers["x-laird-privacy"] == "any; reason=attachment"
    assert (row["privacy"], row["privacy_reason"]) == ("any", "attachment")


async def test_a_cut_stream_goes_on_at_home_alone(tmp_path: Path) -> None:
    cut = sse_answer([chunk({"role": "assistant", "content": "Half of it "})])
    steps = "".join(
        f"      - {{providerId: {one}, modelId: m, maxRetries: 0}}\n"
        for one in ("first", "cloud", "home")
    )
    async with chat_upstream() as cloud, chat_upstream() as home, chat_upstream() as first:
        first.always(cut)
        cloud.always(answering(OUTSIDE))
        home.always(answering(INSIDE))
        text = (
            f"providers:\n{provider('first', first.url, outside=False)}"
            f"{provider('cloud', cloud.url, outside=True)}"
            f"{provider('home', home.url, outside=False)}"
            f"chains:\n  - id: c\n    models:\n{steps}{PRIVACY}"
        )
        async with running_laird(tmp_path, text) as laird:
            go_on = {"x-laird-continue": "true"}
            client = laird.client()
            secret = await client.chat("c", CARD, headers=go_on, stream=True)
            public = await client.chat("c", "Hello", headers=go_on, stream=True)
        assert b"home" in secret.body
        assert b"outside" in public.body
        assert not saw(cloud, CARD)
        assert len(told(cloud)) == 1


async def test_after_every_failure_it_stays_home(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        it.home.always(failing(404))
        reply = await it.ask(CARD)
        assert reply.status in {404, 502}
        assert not told(it.cloud)


async def test_from_the_cache_only_what_was_made_at_home(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        use = {"x-laird-cache": "use"}
        first = await it.ask("Hello", headers=use)
        again = await it.ask("Hello", headers=use)
        private = await it.ask("Hello", headers={**use, "x-laird-privacy": "local"})
        private_again = await it.ask("Hello", headers={**use, "x-laird-privacy": "local"})
        secret = [await it.ask(CARD, headers=use) for _ in range(2)]
    assert (first.headers["x-laird-cache"], again.headers["x-laird-cache"]) == ("miss", "hit")
    assert OUTSIDE in again.body.decode()
    assert INSIDE in private.body.decode()
    assert INSIDE in private_again.body.decode()
    assert [one.headers["x-laird-cache"] for one in secret] == ["miss", "hit"]
    assert {one.headers["x-laird-privacy"] for one in secret} == {"local; reason=detected:card"}


async def test_a_stored_conversation_that_was_private_stays_so(tmp_path: Path) -> None:
    async with world(tmp_path) as it:

        async def respond(text: str, **fields: Any) -> Reply:
            body = {"model": "cloud-first", "input": text, "store": True, **fields}
            return await it.client.request("POST", "/v1/responses", body)

        first = await respond(CARD)
        kept_home(first, "detected:card")
        second = await respond("And?", previous_response_id=first.json()["id"])
        kept_home(second, "memory")
        kept_home(await respond("And?", previous_response_id=second.json()["id"]), "memory")
        assert not told(it.cloud)


async def test_what_was_stored_is_judged_by_the_rules_of_today(tmp_path: Path) -> None:
    async with world(tmp_path, "") as it:

        async def respond(text: str, **fields: Any) -> Reply:
            body = {"model": "cloud-first", "input": text, "store": True, **fields}
            return await it.client.request("POST", "/v1/responses", body)

        first = await respond(CARD)
        assert first.headers["x-laird-provider"] == "cloud"
        before = len(told(it.cloud))
        await it.laird.write_document(house(it.cloud, it.home))
        second = await respond("And?", previous_response_id=first.json()["id"])
        kept_home(second, "detected:card")
        # It is kept as private, too: without the rules it stays where it is.
        await it.laird.write_document(house(it.cloud, it.home, ""))
        third = await respond("And?", previous_response_id=second.json()["id"])
        kept_home(third, "memory")
        assert len(told(it.cloud)) == before


async def test_new_rules_are_in_force_at_once_and_without_them_nothing_is_looked_at(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, "") as it:
        assert (await it.ask(CARD)).headers["x-laird-provider"] == "cloud"
        reader = it.laird.program.gateway.screen.reader
        assert reader.state.scanned == 0
        await it.laird.write_document(house(it.cloud, it.home))
        kept_home(await it.ask(CARD), "detected:card")
        await it.laird.write_document(house(it.cloud, it.home, ""))
        scanned = reader.state.scanned
        assert (await it.ask(CARD)).headers["x-laird-provider"] == "cloud"
        assert reader.state.scanned == scanned


async def test_when_detection_fails_it_stays_home(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        screen = it.laird.program.gateway.screen
        await screen.close()
        screen.reader = Reader(apart=Apart(module="laird.privacy.no_such_module"))
        kept_home(await it.ask("long and harmless " * 1000), "detector_failed")
        assert not told(it.cloud)
        assert (await it.ask("short and harmless")).headers["x-laird-provider"] == "cloud"


async def test_neither_log_nor_ledger_nor_receipt_has_the_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world(tmp_path) as it:
        for text in (CARD, TOKEN, f"{MARK} and {CARD}", "DE89 3704 0044 0532 0130 00"):
            await it.ask(text)
        receipts = await it.laird.admin("GET", "/api/usage/receipts")
    told_of = json.dumps(receipts) + "".join(capsys.readouterr())
    told_of += "".join(
        file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file()
    ).replace(PRIVACY, "")
    assert "detected:card" in told_of
    for text in (CARD, TOKEN, MARK, "0532 0130"):
        assert text not in told_of
