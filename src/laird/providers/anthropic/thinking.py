"""How much a model is to think, in the words that this model understands."""

from __future__ import annotations

from typing import Any

import msgspec

from laird.domain.chat import ChatRequest
from laird.providers.anthropic.refusals import unsupported
from laird.providers.anthropic.traits import Thinking, Traits

LEAST_BUDGET = 1024
"""The smallest `budget_tokens` that the API takes."""

_SHARES = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.9, "max": 0.9}
"""Where only a budget is understood, the part of `max_tokens` that an effort may think for."""


class Plan(msgspec.Struct, frozen=True):
    """The fields `thinking` and `output_config.effort` of a request; None leaves one out."""

    thinking: dict[str, Any] | None = None
    effort: str | None = None

    @property
    def thinks(self) -> bool:
        """Whether thinking is asked for, which limits the other fields."""
        return self.thinking is not None and self.thinking["type"] in {"enabled", "adaptive"}


def plan_thinking(
    request: ChatRequest,
    traits: Traits,
    *,
    max_tokens: int,
    forced: bool,
    unsigned: bool,
    provider: str,
) -> Plan:
    """Translate the reasoning fields of a request.

    `forced` says that a tool must be called, which the API refuses together with thinking.
    `unsigned` says that the thinking before the last tool calls was not sent back, without which
    it refuses to think for a budget. The effort alone is asked for then.

    Raises `UnsupportedField` for what the model can't do.
    """
    effort, budget = request.reasoning_effort, request.reasoning_budget
    if effort is None and budget is None:
        return Plan()
    if effort == "none" or (effort is None and budget == 0):
        return Plan({"type": traits.off} if traits.off else None)
    if effort is not None and effort not in _SHARES:
        levels = ", ".join(("none", *_SHARES))
        raise unsupported(provider, "reasoning_effort", f"it is one of {levels}.")
    if traits.thinking is Thinking.NONE:
        field = "reasoning_budget" if effort is None else "reasoning_effort"
        raise unsupported(provider, field, "this model does not think; leave it out.")
    level = _level(effort, traits)
    thinking: dict[str, Any] = {"type": "adaptive", "display": "summarized"}
    if budget:
        thinking = _budgeted(budget, traits, max_tokens, provider)
    elif traits.thinking is Thinking.BUDGET:
        thinking = _share(effort or "medium", max_tokens, provider)
    if forced or (unsigned and thinking["type"] == "enabled"):
        return Plan(None, level)
    return Plan(thinking, level)


def _level(effort: str | None, traits: Traits) -> str | None:
    """Return the API's nearest effort that is not above the one asked for."""
    if effort is None or not traits.effort:
        return None
    if effort == "minimal":
        return "low"
    return "high" if effort == "xhigh" and not traits.xhigh else effort


def _budgeted(budget: int, traits: Traits, max_tokens: int, provider: str) -> dict[str, Any]:
    if traits.thinking is Thinking.ADAPTIVE:
        raise unsupported(
            provider, "reasoning_budget", "this model takes reasoning_effort instead of a budget."
        )
    if not LEAST_BUDGET <= budget < max_tokens:
        raise unsupported(
            provider,
            "reasoning_budget",
            f"it must be at least {LEAST_BUDGET} and below max_tokens ({max_tokens}).",
        )
    return {"type": "enabled", "budget_tokens": budget}


def _share(effort: str, max_tokens: int, provider: str) -> dict[str, Any]:
    if max_tokens <= LEAST_BUDGET:
        raise unsupported(
            provider,
            "reasoning_effort",
            f"thinking needs max_tokens above {LEAST_BUDGET}, and it is {max_tokens}.",
        )
    budget = max(LEAST_BUDGET, int(max_tokens * _SHARES[effort]))
    return {"type": "enabled", "budget_tokens": budget}
