"""Strict servers of the OpenAI family get what they take, and clients hear of what they don't."""

from __future__ import annotations

import json
from typing import Any

import pytest

from laird.domain.catalog import AuthType, Egress, Model, Provider
from laird.domain.chat import (
    ChatRequest,
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from laird.domain.errors import (
    CredentialRefused,
    UnsupportedField,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
)
from laird.domain.secret import Secret
from laird.providers.base import Adapter
from laird.providers.openai_fitting import short_call_id
from laird.providers.registry import KINDS, build_adapter

MODEL = Model(id="m", name="M", provider_id="box", upstream_model="up", egress=Egress.EXTERNAL)
CLOUDS = ("mistral", "groq", "deepseek", "openrouter", "together", "xai")


def adapter(kind: str) -> Adapter:
    endpoint = KINDS[kind].endpoint or "http://box/v1"
    return build_adapter(
        Provider(
            id="box",
            name="Box",
            kind=kind,
            egress=Egress.EXTERNAL,
            endpoint=endpoint,
            auth_type=AuthType.BEARER,
            secret=Secret("canary"),
        )
    )


def forwarded(kind: str, *messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = {
        "model": "auto",
        "messages": list(messages or [{"role": "user", "content": "Hi"}]),
        **fields,
    }
    kept = json.loads(json.dumps(body))
    sent = adapter(kind).forward_request("openai.chat", MODEL, body)
    assert body == kept, "the client's body was changed"
    found: dict[str, Any] = json.loads(sent.body)
    assert found.pop("model") == "up"
    return found


def written(kind: str, role: Role, *parts: Part, **fields: Any) -> dict[str, Any]:
    request = ChatRequest(messages=(Message(role=role, parts=parts),), **fields)
    sent: dict[str, Any] = json.loads(adapter(kind).chat_request(MODEL, request).body)
    return sent


def refused(kind: str, **fields: Any) -> str | None:
    with pytest.raises(UnsupportedField) as caught:
        forwarded(kind, **fields)
    return caught.value.param


@pytest.mark.parametrize("kind", CLOUDS)
def test_requests_go_to_the_clouds_usual_place(kind: str) -> None:
    head = adapter(kind).chat_request(MODEL, ChatRequest(messages=())).head
    assert head.origin.scheme == "https"
    assert head.target == {
        "groq": "/openai/v1/chat/completions",
        "openrouter": "/api/v1/chat/completions",
    }.get(kind, "/v1/chat/completions")
    assert ("authorization", "Bearer canary") in head.headers
    known = KINDS[kind]
    assert known.egress is Egress.EXTERNAL
    assert known.env_key == f"{kind.upper()}_API_KEY"


class TestFieldsOfTheBody:
    def test_mistral_gets_no_field_that_it_refuses(self) -> None:
        sent = forwarded(
            "mistral",
            stream=True,
            stream_options={"include_usage": True},
            seed=7,
            max_completion_tokens=5,
            user="ann",
            safety_identifier="x",
            prompt_cache_key="y",
            logprobs=False,
            top_logprobs=None,
            service_tier="auto",
            verbosity="medium",
            n=None,
            safe_prompt=True,
        )
        del sent["messages"]
        assert sent == {"stream": True, "random_seed": 7, "max_tokens": 5, "safe_prompt": True}

    @pytest.mark.parametrize(
        ("kind", "fields"),
        [
            ("mistral", {"logprobs": True}),
            ("mistral", {"logit_bias": {"5": 1}}),
            ("mistral", {"service_tier": "flex"}),
            ("mistral", {"verbosity": "low"}),
            ("groq", {"n": 2}),
            ("groq", {"top_logprobs": 3}),
            ("deepseek", {"seed": 0}),
            ("deepseek", {"presence_penalty": 0.5}),
            ("together", {"logprobs": True}),
            ("xai", {"logit_bias": {"5": 1}}),
        ],
    )
    def test_what_is_not_honoured_is_refused_by_name(
        self, kind: str, fields: dict[str, Any]
    ) -> None:
        assert refused(kind, **fields) == next(iter(fields))

    @pytest.mark.parametrize("kind", CLOUDS)
    def test_asking_for_nothing_is_no_harm(self, kind: str) -> None:
        forwarded(
            kind,
            n=1,
            logprobs=False,
            logit_bias={},
            presence_penalty=0,
            parallel_tool_calls=True,
            service_tier="auto",
        )

    def test_deepseek_knows_no_schema_and_turns_thinking_off_its_own_way(self) -> None:
        schema = {"type": "json_schema", "json_schema": {"name": "x"}}
        assert refused("deepseek", response_format=schema) == "response_format.type"
        sent = forwarded(
            "deepseek", response_format={"type": "json_object"}, reasoning_effort="none"
        )
        assert sent["thinking"] == {"type": "disabled"}
        assert "reasoning_effort" not in sent
        assert forwarded("deepseek", reasoning_effort="high")["reasoning_effort"] == "high"

    def test_openrouter_gets_everything(self) -> None:
        fields = {"provider": {"require_parameters": True}, "n": 2, "user": "ann", "top_k": 5}
        sent = forwarded("openrouter", **fields)
        del sent["messages"]
        assert sent == fields

    def test_other_bodies_are_left_alone_but_for_labels(self) -> None:
        body = {"model": "e", "input": "x", "user": "ann"}
        sent = adapter("mistral").forward_request("openai.embeddings", MODEL, body)
        assert json.loads(sent.body) == {"model": "up", "input": "x"}


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ECHO = {
    "role": "assistant",
    "content": None,
    "refusal": None,
    "annotations": [],
    "audio": None,
    "name": "bot",
    "reasoning_content": "Hm.",
    "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}],
    "tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": "x"}}}],
}


