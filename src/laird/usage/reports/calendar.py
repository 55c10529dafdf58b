"""Hours, days, weeks and months as people have them: in a zone, over changes of the clock.

Rollups know whole hours of UTC, and an hour of UTC belongs to the hour and the day of the zone in
which it begins. So every boundary is exact where a zone's offset is whole hours. Where it is not
(India is at +05:30) a day begins with the first hour of UTC in it: calls of its first 15 to 45
minutes count to the day before. Nothing is lost or counted twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from laird.usage.rollup import DAY_US, HOUR_US

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_HOUR_OF_WEEK = 3 * 24
"""The epoch was a Thursday."""


class Bucket(StrEnum):
    """What a time series has one value for. Weeks begin on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_LENGTH_US = {
    Bucket.HOUR: HOUR_US,
    Bucket.DAY: DAY_US,
    Bucket.WEEK: 7 * DAY_US,
    Bucket.MONTH: 28 * DAY_US,
}


def moment(at_us: int, zone: tzinfo = UTC) -> datetime:
    """Return an instant (microseconds UTC) as a time in a zone."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone)


def instant(when: datetime) -> int:
    """Return a time as an instant, in microseconds UTC."""
    return (when - _EPOCH) // timedelta(microseconds=1)


def most_buckets(since_us: int, until_us: int, bucket: Bucket) -> int:
    """Return how many buckets a period can have at most."""
    return (until_us - since_us) // _LENGTH_US[bucket] + 2


def boundaries(since_us: int, until_us: int, bucket: Bucket, zone: tzinfo = UTC) -> list[int]:
    """Return where buckets begin and end: the period's ends and what lies between them.

    There is one bucket between each two neighbours; the first and the last may be incomplete. The
    period must not be empty.
    """
    inner: Iterator[int]
    if bucket is Bucket.HOUR:
        inner = iter(range((since_us // HOUR_US + 1) * HOUR_US, until_us, HOUR_US))
    else:
        inner = _midnights(_local_day(since_us, zone), bucket, zone, until_us)
    return [since_us, *(each for each in inner if since_us < each < until_us), until_us]


def label(begin_us: int, bucket: Bucket, zone: tzinfo = UTC) -> str:
    """Return the name of the bucket that an instant is in: `2026-01-31`, a Monday, `2026-01`.

    Hours are named by when they begin: `2026-01-31T14:00+01:00`.
    """
    if bucket is Bucket.HOUR:
        return moment(begin_us - begin_us % HOUR_US, zone).isoformat(timespec="minutes")
    day = _first_day(_local_day(begin_us, zone), bucket).isoformat()
    return day[:7] if bucket is Bucket.MONTH else day


def offset_hours(hour: int, zone: tzinfo) -> int:
    """Return how many whole hours a zone is ahead of UTC when an hour since the epoch begins."""
    offset = moment(hour * HOUR_US, zone).utcoffset() or timedelta()
    return offset // timedelta(hours=1)


def stretches(begin: int, end: int, zone: tzinfo) -> Iterator[tuple[int, int, int]]:
    """Yield the stretches (begin, end, offset) of hours since the epoch between clock changes."""
    while begin < end:
        offset = offset_hours(begin, zone)
        known, beyond = begin, begin
        while beyond < end and offset_hours(beyond, zone) == offset:
            known, beyond = beyond, beyond + 24
        change = end if beyond >= end and offset_hours(end - 1, zone) == offset else beyond
        while change < end and change - known > 1:
            middle = (known + change) // 2
            if offset_hours(middle, zone) == offset:
                known = middle
            else:
                change = middle
        change = min(change, end)
        yield begin, change, offset
        begin = change


def hour_of_week(hour: int, offset: int = 0) -> int:
    """Return which hour of the week, 0 to 167 from Monday, an hour since the epoch is."""
    return (hour + offset + _EPOCH_HOUR_OF_WEEK) % 168


def _local_day(at_us: int, zone: tzinfo) -> date:
    return moment(at_us - at_us % HOUR_US, zone).date()


def _first_day(day: date, bucket: Bucket) -> date:
    """Return the first day of the week or month that a day is in; the day itself for days."""
    if bucket is Bucket.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if bucket is Bucket.MONTH else day


def _midnights(day: date, bucket: Bucket, zone: tzinfo, until_us: int) -> Iterator[int]:
    """Yield when buckets begin, each at a full hour of UTC, from the one that holds a day on."""
    step = timedelta(days={Bucket.WEEK: 7, Bucket.MONTH: 31}.get(bucket, 1))
    first = _first_day(day, bucket)
    while True:
        at_us = instant(datetime.combine(first, time(), zone))
        at_us += -at_us % HOUR_US
        if at_us >= until_us:
            return
        yield at_us
        first = _first_day(first + step, bucket)
