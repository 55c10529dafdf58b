"""What is plainly nothing: texts and settings in which no detector finds anything.

Most of what people write to a model has few digits, no sign of an address and no long word in it.
That is seen at a glance, for less than it takes to look up whether the text is known already. What
is told to be harmless here must be so for every detector; all else is read as ever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec

from laird.privacy.plain import plain

LEAST = 20
"""Characters without a blank that the shortest credential of a vendor has."""
_LONGEST = 4096
"""Characters of a text that is worth the glance; in longer ones there mostly is something."""

NAMES = ("passw", "passphrase", "pwd", "secret", "token", "key", "credential")
"""What a secret is called that a text assigns."""
_MARKS = b"@\\"
"""Of these every address and all JSON within text have one."""
_ASSIGNING = b":="
_ASSIGNED = (*NAMES, "authorization", "aws", "://", "data:")
"""Beside `:` or `=` there is one of these in whatever assigns a secret, logs in or holds a file."""
_BLANKS = b" \t\n\r"
_DIGITS = b"0123456789"
_ASSIGN, _DIGIT, _OTHER = b":", b"9", b"x"
_SHAPE = bytes(
    code if (sign := bytes((code,))) in _BLANKS
    else _DIGIT[0] if sign in _DIGITS
    else _ASSIGN[0] if sign in _ASSIGNING
    else b"!x"[sign not in _MARKS]
    for code in range(256)
)  # fmt: skip
"""For each byte: a blank itself, "9" for digits, ":" for what assigns, "!" for marks, else "x"."""
_FEWEST_DIGITS = 6
"""What telephone numbers have at least; cards and nearly all national ids have more."""
_SHORT_NUMBER = re.compile(
    r"\d\d(?:(?<=[A-Za-z]{2}\d\d)|(?<=[A-Za-z]{2} \d\d))(?:[ -]?[A-Za-z0-9]){11}"
    r"|\d{4}(?<=[A-Z]{5}\d{4})[A-Z]",
    re.ASCII,
)
"""What may be a number with fewer: an IBAN that is mostly letters, or an Indian PAN."""
_LONG_WORD = _OTHER * LEAST

_LONG_NUMBER = 10**6

_Role = Literal["assistant", "developer", "system", "tool", "user"]
ROLES: tuple[str, ...] = get_args(_Role)
_Number = (
    Annotated[int, msgspec.Meta(gt=-_LONG_NUMBER, lt=_LONG_NUMBER)]
    | Annotated[float, msgspec.Meta(gt=-_LONG_NUMBER, lt=_LONG_NUMBER)]
    | bool
    | None
)


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What most messages have, and nothing else."""

    role: _Role
    content: Annotated[str, msgspec.Meta(max_length=_LONGEST)]


class _Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What most requests have, as the dialects call it: beside messages, numbers and switches."""

    model: str
    messages: list[_Message]
    frequency_penalty: _Number = None
    logprobs: _Number = None
    max_completion_tokens: _Number = None
    max_output_tokens: _Number = None
    max_tokens: _Number = None
    n: _Number = None
    parallel_tool_calls: _Number = None
    presence_penalty: _Number = None
    seed: _Number = None
    store: _Number = None
    stream: _Number = None
    temperature: _Number = None
    top_k: _Number = None
    top_logprobs: _Number = None
    top_p: _Number = None


def is_plain(body: Mapping[str, Any], model: str) -> bool:
    """Tell whether all of a body is harmless; False means that there is something to be read.

    `model` is the name of a model in which there is known to be nothing.
    """
    try:
        plain = msgspec.convert(body, _Plain)
    except msgspec.ValidationError:
        return False
    texts = [message.content for message in plain.messages]
    return plain.model == model and _is_prose("\n".join(texts))


def is_harmless(message: object) -> bool:
    """Tell whether no detector finds anything in a message; False means that it has to be read."""
    try:
        return _is_prose(msgspec.convert(message, _Message).content)
    except msgspec.ValidationError:
        return False


def _is_prose(text: str) -> bool:
    if not text.isascii():
        text = plain(text)
    shape = text.encode(errors="surrogatepass").translate(_SHAPE)
    if b"!" in shape or "PRIVATE KEY" in text:
        return False
    if _DIGIT in shape:
        if shape.count(_DIGIT) >= _FEWEST_DIGITS or _SHORT_NUMBER.search(text) is not None:
            return False
        shape = shape.replace(_DIGIT, _OTHER)
    if _ASSIGN in shape:
        if any(map(text.lower().__contains__, _ASSIGNED)):
            return False
        shape = shape.replace(_ASSIGN, _OTHER)
    return _LONG_WORD not in shape
