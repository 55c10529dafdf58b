"""Embeddings by `POST /v2/embed`.

Wire facts: the arguments of `embed` in `cohere/v2/raw_client.py` of the Python SDK, its
`EmbedByTypeResponse`, and the limits that its descriptions tell.
"""

from __future__ import annotations

from typing import Any

import msgspec

from laird.domain.catalog import Model
from laird.domain.embedding import EmbeddingAnswer, EmbeddingRequest
from laird.providers.cohere.answer import Usage
from laird.providers.cohere.errors import Voice, message_of, stream_error
from laird.providers.cohere.extras import EMBED_NATIVE, extra_fields
from laird.providers.cohere.refusals import unsupported

MOST_TEXTS = 96
"""Texts in one request."""
USUAL_PURPOSE = "search_document"
"""What vectors are for where the client does not say: text that will be searched."""
PURPOSES = ("search_document", "search_query", "classification", "clustering")


class _Vectors(msgspec.Struct, frozen=True):
    floats: list[tuple[float, ...]] = msgspec.field(name="float")


class _Embedded(msgspec.Struct, frozen=True):
    embeddings: _Vectors
    meta: Usage | None = None


_EMBEDDED = msgspec.json.Decoder(_Embedded)


def embedding_body(model: Model, request: EmbeddingRequest, *, provider: str) -> dict[str, Any]:
    """Write the body. Raises `UnsupportedField`, naming the field.

    A text that is too long is refused by the API rather than cut, unless the client's `truncate`
    says otherwise.
    """
    if len(request.inputs) > MOST_TEXTS:
        raise unsupported(provider, "input", f"it takes {MOST_TEXTS} texts at most; send fewer.")
    purpose = request.purpose or USUAL_PURPOSE
    if purpose not in PURPOSES:
        raise unsupported(provider, "input_type", f"it is one of {', '.join(PURPOSES)}.")
    body: dict[str, Any] = {
        "model": model.upstream_model,
        "texts": list(request.inputs),
        "input_type": purpose,
        "embedding_types": ["float"],
        "truncate": "NONE",
    }
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    body.update(extra_fields(request.extra, provider, EMBED_NATIVE))
    return body


def read_embeddings(body: bytes, voice: Voice) -> EmbeddingAnswer:
    """Read the vectors; the answer does not name the model, so ours has none.

    Raises `UpstreamGarbled` when there are none, and the error that the body holds instead.
    """
    try:
        answer = _EMBEDDED.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        if (message := message_of(body)) is not None:
            raise stream_error(message, voice) from error
        raise voice.garbled(f"embeddings that can't be read ({error})") from error
    vectors = tuple(answer.embeddings.floats)
    if not vectors or not all(vectors):
        raise voice.garbled("an answer without embeddings")
    return EmbeddingAnswer(
        model="",
        vectors=vectors,
        usage=answer.meta.counted() if answer.meta is not None else None,
    )
