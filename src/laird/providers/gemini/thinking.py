"""How much a model is to think, in the words that this model understands."""

from __future__ import annotations

from typing import Any

from laird.domain.chat import ChatRequest
from laird.providers.gemini.refusals import unsupported
from laird.providers.gemini.traits import Thinking, Traits

_RANKS = {"minimal": 0, "low": 1, "medium": 2, "high": 3, "xhigh": 4, "max": 4}
_BUDGETS = {
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 32_768,
}
"""Where only a budget is understood: what Google's own OpenAI-compatible interface sends for an
effort, and the largest one for what it does not know."""


def thinking_config(
    request: ChatRequest, traits: Traits, *, provider: str
) -> dict[str, Any] | None:
    """Return `thinkingConfig`, or None where the request says nothing or the model can't think.

    Raises `UnsupportedField` where thinking is asked of a model that has none.
    """
    effort, budget = request.reasoning_effort, request.reasoning_budget
    if effort is None and budget is None:
        return None
    if effort == "none" or (effort is None and budget == 0):
        return _least(traits)
    if effort is not None and effort not in _RANKS:
        levels = ", ".join(("none", *_RANKS))
        raise unsupported(provider, "reasoning_effort", f"it is one of {levels}.")
    if traits.thinking is Thinking.NONE:
        field = "reasoning_budget" if effort is None else "reasoning_effort"
        raise unsupported(provider, field, "this model does not think; leave it out.")
    if traits.thinking is Thinking.BUDGET:
        tokens = budget or _BUDGETS[effort or "medium"]
        within = min(max(tokens, traits.least), traits.most)
        return {"thinkingBudget": within, "includeThoughts": True}
    rank = _RANKS[effort] if effort is not None else _rank_of(budget or 0)
    return {"thinkingLevel": _level(rank, traits), "includeThoughts": True}


def _least(traits: Traits) -> dict[str, Any] | None:
    """Return the least thinking that there is: not every model can be told to think nothing."""
    if traits.thinking is Thinking.NONE:
        return None
    if traits.thinking is Thinking.BUDGET:
        return {"thinkingBudget": 0 if traits.off else traits.least}
    return {"thinkingLevel": _level(0, traits)}


def _rank_of(budget: int) -> int:
    """Return the rank of the effort whose budget holds so many tokens."""
    return 1 if budget <= _BUDGETS["low"] else 2 if budget <= _BUDGETS["medium"] else 3


def _level(rank: int, traits: Traits) -> str:
    """Return the highest level that is not above the one asked for, else the lowest there is."""
    fitting = [level for level in traits.levels if _RANKS[level] <= rank]
    return (fitting[-1] if fitting else traits.levels[0]).upper()
