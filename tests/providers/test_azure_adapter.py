"""Azure OpenAI: where requests go in each form of address, and what Azure says otherwise."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from openai import AsyncAzureOpenAI
from tests.providers.azure_profile import FILTERED, PROMPT_RESULTS, SAFE
from tests.providers.openai_profile import validate
from tests.support.openai_wire import DONE, USAGE_CHUNK, chunk, completion, event
from tests.support.upstream import ScriptedUpstream, text_answer

from laird.dialects.openai_chat import OpenAIChat
from laird.domain.catalog import AuthType, Capabilities, Egress, HealthCheck, Model, Provider
from laird.domain.chat import ChatRequest, Message, Role, Text
from laird.domain.embedding import EmbeddingRequest
from laird.domain.errors import (
    UnsupportedField,
    UpstreamFailed,
    UpstreamModelMissing,
    UpstreamRejected,
)
from laird.domain.secret import Secret
from laird.providers.azure import AzureAdapter
from laird.providers.base import FoundModel

HOST = "https://r.openai.azure.com"
USUAL = "?api-version=2024-10-21"
HI: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
CHAT = ChatRequest(messages=(Message(role=Role.USER, parts=(Text("Hi"),)),), max_tokens=9)
EMBED = EmbeddingRequest(inputs=("one",))


def adapter(endpoint: str, **fields: Any) -> AzureAdapter:
    settings: dict[str, Any] = {
        "auth_type": AuthType.API_KEY,
        "secret": Secret("s3cret"),
        **fields,
    }
    return AzureAdapter(
        Provider(
            id="azure",
            name="Azure",
            kind="azure",
            egress=Egress.EXTERNAL,
            endpoint=endpoint,
            **settings,
        )
    )


def deployed(name: str) -> Model:
    return Model(id="m", name="M", provider_id="azure", upstream_model=name, egress=Egress.EXTERNAL)


class TestAddresses:
    @pytest.mark.parametrize(
        ("endpoint", "before", "after"),
        [
            (HOST, "/openai/deployments/gpt/", USUAL),
            (f"{HOST}/", "/openai/deployments/gpt/", USUAL),
            (f"{HOST}/openai", "/openai/deployments/gpt/", USUAL),
            (
                f"{HOST}/?api-version=2025-04-01",
                "/openai/deployments/gpt/",
                "?api-version=2025-04-01",
            ),
            (f"{HOST}?team=a", "/openai/deployments/gpt/", "?team=a&api-version=2024-10-21"),
            (
                f"{HOST}/openai/deployments/mine/chat/completions?api-version=2024-12-01-preview",
                "/openai/deployments/mine/",
                "?api-version=2024-12-01-preview",
            ),
            (f"{HOST}/openai/deployments/mine", "/openai/deployments/mine/", USUAL),
            ("https://gw.azure-api.net/team/openai", "/team/openai/deployments/gpt/", USUAL),
            ("https://gw.azure-api.net/team", "/team/openai/deployments/gpt/", USUAL),
            (f"{HOST}/openai/v1/", "/openai/v1/", ""),
            (f"{HOST}/openai/v1/chat/completions", "/openai/v1/", ""),
            (f"{HOST}/openai/v1/responses?api-version=a", "/openai/v1/", "?api-version=a"),
            ("https://r.services.ai.azure.com/openai/v1", "/openai/v1/", ""),
            ("https://gw.azure-api.net/team/openai/v1", "/team/openai/v1/", ""),
        ],
    )
    def test_every_way_to_write_an_endpoint(self, endpoint: str, before: str, after: str) -> None:
        bound, model = adapter(endpoint), deployed("gpt")
        chat = f"{before}chat/completions{after}"
        assert bound.chat_request(model, CHAT).head.target == chat
        assert bound.forward_request("openai.chat", model, HI).head.target == chat
        embeddings = f"{before}embeddings{after}"
        assert bound.embedding_request(model, EMBED).head.target == embeddings
        asked = bound.forward_request("openai.embeddings", model, {"input": "one"})
        assert asked.head.target == embeddings
        assert asked.head.origin.host == endpoint.split("/")[2].partition("?")[0]

    @pytest.mark.parametrize(
        ("endpoint", "models"),
        [
            (HOST, f"/openai/models{USUAL}"),
            (f"{HOST}/openai/deployments/mine?api-version=x", "/openai/models?api-version=x"),
            (f"{HOST}/openai/v1", "/openai/v1/models"),
            (f"{HOST}/openai/v1?api-version=preview", "/openai/v1/models?api-version=preview"),
        ],
    )
    def test_models_and_probe(self, endpoint: str, models: str) -> None:
        bound = adapter(endpoint)
        assert bound.models_request().head.target == models
        assert bound.probe_request() == bound.models_request()
        own = adapter(endpoint, health=HealthCheck(path="/status?deep=1"))
        assert own.probe_request().head.target == "/status?deep=1"
        assert own.models_request().head.target == models

    def test_a_deployment_can_not_reach_beyond_its_place(self) -> None:
        target = adapter(HOST).chat_request(deployed("../a/b?c#d e"), CHAT).head.target
        assert target == f"/openai/deployments/..%2Fa%2Fb%3Fc%23d%20e/chat/completions{USUAL}"

    @pytest.mark.parametrize(
        "endpoint",
        [
            "r.openai.azure.com",
            "ftp://r.openai.azure.com",
            f"{HOST}/openai/deployments/",
            f"{HOST}/openai/deployments/a/b",
            f"{HOST}/#x",
            "https://key@r.openai.azure.com",
        ],
    )
    def test_what_is_no_address(self, endpoint: str) -> None:
        with pytest.raises(ValueError, match="The address"):
            adapter(endpoint)

    def test_a_head_is_built_once(self) -> None:
        bound = adapter(HOST)
        first, second = (bound.chat_request(deployed("gpt"), CHAT).head for _ in range(2))
        assert first is second
        assert bound.chat_request(deployed("other"), CHAT).head is not first

    async def test_the_official_client_asks_the_same(self) -> None:
        """The SDK's own Azure client is the oracle for path, query and header."""
        version = "2024-12-01-preview"
        async with ScriptedUpstream() as upstream, httpx.AsyncClient() as http:
            upstream.script(text_answer(json.dumps(completion()).encode()))
            client = AsyncAzureOpenAI(
                azure_endpoint=upstream.url,
                api_version=version,
                api_key="s3cret",
                http_client=http,
                max_retries=0,
            )
            await client.chat.completions.create(**{**HI, "model": "gpt-4o"})
            theirs = upstream.requests[0]
            ours = adapter(f"{upstream.url}/?api-version={version}").forward_request(
                "openai.chat", deployed("gpt-4o"), HI
            )
        assert ours.head.target == theirs.target
        assert dict(ours.head.headers)["api-key"] == theirs.headers["api-key"]
        assert json.loads(ours.body) == json.loads(theirs.body)


