"""Daily request limits of providers, counted from UTC midnight to UTC midnight."""

from __future__ import annotations

from collections.abc import Mapping

_DAY_US = 86_400_000_000


def day_left_s(at_us: int) -> float:
    """Return the seconds from a moment to the end of its UTC day."""
    return (_DAY_US - at_us % _DAY_US) / 1_000_000


class DailyCounts:
    """Upstream requests of the present UTC day by provider.

    `at_us` is UTC in microseconds since the epoch throughout. A clock that is set back over
    midnight does not bring the day before back.
    """

    def __init__(self) -> None:
        self._day = 0
        self._counts: dict[str, int] = {}
        self._limits: Mapping[str, int | None] = {}
        self._exhausted: frozenset[str] | None = None

    def seed(self, counts: Mapping[str, int], at_us: int) -> None:
        """Add what the ledger says was requested earlier on this day; call it once, at start."""
        self._turn(at_us)
        for provider_id, count in counts.items():
            self._counts[provider_id] = self._counts.get(provider_id, 0) + count
        self._exhausted = None

    def count(self, provider_id: str, limit: int | None, at_us: int) -> bool:
        """Count one request; returns False, and counts nothing, when the limit is used up."""
        self._turn(at_us)
        used = self._counts.get(provider_id, 0)
        if limit is not None and used >= limit:
            return False
        self._counts[provider_id] = used + 1
        if limit is not None and used + 1 >= limit:
            self._exhausted = None
        return True

    def used(self, provider_id: str, at_us: int) -> int:
        """Return how many requests were counted on this day."""
        self._turn(at_us)
        return self._counts.get(provider_id, 0)

    def exhausted(self, limits: Mapping[str, int | None], at_us: int) -> frozenset[str]:
        """Return the providers whose daily limit is used up.

        The answer is kept until something could change it, so pass one mapping per snapshot, and
        not one built for each call.
        """
        self._turn(at_us)
        if self._exhausted is None or limits is not self._limits:
            counts = self._counts
            self._limits = limits
            self._exhausted = frozenset(
                provider_id
                for provider_id, limit in limits.items()
                if limit is not None and counts.get(provider_id, 0) >= limit
            )
        return self._exhausted

    def _turn(self, at_us: int) -> None:
        """Begin a new day when one has come."""
        day = at_us // _DAY_US
        if day > self._day:
            self._day = day
            self._counts = {}
            self._exhausted = None
