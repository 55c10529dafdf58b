"""Numbers and times of reports, read from text without trust: no formulas, nothing guessed."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal

from laird.advice.reports.report import Misread

_LONGEST = 15
"""Digits of a count."""
_COUNT = re.compile(r"(\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.0*)?")
_MONEY = re.compile(r"(-?)\$?(\d{1,12}|\d{1,3}(?:,\d{3}){1,3})(\.\d{1,40})?([eE]-?\d{1,2})?")
_EPOCH = re.compile(r"\d{9,11}(?:\.\d+)?")
_SHOWN = 60
YEARS = range(2015, 2100)
"""Years that a report may speak of."""


def quoted(text: str) -> str:
    """Return a piece of a report as it may stand in a message."""
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"'{short}'"


def count(text: str, what: str) -> int:
    """Read a count; nothing is 0. Raises `Misread`."""
    if not text:
        return 0
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST:
        return int(text)
    found = _COUNT.fullmatch(text)
    if found is None:
        raise Misread(f"{what} is {quoted(text)}, which is not a count")
    return int(found[1].replace(",", ""))


def money(text: str, what: str) -> Decimal:
    """Read an amount. Raises `Misread`."""
    found = _MONEY.fullmatch(text)
    if found is None:
        raise Misread(f"{what} is {quoted(text)}, which is not an amount")
    sign, whole, rest, exponent = found.groups()
    return Decimal(f"{sign}{whole.replace(',', '')}{rest or ''}{exponent or ''}")


def instant(text: str, what: str) -> datetime | date:
    """Read a time as seconds since 1970 or as ISO 8601; a date alone stays one.

    Raises `Misread`.
    """
    try:
        if _EPOCH.fullmatch(text):
            found: date = datetime.fromtimestamp(float(text), UTC)
        elif len(text) == 10:
            found = date.fromisoformat(text)
        else:
            found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise Misread(f"{what} is {quoted(text)}, which is not a time") from None
    if found.year not in YEARS:
        raise Misread(f"{what} is {quoted(text)}, which is no time of a report")
    return found


def dollars(currency: str) -> None:
    """Check that an amount is in US dollars. Raises `Misread`."""
    if currency and currency.lower() != "usd":
        raise Misread(f"the amount is in {quoted(currency)}, and Laird counts in USD")
