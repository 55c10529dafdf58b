"""What is plainly nothing: texts and settings in which no detector finds anything.

Most of what people write to a model has no digit, no sign of an address and no long word in it.
That is seen at a glance, for less than it takes to look up whether the text is known already. What
is told to be harmless here must be so for every detector; all else is read as ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEAST = 20
"""Characters without a blank that the shortest credential of a vendor has."""
_LONGEST = 4096
"""Characters of a text that is worth the glance; in longer ones there mostly is something."""

_MARKS = b"0123456789@:=\\"
"""Of these every address, number, assignment and JSON within text has at least one."""
_BLANKS = b" \t\n\r"
_OTHER = b"x"
_SHAPE = bytes(
    code if (sign := bytes((code,))) in _BLANKS else b"!x"[sign not in _MARKS and code < 128]
    for code in range(256)
)
"""For each byte: blanks as they are, "!" for marks and what is not ASCII, "x" for others."""
_LONG_WORD = _OTHER * LEAST

_FIELDS = ("role", "content")
"""What most messages have, and nothing else."""
ROLES = ("user", "assistant", "system", "tool", "developer")
"""A tuple, for what is looked for in it may be of any type."""
_SETTINGS = frozenset(
    {
        "frequency_penalty", "logprobs", "max_completion_tokens", "max_output_tokens", "max_tokens",
        "n", "parallel_tool_calls", "presence_penalty", "seed", "store", "stream", "temperature",
        "top_k", "top_logprobs", "top_p",
    }
)  # fmt: skip
"""Fields of requests, as the dialects call them, that are numbers or switches."""
_NUMBERS = frozenset({bool, float, int})
_LONG_NUMBER = 10**6


def is_plain(body: Mapping[str, Any], model: str) -> bool:
    """Tell whether all of a body is harmless; False means that there is something to be read.

    `model` is the name of a model in which there is known to be nothing.
    """
    for field, value in body.items():
        kind = type(value)
        if kind is str:
            if field != "model" or value != model:
                return False
        elif kind is list:
            if field != "messages":
                return False
            for each in value:
                if type(each) is not dict or not is_harmless(each):
                    return False
        elif (
            kind not in _NUMBERS
            or field not in _SETTINGS
            or not -_LONG_NUMBER < value < _LONG_NUMBER
        ):
            return False
    return True


def is_harmless(message: dict[str, Any]) -> bool:
    """Tell whether no detector finds anything in a message; False means that it has to be read."""
    if len(message) != len(_FIELDS):
        return False
    text = message.get("content")
    if type(text) is not str or len(text) > _LONGEST or message.get("role") not in ROLES:
        return False
    shape = text.encode(errors="surrogatepass").translate(_SHAPE)
    return b"!" not in shape and _LONG_WORD not in shape and "PRIVATE KEY" not in text
