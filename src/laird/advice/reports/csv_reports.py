"""CSV exports of OpenAI's dashboard and Anthropic's console.

Wire facts: the column names that both write in 2025 and 2026, and those of OpenAI's older exports.
Neither documents them, so columns that are not needed may be missing, and unknown ones are let be.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import TextIO

import msgspec

from laird.advice.reports.cells import count, dollars, instant, money, quoted
from laird.advice.reports.report import Line, Misread, ReportFormat, Tally
from laird.domain.errors import InvalidRequest

_Row = Mapping[str, str]

_TIMES = ("start_time", "start_time_iso", "date")
_ENDS = {"start_time": "end_time", "start_time_iso": "end_time_iso"}
_OTHER_NAMES = {
    "usage_date_utc": "date",
    "usage_date": "date",
    "timestamp": "date",
    "aggregation_timestamp": "start_time",
    "model_version": "model",
    "snapshot_id": "model",
    "n_requests": "num_model_requests",
    "n_context_tokens_total": "input_tokens",
    "n_generated_tokens_total": "output_tokens",
}
"""Names of columns in other exports, and what they are called here."""
_MOST_TIMES = 10_000
_INPUTS = (
    "usage_input_tokens_no_cache", "usage_input_tokens_cache_read",
    "usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write_1h",
)  # fmt: skip
_PLAIN, _READ, _WRITTEN, _WRITTEN_1H = _INPUTS


class _Form(msgspec.Struct, frozen=True):
    """What a report of one format must have, and how one of its rows is read."""

    needed: tuple[tuple[str, ...], ...]
    """One column of each of these must be there."""
    values: tuple[str, ...]
    """A row in which all of these are empty says that nothing was used."""
    read: Callable[[_Row, date], Line]


def read_csv(text: TextIO, tally: Tally, form: ReportFormat | None) -> ReportFormat:
    """Add the rows of a CSV file to `tally` and return its format, `form` where that is given.

    A row that can't be read is refused by its line. Raises `InvalidRequest` for a file that is no
    such report.
    """
    head = text.readline()
    delimiter = max(",;\t", key=head.count)
    written = [_name(cell) for cell in next(csv.reader([head], delimiter=delimiter), [])]
    form = form or _recognise(set(written))
    known = _FORMS[form]
    columns = _columns(written, known, form)
    values = [name for name in known.values if name in columns]
    days: dict[tuple[str, ...], date] = {}
    for place, row in _rows(text, delimiter, columns, tally):
        try:
            day = _day(row, tally, days)
            tally.saw(day)
            if any(row[name] for name in values):
                tally.add(known.read(row, day))
        except Misread as problem:
            tally.refuse(place, str(problem))
    return form


def _rows(
    text: TextIO, delimiter: str, columns: Sequence[str], tally: Tally
) -> Iterator[tuple[str, _Row]]:
    reader = csv.reader(text, delimiter=delimiter)
    while True:
        # The header was line 1.
        try:
            cells = next(reader, None)
        except csv.Error as problem:
            tally.refuse(f"line {reader.line_num + 1}", f"it is not CSV: {problem}")
            continue
        if cells is None:
            return
        if not any(cells):
            continue
        place = f"line {reader.line_num + 1}"
        if len(cells) != len(columns):
            tally.refuse(place, f"it has {len(cells)} cells, and the header has {len(columns)}")
        else:
            yield place, dict(zip(columns, map(str.strip, cells), strict=True))


def _name(cell: str) -> str:
    return "_".join(cell.strip().lower().split())


def _recognise(columns: set[str]) -> ReportFormat:
    if "amount_value" in columns:
        return ReportFormat.OPENAI_COSTS
    if columns & set(_INPUTS):
        return ReportFormat.ANTHROPIC_USAGE
    if "usage_date_utc" in columns and "cost_usd" in columns:
        return ReportFormat.ANTHROPIC_COST
    counts = {"input_tokens", "n_context_tokens_total", "num_model_requests"}
    if columns & counts or {"start_time", "end_time"} <= columns:
        # A dashboard that has nothing to tell leaves its columns out and writes times alone.
        return ReportFormat.OPENAI_USAGE
    raise InvalidRequest(
        f"This is no report that Laird knows: its columns are {quoted(', '.join(sorted(columns)))}."
        f" It reads {', '.join(ReportFormat)}; --format names one.",
        param="format",
    )


def _columns(written: Sequence[str], known: _Form, form: ReportFormat) -> list[str]:
    """Return the columns under the names they have here. Raises `InvalidRequest`."""
    columns = [
        name if (other := _OTHER_NAMES.get(name, name)) in written else other for name in written
    ]
    if len(set(columns)) < len(columns):
        double = sorted({name for name in columns if columns.count(name) > 1})
        raise InvalidRequest(f"The report names a column twice: {quoted(', '.join(double))}.")
    for names in known.needed:
        if not set(names) & set(columns):
            raise InvalidRequest(
                f"A report of the form {form} has a column {' or '.join(names)}, and this one has"
                f" {quoted(', '.join(columns))}.",
                param="format",
            )
    return columns


def _day(row: _Row, tally: Tally, known: dict[tuple[str, ...], date]) -> date:
    """Return a row's day; `known` keeps those of times that were met before."""
    for name in _TIMES:
        if text := row.get(name):
            end = row.get(_ENDS.get(name, ""), "")
            times = (text, end)
            day = known.get(times)
            if day is None:
                start = instant(text, name)
                day = tally.day_between(start, instant(end, "its end") if end else None)
                if len(known) < _MOST_TIMES:
                    known[times] = day
            return day
    raise Misread("it has no time")


