"""The embeddings dialect: what is taken, what is refused, and answers that OpenAI's SDK reads."""

from __future__ import annotations

import json
import struct
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse

from laird.dialects.embeddings import OpenAIEmbeddings
from laird.domain import errors
from laird.domain.embedding import EmbeddingAnswer, EmbeddingRequest
from laird.domain.errors import InvalidRequest, UnsupportedField, UpstreamGarbled
from laird.domain.tokens import TokenUsage

DIALECT = OpenAIEmbeddings()


def body(texts: Any = "Hello", **fields: Any) -> dict[str, Any]:
    return {"model": "m", "input": texts, **fields}


def wire_list(*vectors: Any, **over: Any) -> dict[str, Any]:
    rows = [
        {"object": "embedding", "index": place, "embedding": vector}
        for place, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    return {"object": "list", "data": rows, "model": "up", "usage": usage, **over}


class TestFacts:
    @pytest.mark.parametrize(
        ("texts", "total", "longest"),
        [
            ("Hello", 2, 2),
            (["Hello", "You there, hello"], 6, 4),
            ([1, 2, 3], 3, 3),
            ([[1, 2], [3]], 3, 2),
        ],
    )
    def test_tokens_are_estimated_in_all_and_of_the_longest(
        self, texts: Any, total: int, longest: int
    ) -> None:
        facts = DIALECT.facts(body(texts))
        assert (facts.prompt_tokens, facts.longest_input) == (total, longest)
        assert facts.embeddings
        assert not facts.stream
        assert facts.window_tokens == longest

    @pytest.mark.parametrize(
        ("wrong", "param"),
        [
            ({"input": "x"}, "model"),
            ({"model": "m"}, "input"),
            ({"model": " ", "input": "x"}, "model"),
            (body(""), "input"),
            (body([]), "input"),
            (body(None), "input"),
            (body({"text": "x"}), "input"),
            (body(["x", ""]), "input[1]"),
            (body([[]]), "input[0]"),
            (body(["x", 1]), "input[1]"),
            (body([[1], ["x"]]), "input[1]"),
            (body([{"text": "x"}]), "input[0]"),
            (body([True]), "input[0]"),
            (body(dimensions=0), "dimensions"),
            (body(dimensions="big"), "dimensions"),
            (body(encoding_format="int8"), "encoding_format"),
            (body(encoding_format=1), "encoding_format"),
            (body(user=5), "user"),
        ],
    )
    def test_a_wrong_field_is_named(self, wrong: dict[str, Any], param: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            DIALECT.facts(wrong)
        assert caught.value.param == param
        assert param.partition("[")[0] in caught.value.message

    def test_there_is_no_usage_chunk_to_ask_for(self) -> None:
        assert not DIALECT.wants_usage(body())


class TestTranslation:
    def test_everything_is_understood_or_kept(self) -> None:
        asked = body(
            ["a", "b"],
            dimensions=4,
            user="u",
            encoding_format="base64",
            input_type="search_query",
            truncate="END",
            nothing=None,
        )
        assert DIALECT.embedding_request(asked) == EmbeddingRequest(
            inputs=("a", "b"),
            dimensions=4,
            purpose="search_query",
            user="u",
            extra={"truncate": "END"},
        )

    def test_one_text_is_one_input(self) -> None:
        assert DIALECT.embedding_request(body()).inputs == ("Hello",)

    @pytest.mark.parametrize("tokens", [[1, 2], [[1], [2]]])
    def test_tokens_are_refused(self, tokens: Any) -> None:
        with pytest.raises(UnsupportedField) as caught:
            DIALECT.embedding_request(body(tokens))
        assert caught.value.param == "input"


class TestAnswers:
    def written(self, asked: dict[str, Any], **fields: Any) -> dict[str, Any]:
        answer = EmbeddingAnswer(
            **{"model": "up", "vectors": ((0.5, -1.0),), "usage": TokenUsage(prompt=3), **fields}
        )
        raw = DIALECT.embedding_answer(answer, asked, provider="p")
        CreateEmbeddingResponse.model_validate_json(raw) if "base64" not in str(asked) else None
        found: dict[str, Any] = json.loads(raw)
        return found

    def test_vectors_are_written_as_numbers(self) -> None:
        assert self.written(body()) == {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}],
            "model": "up",
            "provider": "p",
            "usage": {"prompt_tokens": 3, "total_tokens": 3},
        }

    @given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=50))
    def test_base64_is_little_endian_floats(self, numbers: list[float]) -> None:
        whole = self.written(body(encoding_format="base64"), vectors=(tuple(numbers),))
        raw = b64decode(whole["data"][0]["embedding"])
        assert list(struct.unpack(f"<{len(numbers)}f", raw)) == numbers

    def test_usage_that_was_not_told_is_estimated(self) -> None:
        assert self.written(body("Hello"), usage=None)["usage"]["prompt_tokens"] == 2

    def test_a_model_that_was_not_told_is_the_one_asked_for(self) -> None:
        assert self.written(body(), model="")["model"] == "m"

    @pytest.mark.parametrize("texts", [["a", "b"], ["a", "b", "c"]])
    def test_as_many_vectors_as_inputs_or_it_is_no_answer(self, texts: list[str]) -> None:
        with pytest.raises(UpstreamGarbled, match=r"p sent 1 embeddings for . inputs"):
            self.written(body(texts))


