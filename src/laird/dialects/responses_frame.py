"""The `response` object around the output: what was asked, said back, and the counts.

Shapes are those of `openai.types.responses.Response` in OpenAI's Python SDK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from laird.domain.chat import FinishReason
from laird.domain.tokens import TokenUsage

_PLAIN_TEXT = {"type": "text"}
_INCOMPLETE = {
    FinishReason.LENGTH: "max_output_tokens",
    FinishReason.CONTENT_FILTER: "content_filter",
}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says that its answer repeats, or takes its form from."""

    response_id: str
    said: Mapping[str, Any]
    """Fields of the answer that repeat the request's."""
    summary: bool = False
    """Thinking is shown as a summary, and not as the text that it is."""

    @property
    def serial(self) -> str:
        """What the ids of the output's items have in common."""
        return self.response_id.removeprefix("resp_")


def asked_by(body: Mapping[str, Any], response_id: str) -> Asked:
    """Return what an answer repeats of a checked body."""
    get = body.get
    reasoning = get("reasoning") or {}
    text = get("text") or {}
    summary = reasoning.get("summary") or reasoning.get("generate_summary")
    said = {
        "background": False,
        "instructions": get("instructions"),
        "max_output_tokens": get("max_output_tokens"),
        "max_tool_calls": get("max_tool_calls"),
        "metadata": get("metadata") or {},
        "parallel_tool_calls": get("parallel_tool_calls") is not False,
        "previous_response_id": get("previous_response_id"),
        "prompt_cache_key": get("prompt_cache_key"),
        "reasoning": {"effort": reasoning.get("effort"), "summary": summary},
        "safety_identifier": get("safety_identifier"),
        "service_tier": get("service_tier"),
        "store": get("store") is True,
        "temperature": get("temperature"),
        "text": {**text, "format": text.get("format") or _PLAIN_TEXT},
        "tool_choice": get("tool_choice") or "auto",
        "tools": get("tools") or [],
        "top_logprobs": get("top_logprobs") or 0,
        "top_p": get("top_p"),
        "truncation": get("truncation") or "disabled",
        "user": get("user"),
    }
    return Asked(response_id=response_id, said=said, summary=summary is not None)


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers, and when: what all of one answer's events have in common."""

    asked: Asked
    model: str
    provider: str
    created: int
    """Unix seconds."""

    def response(
        self,
        status: str,
        *,
        output: Sequence[Mapping[str, Any]] = (),
        usage: TokenUsage | None = None,
        reason: str | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the object in a state; `reason` is why it is incomplete."""
        return {
            "id": self.asked.response_id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "error": error,
            "incomplete_details": {"reason": reason} if reason else None,
            "model": self.model,
            "output": list(output),
            **self.asked.said,
            "usage": None if usage is None else wire_usage(usage),
            "provider": self.provider,
        }


def status_of(finish: FinishReason) -> tuple[str, str | None]:
    """Return a finished answer's status and, where it is incomplete, the reason."""
    reason = _INCOMPLETE.get(finish)
    return ("completed", None) if reason is None else ("incomplete", reason)


def wire_usage(usage: TokenUsage) -> dict[str, Any]:
    """Return the `usage` object for our counts."""
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }
