"""Reads the refusals of OpenAI-compatible servers, whatever their bodies look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from laird.domain.errors import UpstreamError
from laird.wire.faults import Fault, plain, retry_after_s, upstream_error
from laird.wire.openai import load_object, read_fault

_WRONG_KEY = re.compile(r"(incorrect|invalid) api key", re.IGNORECASE)
_FLEX_IS_FULL = 498
"""Groq's status for a service tier that has no room now."""


def read_refusal(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    provider: str,
    secret: str | None,
) -> UpstreamError:
    """Return what an answer other than 200 means, naming provider, status, cause and cure."""
    wait = retry_after_s(headers)
    try:
        value: dict[str, Any] | None = load_object(body)
    except ValueError:
        value = None
    if value is None:
        text = _text(headers, body)
        fault = Fault(status=status, message=plain(text, secret), retry_after_s=wait)
    else:
        error = _error_of(value)
        fault = read_fault(error, status=status, retry_after_s=wait, secret=secret)
        fault = _meant(fault, error)
    return upstream_error(provider, fault)


def _meant(fault: Fault, error: object) -> Fault:
    """Return the fault as it is meant, where status and code of a provider say something else."""
    if fault.status == 400 and _WRONG_KEY.search(fault.message):
        # xAI's way of refusing a credential.
        return msgspec.structs.replace(fault, code="invalid_api_key")
    if fault.status == _FLEX_IS_FULL:
        return msgspec.structs.replace(fault, status=429)
    metadata = error.get("metadata") if isinstance(error, Mapping) else None
    if fault.status == 403 and isinstance(metadata, Mapping) and "reasons" in metadata:
        # OpenRouter's moderation: the credential is good, the request is not.
        return msgspec.structs.replace(fault, status=400, code="content_filter")
    return fault


def _error_of(value: dict[str, Any]) -> object:
    """Return the part of a body that tells the error.

    `{"error": {...}}` is OpenAI's, vLLM's and llama.cpp's, `{"error": "text"}` LM Studio's,
    `{"message": ...}` LightLLM's and older vLLM's, `{"detail": ...}` that of FastAPI servers.
    """
    if error := value.get("error"):
        return _with_cause(error) if isinstance(error, Mapping) else error
    message = value.get("message")
    details = message.get("detail") if isinstance(message, Mapping) else message
    for listed in (value.get("detail"), details):
        if isinstance(listed, list):
            return _listed(listed)
    return value


def _listed(items: list[Any]) -> dict[str, Any]:
    """Return what a list of pydantic's complaints says: of FastAPI servers and of Mistral."""
    complaints = [item for item in items if isinstance(item, dict)]
    texts = [
        f"{place}: {text}" if (place := _place(item)) else text
        for item in complaints
        if isinstance(text := item.get("msg"), str)
    ]
    return {"message": "; ".join(texts), "param": _place(complaints[0]) if complaints else None}


def _place(complaint: Mapping[str, Any]) -> str:
    """Return the field that a complaint is about, as in `messages[1].name`."""
    location = complaint.get("loc")
    steps = location if isinstance(location, list) else []
    place = ""
    for step in steps[1:] if steps[:1] == ["body"] else steps:
        place += f"[{step}]" if isinstance(step, int) else f".{step}"
    return place.removeprefix(".")


def _with_cause(error: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an error with the words of who stands behind the provider, as OpenRouter has them."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    if not isinstance(raw, str) or not raw:
        return error
    return {**error, "message": f"{error.get('message') or 'Provider returned error'}: {raw}"}


def _text(headers: Mapping[str, str], body: bytes) -> str:
    """Return a short text of a body that is not JSON."""
    start = body[:2000].lstrip().lower()
    if "html" in headers.get("content-type", "") or start.startswith((b"<!doctype", b"<html")):
        return "a web page instead of an answer, so most likely from a proxy in between"
    return body[:2000].decode(errors="replace")
