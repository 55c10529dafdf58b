"""Answers of OpenAI's and Anthropic's usage and cost APIs, saved to a file.

Wire facts: `openai.types.admin.organization.usage_completions_response` and `usage_costs_response`
of OpenAI's Python SDK, and Anthropic's pages on its Usage and Cost Admin API. Amounts of
Anthropic's are decimal texts in cents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import TypeVar

import msgspec

from laird.advice.reports.cells import count, dollars, instant, money, quoted
from laird.advice.reports.report import Line, Misread, ReportFormat, Tally
from laird.domain.errors import InvalidRequest

_T = TypeVar("_T")
_Number = int | float | str | None
_OF_TOKENS = {"organization.usage.completions.result", "organization.usage.embeddings.result"}
_NOT_JSON = "This begins like JSON, and can't be read as such"


class _Bucket(msgspec.Struct):
    start_time: int | float | None = None
    end_time: int | float | None = None
    starting_at: str | None = None
    ending_at: str | None = None
    results: list[msgspec.Raw] = []


class _Page(msgspec.Struct):
    data: list[msgspec.Raw]
    has_more: bool = False


class _Amount(msgspec.Struct):
    value: _Number = None
    currency: str | None = None


class _OpenAIUsage(msgspec.Struct):
    object: str | None = None
    model: str | None = None
    num_model_requests: _Number = None
    input_tokens: _Number = None
    output_tokens: _Number = None
    input_cached_tokens: _Number = None
    input_cache_write_tokens: _Number = None
    batch: bool | None = None
    service_tier: str | None = None


class _OpenAICost(msgspec.Struct):
    amount: _Amount | None = None
    line_item: str | None = None


class _CacheCreation(msgspec.Struct):
    ephemeral_5m_input_tokens: _Number = None
    ephemeral_1h_input_tokens: _Number = None


class _AnthropicUsage(msgspec.Struct):
    model: str | None = None
    uncached_input_tokens: _Number = None
    cache_read_input_tokens: _Number = None
    cache_creation: _CacheCreation | None = None
    output_tokens: _Number = None
    requests: _Number = None
    service_tier: str | None = None
    speed: str | None = None


class _AnthropicCost(msgspec.Struct):
    amount: _Number = None
    currency: str | None = None
    model: str | None = None
    description: str | None = None
    cost_type: str | None = None
    service_tier: str | None = None


class _Marks(msgspec.Struct):
    """What tells the four kinds of results apart."""

    object: str | None = None
    amount: msgspec.Raw = msgspec.Raw(b"")
    uncached_input_tokens: msgspec.Raw = msgspec.Raw(b"")
    input_tokens: msgspec.Raw = msgspec.Raw(b"")


def read_json(body: bytes, tally: Tally, form: ReportFormat | None) -> ReportFormat:
    """Add the results in a JSON file to `tally` and return its format, `form` where it is given.

    The file holds one page of an answer, or several: in a list, or one after another in lines. A
    result that can't be read is refused by its place. Raises `InvalidRequest` for a file that is no
    such report.
    """
    for place, bucket in _buckets(body, tally):
        try:
            day = _day(bucket, tally)
            tally.saw(day)
        except Misread as problem:
            tally.refuse(place, str(problem))
            continue
        for at, raw in enumerate(bucket.results):
            try:
                form = form or _recognise(raw)
                line = _READERS[form](raw, day)
                if line is not None:
                    tally.add(line)
            except (Misread, msgspec.DecodeError, UnicodeDecodeError) as problem:
                tally.refuse(f"{place}.results[{at}]", str(problem))
    if form is None and tally.refused:
        raise InvalidRequest(
            "This is JSON, but no report that Laird knows. It reads"
            f" {', '.join(ReportFormat)}; --format names one.",
            param="format",
        )
    # A report without a single result says only that nothing was used.
    return form or ReportFormat.OPENAI_USAGE


def _buckets(body: bytes, tally: Tally) -> Iterator[tuple[str, _Bucket]]:
    pages = _pages(body)
    for number, page in enumerate(pages):
        where = "" if len(pages) == 1 else f"[{number}]."
        for at, raw in enumerate(page.data):
            place = f"{where}data[{at}]"
            try:
                yield place, _decoded(raw, _Bucket)
            except (msgspec.DecodeError, UnicodeDecodeError) as problem:
                tally.refuse(place, str(problem))
    if pages and pages[-1].has_more:
        tally.note("the provider has more pages than are in this file")


def _pages(body: bytes) -> list[_Page]:
    try:
        if body.lstrip()[:1] == b"[":
            listed = msgspec.json.decode(body, type=list[msgspec.Raw])
            return [_page(raw) for raw in listed]
        try:
            return [msgspec.json.decode(body, type=_Page)]
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            return msgspec.json.Decoder(_Page).decode_lines(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise InvalidRequest(
            f"{_NOT_JSON} report of OpenAI or Anthropic: {problem}.", param="format"
        ) from None


def _page(raw: msgspec.Raw) -> _Page:
    try:
        return _decoded(raw, _Page)
    except msgspec.ValidationError:
        # A list of buckets, without the pages around them.
        return _Page(data=[raw])


def _decoded(raw: msgspec.Raw, kind: type[_T]) -> _T:
    return msgspec.json.decode(raw, type=kind)


def _recognise(raw: msgspec.Raw) -> ReportFormat:
    marks = _decoded(raw, _Marks)
    if marks.object == "organization.costs.result":
        return ReportFormat.OPENAI_COSTS
    if bytes(marks.uncached_input_tokens):
        return ReportFormat.ANTHROPIC_USAGE
    if amount := bytes(marks.amount).lstrip():
        return ReportFormat.OPENAI_COSTS if amount[:1] == b"{" else ReportFormat.ANTHROPIC_COST
    if bytes(marks.input_tokens):
        return ReportFormat.OPENAI_USAGE
    raise Misread(f"it is {quoted(marks.object or 'something')}, which is no usage of tokens")


def _day(bucket: _Bucket, tally: Tally) -> date:
    if bucket.start_time is not None:
        start, end = str(bucket.start_time), str(bucket.end_time or "")
    elif bucket.starting_at:
        start, end = bucket.starting_at, bucket.ending_at or ""
    else:
        raise Misread("it has no time")
    return tally.day_between(instant(start, "its start"), instant(end, "its end") if end else None)


def _count(value: _Number, what: str) -> int:
    return 0 if value is None else count(str(value), what)


def _openai_usage(raw: msgspec.Raw, day: date) -> Line:
    one = _decoded(raw, _OpenAIUsage)
    if one.object is not None and one.object not in _OF_TOKENS:
        raise Misread(f"it is {quoted(one.object)}, which is no usage of tokens")
    return Line(
        day=day,
        model=one.model or "",
        calls=_count(one.num_model_requests, "num_model_requests"),
        prompt=_count(one.input_tokens, "input_tokens"),
        completion=_count(one.output_tokens, "output_tokens"),
        cached=_count(one.input_cached_tokens, "input_cached_tokens"),
        cache_write=_count(one.input_cache_write_tokens, "input_cache_write_tokens"),
        tier="batch" if one.batch else one.service_tier or "",
    )


def _openai_cost(raw: msgspec.Raw, day: date) -> Line | None:
    one = _decoded(raw, _OpenAICost)
    if one.amount is None or one.amount.value is None:
        return None
    dollars(one.amount.currency or "")
    model, _, _ = (one.line_item or "").partition(",")
    return Line(day=day, model=model, cost=money(str(one.amount.value), "amount.value"))


def _anthropic_usage(raw: msgspec.Raw, day: date) -> Line:
    one = _decoded(raw, _AnthropicUsage)
    created = one.cache_creation or _CacheCreation()
    written = _count(created.ephemeral_5m_input_tokens, "ephemeral_5m_input_tokens")
    written += _count(created.ephemeral_1h_input_tokens, "ephemeral_1h_input_tokens")
    read = _count(one.cache_read_input_tokens, "cache_read_input_tokens")
    plain = _count(one.uncached_input_tokens, "uncached_input_tokens")
    return Line(
        day=day,
        model=one.model or "",
        calls=None if one.requests is None else _count(one.requests, "requests"),
        prompt=plain + read + written,
        completion=_count(one.output_tokens, "output_tokens"),
        cached=read,
        cache_write=written,
        tier=one.speed or one.service_tier or "",
    )


def _anthropic_cost(raw: msgspec.Raw, day: date) -> Line | None:
    one = _decoded(raw, _AnthropicCost)
    if one.amount is None:
        return None
    dollars(one.currency or "")
    described, usage, _ = (one.description or "").partition(" Usage")
    other = one.cost_type if one.cost_type != "tokens" else None
    return Line(
        day=day,
        model=one.model or (described if usage else "") or other or "",
        cost=money(str(one.amount), "amount") / Decimal(100),
        tier=one.service_tier or "",
    )


_READERS: Mapping[ReportFormat, Callable[[msgspec.Raw, date], Line | None]] = {
    ReportFormat.OPENAI_USAGE: _openai_usage,
    ReportFormat.OPENAI_COSTS: _openai_cost,
    ReportFormat.ANTHROPIC_USAGE: _anthropic_usage,
    ReportFormat.ANTHROPIC_COST: _anthropic_cost,
}
