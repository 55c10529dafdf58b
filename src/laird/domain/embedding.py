"""The canonical form of an embedding request and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from laird.domain.tokens import TokenUsage


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Texts to turn into vectors, in order."""

    inputs: tuple[str, ...]
    dimensions: int | None = None
    """Length of the vectors wished for; None means the model's own."""
    purpose: str | None = None
    """What the vectors are for, in Cohere's words (`input_type`): search_document, search_query,
    classification, clustering."""
    user: str | None = None
    extra: Mapping[str, Any] = {}
    """Fields of the client's body that are not modelled here, by their wire name."""


class EmbeddingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One vector for each input, in order."""

    model: str
    vectors: tuple[tuple[float, ...], ...]
    usage: TokenUsage | None