class TestForwarding:
    def test_the_bytes_stay_and_the_provider_is_put_in(self) -> None:
        raw = json.dumps(wire_list([0.1, 2e-9], "AACAPw==")).encode()
        forwarded = DIALECT.forward_answer(raw, provider="p")
        assert forwarded.body == b'{"provider":"p",' + raw[1:]
        assert forwarded.usage == TokenUsage(prompt=7)
        assert forwarded.text_length == 0

    @pytest.mark.parametrize(
        ("over", "usage"),
        [
            ({"usage": None}, None),
            ({"usage": {"total_tokens": 3}}, None),
            ({"usage": {"prompt_tokens": "many"}}, None),
            ({"usage": {"prompt_tokens": -1}}, None),
            ({"usage": [], "provider": 5}, None),
            ({"provider": "someone else"}, TokenUsage(prompt=7)),
        ],
    )
    def test_odd_answers_are_answers_still(
        self, over: dict[str, Any], usage: TokenUsage | None
    ) -> None:
        raw = json.dumps(wire_list([1.0], **over), indent=1).encode()
        forwarded = DIALECT.forward_answer(raw, provider="p")
        assert forwarded.usage == usage
        read = json.loads(forwarded.body)
        assert read["provider"] == "p"
        assert read["data"] == wire_list([1.0])["data"]

    @pytest.mark.parametrize(
        "raw",
        [
            b"<html>",
            b"[]",
            b"{}",
            b'{"data": []}',
            b'{"data": null}',
            b'{"data": {"0": 1}}',
            b'{"data": "x"}',
        ],
    )
    def test_what_is_no_list_is_no_answer(self, raw: bytes) -> None:
        with pytest.raises(UpstreamGarbled):
            DIALECT.forward_answer(raw, provider="p")

    def test_an_error_with_status_200_is_an_error(self) -> None:
        with pytest.raises(errors.UpstreamError, match="model is loading"):
            DIALECT.forward_answer(b'{"error": {"message": "model is loading"}}', provider="p")

    @given(st.integers(min_value=0))
    def test_an_answer_cut_anywhere_is_no_answer(self, at: int) -> None:
        raw = json.dumps(wire_list([0.25] * 3)).encode()
        with pytest.raises(UpstreamGarbled):
            DIALECT.forward_answer(raw[: at % len(raw)], provider="p")


class TestErrors:
    def test_errors_are_openais_and_name_the_input(self) -> None:
        error = errors.ContextLengthExceeded("Too long.", param="messages")
        told = json.loads(DIALECT.error(error))["error"]
        assert told == {
            "message": "Too long.",
            "type": "invalid_request_error",
            "param": "input",
            "code": "context_length_exceeded",
        }
        assert json.loads(DIALECT.error_event(error)[6:])["error"] == told
