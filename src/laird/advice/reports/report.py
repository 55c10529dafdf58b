"""A provider's report as a value: what it says by day and model, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal, localcontext
from enum import StrEnum

import msgspec

from laird.advice.names import canonical
from laird.domain.errors import InvalidRequest
from laird.domain.money import nano_from_usd

MOST_TOLD = 100
"""Places told of that could not be read; the rest is counted."""
_MOST_GROUPS = 200_000
_LONGEST_NAME = 200
_PRECISION = 60
_HALF_CENT = Decimal("0.005")
_USUAL_TIERS = frozenset({"", "default", "standard", "auto"})


class ReportFormat(StrEnum):
    """What Laird can read."""

    OPENAI_USAGE = "openai-usage"
    """CSV of the dashboard's usage page, or JSON of `/v1/organization/usage/…`."""
    OPENAI_COSTS = "openai-costs"
    """CSV of the dashboard's cost page, or JSON of `/v1/organization/costs`."""
    ANTHROPIC_USAGE = "anthropic-usage"
    """CSV of the console's usage page, or JSON of `/v1/organizations/usage_report/messages`."""
    ANTHROPIC_COST = "anthropic-cost"
    """CSV of the console's cost page, or JSON of `/v1/organizations/cost_report`."""


class Unreadable(msgspec.Struct, frozen=True):
    """A piece of a report that could not be read."""

    place: str
    """`line 17` of a CSV file, `data[2].results[0]` of a JSON one."""
    why: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a report. Counts of None are not told by reports of this kind."""

    day: date
    model: str
    """As the provider writes it; empty where the report does not tell models apart."""
    calls: int | None = None
    prompt: int | None = None
    """The whole input, cached tokens and those written to a cache included."""
    completion: int | None = None
    cached: int = 0
    cache_write: int = 0
    cost: Decimal | None = None
    """USD."""
    tier: str = ""
    """The service tier, or `batch`."""


class Sums(msgspec.Struct, kw_only=True):
    """Sums over lines or calls of one day and one model. Nano-dollars."""

    calls: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cache_write: int = 0
    cost_nano: int = 0

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.prompt + self.completion

    def add(self, other: Sums) -> None:
        """Add other sums to these."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Group(msgspec.Struct, frozen=True, order=True):
    """What is compared: a day and a model by its canonical name (empty: all models)."""

    day: date
    model: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a file says."""

    format: ReportFormat
    lines: int
    """Lines that say something."""
    sums: dict[Group, Sums]
    slack_nano: dict[Group, int]
    """How far rounding in the report may have moved a group's cost."""
    days: tuple[date, ...]
    """All days that it speaks of, with usage or without; ascending."""
    has_calls: bool
    has_tokens: bool
    has_costs: bool
    unreadable: tuple[Unreadable, ...]
    unreadable_count: int
    notes: tuple[str, ...]

    @property
    def by_model(self) -> bool:
        """True when the report tells models apart."""
        return any(group.model for group in self.sums)


class Misread(ValueError):
    """A line says something that can't be what it should be; the message says what."""


class Tally:
    """Adds lines up as they are read, so that a long report takes no more memory than a short one.

    `add` and `refuse` are called by the readers; `report` ends it. Days are those of `zone`.
    """

    def __init__(self, zone: tzinfo = UTC) -> None:
        self.zone = zone
        self._sums: dict[Group, Sums] = {}
        self._costs: dict[Group, Decimal] = {}
        self._slack: dict[Group, Decimal] = {}
        self._days: set[date] = set()
        self._lines = 0
        self._told: list[Unreadable] = []
        self._refused = 0
        self._notes: dict[str, int] = {}
        self._has_calls = self._has_tokens = self._has_costs = False

    @property
    def refused(self) -> int:
        """How much could not be read so far."""
        return self._refused

    def day_between(self, start: datetime | date, end: datetime | date | None) -> date:
        """Return the day of a line that speaks of the time between two instants.

        A date alone is that day. A time without a zone is in UTC.
        """
        if not isinstance(start, datetime):
            return start
        begins = _aware(start)
        local = begins.astimezone(self.zone)
        whole = isinstance(end, datetime) and _aware(end) - begins >= timedelta(hours=23)
        if whole and (local.hour or local.minute):
            self.note(
                f"its days begin at {local:%H:%M} in the zone that was chosen;"
                " choose the zone of the report"
            )
        return local.date()

    def saw(self, day: date) -> None:
        """Note that the report speaks of a day."""
        self._days.add(day)

    def note(self, text: str) -> None:
        """Keep a remark about the report."""
        self._notes[text] = self._notes.get(text, 0) + 1

    def refuse(self, place: str, why: str) -> None:
        """Note that something could not be read."""
        self._refused += 1
        if len(self._told) < MOST_TOLD:
            self._told.append(Unreadable(place, why))

    def add(self, line: Line) -> None:
        """Add a line."""
        group = Group(line.day, canonical(line.model[:_LONGEST_NAME]))
        self._days.add(line.day)
        self._lines += 1
        sums = self._sums.get(group)
        if sums is None:
            if len(self._sums) >= _MOST_GROUPS:
                raise InvalidRequest(
                    f"The report names more than {_MOST_GROUPS} days and models. Is it one?"
                )
            sums = self._sums[group] = Sums()
        if line.calls is not None:
            self._has_calls = True
            sums.calls += line.calls
        if line.prompt is not None or line.completion is not None:
            self._has_tokens = True
            sums.prompt += line.prompt or 0
            sums.completion += line.completion or 0
        sums.cached += line.cached
        sums.cache_write += line.cache_write
        if line.cost is not None:
            self._has_costs = True
            self._pay(group, line.cost)
        if line.tier.lower() not in _USUAL_TIERS:
            self.note(f"some of it was served as '{line.tier}', which has prices of its own")

    def report(self, form: ReportFormat) -> Report:
        """Return what has been added up."""
        for group, cost in self._costs.items():
            self._sums[group].cost_nano = nano_from_usd(cost)
        return Report(
            format=form,
            lines=self._lines,
            sums=self._sums,
            slack_nano={group: nano_from_usd(slack) for group, slack in self._slack.items()},
            days=tuple(sorted(self._days)),
            has_calls=self._has_calls,
            has_tokens=self._has_tokens,
            has_costs=self._has_costs,
            unreadable=tuple(self._told),
            unreadable_count=self._refused,
            notes=tuple(self._remarks()),
        )

    def _pay(self, group: Group, cost: Decimal) -> None:
        with localcontext(prec=_PRECISION):
            self._costs[group] = self._costs.get(group, Decimal(0)) + cost
            self._slack[group] = self._slack.get(group, Decimal(0)) + _rounding(cost)

    def _remarks(self) -> Iterator[str]:
        for text, times in self._notes.items():
            yield text if times == 1 else f"{text} ({times} times)"


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _rounding(cost: Decimal) -> Decimal:
    """Return by how much a cost may have been rounded: half its last digit, a cent's at most."""
    exponent = cost.as_tuple().exponent
    if not isinstance(exponent, int):
        return Decimal(0)
    return min(Decimal(5).scaleb(exponent - 1), _HALF_CENT)
