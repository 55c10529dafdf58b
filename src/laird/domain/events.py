"""What happened, for those who watch: the feed's events, and alerts that somebody should see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened in this process. Holds no prompt, no answer and no key."""

    id: int
    """Counts up from 1 while the process lives."""
    at_us: int
    """UTC, microseconds since the epoch."""
    kind: str
    """What happened, such as `budget.alert`."""
    data: Mapping[str, Any] = {}
    """Plain data, fit for JSON."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody should see, kept until then and after."""

    id: int
    kind: str
    """`budget`: a mark of a budget was reached; `credential`: one is refused, or ends."""
    at_us: int
    """UTC, microseconds since the epoch; like all times here."""
    source: str
    """The id of what it is about."""
    title: str
    """The name of what it is about."""
    mark: int
    """Of a budget: percent of its limit. Of a credential: days that it has left, 401 where it is
    refused, -1 where the one before stepped in."""
    since_us: int
    """Of a budget: the beginning of the window. Of a credential: what it counts from."""
    message: str
    data: Mapping[str, Any] = {}
    standing: bool = True
    """False when what it tells of has ended, so that it may be told of again."""
    mail: str = "off"
    """`off`, `waiting` or `sent`."""
    acknowledged_us: int | None = None
    acknowledged_by: str | None = None
