"""What clients ask and what they must read in the end, whichever provider answers: one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.providers.contract import (
    ANSWERS,
    HARD_TEXT,
    REQUESTS,
    USAGE,
    WEATHER,
    answered,
    asking,
    calling,
    said,
    told,
)
from tests.providers.profiles import Profile

from laird.domain.chat import (
    ChatAnswer,
    ChatRequest,
    FinishReason,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from laird.domain.tokens import TokenUsage


@dataclass(frozen=True)
class Scenario:
    """A question in nobody's words, and the answer that the upstream gives."""

    request: ChatRequest
    answer: ChatAnswer
    lacking: str = ""
    """The name in `Lacks.requests` under which a profile says that it can't be asked this."""
    answer_name: str = ""
    """The name in `Lacks.answers` under which it says that it never answers so."""


def _scenario(request: str, answer: str) -> Scenario:
    return Scenario(REQUESTS[request], ANSWERS[answer], request, answer)


ROUND_TRIP = ChatRequest(
    messages=(
        said(Role.SYSTEM, "Use the tools."),
        said(Role.USER, "Weather in Oslo?"),
        said(
            Role.ASSISTANT, ToolCall(id="call_1", name="get_weather", arguments='{"city":"Oslo"}')
        ),
        said(Role.TOOL, ToolResult(call_id="call_1", parts=(Text("Snow \N{SNOWMAN}, -3 °C"),))),
    ),
    tools=(WEATHER,),
    max_tokens=500,
)

SCENARIOS: Mapping[str, Scenario] = {
    "text": Scenario(REQUESTS["text"], answered(Text(HARD_TEXT), usage=USAGE)),
    "conversation": _scenario("conversation", "text"),
    "sampling": _scenario("sampling", "text"),
    "tool": _scenario("tools", "tool"),
    "parallel_tools": _scenario("tools", "text_and_tools"),
    "tool_required": _scenario("tool_required", "tool"),
    "tool_named": _scenario("tool_named", "tool"),
    "tool_result": Scenario(ROUND_TRIP, ANSWERS["text"], "tool_turns"),
    "tool_results": _scenario("tool_turns", "text"),
    "vision": _scenario("vision", "text"),
    "vision_url": _scenario("vision_url", "text"),
    "json_schema": Scenario(
        REQUESTS["json_schema"], answered(Text('{"city": "Oslo"}')), "json_schema"
    ),
    "reasoning": Scenario(
        asking("Think.", reasoning_effort="medium", max_tokens=4000),
        ANSWERS["reasoning"],
        "reasoning",
    ),
    "reasoning_and_tool": Scenario(
        REQUESTS["tools"],
        answered(Reasoning(text="Hm."), calling("call_1", "Oslo"), finish=FinishReason.TOOL_CALLS),
        "tools",
    ),
    "length": _scenario("text", "length"),
    "filtered": _scenario("text", "filtered"),
}


@dataclass(frozen=True)
class Counts:
    """Tokens as a client reads them; None where its format has no place for them."""

    prompt: int
    completion: int
    cached: int | None = 0
    cache_write: int | None = 0
    reasoning: int | None = 0


@dataclass
class Got:
    """What a client read in all, in nobody's words."""

    text: str = ""
    thinking: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    """Names and parsed arguments, in order."""
    finish: FinishReason | None = None
    usage: Counts | None = None


def expected(profile: Profile, scenario: Scenario) -> Got:
    """Return what every client must read when the profile's upstream answers so."""
    got = Got(finish=scenario.answer.finish)
    for part in scenario.answer.parts:
        match part:
            case Text(text):
                got.text += text
            case Reasoning(text=text):
                got.thinking += text
            case ToolCall(name=name, arguments=arguments):
                got.calls.append((name, json.loads(arguments)))
    usage = told(profile, scenario.answer.usage)
    got.usage = counts(usage) if usage is not None else None
    return got


def counts(usage: TokenUsage) -> Counts:
    """Return all counts of ours."""
    return Counts(
        prompt=usage.prompt,
        completion=usage.completion,
        cached=usage.cached,
        cache_write=usage.cache_write,
        reasoning=usage.reasoning,
    )


def as_readable(wanted: Counts | None, got: Counts | None) -> Counts | None:
    """Return what is expected of a client whose format has no place for some of the counts."""
    if wanted is None or got is None:
        return wanted
    blind = {
        name: None for name in ("cached", "cache_write", "reasoning") if getattr(got, name) is None
    }
    return Counts(**{**vars(wanted), **blind})
