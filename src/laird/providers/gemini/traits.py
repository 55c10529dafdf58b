"""What a model of the Gemini API takes, told from its name.

Sources: Google's pages on thinking, thought signatures and function calling, and the guides of the
models. A name that is not understood (an alias such as `gemini-flash-latest`) is taken for a
current model.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

import msgspec


class Thinking(StrEnum):
    """How a model is told to think."""

    NONE = "none"
    """It can't: Gemini 2.0 and Gemma 3, and older."""
    BUDGET = "budget"
    """`thinkingBudget`, Gemini 2.5."""
    LEVEL = "level"
    """`thinkingLevel`, from Gemini 3 on."""


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """The differences between models that decide how a request is written."""

    thinking: Thinking = Thinking.LEVEL
    levels: tuple[str, ...] = ("low", "medium", "high")
    """The thinking levels it knows, ascending."""
    least: int = 128
    """The smallest budget it takes, tokens."""
    most: int = 32_768
    off: bool = False
    """A budget of 0 turns thinking off."""
    signs: bool = True
    """It refuses a history whose function calls don't carry its signature."""
    media_results: bool = True
    """Results of functions may hold images and documents."""
    json_with_tools: bool = True
    """It can be held to JSON while it may call functions."""
    names_task: bool = True
    """An embedding model that takes `taskType`; later ones want the task in the text."""


_GEMINI = re.compile(r"gemini-(\d)(?:\.(\d))?(?!\d)")
_GEMMA = re.compile(r"gemma-(\d)")
_EMBEDDING = re.compile(r"gemini-embedding-(?!0)\d")
_OLD = Traits(thinking=Thinking.NONE, signs=False, media_results=False, json_with_tools=False)
_ALL_LEVELS = ("minimal", "low", "medium", "high")


@lru_cache(maxsize=512)
def traits_of(name: str) -> Traits:
    """Return what the model of that upstream name takes."""
    lowered = name.lower()
    if _EMBEDDING.search(lowered):
        return Traits(names_task=False)
    if found := _GEMINI.search(lowered):
        return _gemini((int(found[1]), int(found[2] or 0)), lowered)
    if found := _GEMMA.search(lowered):
        return _gemma(int(found[1]))
    return Traits()


def _gemini(generation: tuple[int, int], name: str) -> Traits:
    if generation < (2, 5):
        return _OLD
    if generation < (3, 0):
        return _budgeted(name)
    return Traits(levels=_levels(generation, name))


def _budgeted(name: str) -> Traits:
    least, most, off = 128, 32_768, False
    if "flash" in name:
        least, most, off = (512 if "lite" in name else 1), 24_576, True
    return msgspec.structs.replace(_OLD, thinking=Thinking.BUDGET, least=least, most=most, off=off)


def _levels(generation: tuple[int, int], name: str) -> tuple[str, ...]:
    if "flash" in name and (generation < (3, 7) or "lite" in name):
        return _ALL_LEVELS
    return ("low", "high") if generation == (3, 0) and "pro" in name else _ALL_LEVELS[1:]


def _gemma(generation: int) -> Traits:
    if generation < 4:
        return _OLD
    return Traits(levels=("minimal", "high"), signs=False, media_results=False)
