"""From a request's facts to a plan: who is tried in which order, and who is not and why.

Planning is a pure function of its arguments. The request path, the explain page, the command line
and the tests all call the same one.
"""

from __future__ import annotations

from math import ceil
from sys import maxsize

import msgspec

from laird.domain.catalog import Provider
from laird.domain.health import HealthStatus, ProviderCondition
from laird.domain.keys import Caller
from laird.domain.plan import Attempt, Conditions, Dropped, DropReason, Plan, RequestFacts
from laird.routing.refusal import refusal
from laird.routing.strategies import STRATEGIES, Entry, Sizing, Standing
from laird.routing.target import Candidate, Group, Target, needs_of
from laird.routing.words import missing_words

TYPICAL_OUTPUT = 500
"""Tokens of an answer for which the client sets no limit, to compare costs."""

_PAID = "what a budget has no room for"
_UNHEARD = ProviderCondition()
_DEGRADED, _OFFLINE = HealthStatus.DEGRADED, HealthStatus.OFFLINE


class _Question(msgspec.Struct, frozen=True, gc=False):
    """One planning call's arguments, boiled down to what each candidate is asked."""

    facts: RequestFacts
    caller: Caller
    conditions: Conditions
    needs: int
    tokens: int
    """What a context window must hold."""
    total: int
    """What counts against a provider's limit per request."""
    allowed_models: frozenset[str]
    allowed_providers: frozenset[str]


def plan(
    facts: RequestFacts,
    target: Target,
    caller: Caller,
    conditions: Conditions,
    everything: Target | None = None,
) -> Plan:
    """Return the ordered attempts for one request, at least one, and what was left out.

    `everything` is what `auto` means; its local candidates may stand in where a budget says so.

    Raises:
        NoLocalProvider: the request must stay local, and no local candidate can serve it.
        RateLimited: those that could serve it rest, or have used up their daily requests.
        QuotaExceeded: a budget has no room for what it may cost.
        ContextLengthExceeded: it is too long for every candidate.
        UnsupportedField: no candidate has an ability that it needs.
        InvalidRequest: no candidate makes embeddings, or chats.
        NotAllowed: the key may use none of the candidates.
        NoProvider: nothing is there to serve it.
    """
    only = target.only
    if only is not None and everything is None and _serves(only, facts, caller, conditions):
        return Plan(
            requested=facts.model,
            resolved=target.resolved,
            strategy=target.strategy,
            attempts=(only.attempt,),
            dropped=target.disabled,
        )
    weighed = weigh(facts, target, caller, conditions, everything)
    if not weighed.attempts:
        raise refusal(weighed, target, facts, caller, conditions)
    return weighed


def _serves(
    candidate: Candidate, facts: RequestFacts, caller: Caller, conditions: Conditions
) -> bool:
    """Tell whether nothing at all is to be said against a candidate, or about it.

    Most requests name a model that only one provider has and that is well: there is nothing to
    weigh then, and the whole of it would take the tenth part of their way.
    """
    provider, key = candidate.provider, caller.key
    if (
        provider.max_concurrent is not None
        or conditions.spending is not None
        or key.allowed_models
        or key.allowed_providers
        or (caller.local_only and candidate.external)
        or candidate.provider_id in conditions.exhausted
    ):
        return False
    condition = conditions.health.get(candidate.provider_id)
    if condition is not None and (
        condition.status is _DEGRADED
        or condition.status is _OFFLINE
        or not condition.admits
        or condition.credential_bad
        or condition.loaded is not None
        or condition.resting_until > conditions.now
    ):
        return False
    total = facts.prompt_tokens + (facts.max_tokens or 0)
    window = total if facts.longest_input is None else facts.window_tokens
    most = provider.max_tokens_per_request
    return (
        not needs_of(facts) & candidate.lacks
        and window <= candidate.room
        and (most is None or total <= most)
    )


