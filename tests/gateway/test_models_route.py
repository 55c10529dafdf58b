"""`/v1/models` and `/v1/models/{id}`, as the SDKs of OpenAI and Anthropic read them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from tests.routing.catalogs import CALLER, model, provider, snapshot
from tests.support.laird import RunningLaird, running_laird

from laird.api.model_list import listed_models
from laird.keys.draft import KeyDraft
from laird.routing.names import Names

DOCUMENT = """
providers:
  - id: ollama
    kind: custom
    type: local
    endpoint: http://127.0.0.1:9
    models:
      - {id: "llama3.2:3b", name: Llama, contextWindow: 4096, maxTokens: 512, isDefault: true,
         capabilities: {streaming: true, vision: false}}
      - "org/model-7b"
  - id: cloud
    kind: custom
    endpoint: http://127.0.0.1:9
    models: ["gpt-5.1", "llama3.2:3b"]
  - id: off
    kind: custom
    endpoint: http://127.0.0.1:9
    enabled: false
    models: [hidden]
chains:
  - id: reliable
    name: The reliable one
    models:
      - {providerId: ollama, modelId: "llama3.2:3b"}
      - {providerId: cloud, modelId: gpt-5.1}
aliases:
  fast: ollama/llama3.2:3b
  best: reliable