class TestMessages:
    def test_what_others_answered_does_not_trouble_mistral(self) -> None:
        sent = forwarded(
            "mistral",
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "Hi", "name": "ann"},
            ECHO,
            {"role": "tool", "tool_call_id": "call_1", "content": "x", "name": "f"},
        )
        identity = short_call_id("call_1")
        assert sent["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Message from ann:\nHi"},
            {"role": "assistant", "content": None, "tool_calls": [{**CALL, "id": identity}]},
            {"role": "tool", "tool_call_id": identity, "content": "x"},
        ]

    def test_nor_groq_which_takes_thinking_by_another_name(self) -> None:
        sent = forwarded("groq", ECHO)["messages"][0]
        assert sent == {
            "role": "assistant",
            "content": None,
            "reasoning": "Hm.",
            "tool_calls": [CALL],
        }

    def test_a_refusal_is_kept_as_text(self) -> None:
        message = {"role": "assistant", "content": None, "refusal": "No."}
        assert forwarded("groq", message)["messages"] == [{"role": "assistant", "content": "No."}]
        both = {"role": "assistant", "content": "Well", "refusal": "No."}
        assert forwarded("groq", both)["messages"][0]["content"] == "Well"

    def test_names_stand_before_texts_and_parts(self) -> None:
        parts = [{"type": "text", "text": "Hi"}]
        sent = forwarded("groq", {"role": "user", "name": "ann", "content": parts})
        assert sent["messages"][0] == {
            "role": "user",
            "content": [{"type": "text", "text": "Message from ann:"}, *parts],
        }
        system = {"role": "system", "name": "boss", "content": "Hi"}
        assert forwarded("groq", system)["messages"] == [{"role": "system", "content": "Hi"}]

    def test_deepseek_gets_thinking_back_with_calls(self) -> None:
        def thought(**fields: Any) -> Any:
            message = {"role": "assistant", "content": None, "tool_calls": [CALL], **fields}
            return forwarded("deepseek", message)["messages"][0]["reasoning_content"]

        assert thought(reasoning_content="Hm.") == "Hm."
        assert thought(reasoning="Hm.") == "Hm."
        assert thought() == ""
        plain = forwarded("deepseek", {"role": "assistant", "content": "x"})["messages"][0]
        assert "reasoning_content" not in plain

    def test_odd_messages_are_the_servers_to_refuse(self) -> None:
        odd: Any = [5, {}, {"role": "assistant", "tool_calls": [5]}, {"role": "tool"}]
        sent = forwarded("mistral", *odd)["messages"]
        assert sent[0] == 5
        assert sent[2]["tool_calls"] == [5]
        assert sent[3]["tool_call_id"] is None

    def test_files_have_mistrals_form(self) -> None:
        file = {"type": "file", "file": {"file_data": "data:x", "filename": "a.pdf"}}
        bare = {"type": "file", "file": {"file_data": "https://x"}}
        kept = {"type": "file", "file": {"file_id": "f"}}
        sent = forwarded("mistral", {"role": "user", "content": [file, bare, kept]})
        assert sent["messages"][0]["content"] == [
            {"type": "document_url", "document_url": "data:x", "document_name": "a.pdf"},
            {"type": "document_url", "document_url": "https://x"},
            kept,
        ]