def weigh(
    facts: RequestFacts,
    target: Target,
    caller: Caller,
    conditions: Conditions,
    everything: Target | None = None,
) -> Plan:
    """Do what `plan` does, but return a plan without attempts where nothing can serve."""
    key = caller.key
    question = _Question(
        facts,
        caller,
        conditions,
        needs_of(facts),
        facts.window_tokens,
        facts.prompt_tokens + (facts.max_tokens or 0),
        key.allowed_models,
        key.allowed_providers,
    )
    attempts: list[Attempt] = []
    dropped: list[Dropped] = list(target.disabled)
    ailing: list[Candidate] = []
    standings: dict[str, Standing] = {}
    for group in target.groups:
        if group.standby and attempts:
            dropped.extend(_stood_by(each) for each in group.candidates)
            continue
        entries = _sift(group, question, standings, dropped, ailing)
        if len(entries) > 1 and group.strategy is not None:
            output = TYPICAL_OUTPUT if facts.max_tokens is None else facts.max_tokens
            sizing = Sizing(facts.prompt_tokens, output, conditions.draw)
            entries = STRATEGIES[group.strategy](entries, sizing)
        for candidate, standing in entries:
            attempts.append(_attempt(candidate, standing))
    stand_ins: tuple[Attempt, ...] = ()
    over_budget = False
    if everything is not None:
        over_budget = _over_budget(target, dropped, conditions)
        taken = {each.model.key for each in attempts}
        stand_ins = _stand_ins(everything, question, standings, taken)
        if over_budget and not attempts:
            attempts, stand_ins = list(stand_ins), ()
    if ailing:
        if attempts:
            dropped.extend(_drop(each, *_ailment(each.provider, conditions)) for each in ailing)
        else:
            attempts = _last_resort(ailing, conditions)
    return Plan(
        requested=facts.model,
        resolved=target.resolved,
        strategy=target.strategy,
        attempts=tuple(attempts),
        dropped=tuple(dropped),
        stand_ins=stand_ins,
        over_budget=over_budget,
    )


def _over_budget(target: Target, dropped: list[Dropped], conditions: Conditions) -> bool:
    """Tell whether a budget that goes local has no room for a candidate."""
    spending = conditions.spending
    without_room = {
        f"{each.provider_id}/{each.model_id}"
        for each in dropped
        if each.reason is DropReason.BUDGET
    }
    return spending is not None and any(
        (objection := spending.objection(each.provider, each.model)) is not None and objection.local
        for each in target.candidates
        if each.key in without_room
    )


def _stand_ins(
    everything: Target, question: _Question, standings: dict[str, Standing], taken: set[str]
) -> tuple[Attempt, ...]:
    """Return the local candidates of `auto` that can serve and are not there already, in order."""
    facts = question.facts
    output = TYPICAL_OUTPUT if facts.max_tokens is None else facts.max_tokens
    sizing = Sizing(facts.prompt_tokens, output, question.conditions.draw)
    attempts: list[Attempt] = []
    for group in everything.groups:
        if group.standby and attempts:
            continue
        entries = [
            entry
            for entry in _sift(group, question, standings, [], [])
            if not entry[0].external and entry[0].key not in taken
        ]
        if len(entries) > 1 and group.strategy is not None:
            entries = STRATEGIES[group.strategy](entries, sizing)
        for candidate, standing in entries:
            attempt = _attempt(candidate, standing)
            attempts.append(_with_reason(candidate, f"{attempt.reason}, stands in for {_PAID}"))
    return tuple(attempts)


def _sift(
    group: Group,
    question: _Question,
    standings: dict[str, Standing],
    dropped: list[Dropped],
    ailing: list[Candidate],
) -> list[Entry]:
    """Return the group's candidates that can serve; the others go to `dropped` or `ailing`.

    `ailing` gets those that only their health speaks against.
    """
    local_only = question.caller.local_only
    needs = question.needs
    tokens = question.tokens
    batch = question.total if question.total > tokens else 0
    spending = question.conditions.spending
    allowed = question.allowed_models
    if allowed and not allowed.isdisjoint(group.grants):
        allowed = frozenset()
    entries: list[Entry] = []
    for candidate in group.candidates:
        provider_id = candidate.provider_id
        standing = standings.get(provider_id)
        if standing is None:
            standing = standings[provider_id] = _standing(candidate.provider, question)
        if (
            standing.closed
            or (local_only and candidate.external)
            or needs & candidate.lacks
            or tokens > candidate.room
            or (batch and batch > (candidate.provider.max_tokens_per_request or maxsize))
            or (allowed and allowed.isdisjoint(candidate.names))
            or (
                spending is not None
                and spending.objection(candidate.provider, candidate.model) is not None
            )
        ):
            objection = _objection(candidate, question, allowed)
            if objection is None:
                ailing.append(candidate)
            else:
                dropped.append(objection)
        else:
            entries.append((candidate, standing))
    return entries


def _standing(provider: Provider, question: _Question) -> Standing:
    conditions = question.conditions
    provider_id = provider.id
    condition = conditions.health.get(provider_id, _UNHEARD)
    active = conditions.active.get(provider_id, 0)
    slots = provider.max_concurrent
    allowed = question.allowed_providers
    status = condition.status
    return Standing(
        not condition.admits
        or condition.credential_bad
        or condition.resting_until > conditions.now
        or provider_id in conditions.exhausted
        or (bool(allowed) and provider_id not in allowed),
        slots is not None and active >= slots,
        status is _DEGRADED or status is _OFFLINE,
        active,
        active / slots if slots else 0.0,
        condition.latency_ms,
        None if condition.loaded is None else condition,
    )


