"""What reports return. Money is whole nano-dollars, and US dollars as a decimal string."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from laird.api.admin.kept_shapes import AttemptOfRequest


class PeriodShown(TypedDict):
    """The period that an answer is about, ISO 8601; its end is not in it."""

    since: str
    until: str
    zone: str
    """Whose days and hours are meant."""
    complete: bool
    """False while the database is away: the newest calls may be missing."""


class UsageSumsShown(TypedDict):
    """Sums over the attempts of one group."""

    group: str
    """A provider, `provider/model`, a key's id, a workflow, `workflow/node`, a status or a time."""
    calls: int
    """Attempts; a request that failed over has several."""
    requests: int
    """First attempts among them."""
    ok: int
    errors: int
    """Attempts that ended in an error, were cut or interrupted; what a client cancelled is none."""
    cancelled: int
    cache_hits: int
    prompt: int
    completion: int
    cached: int
    cache_write: int
    reasoning: int
    cost_nano: int
    """Of the calls whose price is known."""
    cost_usd: str
    average_nano: int | None
    """Per call whose price is known; null where there is none."""
    average_usd: str | None
    unpriced_calls: int
    """Calls whose price is unknown; they are not in the cost."""
    estimated_calls: int
    """Calls whose tokens the provider did not report."""
    latency_ms: float | None
    """Average of the calls that ended well and were not answered by the cache; null for none."""
    ttft_ms: float | None
    """Average time to the first content of those."""


class BeforeShown(TypedDict):
    """What was in the period of the same length right before."""

    calls: int
    requests: int
    errors: int
    prompt: int
    completion: int
    cost_nano: int
    cost_usd: str


class TotalShown(UsageSumsShown):
    """The sums of everything; `previous` where a comparison was asked for."""

    previous: NotRequired[BeforeShown]


class GroupShown(UsageSumsShown):
    """The sums of one group; `previous` is null where it had nothing before."""

    name: str
    """What people call the group: of a key its name, as long as there is the key."""
    previous: NotRequired[BeforeShown | None]


class SummaryShown(PeriodShown):
    """Sums by group and in total."""

    by: str
    rows: list[GroupShown]
    total: TotalShown


class GrowthShown(TypedDict):
    """By which share each number grew: 0.5 is half more; null where there was nothing before."""

    calls: float | None
    requests: float | None
    errors: float | None
    prompt: float | None
    completion: float | None
    cost_nano: float | None


class PeakShown(TypedDict):
    """An hour of the week, and what all such hours of the period had together."""

    weekday: str
    hour: int
    calls: int
    cost_nano: int
    cost_usd: str


class FailoverShown(TypedDict):
    """Attempts of one `provider/model` that took over from another one."""

    failed: str
    took_over: str
    calls: int
    ok: int
    """Those of them that ended well."""
    cost_nano: int
    cost_usd: str


class TotalsShown(PeriodShown):
    """A period as a whole beside the one before it."""

    current: UsageSumsShown
    previous: UsageSumsShown
    change: GrowthShown
    peak_hours: list[PeakShown]
    """The busiest first."""
    failovers: list[FailoverShown]
    """The most frequent first."""


class LineShown(TypedDict):
    """One group over time: a number for each bucket."""

    group: str
    name: str
    """What people call the group."""
    calls: list[int]
    errors: list[int]
    prompt: list[int]
    completion: list[int]
    cost_nano: list[int]
    cost_usd: list[str]


class SeriesShown(PeriodShown):
    """The largest groups over time, and all others together."""

    by: str
    bucket: Literal["hour", "day", "week", "month"]
    buckets: list[str]
    """`2026-01-31` of a day, its Monday of a week, `2026-01` of a month; of an hour its begin."""
    begins: list[str]
    """When each bucket begins, ISO 8601; the first may begin within its day."""
    lines: list[LineShown]
    """The largest first."""
    other: LineShown | None
    """Null when there are no more groups."""


class PercentilesShown(TypedDict):
    """Times in ms; null where there were no calls."""

    calls: int
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class LatencyShown(TypedDict):
    """How long the attempts of one group took: to the end, and to the first content."""

    group: str
    latency: PercentilesShown
    ttft: PercentilesShown


class LatenciesShown(PeriodShown):
    """Percentiles by group, the group with most calls first."""

    by: Literal["provider", "model", "none"]
    rows: list[LatencyShown]


class RequestCostShown(TypedDict):
    """One request with all its attempts."""

    request_id: str
    at_us: int
    """When its first attempt began: UTC, microseconds since 1970."""
    at: str
    key_id: str
    workflow: str | None
    node: str | None
    provider: str
    """Of its dearest attempt, and so is the model."""
    model: str
    status: str
    """Of its last attempt."""
    attempts: int
    prompt: int
    completion: int
    cost_nano: int
    cost_usd: str


class DearestShown(PeriodShown):
    """The requests that cost most, the dearest first."""

    rows: list[RequestCostShown]


class AttemptsShown(TypedDict):
    """Rows of the ledger, the newest first."""

    complete: bool
    rows: list[AttemptOfRequest]
    next: str | None
    """The `cursor` of the page that follows; null on the last one."""
