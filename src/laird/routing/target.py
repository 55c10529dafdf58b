"""What a name stands for: groups of candidates, with everything that never changes worked out.

Targets are built once per snapshot and read by every request, so whatever depends on the
configuration alone (prices, sizes, abilities, words) is computed here and not while planning.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import chain
from sys import maxsize

import msgspec

from laird.domain.catalog import Capabilities, Egress, Model, Provider, Rate, Strategy
from laird.domain.plan import Attempt, Dropped, RequestFacts

# Needs of a request and lacks of a model are sets of bits: one `&` compares them.
TOOLS = 1
VISION = 2
JSON_MODE = 4
STREAMING = 8
EMBEDDINGS = 16
REASONING = 32
CHAT = 64

WRITTEN = "written"
"""How a plan names the order of a chain that has no strategy."""

# Model names that tell their task where nobody has said it: no language model is called so.
_EMBEDDING_WORDS = ("embed", "minilm", "bge-")
_OTHER_WORDS = ("rerank", "whisper", "tts-", "dall-e", "moderation")


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One model at one provider, ready to be weighed against a request."""

    provider: Provider
    model: Model
    provider_id: str
    key: str
    """`provider/model`."""
    names: frozenset[str]
    """Names by which a key's policy may allow it."""
    external: bool
    lacks: int
    """The abilities that it is known not to have, as bits."""
    room: int
    """Tokens that prompt and answer may have together: context window or provider limit."""
    priced: bool
    tiered: bool
    input_rate: int
    """Nano-dollars per million tokens, like `output_rate`; the rates without tiers."""
    output_rate: int
    per_request: int
    """Millionths of nano-dollars per request, to add up with rate times tokens."""
    priority: int
    attempt: Attempt
    """What the plan holds when there is nothing to add about this moment."""

    @property
    def max_retries(self) -> int:
        """Tries after the first at this candidate."""
        return self.attempt.max_retries

    @property
    def timeout_s(self) -> float | None:
        """Limit of the wait for the first byte, seconds; None means the provider's own."""
        return self.attempt.timeout_s

    def cost(self, prompt: int, output: int) -> int:
        """Estimate a request's cost in millionths of nano-dollars; 0 where it is unknown."""
        if self.tiered and (pricing := self.model.pricing) is not None:
            into, out = _rate_at(pricing.input, prompt), _rate_at(pricing.output, prompt)
            return into * prompt + out * output + self.per_request
        return self.input_rate * prompt + self.output_rate * output + self.per_request


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Candidates that are put in order together; the groups of a target follow one another."""

    candidates: tuple[Candidate, ...]
    strategy: Strategy | None
    """None keeps the order written."""
    grants: frozenset[str] = frozenset()
    """Names that, allowed to a key, allow it the whole group: chains, aliases, `auto`."""
    standby: bool = False
    """Considered only when the groups before it leave nothing."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a name means under one snapshot."""

    resolved: str
    """`auto`, `model:…`, `provider:…` or `chain:…`."""
    strategy: str
    """The order of its own candidates, by name; `written` for a chain that has no strategy."""
    groups: tuple[Group, ...]
    disabled: tuple[Dropped, ...] = ()
    """Candidates left out of the groups and of every plan: those of disabled providers, and the
    demo's where `auto` has real ones."""
    only: Candidate | None = None
    """The one candidate, where there is no other in any group."""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All candidates that could be tried, group after group."""
        return tuple(chain.from_iterable(group.candidates for group in self.groups))


def build_candidate(
    provider: Provider,
    model: Model,
    *,
    reason: str | None = None,
    max_retries: int = 1,
    timeout_s: float | None = None,
    lacks: int = 0,
) -> Candidate:
    """Work out what planning needs to know of one model.

    `reason` is why it is a candidate, for people; by default its egress and price. `lacks` are
    abilities to deny it beyond those that its capabilities deny.
    """
    external = is_external(provider, model)
    pricing = model.pricing
    priced = pricing is not None or not external
    return Candidate(
        provider=provider,
        model=model,
        provider_id=provider.id,
        key=model.key,
        names=frozenset({model.id, model.key, model.name}),
        external=external,
        lacks=lacks | _lacks(model.capabilities),
        room=min(model.context_window or maxsize, provider.max_tokens_per_request or maxsize),
        priced=priced,
        tiered=pricing is not None and bool(pricing.input.tiers or pricing.output.tiers),
        input_rate=pricing.input.nano_per_mtok if pricing else 0,
        output_rate=pricing.output.nano_per_mtok if pricing else 0,
        per_request=pricing.per_request * 1_000_000 if pricing else 0,
        priority=provider.priority,
        attempt=Attempt(
            provider=provider,
            model=model,
            max_retries=max_retries,
            timeout_s=timeout_s,
            reason=reason or _words(model, external=external, priced=priced),
        ),
    )


def is_external(provider: Provider, model: Model) -> bool:
    """Tell whether text sent to this model leaves our machines.

    A local server may pass a model on to somebody else; an external one is never local.
    """
    return model.egress is Egress.EXTERNAL or provider.egress is Egress.EXTERNAL


def needs_of(facts: RequestFacts) -> int:
    """Return the abilities that a request needs, as bits."""
    if facts.embeddings:
        return EMBEDDINGS
    needs = CHAT
    if facts.stream:
        needs |= STREAMING
    if facts.tools:
        needs |= TOOLS
    if facts.vision:
        needs |= VISION
    if facts.json_mode:
        needs |= JSON_MODE
    if facts.reasoning:
        needs |= REASONING
    return needs


class Calling(StrEnum):
    """What `auto` takes a model to be made for. Whoever names a model is not second-guessed."""

    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    DOUBTFUL = "doubtful"
    """It makes embeddings, and nothing says for sure that it chats."""
    OTHER = "other"


def calling_of(model: Model) -> Calling:
    """Guess what a model is made for, from its abilities and from its name.

    Abilities alone don't tell: where the document says nothing they are those usual at its
    provider, where an embedding model is listed beside chat models.
    """
    able = model.capabilities
    name = f"{model.id} {model.upstream_model}".lower()
    if any(word in name for word in _OTHER_WORDS):
        return Calling.OTHER
    if able.embeddings is not False and any(word in name for word in _EMBEDDING_WORDS):
        return Calling.EMBEDDINGS
    if not able.embeddings or able.vision or able.reasoning:
        return Calling.CHAT
    return (
        Calling.DOUBTFUL
        if able.streaming or able.function_calling or able.json_mode
        else Calling.EMBEDDINGS
    )


def unasked_lacks(model: Model, calling: Calling) -> int:
    """Return what `auto` does not ask a model for, as bits.

    Embeddings are asked of those that are known to make them, never of a language model at random.
    """
    embeds = calling is Calling.EMBEDDINGS or model.capabilities.embeddings
    chats = calling is Calling.CHAT or calling is Calling.DOUBTFUL
    return (0 if embeds else EMBEDDINGS) | (0 if chats else CHAT)


def _lacks(able: Capabilities) -> int:
    return (
        (TOOLS if able.function_calling is False else 0)
        | (VISION if able.vision is False else 0)
        | (JSON_MODE if able.json_mode is False else 0)
        | (STREAMING if able.streaming is False else 0)
        | (EMBEDDINGS if able.embeddings is False else 0)
        | (REASONING if able.reasoning is False else 0)
    )


def _words(model: Model, *, external: bool, priced: bool) -> str:
    place = "external" if external else "local"
    if not priced:
        return f"{place}, price unknown"
    pricing = model.pricing
    free = pricing is None or not (
        pricing.input.nano_per_mtok or pricing.output.nano_per_mtok or pricing.per_request
    )
    return f"{place}, {'free' if free else 'priced'}"


def _rate_at(rate: Rate, tokens: int) -> int:
    price = rate.nano_per_mtok
    for tier in rate.tiers:
        if tokens >= tier.from_tokens:
            price = tier.nano_per_mtok
    return price
