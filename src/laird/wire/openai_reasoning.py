"""Thinking that has to be sent back, as `reasoning_details` in OpenAI's chat format.

OpenAI's own format has no place for the proof (a signature, or an encrypted text) that a provider
wants to see again. This is the form that OpenRouter gave it, which its clients and others know:
https://openrouter.ai/docs/guides/best-practices/reasoning-tokens. A list of objects, each of type

- `reasoning.text`, with `text` and `signature`,
- `reasoning.encrypted`, with `data`,
- `reasoning.summary`, with `summary`,

a `format` that says whose it is, and an `index`. In a stream, pieces with the same index are one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from laird.domain.chat import Reasoning

GEMINI = "gemini:"
"""How our values mark a signature of Google's (see `Reasoning`)."""
OPENROUTER = "openrouter:"
"""How our values mark what came through OpenRouter from a maker that we have no own mark for: the
object as it was, but for its text, follows as JSON."""

_ANTHROPIC_FORMAT = "anthropic-claude-v1"
_GEMINI_FORMAT = "google-gemini-v1"
_MARK = re.compile(r"[a-z][a-z0-9_-]*:")


def read_details(details: Iterable[object]) -> list[Reasoning]:
    """Return the thinking in `reasoning_details`, with pieces of one text joined.

    Objects of a type that is not known are left out: they mean nothing to anybody else.
    """
    parts: list[Reasoning] = []
    text = ""
    place: object = None
    for detail in details:
        if not isinstance(detail, Mapping):
            continue
        if text and detail.get("index") != place:
            parts.append(Reasoning(text=text))
            text = ""
        place = detail.get("index")
        piece = read_detail(detail)
        if piece is None:
            continue
        text += piece.text
        if piece.signature is not None:
            parts.append(Reasoning(text=text, signature=piece.signature))
            text = ""
        elif piece.redacted is not None:
            if text:
                parts.append(Reasoning(text=text))
                text = ""
            parts.append(piece)
    if text:
        parts.append(Reasoning(text=text))
    return parts


def read_detail(detail: Mapping[str, Any]) -> Reasoning | None:
    """Return what one of the objects says; None for a type that is not known."""
    match detail.get("type"):
        case "reasoning.text":
            return Reasoning(
                text=_text(detail, "text"), signature=_marked(detail, "signature") or None
            )
        case "reasoning.summary":
            return Reasoning(text=_text(detail, "summary"))
        case "reasoning.encrypted":
            data = _marked(detail, "data")
            return Reasoning(redacted=data) if data else None
        case _:
            return None


def _text(detail: Mapping[str, Any], field: str) -> str:
    value = detail.get(field)
    return value if isinstance(value, str) else ""


def _marked(detail: Mapping[str, Any], field: str) -> str:
    """Return a signature or an encrypted text with the mark of its maker."""
    value = _text(detail, field)
    form = detail.get("format")
    if not value or form in (None, _ANTHROPIC_FORMAT):
        return value
    if form == _GEMINI_FORMAT and detail.get("id") is None:
        return value if value.startswith(GEMINI) else GEMINI + value
    kept = {k: v for k, v in detail.items() if k not in {"text", "index"} and v is not None}
    return OPENROUTER + orjson.dumps(kept).decode()


def write_detail(part: Reasoning, index: int) -> dict[str, Any] | None:
    """Return the object for a part; None for a signature that is broken."""
    proof = part.redacted or part.signature
    if proof is not None and proof.startswith(OPENROUTER):
        return _unpacked(proof, part.text, index)
    detail: dict[str, Any]
    if part.redacted is not None:
        detail = {"type": "reasoning.encrypted", "data": part.redacted}
    else:
        detail = {"type": "reasoning.text", "text": part.text, "signature": part.signature}
    field = "data" if part.redacted is not None else "signature"
    if proof is None:
        del detail["signature"]
    elif proof.startswith(GEMINI):
        detail[field] = proof.removeprefix(GEMINI)
        detail["format"] = _GEMINI_FORMAT
    elif not _MARK.match(proof):
        detail["format"] = _ANTHROPIC_FORMAT
    detail["index"] = index
    return detail


def _unpacked(proof: str, text: str, index: int) -> dict[str, Any] | None:
    try:
        detail = orjson.loads(proof.removeprefix(OPENROUTER))
    except ValueError:
        return None
    if not isinstance(detail, dict) or not str(detail.get("type")).startswith("reasoning."):
        return None
    if text and detail["type"] == "reasoning.text":
        detail["text"] = text
    return {**detail, "index": index}


def readable_by_openrouter(part: Reasoning) -> bool:
    """Tell whether OpenRouter can use the proof: Anthropic's, and what came from itself."""
    proof = part.redacted or part.signature
    return proof is not None and (proof.startswith(OPENROUTER) or not _MARK.match(proof))
