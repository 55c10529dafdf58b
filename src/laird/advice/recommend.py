"""What would have been cheaper: the calls of a period, replayed against other models.

A recommendation says only what can be computed from the ledger and the price list, and names what
can't. It never sends a request out that had to stay in the house.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import msgspec

from laird.advice.alternatives import Fit, Use, fit, writes
from laird.advice.findings import (
    Advice,
    Candidate,
    Confidence,
    MayUse,
    NotCompared,
    Recommendation,
    Share,
    TotalsCost,
)
from laird.advice.replay import Slice, Thresholds
from laird.domain.catalog import Egress, Model, Pricing, Rate
from laird.domain.tokens import TokenTotals

_MOST = 3
"""Alternatives that are told of one model, the best first."""
_MANY_ESTIMATED = 0.1


def thresholds(candidates: Iterable[Candidate]) -> Thresholds:
    """Return the sizes at which it matters to one of these models how large a call is."""
    listed = list(candidates)
    rates = chain.from_iterable(_rates(each.model.pricing) for each in listed)
    return Thresholds(
        prompt=_ascending(tier.from_tokens for rate in rates for tier in rate.tiers),
        window=_ascending(each.context_window + 1 for each in listed if each.context_window),
        output=_ascending(each.model.max_tokens + 1 for each in listed if each.model.max_tokens),
    )


def advise(
    slices: Sequence[Slice],
    candidates: Mapping[str, Candidate],
    *,
    cost: TotalsCost,
    may_use: MayUse,
) -> Advice:
    """Compare what calls cost with what they would have cost at other models.

    `slices` must be told apart by the `thresholds` of the same candidates (by `provider/model`).
    """
    recommendations: list[Recommendation] = []
    not_compared: list[NotCompared] = []
    best = 0
    for source, calls in _by_source(slices).items():
        paid = sum(each.paid_nano for each in calls)
        found: list[Recommendation] = []
        why = "it is no longer configured, so nobody knows what it can do"
        if source in candidates:
            replayed = _Replayed(candidates[source].model, calls, cost, may_use)
            found, why = _alternatives(replayed, candidates)
        if found:
            best += found[0].saving_nano
            recommendations += found[:_MOST]
        else:
            count = sum(each.totals.calls for each in calls)
            not_compared.append(NotCompared(source=source, calls=count, paid_nano=paid, why=why))
    recommendations.sort(key=lambda each: (-each.saving_nano, each.source, each.target))
    not_compared.sort(key=lambda each: (-each.paid_nano, each.source))
    return Advice(
        recommendations=tuple(recommendations),
        not_compared=tuple(not_compared),
        paid_nano=sum(each.paid_nano for each in slices),
        saving_nano=best,
    )


class _Replayed(msgspec.Struct, frozen=True):
    """A model, its calls, and how to price them elsewhere."""

    model: Model
    calls: Sequence[Slice]
    cost: TotalsCost
    may_use: MayUse


def _alternatives(
    replayed: _Replayed, candidates: Mapping[str, Candidate]
) -> tuple[list[Recommendation], str]:
    """Return what would have been cheaper, the best first; else why nothing is."""
    found: list[Recommendation] = []
    lacking: list[str] = []
    use = _use(replayed.calls)
    for key, candidate in candidates.items():
        model = candidate.model
        if key == replayed.model.key or not candidate.enabled or model.pricing is None:
            continue
        if not use.embeddings and not writes(model):
            continue
        compared = fit(replayed.model, model, use)
        one = _recommendation(replayed, candidate, compared)
        if one is None:
            continue
        if compared.suits:
            found.append(one)
        else:
            lacking.append(f"{key} is not known to have {', '.join(compared.missing)}")
    found.sort(key=lambda each: (-each.saving_nano, each.target))
    if not lacking:
        return found, "no other configured model would have been cheaper"
    return found, f"what would be cheaper may not do the work: {'; '.join(sorted(lacking)[:_MOST])}"


def _recommendation(
    replayed: _Replayed, candidate: Candidate, compared: Fit
) -> Recommendation | None:
    """Return what these calls would have cost at a candidate, or None if it saves nothing."""
    target = candidate.model
    moved = [each for each in replayed.calls if _could_move(each, candidate, replayed.may_use)]
    pricing = target.pricing
    if not moved or pricing is None:
        return None
    paid = sum(each.paid_nano for each in moved)
    instead = replayed.cost(pricing, [each.totals for each in moved])
    today = _today(replayed, moved)
    if instead >= paid or (today is not None and instead >= today):
        return None
    uncached = replayed.cost(pricing, [_uncached(each.totals) for each in moved])
    estimated = sum(each.estimated for each in moved)
    calls = sum(each.totals.calls for each in moved)
    all_calls = sum(each.totals.calls for each in replayed.calls)
    unsure = bool(compared.unknown) or uncached >= paid or estimated > calls * _MANY_ESTIMATED
    return Recommendation(
        source=replayed.model.key,
        target=target.key,
        local=target.egress is Egress.LOCAL,
        calls=calls,
        all_calls=all_calls,
        prompt=sum(_prompt(each.totals) for each in moved),
        completion=sum(each.totals.completion for each in moved),
        paid_nano=paid,
        today_nano=today,
        instead_nano=instead,
        saving_nano=paid - instead,
        least_saving_nano=paid - uncached,
        confidence=_confidence(compared, unsure=unsure),
        why=tuple(_reasons(candidate, compared, moved, all_calls - calls)),
        unknown=tuple(_doubts(replayed.model, target, compared, moved, estimated)),
        shares=_shares(moved, pricing, replayed.cost),
    )


def _could_move(calls: Slice, candidate: Candidate, may_use: MayUse) -> bool:
    target = candidate.model
    if calls.local_only and target.egress is not Egress.LOCAL:
        return False
    if candidate.context_window is None or calls.longest_call > candidate.context_window:
        return False
    if target.max_tokens is not None and calls.longest_output > target.max_tokens:
        return False
    return may_use(calls.key_id, target)


def _today(replayed: _Replayed, moved: Sequence[Slice]) -> int | None:
    pricing = replayed.model.pricing
    return None if pricing is None else replayed.cost(pricing, [each.totals for each in moved])


def _confidence(compared: Fit, *, unsure: bool) -> Confidence:
    if unsure:
        return Confidence.LOW
    return Confidence.HIGH if compared.same else Confidence.MEDIUM


def _reasons(
    candidate: Candidate, compared: Fit, moved: Sequence[Slice], left: int
) -> Iterable[str]:
    if compared.same:
        yield "it is the same model at another provider"
    elif not compared.unknown:
        yield "it is known to have every ability that the model has"
    longest = max(each.longest_call for each in moved)
    yield f"the longest call took {longest} tokens of its {candidate.context_window}"
    if left:
        yield f"{left} calls stay: too long for it, bound to our own machines, or of other keys"


def _doubts(
    source: Model, target: Model, compared: Fit, moved: Sequence[Slice], estimated: int
) -> Iterable[str]:
    if not compared.same:
        yield "whether its answers would have been as good"
        yield "how many tokens it would have counted: every model counts in its own way"
    if compared.unknown:
        yield f"whether it can do {', '.join(compared.unknown)}; nobody knows it of either model"
    if any(each.totals.cached for each in moved) and target.egress is Egress.EXTERNAL:
        yield "whether its cache would have worked as well"
    if target.egress is Egress.LOCAL:
        yield "whether your machine would have been fast enough, and what its power costs"
    elif target.provider_id != source.provider_id:
        yield f"whether '{target.provider_id}' may see these texts"
    if estimated:
        yield f"the tokens of {estimated} calls, which are estimates"


def _shares(moved: Sequence[Slice], pricing: Pricing, cost: TotalsCost) -> tuple[Share, ...]:
    groups: dict[tuple[str, str | None], list[Slice]] = {}
    for each in moved:
        groups.setdefault((each.key_id, each.workflow), []).append(each)
    shares = []
    for (key_id, workflow), group in groups.items():
        paid = sum(each.paid_nano for each in group)
        instead = cost(pricing, [each.totals for each in group])
        shares.append(
            Share(
                key_id=key_id,
                workflow=workflow,
                calls=sum(each.totals.calls for each in group),
                paid_nano=paid,
                instead_nano=instead,
                saving_nano=paid - instead,
            )
        )
    return tuple(sorted(shares, key=lambda each: (-each.saving_nano, each.key_id)))


def _use(calls: Sequence[Slice]) -> Use:
    return Use(
        streaming=any(each.streaming for each in calls),
        reasoning=any(each.reasoning for each in calls),
        embeddings=any(each.embeddings for each in calls),
    )


def _by_source(slices: Sequence[Slice]) -> dict[str, list[Slice]]:
    grouped: dict[str, list[Slice]] = {}
    for each in slices:
        grouped.setdefault(each.source, []).append(each)
    return grouped


def _rates(pricing: Pricing | None) -> Iterable[Rate]:
    if pricing is not None:
        for rate in (pricing.input, pricing.output, pricing.cached_input, pricing.cache_write):
            if rate is not None:
                yield rate


def _ascending(sizes: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(sizes)))


def _prompt(totals: TokenTotals) -> int:
    return totals.plain + totals.cached + totals.cache_write


def _uncached(totals: TokenTotals) -> TokenTotals:
    return msgspec.structs.replace(totals, plain=_prompt(totals), cached=0, cache_write=0)
