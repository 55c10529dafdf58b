"""The OpenAI embeddings dialect: `POST /v1/embeddings` as OpenAI's own SDK speaks it.

The SDK asks for base64 (little-endian 32-bit floats) unless it is told otherwise, and decodes it
before anybody sees it.
"""

from __future__ import annotations

import sys
from array import array
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from laird.dialects.base import ForwardedAnswer
from laird.dialects.fields import (
    Check,
    bad_value,
    check_body,
    positive,
    required_text,
    typed,
    wrong_type,
)
from laird.dialects.openai_errors import write_error
from laird.domain.embedding import EmbeddingAnswer, EmbeddingRequest
from laird.domain.errors import InvalidRequest, LairdError, UnsupportedField, UpstreamGarbled
from laird.domain.plan import RequestFacts
from laird.domain.tokens import TokenUsage, estimate_tokens
from laird.wire.openai import load_object, stream_error, unreadable

_FORMATS = ("float", "base64")
_KNOWN = frozenset({"model", "input", "dimensions", "encoding_format", "user", "input_type"})
_UNSET = msgspec.UNSET


class OpenAIEmbeddings:
    """See `EmbeddingDialect`. Holds no state."""

    name = "openai.embeddings"
    passes: tuple[bytes, ...] = ()

    def facts(self, body: Mapping[str, Any]) -> RequestFacts:
        """Check the shape of a body and extract what routing needs."""
        check_body(body, _CHECKS, _REQUIRED)
        total, longest = _measure(body["input"])
        return RequestFacts(
            model=body["model"],
            embeddings=True,
            prompt_tokens=total,
            longest_input=longest,
            # Nothing is said in answer, so nothing is to be reckoned with.
            max_tokens=0,
        )

    def wants_usage(self, body: Mapping[str, Any]) -> bool:
        """Tell that there is no stream, and so no usage chunk."""
        del body
        return False

    def embedding_request(self, body: Mapping[str, Any]) -> EmbeddingRequest:
        """Read a checked body into the canonical form. Raises `UnsupportedField` for tokens."""
        texts = body["input"]
        if isinstance(texts, str):
            texts = [texts]
        elif not isinstance(texts[0], str):
            raise UnsupportedField(
                "Tokens in 'input' can't be translated for this provider, which has others of its"
                " own: send texts.",
                param="input",
            )
        return EmbeddingRequest(
            inputs=tuple(texts),
            dimensions=body.get("dimensions"),
            purpose=body.get("input_type"),
            user=body.get("user"),
            extra={
                field: value
                for field, value in body.items()
                if field not in _KNOWN and value is not None
            },
        )

    def embedding_answer(
        self, answer: EmbeddingAnswer, body: Mapping[str, Any], *, provider: str
    ) -> bytes:
        """Write an answer. Raises `UpstreamGarbled` when it is not one vector for each input."""
        texts = body["input"]
        wanted = 1 if isinstance(texts, str) else len(texts)
        if len(answer.vectors) != wanted:
            raise UpstreamGarbled(
                f"{provider} sent {len(answer.vectors)} embeddings for {wanted} inputs. Try again."
            )
        in_base64 = body.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": _base64(vector) if in_base64 else vector,
            }
            for index, vector in enumerate(answer.vectors)
        ]
        tokens = answer.usage.prompt if answer.usage is not None else _measure(texts)[0]
        return orjson.dumps(
            {
                "object": "list",
                "data": data,
                "model": answer.model or body["model"],
                "provider": provider,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        )

    def forward_answer(self, body: bytes, *, provider: str) -> ForwardedAnswer:
        """Pass on a list of embeddings with our provider id put in; the vectors are not read.

        Raises `UpstreamGarbled` when there are none, and what an `error` in it means.
        """
        try:
            answer = _DECODE(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            answer = _lenient(body, provider)
        if answer.error:
            raise stream_error(provider, answer.error)
        if not answer.data:
            raise unreadable(provider, "an answer without embeddings")
        if answer.provider is _UNSET and body.startswith(b'{"'):
            body = b'{"provider":' + orjson.dumps(provider) + b"," + body[1:]
        else:
            body = msgspec.json.encode({**load_object(body), "provider": provider})
        count = answer.usage.prompt_tokens if answer.usage is not None else None
        usage = TokenUsage(prompt=count) if count is not None and count >= 0 else None
        return ForwardedAnswer(body, usage, 0)

    def error(self, error: LairdError) -> bytes:
        """Write `{"error": {message, type, param, code}}`; all four are always there."""
        return write_error(error, messages="input")

    def error_event(self, error: LairdError) -> bytes:
        """Write an error as an event; never needed, since nothing is streamed."""
        return b"data: " + self.error(error) + b"\n\n"


class _Usage(msgspec.Struct, frozen=True, gc=False):
    prompt_tokens: int | None = None


class _List(msgspec.Struct, frozen=True):
    """A list of embeddings, whose rows are left as they are."""

    data: tuple[msgspec.Raw, ...] | None = None
    usage: _Usage | None = None
    error: Any = None
    provider: Any = _UNSET


_DECODE = msgspec.json.Decoder(_List).decode


def _lenient(body: bytes, provider: str) -> _List:
    """Read a list that is not what the types above say, as far as it makes sense."""
    try:
        value = load_object(body)
    except ValueError:
        raise unreadable(provider, "an answer that is not JSON") from None
    data, usage = value.get("data"), value.get("usage")
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return _List(
        data=(msgspec.Raw(b"{}"),) * len(data) if isinstance(data, list) else None,
        usage=_Usage(count) if type(count) is int else None,
        error=value.get("error"),
        provider=value.get("provider", _UNSET),
    )


def _base64(vector: tuple[float, ...]) -> str:
    """Return a vector as OpenAI writes it in base64: little-endian 32-bit floats."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return b64encode(numbers.tobytes()).decode()


def _measure(texts: Any) -> tuple[int, int]:
    """Return the estimated tokens of a checked input, in all and of its longest text."""
    if isinstance(texts, str):
        tokens = estimate_tokens(len(texts))
        return tokens, tokens
    first = texts[0]
    if isinstance(first, int):
        return len(texts), len(texts)
    if isinstance(first, str):
        counts = [(len(text) + 3) // 4 for text in texts]
    else:
        counts = list(map(len, texts))
    return sum(counts), max(counts)


def _input(field: str, value: object) -> None:
    """Check what is to be embedded: a text, texts, tokens or arrays of tokens."""
    if type(value) is str:
        if not value:
            raise _empty(field)
        return
    if type(value) is not list:
        raise wrong_type(field, "a string or an array", value)
    if not value:
        raise InvalidRequest(
            f"Invalid '{field}': empty array. Expected at least one text.", param=field
        )
    kind = type(value[0])
    if kind not in {str, int, list}:
        raise wrong_type(f"{field}[0]", "a string, an integer or an array of integers", value[0])
    for index, item in enumerate(value):
        if type(item) is not kind:
            raise wrong_type(f"{field}[{index}]", _KINDS[kind], item)
        if kind is not int and not item:
            raise _empty(f"{field}[{index}]")
        if kind is list and not all(type(token) is int for token in item):
            raise wrong_type(f"{field}[{index}]", _KINDS[kind], item)


def _empty(place: str) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid '{place}': it is empty. Every input needs some text.", param=place
    )


_KINDS: Mapping[type, str] = {
    str: "a string like those before it",
    int: "an integer like those before it",
    list: "an array of integers",
}


def _encoding_format(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not str:
        raise wrong_type(field, "a string", value)
    if value not in _FORMATS:
        raise bad_value(field, value, _FORMATS)


_REQUIRED = dict.fromkeys(("model", "input")).keys()
_CHECKS: Mapping[str, Check] = {
    "model": required_text,
    "input": _input,
    "dimensions": positive,
    "encoding_format": _encoding_format,
    "user": typed("a string", str),
    "input_type": typed("a string", str),
}