class TestCallIds:
    def test_are_nine_letters_and_digits_and_always_the_same(self) -> None:
        ids = [short_call_id(f"call_{number}") for number in range(1000)]
        assert len(set(ids)) == 1000
        for identity in ids:
            assert isinstance(identity, str)
            assert len(identity) == 9
            assert identity.isascii()
            assert identity.isalnum()
            assert short_call_id(identity) == identity
        assert short_call_id("call_5") == ids[5]

    @pytest.mark.parametrize("identity", ["abcdefghü", "ⅷabcdefg1", "\ud800", ""])
    def test_odd_ones_too(self, identity: str) -> None:
        made = short_call_id(identity)
        assert isinstance(made, str)
        assert made.isascii()


class TestWriting:
    def test_files_go_where_they_are_taken(self) -> None:
        pdf = Document(media_type="application/pdf", data="eA==")
        part = written("openai", Role.USER, pdf)["messages"][0]["content"][0]
        assert part["file"] == {
            "filename": "document.pdf",
            "file_data": "data:application/pdf;base64,eA==",
        }
        text = Document(media_type="text/plain", data="eA==")
        part = written("openai", Role.USER, text)["messages"][0]["content"][0]
        assert part["file"]["filename"] == "document.txt"
        with pytest.raises(UnsupportedField, match="box fetches no files") as caught:
            written("openai", Role.USER, Document(url="https://x"))
        assert caught.value.param == "messages[0].content"

    def test_text_files_are_text_everywhere(self) -> None:
        file = Document(media_type="text/plain", data="R3LDvMOfZQ==", name="a.txt")
        sent = written("groq", Role.USER, Text("Read:"), file)["messages"][0]["content"]
        assert sent[1] == {"type": "text", "text": "a.txt:\nGrüße"}
        unnamed = Document(media_type="text/csv", data="eA==")
        assert written("groq", Role.USER, unnamed)["messages"][0]["content"][0]["text"] == "x"
        for bad in (
            Document(media_type="application/pdf", data="eA=="),
            Document(media_type="text/plain", data="!"),
            Document(media_type="text/plain", data="/w=="),
            Document(url="https://x"),
        ):
            with pytest.raises(UnsupportedField, match="takes no files"):
                written("groq", Role.USER, bad)

    def test_only_who_made_a_signature_gets_it_back(self) -> None:
        parts = (
            Reasoning(text="A.", signature="c2ln"),
            Reasoning(text="B.", signature="gemini:x"),
            Reasoning(redacted='openrouter:{"type":"reasoning.encrypted","data":"d"}'),
            Reasoning(redacted="openrouter:{"),
            ToolCall(id="c", name="f", arguments="{}", signature="gemini:y"),
        )
        router = written("openrouter", Role.ASSISTANT, *parts)["messages"][0]
        assert router["reasoning"] == "A.B."
        assert [detail["type"] for detail in router["reasoning_details"]] == [
            "reasoning.text",
            "reasoning.encrypted",
        ]
        assert "extra_content" not in router["tool_calls"][0]
        google = written("custom", Role.ASSISTANT, *parts)["messages"][0]
        assert google["reasoning_content"] == "A.B."
        assert "reasoning_details" not in google
        signature = google["tool_calls"][0]["extra_content"]["google"]["thought_signature"]
        assert signature == "y"
        plain = written("vllm", Role.ASSISTANT, *parts)["messages"][0]
        assert "extra_content" not in plain["tool_calls"][0]
        hidden = written("openrouter", Role.ASSISTANT, Reasoning(redacted="gemini:x"))
        assert hidden["messages"] == [{"role": "assistant", "content": ""}]

    def test_images_stay_in_mistrals_results(self) -> None:
        image = Image(url="https://x")
        result = ToolResult(call_id="c", parts=(image,), is_error=True)
        sent = written("mistral", Role.TOOL, result)["messages"]
        assert [message["role"] for message in sent] == ["tool"]
        assert sent[0]["content"] == [
            {"type": "text", "text": "Error:"},
            {"type": "image_url", "image_url": {"url": "https://x"}},
        ]

    def test_nothing_stands_between_two_results(self) -> None:
        image = Image(url="https://x")
        request = ChatRequest(
            messages=tuple(
                Message(role=Role.TOOL, parts=(ToolResult(call_id=name, parts=(image,)),))
                for name in ("a", "b")
            )
        )
        sent = json.loads(adapter("custom").chat_request(MODEL, request).body)["messages"]
        assert [message["role"] for message in sent] == ["tool", "tool", "user"]


