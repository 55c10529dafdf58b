"""Recommendations as values. All money is in nano-dollars."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

import msgspec

from laird.domain.catalog import Model, Pricing
from laird.domain.tokens import TokenTotals

TotalsCost = Callable[[Pricing, Iterable[TokenTotals]], int]
"""What many calls cost together, in nano-dollars, rounded once."""
MayUse = Callable[[str, Model], bool]
"""Tells whether a key (by its id) may use a model."""


class Confidence(StrEnum):
    """How sure it is that the alternative could have served these calls."""

    HIGH = "high"
    """It is the same model elsewhere."""
    MEDIUM = "medium"
    """It is known to have every ability that the model has."""
    LOW = "low"
    """Something about it is not known, or much of the usage is estimated."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A configured model, with what is known of it from elsewhere."""

    model: Model
    context_window: int | None
    """Tokens; the document's or the catalogue's."""
    enabled: bool = True


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a recommendation that belongs to one key and one workflow. Nano-dollars."""

    key_id: str
    workflow: str | None
    calls: int
    paid_nano: int
    instead_nano: int
    saving_nano: int


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that another model could have served for less. Nano-dollars."""

    source: str
    """`provider/model` that served them."""
    target: str
    """`provider/model` that could have."""
    local: bool
    """The target runs on our own machines."""
    calls: int
    all_calls: int
    """Answered calls of the source in the period; those beyond `calls` are not moved."""
    prompt: int
    completion: int
    paid_nano: int
    """What the ledger says that these calls cost."""
    today_nano: int | None
    """What they would cost at the source today; None where it has no price now."""
    instead_nano: int
    """What they would cost at the target today, its cache working as the source's did."""
    saving_nano: int
    """`paid_nano` less `instead_nano`."""
    least_saving_nano: int
    """The saving if the target's cache never worked; it may be negative."""
    confidence: Confidence
    why: tuple[str, ...]
    unknown: tuple[str, ...]
    shares: tuple[Share, ...]


class NotCompared(msgspec.Struct, frozen=True, kw_only=True):
    """A model for which nothing is recommended, though it cost something."""

    source: str
    calls: int
    paid_nano: int
    why: str


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """All recommendations for one period."""

    recommendations: tuple[Recommendation, ...]
    """The largest saving first. Alternatives to one source exclude each other."""
    not_compared: tuple[NotCompared, ...]
    paid_nano: int
    """Of all calls that were looked at."""
    saving_nano: int
    """Of the best recommendation for each source, together."""
