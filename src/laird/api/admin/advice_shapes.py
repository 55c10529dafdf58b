"""What recommendations look like. Money is US dollars as a decimal string."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict


class ShareShown(TypedDict):
    """The part of a recommendation that belongs to one key and one workflow."""

    key_id: str
    key: str | None
    """The key's name; null when there is no such key any more."""
    workflow: str | None
    calls: int
    paid_usd: str
    instead_usd: str
    saving_usd: str


_Move = TypedDict("_Move", {"from": str, "to": str})
"""`provider/model` that served the calls, and the one that could have."""


class RecommendationShown(_Move):
    """Calls that another model could have served for less."""

    local: bool
    """The other model runs on our own machines."""
    calls: int
    all_calls: int
    """Answered calls of the first model in the period; those beyond `calls` are not moved."""
    prompt: int
    completion: int
    paid_usd: str
    today_usd: str | None
    """What they would cost at the first model today; null where it has no price now."""
    instead_usd: str
    """What they would cost at the other one today, its cache working as the first one's did."""
    saving_usd: str
    least_saving_usd: str
    """The saving if the other one's cache never worked; it may be negative."""
    confidence: Literal["high", "medium", "low"]
    why: list[str]
    unknown: list[str]
    shares: list[ShareShown]


class CachingShown(TypedDict):
    """How much of a model's input came from its provider's cache, at today's prices."""

    model: str
    calls: int
    prompt: int
    cached: int
    saved_usd: str
    written_extra_usd: str
    tenth_usd: str
    """What one tenth of the plain input, read from the cache instead, would have cost less."""
    unknown: list[str]


class NotComparedShown(TypedDict):
    """A model for which nothing is recommended, though it cost something."""

    model: str
    calls: int
    paid_usd: str
    why: str


class UnpricedShown(TypedDict):
    """Calls of a model whose price was unknown."""

    provider: str
    model: str
    calls: int
    prompt: int
    completion: int


class AdviceShown(TypedDict):
    """What would have been cheaper in a period, ISO 8601."""

    days: int
    since: str
    until: str
    complete: bool
    """False while the database is away: the newest calls may be missing."""
    paid_usd: str
    """Of all calls that were looked at."""
    saving_usd: str
    """Of the best recommendation for each model, together."""
    recommendations: list[RecommendationShown]
    """The largest saving first. Alternatives to one model exclude each other."""
    caching: list[CachingShown]
    not_compared: list[NotComparedShown]
    unpriced: list[UnpricedShown]
