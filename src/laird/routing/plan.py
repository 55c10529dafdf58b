"""From a request's facts to a plan: who is tried in which order, and who is not and why.

Planning is a pure function of its arguments. The request path, the explain page, the command line
and the tests all call the same one.
"""

from __future__ import annotations

from math import ceil

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

_UNHEARD = ProviderCondition()
_DEGRADED, _OFFLINE = HealthStatus.DEGRADED, HealthStatus.OFFLINE


class _Question(msgspec.Struct, frozen=True, gc=False):
    """One planning call's arguments, boiled down to what each candidate is asked."""

    facts: RequestFacts
    caller: Caller
    conditions: Conditions
    needs: int
    tokens: int
    allowed_models: frozenset[str]
    allowed_providers: frozenset[str]


def plan(facts: RequestFacts, target: Target, caller: Caller, conditions: Conditions) -> Plan:
    """Return the ordered attempts for one request, at least one, and what was left out.

    Raises:
        NoLocalProvider: the request must stay local, and no local candidate can serve it.
        RateLimited: those that could serve it rest, or have used up their daily requests.
        ContextLengthExceeded: it is too long for every candidate.
        UnsupportedField: no candidate has an ability that it needs.
        InvalidRequest: no candidate makes embeddings, or chats.
        NotAllowed: the key may use none of the candidates.
        NoProvider: nothing is there to serve it.
    """
    weighed = weigh(facts, target, caller, conditions)
    if not weighed.attempts:
        raise refusal(weighed, target, facts, caller, conditions)
    return weighed


def weigh(facts: RequestFacts, target: Target, caller: Caller, conditions: Conditions) -> Plan:
    """Do what `plan` does, but return a plan without attempts where nothing can serve."""
    key = caller.key
    question = _Question(
        facts,
        caller,
        conditions,
        needs_of(facts),
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
    )


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
            or (allowed and allowed.isdisjoint(candidate.names))
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
    if limit and tokens > limit:
        detail = f"it may take {limit} tokens per request, and about {tokens} are needed"
        return _drop(candidate, DropReason.LIMIT, detail)
    if provider.id in conditions.exhausted:
        detail = f"its daily limit of {provider.daily_request_limit} requests is used up"
        return _drop(candidate, DropReason.LIMIT, detail)
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
    if not (standing.full or standing.degraded):
        return candidate.attempt
    reason = candidate.attempt.reason
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
