"""Checks the shape of a legacy completion's body, and says how long its prompts are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laird.dialects.fields import (
    Check,
    between,
    check_body,
    positive,
    required_text,
    stop,
    stream_options,
    typed,
    wrong_type,
)
from laird.domain.errors import InvalidRequest
from laird.domain.plan import RequestFacts


def completion_facts(body: Mapping[str, Any]) -> RequestFacts:
    """Check a body and return its facts. See `Dialect.facts`."""
    check_body(body, _CHECKS, _REQUIRED)
    total, longest, prompts = _measure(body["prompt"])
    each = max(body.get("n") or 1, body.get("best_of") or 1)
    return RequestFacts(
        model=body["model"],
        stream=body.get("stream") is True,
        prompt_tokens=total,
        longest_input=longest if longest != total else None,
        max_tokens=body.get("max_tokens"),
        answers=each * prompts,
    )


def _measure(prompt: Any) -> tuple[int, int, int]:
    """Return the estimated tokens of a checked prompt, in all and of its longest part.

    The third number says how many prompts there are.
    """
    if prompt is None:
        return 0, 0, 1
    if isinstance(prompt, str):
        tokens = (len(prompt) + 3) // 4
        return tokens, tokens, 1
    # Tokens side by side are one prompt, texts and arrays of tokens one each.
    loose = sum(1 for item in prompt if isinstance(item, int))
    counts = [
        (len(item) + 3) // 4 if isinstance(item, str) else len(item)
        for item in prompt
        if not isinstance(item, int)
    ]
    if loose:
        counts.append(loose)
    return sum(counts), max(counts), len(counts)


def _prompt(field: str, value: object) -> None:
    if value is None or type(value) is str:
        return
    if type(value) is not list:
        raise wrong_type(field, "a string or an array", value)
    if not value:
        raise InvalidRequest(
            f"Invalid '{field}': empty array. Expected at least one prompt.", param=field
        )
    for index, item in enumerate(value):
        if type(item) is list:
            if not all(type(token) is int for token in item):
                raise wrong_type(f"{field}[{index}]", "an array of integers", item)
        elif type(item) is not str and type(item) is not int:
            raise wrong_type(
                f"{field}[{index}]", "a string, an integer or an array of integers", item
            )


def _max_tokens(field: str, value: object) -> None:
    # 0 makes sense together with echo: only the prompt is looked at.
    if value != 0 or type(value) is not int:
        positive(field, value)


_REQUIRED = dict.fromkeys(("model", "prompt")).keys()
_CHECKS: Mapping[str, Check] = {
    "model": required_text,
    "prompt": _prompt,
    "stream": typed("a boolean", bool),
    "stream_options": stream_options,
    "max_tokens": _max_tokens,
    "temperature": between(0, 2),
    "top_p": between(0, 1),
    "n": between(1, 128, whole=True),
    "best_of": between(1, 128, whole=True),
    "presence_penalty": between(-2, 2),
    "frequency_penalty": between(-2, 2),
    "seed": typed("an integer", int),
    "logprobs": typed("an integer", int),
    "logit_bias": typed("an object", dict),
    "echo": typed("a boolean", bool),
    "suffix": typed("a string", str),
    "stop": stop,
    "user": typed("a string", str),
}