def _objection(
    candidate: Candidate, question: _Question, allowed: frozenset[str]
) -> Dropped | None:
    """Return the first thing that speaks against a candidate, None when it is only its health."""
    facts, caller, conditions = question.facts, question.caller, question.conditions
    provider, model = candidate.provider, candidate.model
    if caller.local_only and candidate.external:
        return _drop(candidate, DropReason.PRIVACY, "external, and this request must stay local")
    barred = question.allowed_providers and provider.id not in question.allowed_providers
    if barred or (allowed and allowed.isdisjoint(candidate.names)):
        detail = f"the key '{caller.key.name}' may not use it"
        return _drop(candidate, DropReason.KEY_POLICY, detail)
    if missing := question.needs & candidate.lacks:
        return _drop(candidate, DropReason.CAPABILITY, missing_words(missing))
    tokens, window, limit = question.tokens, model.context_window, provider.max_tokens_per_request
    if window and tokens > window:
        detail = f"its context window is {window} tokens, and about {tokens} are needed"
        if facts.max_tokens:
            detail += f" ({facts.max_tokens} of them for the answer)"
        return _drop(candidate, DropReason.CONTEXT_WINDOW, detail)
    if limit and question.total > limit:
        detail = f"it may take {limit} tokens per request, and about {question.total} are needed"
        return _drop(candidate, DropReason.LIMIT, detail)
    return _passing_objection(candidate, conditions)


def _passing_objection(candidate: Candidate, conditions: Conditions) -> Dropped | None:
    """Return what speaks against a candidate for now: a limit, a budget, a pause."""
    provider = candidate.provider
    if provider.id in conditions.exhausted:
        detail = f"its daily limit of {provider.daily_request_limit} requests is used up"
        return _drop(candidate, DropReason.LIMIT, detail)
    if conditions.spending is not None:
        short = conditions.spending.objection(provider, candidate.model)
        if short is not None:
            return _drop(candidate, DropReason.BUDGET, short.words())
    condition = conditions.health.get(provider.id, _UNHEARD)
    if condition.resting_until > conditions.now:
        return _drop(candidate, *_ailment(provider, conditions))
    return None


def _ailment(provider: Provider, conditions: Conditions) -> tuple[DropReason, str]:
    """Return what is wrong with a provider's health, in words."""
    condition = conditions.health.get(provider.id, _UNHEARD)
    if condition.resting_until > conditions.now:
        seconds = ceil(condition.resting_until - conditions.now)
        return DropReason.HEALTH, f"it asked for a pause, {seconds} s of it are left"
    if condition.credential_bad:
        return DropReason.HEALTH, "it refused its credential"
    cause = f": {condition.error}" if condition.error else ""
    return DropReason.HEALTH, f"it is offline{cause}"


def _last_resort(ailing: list[Candidate], conditions: Conditions) -> list[Attempt]:
    """Try what seems unwell where there is nothing else: the verdict may be out of date.

    Those that refused their credential come after those that could not be reached.
    """
    health = conditions.health
    ailing = sorted(ailing, key=lambda each: health[each.provider_id].credential_bad)
    return [
        _with_reason(each, f"last resort: {_ailment(each.provider, conditions)[1]}")
        for each in ailing
    ]


def _attempt(candidate: Candidate, standing: Standing) -> Attempt:
    warm = standing.warm(candidate.model)
    if warm is None and not (standing.full or standing.degraded):
        return candidate.attempt
    reason = candidate.attempt.reason
    if warm is not None:
        reason += ", warm" if warm else ", cold"
    if standing.degraded:
        reason += ", degraded"
    if standing.full:
        reason += ", all slots taken"
    return _with_reason(candidate, reason)


def _with_reason(candidate: Candidate, reason: str) -> Attempt:
    return Attempt(
        provider=candidate.provider,
        model=candidate.model,
        max_retries=candidate.max_retries,
        timeout_s=candidate.timeout_s,
        reason=reason,
    )


def _stood_by(candidate: Candidate) -> Dropped:
    return _drop(candidate, DropReason.STANDBY, "it only stands in when nothing else can serve")


def _drop(candidate: Candidate, reason: DropReason, detail: str) -> Dropped:
    return Dropped(
        provider_id=candidate.provider_id,
        model_id=candidate.model.id,
        reason=reason,
        detail=detail,
    )
