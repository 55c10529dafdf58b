"""The demo's embeddings: made from the words and letters of a text, the same at every call.

Texts that share words get vectors that point the same way, so that a search over them finds
something. They know nothing of meaning.
"""

from __future__ import annotations

import math
import re
import sys
from array import array
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any
from zlib import crc32

import orjson

from laird.domain.tokens import estimate_tokens

DIMENSIONS = 256
MOST_DIMENSIONS = 4096

_WORD_WEIGHT = 3.0


class BadInput(ValueError):
    """An input that the demo can't embed; the text says why."""


def texts_of(body: Mapping[str, Any]) -> list[str]:
    """Return the texts to embed. Raises `BadInput` for tokens."""
    texts = body["input"]
    texts = [texts] if isinstance(texts, str) else texts
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise BadInput("The demo embeds texts that are not empty, and no tokens.")
    return list(texts)


def embeddings_body(body: Mapping[str, Any], texts: list[str], *, usage: bool) -> bytes:
    """Write the answer to a request for the embeddings of `texts`. Raises `BadInput`."""
    size = body.get("dimensions") or DIMENSIONS
    if size > MOST_DIMENSIONS:
        raise BadInput(f"The demo makes embeddings of at most {MOST_DIMENSIONS} dimensions.")
    in_base64 = body.get("encoding_format") == "base64"
    vectors = [vector_of(text, size) for text in texts]
    tokens = sum(estimate_tokens(len(text)) for text in texts)
    whole: dict[str, Any] = {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _base64(vector) if in_base64 else vector,
            }
            for index, vector in enumerate(vectors)
        ],
        "model": body["model"],
    }
    if usage:
        whole["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return orjson.dumps(whole)


def vector_of(text: str, size: int) -> list[float]:
    """Return a text's vector, of length 1."""
    sums = [0.0] * size
    for feature, weight in _features(text.lower()):
        digest = crc32(feature.encode("utf-8", "surrogatepass"))
        sums[(digest >> 1) % size] += weight if digest & 1 else -weight
    length = math.sqrt(sum(number * number for number in sums))
    if not length:
        # Everything cancelled out, or there was nothing to see.
        sums[0] = length = 1.0
    return [round(number / length, 7) for number in sums]


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in re.findall(r"\w+", text):
        yield word, _WORD_WEIGHT
        padded = f"<{word}>"
        for start in range(len(padded) - 2):
            yield f"#{padded[start : start + 3]}", 1.0
    for mark in re.findall(r"[^\w\s]", text):
        yield mark, 1.0


def _base64(vector: list[float]) -> str:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return b64encode(numbers.tobytes()).decode()
