"""Reads a legacy completion's body, checked by `completion_facts`, as a chat of one message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laird.domain.chat import ChatRequest, Message, Role, Sampling, Text
from laird.domain.errors import UnsupportedField

_KNOWN = frozenset(
    {
        "model", "prompt", "stream", "stream_options", "max_tokens", "temperature", "top_p",
        "top_k", "n", "best_of", "presence_penalty", "frequency_penalty", "seed", "logprobs",
        "logit_bias", "echo", "suffix", "stop", "user", "reasoning_effort",
    }
)  # fmt: skip

_FOREIGN = ("messages", "tools", "tool_choice", "functions", "function_call")
"""Fields of chat, which would be more than passed on if they came along."""


def read_completion_request(body: Mapping[str, Any]) -> ChatRequest:
    """Return the canonical form. Raises `UnsupportedField` for what a chat has no place for."""
    _refuse(body)
    get = body.get
    stop = get("stop")
    return ChatRequest(
        messages=(Message(role=Role.USER, parts=(Text(_text(body["prompt"])),)),),
        max_tokens=get("max_tokens"),
        sampling=Sampling(
            temperature=get("temperature"),
            top_p=get("top_p"),
            top_k=get("top_k"),
            stop=() if stop is None else (stop,) if isinstance(stop, str) else tuple(stop),
            seed=get("seed"),
            presence_penalty=get("presence_penalty"),
            frequency_penalty=get("frequency_penalty"),
            logit_bias=get("logit_bias"),
        ),
        reasoning_effort=get("reasoning_effort"),
        user=get("user"),
        stream=get("stream") is True,
        extra={k: v for k, v in body.items() if k not in _KNOWN and v is not None},
    )


def _text(prompt: object) -> str:
    """Return the one text of a prompt."""
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, str):
        if prompt:
            return prompt
        raise _unsupported("prompt", "an answer to an empty prompt", "send a text")
    if isinstance(prompt, list) and all(isinstance(item, str) for item in prompt):
        raise _unsupported("prompt", "several prompts at once", "send them one by one")
    raise _unsupported("prompt", "tokens" if prompt is not None else "no prompt", "send a text")


def _refuse(body: Mapping[str, Any]) -> None:
    """Refuse what a chat can't do."""
    if body.get("suffix"):
        raise _unsupported("suffix", "a text that follows the completion")
    if body.get("echo"):
        raise _unsupported("echo", "repeating the prompt")
    if body.get("logprobs") is not None:
        raise _unsupported("logprobs", "log probabilities")
    for field in ("best_of", "n"):
        if (body.get(field) or 1) > 1:
            raise _unsupported(field, "several completions")
    if body.get("max_tokens") == 0:
        raise _unsupported("max_tokens", "an answer of no tokens")
    for field in _FOREIGN:
        if body.get(field) is not None:
            raise _unsupported(field, f"'{field}'", "use /v1/chat/completions")


def _unsupported(field: str, what: str, cure: str = "leave it out") -> UnsupportedField:
    return UnsupportedField(
        f"This provider has no completions of the old kind, and as a chat {what} can't be had:"
        f" {cure}, or ask a model whose provider has /v1/completions.",
        param=field,
    )