"""
LLAMA = "ollama/llama3.2:3b"
ALL = [
    "auto",
    "fast",
    "best",
    "reliable",
    LLAMA,
    "ollama/org/model-7b",
    "cloud/gpt-5.1",
    "cloud/llama3.2:3b",
]


@pytest.fixture
async def laird(tmp_path: Path) -> AsyncIterator[RunningLaird]:
    async with running_laird(tmp_path, DOCUMENT) as running:
        yield running


@asynccontextmanager
async def openai_sdk(laird: RunningLaird, key: str | None = None) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=f"{laird.url}/v1", api_key=key or laird.key, max_retries=0, timeout=10
    ) as client:
        yield client


@asynccontextmanager
async def anthropic_sdk(
    laird: RunningLaird, key: str | None = None
) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(
        base_url=laird.url, api_key=key or laird.key, max_retries=0, timeout=10
    ) as client:
        yield client


async def listed(laird: RunningLaird, name: str = "limited", **policy: Any) -> list[str]:
    key = await laird.make_key(KeyDraft(name=name, **policy))
    async with openai_sdk(laird, key) as client:
        return [model.id async for model in client.models.list()]


class TestOpenAI:
    async def test_all_names_are_listed(self, laird: RunningLaird) -> None:
        async with openai_sdk(laird) as client:
            found = [model async for model in client.models.list()]
        assert [model.id for model in found] == ALL
        assert {model.object for model in found} == {"model"}
        owners = {model.id: model.owned_by for model in found}
        assert owners["auto"] == owners["best"] == owners["reliable"] == "laird"
        assert owners["fast"] == owners[LLAMA] == "ollama"

    async def test_one_model_tells_what_is_known_of_it(self, laird: RunningLaird) -> None:
        async with openai_sdk(laird) as client:
            for name in (LLAMA, "fast", "ollama"):
                found = (await client.models.retrieve(name)).to_dict()
                able = found.pop("capabilities")
                assert isinstance(able, dict)
                assert able["vision"] is False
                assert found == {
                    "id": name,
                    "object": "model",
                    "created": 0,
                    "owned_by": "ollama",
                    "name": "Llama",
                    "egress": "local",
                    "context_window": 4096,
                    "max_tokens": 512,
                }

    async def test_every_name_that_is_listed_is_found(self, laird: RunningLaird) -> None:
        async with openai_sdk(laird) as client:
            for name in ALL:
                assert (await client.models.retrieve(name)).id == name

    async def test_a_slash_may_be_written_either_way(self, laird: RunningLaird) -> None:
        client = laird.client()
        for name in ("ollama/llama3.2:3b", "ollama%2Fllama3.2:3b", "ollama%2fllama3.2%3A3b"):
            reply = await client.request("GET", f"/v1/models/{name}")
            assert (reply.status, reply.json()["id"]) == (200, LLAMA)

    async def test_where_a_name_leads_to_several_the_farthest_counts(
        self, laird: RunningLaird
    ) -> None:
        async with openai_sdk(laird) as client:
            chain = (await client.models.retrieve("best")).to_dict()
            shared = (await client.models.retrieve("llama3.2:3b")).to_dict()
        assert (chain["egress"], chain["owned_by"]) == ("external", "laird")
        assert "context_window" not in chain
        assert (shared["egress"], shared["owned_by"]) == ("external", "ollama")

    async def test_what_is_not_there_is_not_found(self, laird: RunningLaird) -> None:
        async with openai_sdk(laird) as client:
            for name in ("off/hidden", "hidden", "/", "a/b/c", "gtp-5.1"):
                with pytest.raises(openai.NotFoundError) as caught:
                    await client.models.retrieve(name)
                assert caught.value.code == "model_not_found"
                assert name != "gtp-5.1" or "gpt-5.1" in caught.value.message

    async def test_methods_and_keys_are_checked(self, laird: RunningLaird) -> None:
        client = laird.client()
        wrong = await client.request("DELETE", f"/v1/models/{LLAMA}")
        assert (wrong.status, wrong.headers["allow"]) == (405, "GET")
        assert (await client.request("GET", "/v1/models/")).error["code"] == "not_found"
        keyless = await client.request("GET", f"/v1/models/{LLAMA}", None, {"authorization": ""})
        assert (keyless.status, keyless.error["code"]) == (401, "missing_api_key")


class TestPolicies:
    async def test_a_key_for_some_models_sees_those(self, laird: RunningLaird) -> None:
        allowed = frozenset({"cloud/gpt-5.1", "best"})
        found = await listed(laird, allowed_models=allowed)
        assert found == ["auto", "best", "reliable", "cloud/gpt-5.1"]
        only_best = await listed(laird, "narrow", allowed_models=frozenset({"best"}))
        assert only_best == ["best"]

    async def test_a_key_for_one_provider_sees_what_that_can_serve(
        self, laird: RunningLaird
    ) -> None:
        found = await listed(laird, allowed_providers=frozenset({"cloud"}))
        assert found == [
            "auto",
            "best",
            "reliable",
            "cloud/gpt-5.1",
            "cloud/llama3.2:3b",
        ]

    async def test_a_key_that_must_stay_local_sees_no_external_model(
        self, laird: RunningLaird
    ) -> None:
        found = await listed(laird, privacy="local")
        assert found == ["auto", "fast", "best", "reliable", LLAMA, "ollama/org/model-7b"]

    async def test_what_a_key_may_not_use_is_not_found_nor_hinted_at(
        self, laird: RunningLaird
    ) -> None:
        draft = KeyDraft(name="limited", allowed_models=frozenset({"cloud/gpt-5.1"}))
        async with openai_sdk(laird, await laird.make_key(draft)) as client:
            for name in (LLAMA, "ollama/llama3.2:4b", "lama3.2:3b"):
                with pytest.raises(openai.NotFoundError) as caught:
                    await client.models.retrieve(name)
                told = caught.value.message.replace(f"'{name}'", "")
                assert "llama" not in told
            assert (await client.models.retrieve("gpt-5.1")).id == "gpt-5.1"


def test_an_alias_that_means_nothing_is_not_listed() -> None:
    aliases = {"gone": "nothing", "round": "square", "square": "round", "good": "m"}
    home = snapshot([provider("a")], [model("a/m")], aliases=aliases)
    found = listed_models(Names(home), CALLER)
    assert [each.id for each in found] == ["auto", "good", "a/m"]


class TestAnthropic:
    async def test_all_names_are_listed_over_pages(self, laird: RunningLaird) -> None:
        async with anthropic_sdk(laird) as client:
            assert [model.id async for model in client.models.list(limit=3)] == ALL
            page = await client.models.list(limit=3, after_id="best")
            assert [model.id for model in page.data] == ALL[3:6]
            assert (page.has_more, page.first_id, page.last_id) == (True, ALL[3], ALL[5])
            before = await client.models.list(limit=2, before_id="reliable")
            assert [model.id for model in before.data] == ALL[1:3]
            assert before.has_more
            whole = await client.models.list()
            assert (len(whole.data), whole.has_more) == (len(ALL), False)

    async def test_one_model_has_the_formats_fields(self, laird: RunningLaird) -> None:
        async with anthropic_sdk(laird) as client:
            found = await client.models.retrieve(LLAMA)
            assert (found.id, found.type, found.display_name) == (LLAMA, "model", "Llama")
            assert (found.max_input_tokens, found.max_tokens) == (4096, 512)
            assert found.lifecycle == "active"
            assert found.created_at.year == 1970
            assert (found.model_extra or {})["egress"] == "local"
            chain = await client.models.retrieve("reliable")
            assert (chain.display_name, chain.max_tokens) == ("The reliable one", None)

    async def test_only_active_models_are_there(self, laird: RunningLaird) -> None:
        async with anthropic_sdk(laird) as client:
            assert (await client.models.list(lifecycle=["retired"])).data == []
            assert (await client.models.list(lifecycle=["active", "retired"])).data

    async def test_a_wrong_query_is_told_in_the_formats_form(self, laird: RunningLaird) -> None:
        wrong: list[dict[str, Any]] = [{"limit": 0}, {"limit": 1001}, {"after_id": "gone"}]
        async with anthropic_sdk(laird) as client:
            for query in wrong:
                with pytest.raises(anthropic.BadRequestError) as caught:
                    await client.models.list(**query)
                assert isinstance(caught.value.body, dict)
                assert caught.value.body["type"] == "error"
                assert next(iter(query)) in caught.value.body["error"]["message"]

    async def test_errors_are_in_the_formats_form(self, laird: RunningLaird) -> None:
        async with anthropic_sdk(laird) as client:
            with pytest.raises(anthropic.NotFoundError) as caught:
                await client.models.retrieve("gtp-5.1")
        assert isinstance(caught.value.body, dict)
        assert caught.value.body["error"]["type"] == "not_found_error"
        assert "gpt-5.1" in caught.value.body["error"]["message"]
        async with anthropic_sdk(laird, "lai_" + "0" * 32) as stranger:
            with pytest.raises(anthropic.AuthenticationError) as refused:
                await stranger.models.list()
        assert isinstance(refused.value.body, dict)
        assert refused.value.body["error"]["type"] == "authentication_error"
