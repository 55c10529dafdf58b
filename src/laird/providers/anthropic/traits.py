"""What a Claude model takes, told from its name: how it thinks, and where a system turn may stand.

Sources: Anthropic's pages on thinking, effort and mid-conversation system messages, and the
migration guides of the models. A name that is not understood is taken for a current model, except
that system turns, which have another way, are then not used.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

import msgspec


class Thinking(StrEnum):
    """How a model is told to think."""

    NONE = "none"
    """It can't: Claude 3.5 and older."""
    BUDGET = "budget"
    """`thinking.budget_tokens`, from Claude 3.7 to 4.5."""
    EITHER = "either"
    """Claude 4.6: adaptive, and a budget still works."""
    ADAPTIVE = "adaptive"
    """Adaptive only, from Claude 4.7 on."""


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """The differences between models that decide how a request is written."""

    thinking: Thinking = Thinking.ADAPTIVE
    effort: bool = True
    """Takes `output_config.effort`."""
    xhigh: bool = True
    """Knows the effort `xhigh`."""
    off: str | None = None
    """The `thinking.type` that turns thinking off; None where leaving it out does."""
    system_turns: bool = False
    """Takes role `system` inside `messages`, after a user turn."""


_NEW_NAME = re.compile(r"claude-([a-z]+)-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_OLD_NAME = re.compile(r"claude-(\d)(?:[-.](\d))?(?!\d)")


@lru_cache(maxsize=512)
def traits_of(name: str) -> Traits:
    """Return what the model of that upstream name takes."""
    lowered = name.lower()
    found = _NEW_NAME.search(lowered)
    if found is not None:
        return _named(found[1], (int(found[2]), int(found[3] or 0)))
    old = _OLD_NAME.search(lowered)
    return _named("", (int(old[1]), int(old[2] or 0))) if old is not None else Traits()


def _named(line: str, generation: tuple[int, int]) -> Traits:
    if generation < (3, 7):
        return Traits(thinking=Thinking.NONE, effort=False, xhigh=False)
    if generation < (4, 6):
        effort = line == "opus" and generation == (4, 5)
        return Traits(thinking=Thinking.BUDGET, effort=effort, xhigh=False)
    if generation < (4, 7):
        return Traits(thinking=Thinking.EITHER, xhigh=False)
    if generation < (5, 0):
        return Traits(system_turns=generation >= (4, 8))
    off = "between_tools" if line == "sonnet" and generation >= (5, 5) else "disabled"
    return Traits(off=off, system_turns=(line, generation) != ("sonnet", (5, 0)))
