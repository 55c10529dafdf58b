"""How candidates are put in order: one pure function per strategy.

Each takes the candidates that are left, in document order and with their provider's standing, and
returns the same ones in the order of trial. Ties keep the document's order. A provider without a
free slot comes after its equals: waiting for it is never better than not waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from laird.domain.catalog import Model, Strategy
from laird.domain.health import ProviderCondition
from laird.routing.target import Candidate


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How one provider is at this moment, as far as routing cares."""

    closed: bool = False
    """It takes no ordinary traffic: unhealthy, resting, used up, or not allowed to this key."""
    full: bool = False
    """All its slots are taken."""
    degraded: bool = False
    active: int = 0
    load: float = 0.0
    """The share of its slots that is taken; 0 where slots are not limited."""
    latency_ms: float | None = None
    condition: ProviderCondition | None = None
    """Set where the provider says which models it has loaded."""

    def warm(self, model: Model) -> bool | None:
        """Tell whether a model is loaded; None where that is not known."""
        if self.condition is None:
            return None
        return self.condition.loaded_as(model.upstream_model) is not None


class Sizing(msgspec.Struct, frozen=True, gc=False):
    """What an order may depend on beside the candidates."""

    prompt: int
    """Tokens, estimated; like `output`."""
    output: int
    draw: float
    """A number in [0, 1)."""


Entry = tuple[Candidate, Standing]
Order = Callable[[list[Entry], Sizing], list[Entry]]


def by_default(entries: list[Entry], sizing: Sizing) -> list[Entry]:
    """Local before external, then by cost, health, free slots, warmth, latency and priority."""
    prompt, output = sizing.prompt, sizing.output
    usual = _usual_latency(entries)
    ranked = [
        (
            candidate.external,
            not candidate.priced,
            candidate.cost(prompt, output),
            standing.degraded,
            standing.full,
            standing.condition is not None and not standing.warm(candidate.model),
            usual if standing.latency_ms is None else standing.latency_ms,
            candidate.priority,
            place,
        )
        for place, (candidate, standing) in enumerate(entries)
    ]
    ranked.sort()
    return [entries[rank[-1]] for rank in ranked]


def by_priority(entries: list[Entry], _sizing: Sizing) -> list[Entry]:
    """By the provider's priority, lower first."""
    ranked = [
        (candidate.priority, standing.full, place)
        for place, (candidate, standing) in enumerate(entries)
    ]
    ranked.sort()
    return [entries[rank[-1]] for rank in ranked]


def by_cost(entries: list[Entry], sizing: Sizing) -> list[Entry]:
    """By the estimated cost of this request, unknown prices last; then by priority."""
    prompt, output = sizing.prompt, sizing.output
    ranked = [
        (
            not candidate.priced,
            candidate.cost(prompt, output),
            standing.full,
            candidate.priority,
            place,
        )
        for place, (candidate, standing) in enumerate(entries)
    ]
    ranked.sort()
    return [entries[rank[-1]] for rank in ranked]


def by_latency(entries: list[Entry], _sizing: Sizing) -> list[Entry]:
    """By the time to the first byte, healthy ones first; an unmeasured one counts as average.

    A model that has to be loaded first comes after those that have not, however quick its server.
    """
    usual = _usual_latency(entries)
    ranked = [
        (
            standing.degraded,
            standing.full,
            standing.condition is not None and not standing.warm(candidate.model),
            usual if standing.latency_ms is None else standing.latency_ms,
            candidate.priority,
            place,
        )
        for place, (candidate, standing) in enumerate(entries)
    ]
    ranked.sort()
    return [entries[rank[-1]] for rank in ranked]


def by_load(entries: list[Entry], _sizing: Sizing) -> list[Entry]:
    """By the share of slots taken, then by the number of requests under way."""
    ranked = [
        (standing.load, standing.active, candidate.priority, place)
        for place, (candidate, standing) in enumerate(entries)
    ]
    ranked.sort()
    return [entries[rank[-1]] for rank in ranked]


def by_weight(entries: list[Entry], sizing: Sizing) -> list[Entry]:
    """At random, in proportion to the providers' weights; a weight of 0 comes last.

    One draw decides the whole order: what is left of it after each choice is spread over [0, 1)
    again and makes the next one.
    """
    draw = sizing.draw
    ordered: list[Entry] = []
    for busy in (False, True):
        left = [each for each in entries if each[1].full is busy]
        total = sum(candidate.provider.weight for candidate, _ in left)
        while total > 0:
            point = draw * total
            chosen = 0
            for place, (candidate, _) in enumerate(left):
                weight = candidate.provider.weight
                if weight <= 0:
                    continue
                chosen = place
                if point < weight:
                    break
                point -= weight
            entry = left.pop(chosen)
            weight = entry[0].provider.weight
            total -= weight
            draw = min(point / weight, 1 - 2**-53)
            ordered.append(entry)
        ordered.extend(left)
    return ordered


STRATEGIES: Mapping[Strategy, Order] = {
    Strategy.DEFAULT: by_default,
    Strategy.PRIORITY: by_priority,
    Strategy.CHEAPEST: by_cost,
    Strategy.FASTEST: by_latency,
    Strategy.LEAST_BUSY: by_load,
    Strategy.WEIGHTED: by_weight,
}


def _usual_latency(entries: list[Entry]) -> float:
    known = [each.latency_ms for _, each in entries if each.latency_ms is not None]
    return sum(known) / len(known) if known else 0.0
