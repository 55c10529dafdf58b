"""Reads the refusals of OpenAI-compatible servers, whatever their bodies look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laird.domain.errors import UpstreamError
from laird.wire.faults import Fault, plain, retry_after_s, upstream_error
from laird.wire.openai import load_object, read_fault


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
    return upstream_error(provider, fault)


def _error_of(value: dict[str, Any]) -> object:
    """Return the part of a body that tells the error.

    `{"error": {...}}` is OpenAI's, vLLM's and llama.cpp's, `{"error": "text"}` LM Studio's,
    `{"message": ...}` LightLLM's and older vLLM's, `{"detail": ...}` that of FastAPI servers.
    """
    if value.get("error"):
        return value["error"]
    detail = value.get("detail")
    if isinstance(detail, list):
        texts = [item.get("msg") for item in detail if isinstance(item, dict)]
        return "; ".join(text for text in texts if isinstance(text, str))
    return value


def _text(headers: Mapping[str, str], body: bytes) -> str:
    """Return a short text of a body that is not JSON."""
    start = body[:2000].lstrip().lower()
    if "html" in headers.get("content-type", "") or start.startswith((b"<!doctype", b"<html")):
        return "a web page instead of an answer, so most likely from a proxy in between"
    return body[:2000].decode(errors="replace")