class TestRefusals:
    def error(self, kind: str, status: int, body: Any) -> UpstreamError:
        return adapter(kind).read_error(status, {}, json.dumps(body).encode())

    def test_mistrals_complaints_name_the_field(self) -> None:
        detail = {"loc": ["body", "messages", 1, "assistant", "audio"], "msg": "Extra inputs"}
        for body in (
            {"object": "error", "message": {"detail": [detail, {"msg": "Too long"}, 5]}},
            {"object": "Error", "message": [detail, {"msg": "Too long"}]},
            {"detail": [detail, {"loc": "x", "msg": "Too long"}, {"loc": []}]},
        ):
            error = self.error("mistral", 422, body)
            assert isinstance(error, UpstreamRejected)
            assert error.param == "messages[1].assistant.audio"
            assert "messages[1].assistant.audio: Extra inputs; Too long" in error.message
        assert isinstance(self.error("mistral", 422, {"detail": []}), UpstreamRejected)

    def test_xais_wrong_key(self) -> None:
        body = {"code": "Client specified an invalid argument", "error": "Incorrect API key: xa***"}
        assert isinstance(self.error("xai", 400, body), CredentialRefused)

    def test_groqs_full_tier_is_no_fault_of_the_request(self) -> None:
        body = {"error": {"message": "No room", "code": "capacity_exceeded"}}
        assert isinstance(self.error("groq", 498, body), UpstreamRateLimited)

    def test_openrouters_moderation_is_no_fault_of_the_key(self) -> None:
        body = {"error": {"code": 403, "message": "Flagged", "metadata": {"reasons": ["x"]}}}
        error = self.error("openrouter", 403, body)
        assert isinstance(error, UpstreamRejected)
        assert error.upstream_code == "content_filter"
        refused = {"error": {"code": 403, "message": "No", "metadata": None}}
        assert isinstance(self.error("openrouter", 403, refused), CredentialRefused)

    def test_who_stands_behind_openrouter_has_the_last_word(self) -> None:
        body = {"error": {"code": 400, "metadata": {"raw": "top_k is too large"}}}
        message = self.error("openrouter", 400, body).message
        assert "Provider returned error: top_k is too large" in message
