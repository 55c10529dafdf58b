"""Fits a chat body to a server that is strict about it, whether it was translated or passed on.

A client that talks to many models through one endpoint sends back what the last one answered, and
labels that the next one has never heard of. Most servers skip those; strict ones refuse the whole
request. Here labels and echoes are taken out and names are changed; nothing that asks for something
is lost. What each server is strict about is in its `Fitting`.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from laird.domain.errors import UnsupportedField
from laird.providers.openai_traits import Fitting, OpenAITraits

_LETTERS = string.digits + string.ascii_letters
_SHORT = 9


def fitted(body: Mapping[str, Any], traits: OpenAITraits, provider: str) -> dict[str, Any]:
    """Return the body as the server takes it. `body` itself stays as it is.

    Fields that `traits.ignores` names are left out: whoever calls has seen that they ask for
    nothing. Raises `UnsupportedField` for a schema where the server knows none.
    """
    fitting = traits.fitting or Fitting()
    left_out = fitting.labels | traits.ignores
    out = {
        fitting.renames.get(field, field): value
        for field, value in body.items()
        if value is not None and field not in left_out
    }
    if not fitting.json_schema:
        _refuse_schema(out.get("response_format"), provider)
    if fitting.switches_thinking and out.get("reasoning_effort") == "none":
        del out["reasoning_effort"]
        out["thinking"] = {"type": "disabled"}
    messages = out.get("messages")
    if isinstance(messages, list):
        out["messages"] = [_message(message, fitting) for message in messages]
    return out


def _refuse_schema(form: object, provider: str) -> None:
    if isinstance(form, dict) and form.get("type") == "json_schema":
        raise UnsupportedField(
            f"{provider} knows no json_schema: use json_object and describe the object in a"
            " message, or ask another model.",
            param="response_format.type",
        )


def _message(message: Any, fitting: Fitting) -> Any:
    if not isinstance(message, dict):
        return message
    role = message.get("role")
    if role == "assistant":
        message = _assistant(message, fitting)
    elif role == "developer" and not fitting.takes_developer:
        message = {**message, "role": "system"}
    elif role == "tool" and fitting.short_call_ids:
        message = {**message, "tool_call_id": short_call_id(message.get("tool_call_id"))}
    if "name" in message and not fitting.takes_names:
        message = _nameless(message)
    if fitting.document_urls and isinstance(message.get("content"), list):
        message = {**message, "content": [_with_address(part) for part in message["content"]]}
    return message


def _nameless(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message without its name; who of several users speaks is said in words."""
    rest = {field: value for field, value in message.items() if field != "name"}
    if message.get("role") != "user" or not message["name"]:
        return rest
    line, content = f"Message from {message['name']}:", message.get("content")
    if isinstance(content, list):
        return {**rest, "content": [{"type": "text", "text": line}, *content]}
    return {**rest, "content": f"{line}\n{content}"}


def _assistant(message: Mapping[str, Any], fitting: Fitting) -> dict[str, Any]:
    kept = {
        field: value
        for field, value in message.items()
        if field == "content" or (value is not None and field not in fitting.echoes)
    }
    if "refusal" in fitting.echoes and message.get("refusal") and not kept.get("content"):
        kept["content"] = message["refusal"]
    field = fitting.thinking_field
    if field is not None and "reasoning_content" in kept:
        kept[field] = kept.pop("reasoning_content")
    calls = kept.get("tool_calls")
    if isinstance(calls, list):
        kept["tool_calls"] = [_call(call, fitting) for call in calls]
        if fitting.wants_thinking:
            kept.setdefault("reasoning_content", kept.get("reasoning", ""))
    return kept


def _call(call: Any, fitting: Fitting) -> Any:
    if not isinstance(call, dict):
        return call
    if "extra_content" in fitting.echoes and "extra_content" in call:
        call = {field: value for field, value in call.items() if field != "extra_content"}
    return {**call, "id": short_call_id(call.get("id"))} if fitting.short_call_ids else call


def short_call_id(identity: object) -> object:
    """Return an id of nine letters and digits, always the same one for the same id."""
    if not isinstance(identity, str) or (
        len(identity) == _SHORT and identity.isascii() and identity.isalnum()
    ):
        return identity
    digest = sha256(identity.encode(errors="replace")).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:_SHORT])


def _with_address(part: Any) -> Any:
    """Return a file as a part of type `document_url`."""
    file = part.get("file") if isinstance(part, dict) and part.get("type") == "file" else None
    if not isinstance(file, dict) or "file_data" not in file:
        return part
    name = {"document_name": file["filename"]} if file.get("filename") else {}
    return {"type": "document_url", "document_url": file["file_data"], **name}