class TestCredentials:
    @pytest.mark.parametrize("endpoint", [HOST, f"{HOST}/openai/v1"])
    def test_key_or_token(self, endpoint: str) -> None:
        for auth, expected in (
            (AuthType.API_KEY, {"api-key": "s3cret"}),
            (AuthType.BEARER, {"authorization": "Bearer s3cret"}),
            (AuthType.NONE, {}),
        ):
            bound = adapter(endpoint, auth_type=auth)
            for request in (
                bound.models_request(),
                bound.chat_request(deployed("gpt"), CHAT),
                bound.embedding_request(deployed("gpt"), EMBED),
            ):
                headers = dict(request.head.headers)
                headers.pop("content-type", None)
                assert headers == expected


class TestFormats:
    def test_what_is_passed_on(self) -> None:
        assert adapter(HOST).speaks == {"openai.chat", "openai.embeddings"}
        v1 = adapter(f"{HOST}/openai/v1?api-version=preview")
        assert v1.speaks == {"openai.chat", "openai.embeddings", "openai.responses"}
        body = {"model": "auto", "input": "Hi", "stream": True, "store": True}
        sent = v1.forward_request("openai.responses", deployed("gpt"), body)
        assert sent.head.target == "/openai/v1/responses?api-version=preview"
        assert json.loads(sent.body) == {**body, "model": "gpt"}

    def test_a_translated_chat_is_in_openais_words(self) -> None:
        body = json.loads(adapter(HOST).chat_request(deployed("gpt"), CHAT).body)
        validate(body)
        assert body["max_completion_tokens"] == 9
        odd = ChatRequest(messages=CHAT.messages, sampling=CHAT.sampling, extra={})
        assert json.loads(adapter(HOST).chat_request(deployed("gpt"), odd).body)["model"] == "gpt"

    def test_a_purpose_has_no_place(self) -> None:
        with pytest.raises(UnsupportedField):
            adapter(HOST).embedding_request(
                deployed("gpt"), EmbeddingRequest(inputs=("x",), purpose="clustering")
            )

    def test_a_stream_with_azures_additions_is_passed_on(self) -> None:
        nothing = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
        checked = {
            "index": 0,
            "finish_reason": None,
            "content_filter_results": SAFE,
            "content_filter_offsets": {"check_offset": 5, "start_offset": 0, "end_offset": 5},
        }
        wire = [
            event({**nothing, "prompt_filter_results": PROMPT_RESULTS}),
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": "Hello"}),
            chunk({}, choices=[checked]),
            chunk({}, "stop"),
            USAGE_CHUNK,
            DONE,
        ]
        relay = OpenAIChat().forward_relay(provider="azure", include_usage=False)
        out = b"".join(relay.feed(piece) for piece in wire) + relay.end()
        assert relay.finished
        assert relay.usage is not None
        assert relay.text_length == 5
        assert b"prompt_filter_results" in out
        offsets = next(line for line in out.split(b"\n\n") if b"content_filter_offsets" in line)
        assert json.loads(offsets.removeprefix(b"data: "))["choices"] == [{**checked, "delta": {}}]
        assert out.endswith(DONE)


