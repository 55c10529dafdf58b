"""A streamed answer, as a program reads it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import orjson

from laird.dialects.openai_chat import OpenAIChat
from laird.domain.chat import (
    ChatAnswer,
    Finished,
    FinishReason,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    UsageSeen,
)
from laird.domain.errors import LairdError
from laird.domain.tokens import TokenUsage
from laird.embed.listening import Pieces
from laird.embed.results import Answer, Delta, tool_call
from laird.gateway.call import Trace
from laird.providers.openai_events import OpenAIEvents

Start = Callable[[Pieces], Coroutine[Any, Any, None]]
"""Has the request answered through these pieces."""


class ChatStream:
    """A streamed answer: iterate over its deltas, then read `answer`.

    The request is sent when the first delta is asked for. Leaving the loop, or the block of `async
    with`, cancels what is left of it at the provider.
    """

    def __init__(
        self, start: Start, trace: Trace, failure: Callable[[], LairdError | None]
    ) -> None:
        self._start = start
        self._trace = trace
        self._failure = failure
        self._pieces = Pieces()
        self._task: asyncio.Task[None] | None = None
        self._collected = _Collected()
        self._answer: Answer | None = None

    @property
    def answer(self) -> Answer:
        """The whole answer, once the stream has ended well. Raises `RuntimeError` before."""
        if self._answer is None:
            raise RuntimeError("The stream has not ended: read its deltas first.")
        return self._answer

    async def __aiter__(self) -> AsyncIterator[Delta]:
        """Yield the deltas.

        Raises a `LairdError` when the request fails, also in the midst of the answer.
        """
        if self._task is not None:
            raise RuntimeError("A stream can be read once.")
        self._task = asyncio.create_task(self._run())
        events = OpenAIEvents(self._trace.provider)
        try:
            while (data := await self._pieces.take()) is not None:
                for event in events.feed(data):
                    delta = self._collected.add(event)
                    if delta is not None:
                        yield delta
            await self._task
            failure = self._failure()
            if failure is not None:
                raise failure
            events.end()
            self._answer = self._collected.answer(self._trace)
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Cancel what is left of the request, and wait until that is done."""
        task = self._task
        if task is None or task.done():
            return
        task.cancel()
        with suppress(asyncio.CancelledError, LairdError):
            await task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _run(self) -> None:
        try:
            await self._start(self._pieces)
        finally:
            self._pieces.finish()


class _Collected:
    """The deltas of an answer, put together."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, ToolCallStart] = {}
        self._arguments: dict[int, list[str]] = {}
        self._finish = FinishReason.STOP
        self._usage: TokenUsage | None = None

    def add(self, event: StreamEvent) -> Delta | None:
        """Take an event and return what a reader sees of it."""
        if isinstance(event, TextDelta):
            self._text.append(event.text)
            return Delta(text=event.text)
        if isinstance(event, ReasoningDelta):
            self._reasoning.append(event.text)
            return Delta(reasoning=event.text) if event.text else None
        if isinstance(event, RefusalDelta):
            self._refusal.append(event.text)
            return Delta(refusal=event.text)
        if isinstance(event, ToolCallStart):
            self._calls[event.index] = event
            self._arguments[event.index] = []
            return Delta(tool_call=event)
        if isinstance(event, ToolCallDelta):
            self._arguments[event.index].append(event.arguments)
            return Delta(tool_call=event)
        if isinstance(event, UsageSeen):
            self._usage = event.usage
        elif isinstance(event, Finished):
            self._finish = event.reason
        return None

    def answer(self, trace: Trace) -> Answer:
        """Return the whole answer."""
        text, reasoning = "".join(self._text), "".join(self._reasoning)
        calls = [
            ToolCall(id=call.id, name=call.name, arguments="".join(self._arguments[index]))
            for index, call in sorted(self._calls.items())
        ]
        parts: list[Text | ToolCall | Reasoning] = [Reasoning(text=reasoning)] if reasoning else []
        parts += [Text(text)] if text else []
        whole = ChatAnswer(
            id=trace.request_id,
            model=trace.model,
            parts=(*parts, *calls),
            finish=self._finish,
            usage=self._usage,
            refusal="".join(self._refusal) or None,
        )
        raw = OpenAIChat().answer(whole, provider=trace.provider, created=int(time.time()))
        return answer_of(whole, trace, orjson.loads(raw))


def answer_of(whole: ChatAnswer, trace: Trace, raw: dict[str, Any]) -> Answer:
    """Return an answer as programs see it."""
    return Answer(
        **served(trace),
        usage=whole.usage,
        text="".join(part.text for part in whole.parts if isinstance(part, Text)),
        reasoning="".join(part.text for part in whole.parts if isinstance(part, Reasoning)),
        tool_calls=tuple(tool_call(part) for part in whole.parts if isinstance(part, ToolCall)),
        refusal=whole.refusal,
        finish_reason=whole.finish,
        raw=raw,
    )


def served(trace: Trace) -> dict[str, Any]:
    """Return what is the same of all answers, but for the tokens."""
    return {
        "request_id": trace.request_id,
        "provider": trace.provider,
        "model": trace.model,
        "attempts": trace.attempts,
        "failover_from": trace.failover_from,
        "cache": trace.cache.value,
        "cost_nano": trace.cost_nano,
    }
