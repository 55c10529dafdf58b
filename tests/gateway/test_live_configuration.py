"""A saved document is in force within a second; what runs goes on as it began."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support import openai_wire
from tests.support.answers import Answer, failing, sse_answer
from tests.support.chat_upstream import chats
from tests.support.client import Reply, text_of
from tests.support.documents import document, provider
from tests.support.gates import Gate
from tests.support.laird import running_laird
from tests.support.upstream import ScriptedUpstream
from tests.support.waiting import MACHINE_S


async def test_a_change_is_in_force_within_a_second_and_running_requests_keep_theirs(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    gate = Gate()
    first.always(sse_answer(openai_wire.STREAM).held(gate, at=3))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        running = await laird.client().begin_chat("m", stream=True)
        await running.head()
        began = time.monotonic()
        await laird.write_document(document(provider("b", second.url)))
        assert time.monotonic() - began < 1 + MACHINE_S
        reply = await laird.client().chat("m")
        assert reply.headers["x-laird-provider"] == "b"
        assert (await laird.client().chat("a/m")).status == 404
        gate.open()
        body = Reply(200, {}, await running.body()).events()
        assert text_of(body) == "Hello there."
        assert body[-1] == "[DONE]"


async def test_a_broken_document_changes_nothing_and_is_shown(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    good = document(provider("a", first.url))
    async with running_laird(tmp_path, good) as laird:
        laird.document.write_text(good + "routing:\n  stratgy: cheapest\n")
        client = laird.client()
        while not (ready := (await client.request("GET", "/ready")).json())["configuration_error"]:
            assert (await client.chat("m")).status == 200
        line = good.count("\n") + 2
        assert f"providers.yaml:{line}" in ready["configuration_error"]
        assert "strategy" in ready["configuration_error"]
        assert ready["ready"]
        assert (await client.chat("m")).status == 200
        laird.document.write_text(good)
        while (await client.request("GET", "/ready")).json()["configuration_error"]:
            pass
        assert (await laird.admin("GET", "/api/config"))["error"] is None


async def test_edits_by_the_api_keep_comments_refuse_stale_ones_and_can_be_taken_back(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    text = "# my own words\n" + document(provider("a", first.url))
    async with running_laird(tmp_path, text) as laird:
        shown = await laird.admin("GET", "/api/config")
        added = {"id": "b", "kind": "custom", "type": "local", "endpoint": first.url}
        added |= {"models": ["n"]}  # type: ignore[dict-item]
        answer = await laird.admin("POST", "/api/providers", added)
        assert answer["provider"]["id"] == "b"
        assert (await laird.client().chat("n")).status == 200
        assert laird.document.read_text().startswith("# my own words\n")

        stale = {"document": shown["document"], "revision": shown["revision"]}
        administrator = laird.client(laird._admin_key)
        refused = await administrator.request("PUT", "/api/config", stale)
        assert refused.status == 409
        assert refused.error["code"] == "stale_revision"
        assert "id: b" in refused.error["current_document"]

        changes = (await laird.admin("GET", "/api/config/history"))["changes"]
        assert [change["source"] for change in changes] == ["api", "file"]
        assert changes[0]["actor"] == "key test-administrator"
        await laird.admin("POST", f"/api/config/history/{changes[1]['id']}/rollback")
        assert laird.document.read_text() == text
        assert (await laird.client().chat("n")).status == 404


async def test_a_lowered_limit_and_a_removed_provider_do_not_cut_what_runs(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    gate = Gate()
    first.always(sse_answer(openai_wire.STREAM).held(gate, at=3))
    async with running_laird(
        tmp_path, document(provider("a", first.url, maxConcurrent=4))
    ) as laird:
        running = [await laird.client().begin_chat("m", stream=True) for _ in range(3)]
        for one in running:
            await one.head()
        await laird.write_document(document(provider("a", first.url, maxConcurrent=1)))
        await laird.write_document(document(provider("b", second.url)))
        gate.open()
        for one in running:
            assert (await one.body()).endswith(b"data: [DONE]\n\n")
        assert len(chats(first)) == 3
        assert [row["status"] for row in await laird.rows()] == ["ok"] * 3


async def test_a_secret_in_the_document_is_shown_nowhere(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    secret = "sk-canary-1234567890"
    text = document(provider("a", first.url, authType="bearer", authSecret=secret))
    async with running_laird(tmp_path, text) as laird:
        assert (await laird.client().chat("m")).status == 200
        assert chats(first)[0].headers["authorization"] == f"Bearer {secret}"
        for path in ("/api/config", "/api/providers", "/api/system", "/api/config/history/1"):
            answer = await laird.client(laird.key).request("GET", path)
            assert secret.encode() not in answer.body
            assert secret not in str(await laird.admin("GET", path))
        first.always(openai_error_with(secret))
        reply = await laird.client().chat("m")
        assert secret.encode() not in reply.body
        for file in (tmp_path / "laird.db", tmp_path / "laird.db-wal"):
            assert secret.encode() not in file.read_bytes()


def openai_error_with(secret: str) -> Answer:

    return failing(401, f"Incorrect API key provided: {secret}")