class TestErrors:
    def error(self, status: int, value: object) -> Any:
        return adapter(HOST).read_error(status, {}, json.dumps(value).encode())

    def test_a_refused_prompt_says_for_what(self) -> None:
        error = self.error(400, FILTERED)
        assert isinstance(error, UpstreamRejected)
        assert (error.status, error.upstream_code, error.param) == (400, "content_filter", "prompt")
        assert "refused the prompt for self harm, violence." in error.message

    @pytest.mark.parametrize(
        "inner",
        [
            {},
            {"innererror": None},
            {"innererror": {}},
            {"innererror": {"content_filter_result": 3}},
        ],
    )
    def test_a_refused_prompt_without_reasons(self, inner: dict[str, Any]) -> None:
        error = self.error(400, {"error": {"code": "content_filter", "message": "x", **inner}})
        assert "refused the prompt. Change" in error.message

    def test_a_missing_deployment(self) -> None:
        missing = {"error": {"code": "DeploymentNotFound", "message": "It does not exist."}}
        assert isinstance(self.error(404, missing), UpstreamModelMissing)

    @pytest.mark.parametrize(
        "body",
        [
            {"error": {"code": "404", "message": "Resource not found"}},
            {"statusCode": 404, "message": "Resource not found"},
        ],
    )
    def test_a_wrong_address_or_version(self, body: object) -> None:
        error = self.error(404, body)
        assert isinstance(error, UpstreamFailed)
        assert error.message == (
            "azure answered 404: Resource not found. Check the provider's endpoint and the"
            " api-version in it."
        )

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"error": {"message": 4}}'])
    def test_a_404_that_says_nothing(self, body: bytes) -> None:
        assert "it gave no reason" in adapter(HOST).read_error(404, {}, body).message

    def test_other_errors_are_openais(self) -> None:
        error = self.error(400, {"error": {"code": "invalid_value", "message": "Bad n."}})
        assert isinstance(error, UpstreamRejected)
        assert error.upstream_code == "invalid_value"


def test_the_list_of_models() -> None:
    known = {"fine_tune": False, "inference": True, "chat_completion": True, "embeddings": False}
    data = [
        {"id": "gpt-4o", "object": "model", "status": "succeeded", "capabilities": known},
        {"id": "odd", "object": "model", "capabilities": {"embeddings": "yes"}},
        {"id": "plain", "object": "model"},
    ]
    body = json.dumps({"object": "list", "data": data}).encode()
    assert adapter(HOST).read_models(body) == (
        FoundModel(id="gpt-4o", capabilities=Capabilities(streaming=True, embeddings=False)),
        FoundModel(id="odd"),
        FoundModel(id="plain"),
    )
