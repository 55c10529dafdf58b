"""Writes errors of ours as the Responses format has them, in a body and in a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from laird.dialects.openai_errors import error_object
from laird.domain.errors import LairdError

_OWN_WORDS: Mapping[str, str] = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
    "logprobs": "top_logprobs",
}
"""What this format calls the fields that adapters know by their names in OpenAI's chat format."""


def told(error: LairdError) -> dict[str, str | None]:
    """Return the object that tells an error, with its field in this format's words."""
    found = error_object(error, messages="input")
    param = found["param"]
    if param is not None:
        found["param"] = "input" if param.startswith("messages[") else _OWN_WORDS.get(param, param)
    return found


def write_error(error: LairdError) -> bytes:
    """Write `{"error": {message, type, param, code}}`."""
    return orjson.dumps({"error": told(error)})


def write_failure(
    error: LairdError, number: int = 0, response: Mapping[str, Any] | None = None
) -> bytes:
    """Return the events that end a stream which failed; `number` is the next sequence number.

    `error` says it both ways that clients look for: flat, as OpenAI documents it, and as an
    object. `response.failed` follows where there is a `response` object to show.
    """
    cause = told(error)
    flat = {"code": cause["code"], "message": cause["message"], "param": cause["param"]}
    event: dict[str, Any] = {"type": "error", "sequence_number": number, **flat, "error": cause}
    out = b"event: error\ndata: %b\n\n" % orjson.dumps(event)
    if response is None:
        return out
    code = "rate_limit_exceeded" if cause["code"] == "rate_limit_exceeded" else "server_error"
    failed = {
        **response,
        "status": "failed",
        "error": {"code": code, "message": cause["message"]},
    }
    event = {"type": "response.failed", "sequence_number": number + 1, "response": failed}
    return out + b"event: response.failed\ndata: %b\n\n" % orjson.dumps(event)
