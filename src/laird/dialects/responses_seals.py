"""What hides in `encrypted_content` of a reasoning item: signatures, of whichever provider.

A client sends reasoning items back as they are, so that this is the way for what has to be echoed.
OpenAI's own content is base64 and has no colon. Everything of another provider has a tag with one:
`anthropic:…`, `gemini:…`, `redacted:…` for thinking that is hidden altogether, and
`call:{call id}:…` for a proof that belongs to the tool call which follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from laird.domain.chat import Reasoning

_TAG = re.compile(r"[a-z][a-z0-9_.-]*:")
_OPENAI = "openai:"
_ANTHROPIC = "anthropic:"
_REDACTED = "redacted:"
_CALL = "call:"


def seal(signature: str | None, redacted: str | None) -> str | None:
    """Return the `encrypted_content` that carries a signature, or hidden thinking."""
    if redacted is not None:
        return _REDACTED + redacted
    if signature is None:
        return None
    if signature.startswith(_OPENAI):
        return signature[len(_OPENAI) :]
    # A signature without a tag is Anthropic's: see `laird.domain.chat.Reasoning`.
    return signature if _TAG.match(signature) else _ANTHROPIC + signature


def seal_call(call_id: str, signature: str) -> str:
    """Return the `encrypted_content` that carries the proof of a tool call."""
    return f"{_CALL}{quote(call_id, safe='')}:{signature}"


def unseal_call(content: object) -> tuple[str, str] | None:
    """Return a tool call's id and the proof that belongs to it, or None."""
    if not isinstance(content, str) or not content.startswith(_CALL):
        return None
    call_id, _, signature = content[len(_CALL) :].partition(":")
    return unquote(call_id), signature


def unseal(item: Mapping[str, Any]) -> Reasoning | None:
    """Return the thinking in a reasoning item, with its signature; None where there is none."""
    parts = item.get("content") or item.get("summary") or ()
    text = "\n\n".join(part["text"] for part in parts)
    content = item.get("encrypted_content")
    if not content:
        return Reasoning(text=text) if text else None
    if content.startswith(_REDACTED):
        return Reasoning(redacted=content[len(_REDACTED) :])
    if content.startswith(_ANTHROPIC):
        return Reasoning(text=text, signature=content[len(_ANTHROPIC) :])
    return Reasoning(text=text, signature=content if _TAG.match(content) else _OPENAI + content)


def is_readable(item: Mapping[str, Any]) -> bool:
    """Tell whether OpenAI can read a reasoning item that it does not keep itself."""
    content = item.get("encrypted_content")
    return isinstance(content, str) and content != "" and _TAG.match(content) is None
