"""What the demo provider can be told to do: by the model's name, and by a line of the last message.

    /demo status=503 retry_after=2
    /demo delay=2s pause=50ms chunks=40 cut=3
    /demo tool=get_weather({"city": "Oslo"})

A model's name may carry the same words: `demo?status=503&delay=2s`. See docs/providers.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

MARK = "/demo"

MOST_CHUNKS = 100_000
LONGEST_WAIT_S = 3600.0


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """How one request is answered. Numbers of chunks count pieces of the answer, from 0."""

    status: int = 200
    """An HTTP status to fail with."""
    delay: float = 0.0
    """Seconds before the head of the answer."""
    pause: float = 0.0
    """Seconds between two chunks of a stream."""
    chunks: int | None = None
    """Pieces of text; the answer's words are repeated or cut to make so many."""
    cut: int | None = None
    """The connection breaks before this chunk."""
    stall: int | None = None
    """Nothing comes from this chunk on, and the connection stays open."""
    error: int | None = None
    """An error event comes instead of this chunk, after status 200."""
    retry_after: float | None = None
    """Seconds in a Retry-After header of a failure."""
    tool: tuple[str, str] | None = None
    """A tool to call, and its arguments as JSON text."""
    tools: bool = False
    """Call the first tool that the request offers, with arguments made from its schema."""
    think: bool = False
    """Show some reasoning first."""
    usage: bool = True
    """Tell the usage."""


PRESETS: Mapping[str, Script] = {
    "demo": Script(),
    "demo-tools": Script(tools=True),
    "demo-thinking": Script(think=True),
    "demo-slow": Script(delay=2.0, pause=0.2),
    "demo-cut": Script(cut=3),
    "demo-fail": Script(status=503),
    "demo-busy": Script(status=429, retry_after=2.0),
}
"""The demo provider's models."""


class BadScript(Exception):
    """A directive that can't be followed; the text says why, and what is known."""


def script_for(model: str, text: str) -> tuple[Script, str]:
    """Return the script for a model's name and a message, and the message without its directives.

    Raises `BadScript`, and `KeyError` with the name for a model that is not there.
    """
    name, _, words = model.partition("?")
    script = _with(PRESETS[name], words.replace("&", " "))
    kept = []
    for line in text.split("\n"):
        first, _, rest = line.strip().partition(" ")
        if first == MARK:
            script = _with(script, rest)
        else:
            kept.append(line)
    return script, "\n".join(kept).strip()


def _with(script: Script, words: str) -> Script:
    changes: dict[str, Any] = {}
    rest = words.strip()
    while rest:
        field, equals, rest = rest.partition("=")
        read = _READERS.get(field)
        if not equals or read is None:
            raise BadScript(
                f"'{field[:40]}' is nothing the demo can do. It knows {', '.join(_READERS)},"
                " each as name=value."
            )
        try:
            changes[field], rest = read(rest)
        except (ValueError, IndexError, KeyError):
            raise BadScript(
                f"The value of '{field}' in a {MARK} line can't be read: '{rest[:40]}'."
            ) from None
        rest = rest.lstrip()
    return msgspec.structs.replace(script, **changes)


def _word(text: str) -> tuple[str, str]:
    word, _, rest = text.partition(" ")
    return word, rest


def _number(low: int, high: int) -> Callable[[str], tuple[int, str]]:
    def read(text: str) -> tuple[int, str]:
        word, rest = _word(text)
        number = int(word)
        if not low <= number <= high:
            raise ValueError
        return number, rest

    return read


def _seconds(text: str) -> tuple[float, str]:
    word, rest = _word(text)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|)", word)
    if match is None:
        raise ValueError
    seconds = float(match[1]) / (1000 if match[2] == "ms" else 1)
    if seconds > LONGEST_WAIT_S:
        raise ValueError
    return seconds, rest


def _yes(text: str) -> tuple[bool, str]:
    word, rest = _word(text)
    return {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False}[
        word.lower()
    ], rest


def _tool(text: str) -> tuple[tuple[str, str], str]:
    match = re.match(r"([\w.-]+)", text)
    if match is None:
        raise ValueError
    rest = text[match.end() :]
    if not rest.startswith("("):
        return (match[1], "{}"), rest
    _, end = json.JSONDecoder().raw_decode(rest, 1)
    if rest[end] != ")":
        raise ValueError
    return (match[1], rest[1:end]), rest[end + 1 :]


_READERS: Mapping[str, Callable[[str], tuple[Any, str]]] = {
    "status": _number(200, 599),
    "delay": _seconds,
    "pause": _seconds,
    "chunks": _number(1, MOST_CHUNKS),
    "cut": _number(0, MOST_CHUNKS),
    "stall": _number(0, MOST_CHUNKS),
    "error": _number(0, MOST_CHUNKS),
    "retry_after": _seconds,
    "tool": _tool,
    "tools": _yes,
    "think": _yes,
    "usage": _yes,
}
