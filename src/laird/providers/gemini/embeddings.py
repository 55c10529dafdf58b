"""Requests for embeddings and their answers, of `models/{model}:batchEmbedContents`.

Wire facts: `google.genai.types.EmbedContentConfig` and the converters of Google's Python SDK, and
Google's page on embeddings.
"""

from __future__ import annotations

from math import hypot
from typing import Any

import msgspec

from laird.domain.catalog import Model
from laird.domain.embedding import EmbeddingAnswer, EmbeddingRequest
from laird.providers.gemini.answer import Usage
from laird.providers.gemini.errors import ErrorBody, Voice, stream_error
from laird.providers.gemini.extras import BOOKKEEPING
from laird.providers.gemini.refusals import unsupported
from laird.providers.gemini.traits import traits_of

MOST_INPUTS = 100
"""Texts that the API takes in one request."""

_TASKS = {
    "search_document": "RETRIEVAL_DOCUMENT",
    "search_query": "RETRIEVAL_QUERY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
_PREFIXES = {
    "search_document": "title: none | text: ",
    "search_query": "task: search result | query: ",
    "classification": "task: classification | query: ",
    "clustering": "task: clustering | query: ",
}
"""For models that want the task in the text, what Google documents to write before it."""
_NEUTRAL = {"encoding_format": "float"}
_UNIT = 1e-3
"""How far the length of a vector may be from 1."""


class _Embedding(msgspec.Struct):
    values: list[float]


class _Answer(msgspec.Struct, rename="camel"):
    embeddings: list[_Embedding] = []
    usage_metadata: Usage | None = None
    error: ErrorBody | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


def embedding_body(
    model: Model, resource: str, request: EmbeddingRequest, *, provider: str
) -> dict[str, Any]:
    """Write the body; `resource` is the model's name as the API wants it, `models/…`.

    Raises `UnsupportedField` for what can't be done.
    """
    for name, value in request.extra.items():
        if value is not None and name not in BOOKKEEPING and _NEUTRAL.get(name) != value:
            raise unsupported(provider, name, "its API has nothing like it; leave it out.")
    if len(request.inputs) > MOST_INPUTS:
        raise unsupported(
            provider, "input", f"it takes at most {MOST_INPUTS} texts at once; send fewer."
        )
    fields: dict[str, Any] = {"model": resource}
    prefix = ""
    if request.purpose is not None:
        if request.purpose not in _TASKS:
            raise unsupported(provider, "input_type", f"it is one of {', '.join(_TASKS)}.")
        if traits_of(model.upstream_model).names_task:
            fields["taskType"] = _TASKS[request.purpose]
        else:
            prefix = _PREFIXES[request.purpose]
    if request.dimensions is not None:
        fields["outputDimensionality"] = request.dimensions
    return {
        "requests": [
            {**fields, "content": {"parts": [{"text": prefix + text}]}} for text in request.inputs
        ]
    }


def read_embeddings(body: bytes, voice: Voice) -> EmbeddingAnswer:
    """Read the vectors, made to length 1 where they are shortened and Google has not done so.

    Raises `UpstreamGarbled` when there are none, and the error that the body holds instead.
    """
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise voice.garbled(f"embeddings that can't be read ({error})") from error
    if answer.error is not None:
        raise stream_error(answer.error, voice)
    if not answer.embeddings:
        raise voice.garbled("an answer without embeddings")
    return EmbeddingAnswer(
        model="",
        vectors=tuple(_unit(embedding.values) for embedding in answer.embeddings),
        usage=answer.usage_metadata.tokens() if answer.usage_metadata else None,
    )


def _unit(values: list[float]) -> tuple[float, ...]:
    length = hypot(*values)
    if length == 0 or abs(length - 1) < _UNIT:
        return tuple(values)
    return tuple([value / length for value in values])
