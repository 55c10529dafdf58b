"""OpenAI's embeddings format towards a server: the body that asks, and the list that answers."""

from __future__ import annotations

import math
import struct
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from laird.domain.embedding import EmbeddingAnswer, EmbeddingRequest
from laird.domain.errors import UnsupportedField
from laird.domain.tokens import TokenUsage
from laird.wire.openai import load_object, stream_error, unreadable


def embedding_body(request: EmbeddingRequest, *, upstream_model: str) -> dict[str, Any]:
    """Return the body. Raises `UnsupportedField` for a purpose, which OpenAI's format lacks.

    Fields that the canonical form does not know (`extra`) are passed on as they are.
    """
    if request.purpose is not None:
        raise UnsupportedField(
            "OpenAI's format has no place for what embeddings are for (input_type): leave it out,"
            " or ask another model.",
            param="input_type",
        )
    body: dict[str, Any] = {
        "model": upstream_model,
        "input": list(request.inputs),
        "encoding_format": "float",
    }
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.user is not None:
        body["user"] = request.user
    for field, value in request.extra.items():
        body.setdefault(field, value)
    return body


def read_embedding_list(body: bytes, *, provider: str) -> EmbeddingAnswer:
    """Read `{"object": "list", "data": [{"embedding": […]}]}`; vectors may be base64 as well.

    Raises `UpstreamGarbled` when there is no vector in it, and what an `error` in it means.
    """
    try:
        value = load_object(body)
    except ValueError:
        raise unreadable(provider, "an answer that is not JSON") from None
    if value.get("error"):
        raise stream_error(provider, value["error"])
    data = value.get("data")
    if not isinstance(data, list) or not data:
        raise unreadable(provider, "an answer without embeddings")
    try:
        rows = sorted(data, key=_place)
        vectors = tuple(_vector(row["embedding"]) for row in rows)
    except (ValueError, KeyError, TypeError, AttributeError, struct.error):
        raise unreadable(provider, "an embedding that can't be read") from None
    model = value.get("model")
    return EmbeddingAnswer(
        model=model if isinstance(model, str) else "",
        vectors=vectors,
        usage=_usage(value.get("usage")),
    )


def _place(row: Mapping[str, Any]) -> int:
    """Return where a row belongs; rows without an index stay in the order they came in."""
    index = row.get("index")
    return index if type(index) is int else 0


def _vector(value: object) -> tuple[float, ...]:
    if isinstance(value, str):
        numbers = tuple(
            number for (number,) in struct.iter_unpack("<f", b64decode(value, validate=True))
        )
    elif isinstance(value, list):
        numbers = tuple(map(float, value))
    else:
        raise TypeError
    if not numbers or not all(map(math.isfinite, numbers)):
        raise ValueError
    return numbers


def _usage(value: object) -> TokenUsage | None:
    if not isinstance(value, dict):
        return None
    prompt = value.get("prompt_tokens")
    return TokenUsage(prompt=prompt) if type(prompt) is int and prompt >= 0 else None
