"""Counters and histograms that cost a few additions, for one event loop.

The client library's own take a lock for each addition, which the request path has no use for:
everything here is written and read on the loop's thread. At a scrape they become its metrics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector


class Count:
    """One child of a counter."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0


class Counts(Collector):
    """A counter with labels. Children are bound once by `child` and then added to."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...]) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._children: dict[tuple[str, ...], Count] = {}

    def child(self, *values: str) -> Count:
        """Return the child of these label values."""
        found = self._children.get(values)
        if found is None:
            found = self._children[values] = Count()
        return found

    def collect(self) -> Iterable[Metric]:
        """Return the family as it is now."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for values, child in self._children.items():
            family.add_metric(values, child.value)
        yield family


class Distribution:
    """One child of a histogram."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return cumulative counts by upper bound, as the exposition wants them."""
        below = 0
        found: list[tuple[str, float]] = []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            below += count
            found.append(("+Inf" if bound == float("inf") else str(float(bound)), below))
        return found


class Distributions(Collector):
    """A histogram with labels. Children are bound once by `child` and then added to."""

    def __init__(
        self, name: str, text: str, labels: tuple[str, ...], bounds: tuple[float, ...]
    ) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._bounds = bounds
        self._children: dict[tuple[str, ...], Distribution] = {}

    def child(self, *values: str) -> Distribution:
        """Return the child of these label values."""
        found = self._children.get(values)
        if found is None:
            found = self._children[values] = Distribution(self._bounds)
        return found

    def collect(self) -> Iterable[Metric]:
        """Return the family as it is now."""
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for values, child in self._children.items():
            family.add_metric(values, child.buckets(), child.total)
        yield family
