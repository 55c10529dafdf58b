"""A client that wants one tool call at a time gets one, though its provider can't be told so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from tests.providers.contract import ANSWERS, PLAIN_USAGE, as_events
from tests.providers.profiles import Profile
from tests.providers.test_contract import PROFILES
from tests.support.documents import document, provider
from tests.support.laird import running_laird
from tests.support.upstream import ScriptedUpstream, json_answer, sse_answer

ANSWER = ANSWERS["text_and_tools"]
BOTH = ["get_weather", "get_time"]
TOOLS: list[Any] = [{"type": "function", "function": {"name": name}} for name in BOTH]


def profile_of(name: str) -> Profile:
    return next(one for one in PROFILES if one.name == name)


@pytest.mark.parametrize("kind", ["cohere", "deepseek"])
@pytest.mark.parametrize(("wish", "shown"), [(False, BOTH[:1]), (True, BOTH)])
async def test_only_the_first_call_is_passed_on(
    tmp_path: Path, kind: str, wish: bool, shown: list[str]
) -> None:
    profile = profile_of(kind)
    streamed = profile.stream(as_events(ANSWER), PLAIN_USAGE)
    async with ScriptedUpstream() as upstream:
        upstream.on("/v1/models", json_answer({"models": []}))
        house = document(provider("p", upstream.url, kind=kind, models="[upstream-model]"))
        async with (
            running_laird(tmp_path, house) as laird,
            AsyncOpenAI(base_url=f"{laird.url}/v1", api_key=laird.key, max_retries=0) as client,
        ):
            upstream.script(json_answer(json.loads(profile.answer(ANSWER))), sse_answer(streamed))
            asked: Any = {
                "model": "p",
                "messages": [{"role": "user", "content": "Weather and time?"}],
                "tools": TOOLS,
                "parallel_tool_calls": wish,
            }
            whole = (await client.chat.completions.create(**asked)).choices[0]
            calls: list[Any] = list(whole.message.tool_calls or ())
            assert [call.function.name for call in calls] == shown
            assert (whole.message.content, whole.finish_reason) == ("I look.", "tool_calls")
            names: list[str] = []
            arguments, finish = "", None
            async for chunk in await client.chat.completions.create(**asked, stream=True):
                for choice in chunk.choices:
                    finish = choice.finish_reason or finish
                    for call in choice.delta.tool_calls or ():
                        assert call.function is not None
                        names += [call.function.name] if call.function.name else []
                        if call.index == 0:
                            arguments += call.function.arguments or ""
            assert (names, finish) == (shown, "tool_calls")
            assert json.loads(arguments) == json.loads(calls[0].function.arguments)
