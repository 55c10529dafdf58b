"""The calls of a period, summed up so finely that their cost at any model is still exact.

Prices depend on the size of a call's input, and a context window holds a call or does not. So calls
are grouped by everything that advice tells apart, and by between which thresholds their sizes lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, case, func, not_, select

from laird.domain.tokens import TokenTotals
from laird.domain.usage import AttemptStatus
from laird.storage.tables import attempts

_EMBEDDINGS = "openai.embeddings"
"""The dialect of requests for embeddings."""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes, in tokens, at which something changes for some model. All ascending.

    `prompt`: a price tier begins. `window`: a context window is full: the first size that does not
    fit. `output`: likewise of what a model may answer.
    """

    prompt: tuple[int, ...] = ()
    window: tuple[int, ...] = ()
    output: tuple[int, ...] = ()


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that are alike in all that matters to advice."""

    provider: str
    model: str
    key_id: str
    workflow: str | None
    local_only: bool
    """They had to stay on our own machines."""
    streaming: bool
    embeddings: bool
    totals: TokenTotals
    longest_call: int
    """Tokens of input and output of the longest; all fit where this one does."""
    longest_output: int
    reasoning: int
    estimated: int
    """Calls whose tokens the provider did not report."""
    paid_nano: int

    @property
    def source(self) -> str:
        """`provider/model`, who served them."""
        return f"{self.provider}/{self.model}"


class UnpricedCalls(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one model whose price was unknown."""

    provider: str
    model: str
    calls: int
    prompt: int
    completion: int


def replay(
    connection: Connection, *, since_us: int, until_us: int, thresholds: Thresholds
) -> list[Slice]:
    """Return the answered calls of [since_us, until_us) that cost something, in slices.

    Left out is what failed or was cut, what a cache answered, and what cost nothing.
    """
    query = _slices(thresholds).where(*_answered(since_us, until_us), attempts.c.cost_nano > 0)
    return [_slice(row) for row in connection.execute(query).mappings()]


def unpriced_calls(connection: Connection, *, since_us: int, until_us: int) -> list[UnpricedCalls]:
    """Return the answered calls whose cost is not known, by model, the most calls first."""
    column = attempts.c
    calls = func.count().label("calls")
    query = (
        select(
            column.provider,
            column.model,
            calls,
            _total(column.prompt_tokens).label("prompt"),
            _total(column.completion_tokens).label("completion"),
        )
        .where(*_answered(since_us, until_us), column.cost_nano.is_(None))
        .group_by(column.provider, column.model)
        .order_by(calls.desc(), column.provider, column.model)
    )
    return [UnpricedCalls(**row) for row in connection.execute(query).mappings()]


def _answered(since_us: int, until_us: int) -> Iterable[ColumnElement[bool]]:
    column = attempts.c
    return (
        column.at_us >= since_us,
        column.at_us < until_us,
        column.status == AttemptStatus.OK,
        not_(column.cache_hit),
    )


def _slices(thresholds: Thresholds) -> Select[*tuple[Any, ...]]:
    column = attempts.c
    window = column.prompt_tokens + column.completion_tokens
    plain = column.prompt_tokens - column.cached_tokens - column.cache_write_tokens
    groups = (
        column.provider,
        column.model,
        column.key_id,
        column.workflow,
        (column.privacy == "local").label("local_only"),
        column.stream.label("streaming"),
        (column.dialect == _EMBEDDINGS).label("embeddings"),
    )
    bands = (
        *_band(column.prompt_tokens, thresholds.prompt),
        *_band(window, thresholds.window),
        *_band(column.completion_tokens, thresholds.output),
    )
    return select(
        *groups,
        func.count().label("calls"),
        func.max(column.prompt_tokens).label("size"),
        _total(case((plain > 0, plain), else_=0)).label("plain"),
        _total(column.cached_tokens).label("cached"),
        _total(column.cache_write_tokens).label("cache_write"),
        _total(column.completion_tokens).label("completion"),
        func.max(window).label("longest_call"),
        func.max(column.completion_tokens).label("longest_output"),
        _total(column.reasoning_tokens).label("reasoning"),
        _total(case((column.estimated, 1), else_=0)).label("estimated"),
        _total(column.cost_nano).label("paid_nano"),
    ).group_by(*(each.name for each in groups), *bands)


def _band(size: ColumnElement[int], thresholds: Sequence[int]) -> Iterator[ColumnElement[int]]:
    """Yield between which thresholds a size lies, as a number, unless there are none."""
    if thresholds:
        highest = sorted(thresholds, reverse=True)
        reached = [(size >= each, len(highest) - place) for place, each in enumerate(highest)]
        yield case(*reached, else_=0)


def _total(column: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(column), 0)


_TOTALS = tuple(TokenTotals.__struct_fields__)


def _slice(row: Any) -> Slice:
    values = {name: int(row[name]) for name in _TOTALS}
    rest = {name: row[name] for name in row if name not in values}
    for name in ("local_only", "streaming", "embeddings"):
        rest[name] = bool(rest[name])
    for name in ("reasoning", "estimated", "paid_nano"):
        rest[name] = int(rest[name])
    return Slice(totals=TokenTotals(**values), **rest)
