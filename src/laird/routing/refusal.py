"""Which error tells best why nothing can serve a request.

Where candidates were left out for different reasons, the first of these that holds is told:

1. one was left out for privacy: the request must stay local, and nothing local can serve it;
2. one will serve it later: it rests, or its daily limit is used up;
3. a budget has no room for one;
4. one would serve a shorter request;
5. one would serve a request that asks for less: tools, images, JSON, streaming;
6. one would serve another key;
7. nothing is there.
"""

from __future__ import annotations

from collections.abc import Iterable

from laird.domain.errors import (
    ContextLengthExceeded,
    InvalidRequest,
    LairdError,
    NoLocalProvider,
    NoProvider,
    NotAllowed,
    QuotaExceeded,
    RateLimited,
    UnsupportedField,
)
from laird.domain.keys import Caller
from laird.domain.plan import Conditions, Dropped, DropReason, Plan, RequestFacts
from laird.routing.target import Candidate, Target, needs_of
from laird.routing.words import ABILITIES

_TOLD = 3


def refusal(
    weighed: Plan, target: Target, facts: RequestFacts, caller: Caller, conditions: Conditions
) -> LairdError:
    """Return the error for a plan that has no attempts."""
    by_reason: dict[DropReason, list[Dropped]] = {}
    for each in weighed.dropped:
        by_reason.setdefault(each.reason, []).append(each)
    dropped = {f"{each.provider_id}/{each.model_id}": each for each in weighed.dropped}
    left_out = [(each, dropped[each.key].reason) for each in target.candidates]

    def among(reason: DropReason) -> list[Candidate]:
        return [each for each, why in left_out if why is reason]

    if DropReason.PRIVACY in by_reason:
        return _no_local(weighed, caller)
    tokens = facts.window_tokens
    limited = among(DropReason.LIMIT)
    used_up = [each for each in limited if tokens <= each.room]
    if wait := _shortest_wait([*used_up, *among(DropReason.HEALTH)], conditions):
        later = [*by_reason.get(DropReason.HEALTH, ()), *by_reason.get(DropReason.LIMIT, ())]
        return RateLimited(
            f"'{weighed.requested}' can't be served now: {_told(later)}.", retry_after_s=wait
        )
    if dear := among(DropReason.BUDGET):
        return _no_room(weighed, dear, conditions)
    if small := [*among(DropReason.CONTEXT_WINDOW), *limited]:
        return _too_long(weighed, facts, small)
    if lacking := among(DropReason.CAPABILITY):
        return _unable(weighed, facts, lacking)
    if DropReason.KEY_POLICY in by_reason:
        return NotAllowed(
            f"The key '{caller.key.name}' may not use '{weighed.requested}'."
            " Ask for a model that it is allowed, or have its allowed models and providers changed."
        )
    return _nothing(weighed)


def _no_local(weighed: Plan, caller: Caller) -> LairdError:
    why = f" ({caller.privacy_reason})" if caller.privacy_reason else ""
    local = [each for each in weighed.dropped if each.reason is not DropReason.PRIVACY]
    others = f" Local ones can't serve it: {_told(local)}." if local else ""
    return NoLocalProvider(
        f"This request must stay local{why}, and no local model can serve"
        f" '{weighed.requested}'.{others} Start or add a local provider, or name a local model."
    )


def _no_room(weighed: Plan, dear: list[Candidate], conditions: Conditions) -> LairdError:
    """Name the budget that is in the way of the cheapest candidate."""
    spending = conditions.spending
    assert spending is not None  # noqa: S101 - nothing else leaves candidates out for a budget
    objections = [spending.objection(each.provider, each.model) for each in dear]
    found = [each for each in objections if each is not None]
    cheapest = min(found, key=lambda each: (each.need is None, each.need or 0))
    if cheapest.need is None:
        advice = "Its price can be written into the document; or ask for a model that has one."
    elif cheapest.passing:
        advice = "Try again in a moment."
    else:
        advice = "Have the limit raised, ask for less, or for a local model that costs nothing."
    return QuotaExceeded(
        f"'{weighed.requested}' can't be served: {cheapest.words()}. {advice}",
        budget_id=cheapest.room.budget.id,
        retry_after_s=cheapest.retry_after_s(spending.now_us),
        local=cheapest.local,
    )


def _shortest_wait(candidates: Iterable[Candidate], conditions: Conditions) -> float | None:
    """Return after how many seconds the first of them may serve, None when time is no cure."""
    waits: list[float] = []
    for each in candidates:
        if each.provider_id in conditions.exhausted:
            waits.append(conditions.day_left_s)
        elif (condition := conditions.health.get(each.provider_id)) is not None:
            waits.append(condition.resting_until - conditions.now)
    return min((each for each in waits if each > 0), default=None)


def _too_long(weighed: Plan, facts: RequestFacts, small: list[Candidate]) -> LairdError:
    largest = max(small, key=lambda each: each.room)
    wanted = facts.max_tokens or 0
    answer = f" and {wanted} for the answer" if wanted else ""
    prompt = facts.window_tokens - wanted
    of_provider = largest.provider.max_tokens_per_request == largest.room
    limit = " (its maxTokensPerRequest)" if of_provider else ""
    if prompt + wanted <= largest.room:
        # Each input fits; together they are over the provider's limit.
        prompt = facts.prompt_tokens
    return ContextLengthExceeded(
        f"The prompt is about {prompt} tokens{answer}, but the largest candidate for"
        f" '{weighed.requested}', {largest.key}, takes {largest.room} in all{limit}."
        " Shorten the prompt, ask for fewer tokens, or use a model with a larger context window.",
        param="messages",
    )


def _unable(weighed: Plan, facts: RequestFacts, lacking: list[Candidate]) -> LairdError:
    """Name the ability that the most able candidate is missing."""
    needs = needs_of(facts)
    missing = min((needs & each.lacks for each in lacking), key=int.bit_count)
    _, word, param = next(each for each in ABILITIES if missing & each[0])
    whom = lacking[0].key if len(lacking) == 1 else "any candidate"
    without = {"model": "", "messages": f", or leave out the {word}"}
    message = (
        f"'{weighed.requested}' can't do {word}: it is not supported by {whom}."
        f" Use a model that has it{without.get(param, f', or leave out `{param}`')}."
    )
    return (InvalidRequest if param == "model" else UnsupportedField)(message, param=param)


def _nothing(weighed: Plan) -> LairdError:
    if not weighed.dropped:
        return NoProvider(
            f"No model is there to serve '{weighed.requested}'. Add a provider with a model."
        )
    return NoProvider(
        f"Nothing can serve '{weighed.requested}': {_told(weighed.dropped)}."
        " Enable or add a provider."
    )


def _told(dropped: Iterable[Dropped]) -> str:
    each = [f"{one.provider_id}/{one.model_id}: {one.detail}" for one in dropped]
    more = f"; and {len(each) - _TOLD} more" if len(each) > _TOLD else ""
    return "; ".join(each[:_TOLD]) + more
