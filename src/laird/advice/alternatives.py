"""Which model could do another one's work, as far as anybody has said what they can do.

The ledger does not keep what a request needed of tools, images or formats. So an alternative must
be known to have whatever the model is known to have; where nobody knows of either, it is let
through and said to be unknown. Requests that used a context window of some size need one at least
as large, and a window that nobody knows is none.
"""

from __future__ import annotations

import msgspec

from laird.advice.names import canonical
from laird.domain.catalog import Model

_WORDS = {
    "streaming": "streams",
    "function_calling": "tools",
    "vision": "images",
    "json_mode": "JSON output",
    "embeddings": "embeddings",
    "reasoning": "reasoning",
}


# Names that tell a model's task where nobody has said it: no language model is called so.
_OTHER_TASKS = ("embed", "minilm", "bge-", "rerank", "whisper", "tts-", "dall-e", "moderation")


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of how a model was used."""

    streaming: bool = True
    reasoning: bool = True
    embeddings: bool = False


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """How an alternative compares; it may do the work when nothing is missing."""

    same: bool
    """It is the same model at another provider."""
    missing: tuple[str, ...] = ()
    """What it can't do, or is not known to do while the model is."""
    unknown: tuple[str, ...] = ()
    """What nobody knows of either."""

    @property
    def suits(self) -> bool:
        """True when nothing is known to be in the way."""
        return not self.missing


def fit(model: Model, alternative: Model, use: Use) -> Fit:
    """Compare the abilities of an alternative with those of a model as it was used."""
    same = canonical(model.upstream_model) == canonical(alternative.upstream_model)
    if use.embeddings and not same:
        return Fit(same=False, missing=("vectors of the same model",))
    if not use.embeddings and not writes(alternative):
        return Fit(same=same, missing=("text answers",))
    missing, unknown = [], []
    for ability, word in _WORDS.items():
        has, other = _of(model, ability), _of(alternative, ability)
        if has is False or not _used(ability, use):
            continue
        if other is False or (other is None and has and not same):
            missing.append(word)
        elif other is None and not same:
            unknown.append(word)
    return Fit(same=same, missing=tuple(missing), unknown=tuple(unknown))


def writes(model: Model) -> bool:
    """Tell whether a model answers with tokens, as far as name, abilities and price tell."""
    able = model.capabilities
    if able.embeddings and not (able.function_calling or able.vision or able.reasoning):
        return False
    name = f"{model.id} {model.upstream_model}".lower()
    if any(word in name for word in _OTHER_TASKS):
        return False
    pricing = model.pricing
    return pricing is None or not pricing.input.nano_per_mtok or bool(pricing.output.nano_per_mtok)


def _of(model: Model, ability: str) -> bool | None:
    known: bool | None = getattr(model.capabilities, ability)
    return known


def _used(ability: str, use: Use) -> bool:
    if ability in {"streaming", "reasoning", "embeddings"}:
        used: bool = getattr(use, ability)
        return used
    return not use.embeddings