def _openai_usage(row: _Row, day: date) -> Line:
    batch = row.get("batch", "").lower() == "true"
    return Line(
        day=day,
        model=row.get("model", ""),
        calls=count(row.get("num_model_requests", ""), "num_model_requests"),
        prompt=count(row.get("input_tokens", ""), "input_tokens"),
        completion=count(row.get("output_tokens", ""), "output_tokens"),
        cached=count(row.get("input_cached_tokens", ""), "input_cached_tokens"),
        cache_write=count(row.get("input_cache_write_tokens", ""), "input_cache_write_tokens"),
        tier="batch" if batch else row.get("service_tier", ""),
    )


def _openai_costs(row: _Row, day: date) -> Line:
    dollars(row.get("amount_currency", ""))
    model, _, _ = row.get("line_item", "").partition(",")
    return Line(day=day, model=model, cost=money(row["amount_value"], "amount_value"))


def _anthropic_usage(row: _Row, day: date) -> Line:
    plain, read, short, long = (count(row.get(name, ""), name) for name in _INPUTS)
    return Line(
        day=day,
        model=row.get("model", ""),
        prompt=plain + read + short + long,
        completion=count(row.get("usage_output_tokens", ""), "usage_output_tokens"),
        cached=read,
        cache_write=short + long,
        tier=_tier(row),
    )


def _anthropic_cost(row: _Row, day: date) -> Line:
    # What is no token (searches, running code) has no model; it is told under its own name.
    model = row.get("model") or row.get("cost_type", "")
    return Line(day=day, model=model, cost=money(row["cost_usd"], "cost_usd"), tier=_tier(row))


def _tier(row: _Row) -> str:
    speed = row.get("speed", "")
    kind = row.get("usage_type", "")
    return speed or ("" if kind in {"message", "messages"} else kind)


_FORMS: Mapping[ReportFormat, _Form] = {
    ReportFormat.OPENAI_USAGE: _Form(
        (_TIMES,),
        ("num_model_requests", "input_tokens", "output_tokens"),
        _openai_usage,
    ),
    ReportFormat.OPENAI_COSTS: _Form(
        (_TIMES, ("amount_value",)), ("amount_value",), _openai_costs
    ),
    ReportFormat.ANTHROPIC_USAGE: _Form(
        (_TIMES, _INPUTS, ("usage_output_tokens",)),
        (*_INPUTS, "usage_output_tokens"),
        _anthropic_usage,
    ),
    ReportFormat.ANTHROPIC_COST: _Form((_TIMES, ("cost_usd",)), ("cost_usd",), _anthropic_cost),
}  # fmt: skip
