"""What the contract suite says to every adapter, and what it expects back. No wire format here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from tests.providers.profiles import MODEL_NAME, Fault, Profile, model_of
from tests.support.upstream import Answer, ScriptedUpstream

from laird.domain import errors
from laird.domain.catalog import Model, Timeouts
from laird.domain.chat import (
    ChatAnswer,
    ChatRequest,
    Document,
    Finished,
    FinishReason,
    Image,
    Logprobs,
    Message,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    ResponseFormat,
    Role,
    Sampling,
    StreamEvent,
    Text,
    TextDelta,
    TokenLogprob,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolChoice,
    ToolResult,
    UsageSeen,
)
from laird.domain.tokens import TokenUsage
from laird.providers.base import Adapter
from laird.transport.base import UpstreamRequest, UpstreamResponse
from laird.transport.client import HttpTransport
from laird.transport.proxies import Proxies

TIMEOUTS = Timeouts(connect=5.0, first_byte=5.0, idle=5.0, total=20.0)

# What is asked.

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = Tool(name="get_weather", description="Weather of a city", parameters=SCHEMA)
CLOCK = Tool(name="get_time", description="Local time of a city", parameters=SCHEMA)
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
PDF = "JVBERi0xLjQKJSVFT0YK"


def said(role: Role, *parts: Any) -> Message:
    return Message(role=role, parts=tuple(Text(p) if isinstance(p, str) else p for p in parts))


def asking(*parts: Any, **fields: Any) -> ChatRequest:
    settings = {"max_tokens": 500, **fields}
    return ChatRequest(messages=(said(Role.USER, *parts),), **settings)


def calling(identity: str, city: str, name: str = "get_weather") -> ToolCall:
    return ToolCall(id=identity, name=name, arguments=f'{{"city": "{city}"}}')


REQUESTS: Mapping[str, ChatRequest] = {
    "text": asking("Hello"),
    "stream": asking("Hello", stream=True),
    "conversation": ChatRequest(
        messages=(
            said(Role.SYSTEM, "Be brief. Ünïcode is \N{SNOWMAN}."),
            said(Role.USER, "Hello"),
            said(Role.ASSISTANT, "Hi."),
            said(Role.USER, "And now?"),
        ),
        max_tokens=500,
    ),
    "sampling": asking("Hello", sampling=Sampling(temperature=0.5, stop=("END", "STOP"))),
    "tools": asking("Weather?", tools=(WEATHER, CLOCK), tool_choice=ToolChoice(mode="auto")),
    "tool_required": asking("Weather?", tools=(WEATHER,), tool_choice=ToolChoice(mode="required")),
    "tool_named": asking(
        "Weather?", tools=(WEATHER,), tool_choice=ToolChoice(mode="tool", name="get_weather")
    ),
    "tool_turns": ChatRequest(
        messages=(
            said(Role.USER, "Weather and time in Oslo?"),
            said(
                Role.ASSISTANT,
                "I look.",
                ToolCall(id="call_1", name="get_weather", arguments='{"city":"Oslo"}'),
                ToolCall(id="call_2", name="get_time", arguments='{"city":"Oslo"}'),
            ),
            said(Role.TOOL, ToolResult(call_id="call_1", parts=(Text("-3 °C"),))),
            said(Role.TOOL, ToolResult(call_id="call_2", parts=(Text("12:00"),))),
        ),
        tools=(WEATHER, CLOCK),
        max_tokens=500,
    ),
    "vision": asking("What is it?", Image(media_type="image/png", data=PIXEL)),
    "vision_url": asking("What is it?", Image(url="https://example.com/cat.png")),
    "json_schema": asking(
        "Which city?",
        response_format=ResponseFormat(kind="json_schema", name="city", schema=SCHEMA, strict=True),
    ),
    "document": asking(
        "Read it.", Document(media_type="application/pdf", data=PDF, name="plan.pdf")
    ),
    "document_url": asking("Read it.", Document(url="https://example.com/plan.pdf")),
    "logprobs": asking("Hello", sampling=Sampling(logprobs=True, top_logprobs=2)),
    "tool_images": ChatRequest(
        messages=(
            said(Role.USER, "What do they look like?"),
            said(Role.ASSISTANT, calling("call_1", "Oslo"), calling("call_2", "Rome")),
            said(
                Role.TOOL,
                ToolResult(
                    call_id="call_1",
                    parts=(Text("Oslo:"), Image(media_type="image/png", data=PIXEL)),
                ),
            ),
            said(Role.TOOL, ToolResult(call_id="call_2", parts=(Text("No picture."),))),
            said(Role.USER, "And now?"),
        ),
        tools=(WEATHER,),
        max_tokens=500,
    ),
    "signed": ChatRequest(
        messages=(
            said(Role.USER, "Weather?"),
            said(
                Role.ASSISTANT,
                Reasoning(text="Hm.", signature="c2ln"),
                Reasoning(text="Well.", signature="gemini:Z2Vt"),
                ToolCall(
                    id="call_1",
                    name="get_weather",
                    arguments='{"city":"Oslo"}',
                    signature="gemini:Y2FsbA==",
                ),
            ),
            said(Role.TOOL, ToolResult(call_id="call_1", parts=(Text("-3 °C"),))),
        ),
        tools=(WEATHER,),
        max_tokens=500,
    ),
}
"""Requests by name, as profiles list those that their upstream can't honour."""

# What is answered.

USAGE = TokenUsage(prompt=1200, completion=340, cached=800, cache_write=100, reasoning=140)
PLAIN_USAGE = TokenUsage(prompt=9, completion=3)
HARD_TEXT = 'Grüße \N{SNOWMAN} \N{GRINNING FACE} "quoted" \\ back\n\nnew\ttab </end> \x7f\u2028'


def answered(*parts: Any, finish: FinishReason = FinishReason.STOP, **more: Any) -> ChatAnswer:
    settings = {"usage": PLAIN_USAGE, **more}
    return ChatAnswer(id="answer-1", model=MODEL_NAME, parts=parts, finish=finish, **settings)


ANSWERS: Mapping[str, ChatAnswer] = {
    "text": answered(Text("Hello there.")),
    "hard_text": answered(Text(HARD_TEXT)),
    "empty": answered(),
    "length": answered(Text("Hel"), finish=FinishReason.LENGTH),
    "filtered": answered(Text("Hel"), finish=FinishReason.CONTENT_FILTER),
    "reasoning": answered(Reasoning(text="Hm, well."), Text("Yes."), usage=USAGE),
    "tool": answered(calling("call_1", "Oslo"), finish=FinishReason.TOOL_CALLS),
    "text_and_tools": answered(
        Text("I look."),
        calling("call_1", 'Ål "\N{SNOWMAN}"'.replace('"', '\\"')),
        calling("call_2", "Rome", "get_time"),
        finish=FinishReason.TOOL_CALLS,
    ),
    "logprobs": answered(
        Text("Hello"),
        logprobs=(
            TokenLogprob(token="Hel", logprob=-0.5, top=(("Hel", -0.5), ("He", -1.25))),
            TokenLogprob(token="lo", logprob=-0.25),
        ),
    ),
    "signed": answered(Reasoning(text="Hm, well.", signature="c2ln"), Text("Yes.")),
    "hidden": answered(Reasoning(redacted="aGlk"), Text("Yes.")),
    "signed_call": answered(
        ToolCall(
            id="call_1", name="get_time", arguments='{"city": "Oslo"}', signature="gemini:Z2Vt"
        ),
        finish=FinishReason.TOOL_CALLS,
    ),
    "stopped": answered(Text("Hello"), stop_sequence="END"),
}


def pieces(text: str, size: int = 3) -> Iterable[str]:
    return (text[i : i + size] for i in range(0, len(text), size))


def as_events(answer: ChatAnswer) -> list[StreamEvent]:
    """Return a stream that says the same as a whole answer, in small pieces."""
    events: list[StreamEvent] = []
    calls = 0
    for part in answer.parts:
        match part:
            case Text(text):
                events += map(TextDelta, pieces(text))
            case Reasoning(text=text, signature=signature, redacted=redacted):
                events += (ReasoningDelta(text=piece) for piece in pieces(text))
                if signature is not None or redacted is not None:
                    events.append(ReasoningDelta(signature=signature, redacted=redacted))
            case ToolCall(id=identity, name=name, arguments=arguments, signature=signature):
                start = ToolCallStart(index=calls, id=identity, name=name, signature=signature)
                events.append(start)
                for piece in pieces(arguments):
                    events.append(ToolCallDelta(index=calls, arguments=piece))
                calls += 1
    if answer.logprobs:
        events += (Logprobs((token,)) for token in answer.logprobs)
    return [*events, Finished(answer.finish, answer.stop_sequence)]


def interleaved(answer: ChatAnswer) -> list[StreamEvent]:
    """Return a stream whose tool calls arrive in turns: a piece of one, a piece of the next."""
    events = as_events(answer)
    starts = [event for event in events if isinstance(event, ToolCallStart)]
    deltas = [event for event in events if isinstance(event, ToolCallDelta)]
    texts = [event for event in events if isinstance(event, TextDelta)]
    turns: list[ToolCallDelta] = []
    queues = [[each for each in deltas if each.index == start.index] for start in starts]
    while any(queues):
        turns += [queue.pop(0) for queue in queues if queue]
    return [*texts, *starts, *turns, events[-1]]


@dataclass
class Heard:
    """What a stream said in all, however it was cut into pieces and its JSON was written."""

    text: str = ""
    thinking: str = ""
    refusal: str = ""
    calls: tuple[tuple[str, str, Any], ...] = ()
    proofs: tuple[str, ...] = ()
    """Signatures and hidden thinking, in their order."""
    logprobs: tuple[TokenLogprob, ...] = ()
    finish: FinishReason | None = None
    stop_sequence: str | None = None
    usage: TokenUsage | None = None


def heard(events: Iterable[StreamEvent]) -> Heard:
    """Put a stream's events together; each event must stand where it may stand."""
    whole = Heard()
    calls: list[list[str]] = []
    for event in events:
        if not isinstance(event, UsageSeen):
            assert whole.finish is None, f"{event} after the finish"
        match event:
            case TextDelta(text):
                whole.text += text
            case ReasoningDelta(text=text, signature=signature, redacted=redacted):
                whole.thinking += text
                whole.proofs += tuple(proof for proof in (signature, redacted) if proof)
            case RefusalDelta(text):
                whole.refusal += text
            case ToolCallStart(index=index, id=identity, name=name, signature=signature):
                assert index == len(calls)
                calls.append([identity, name, ""])
                whole.proofs += (signature,) if signature else ()
            case Logprobs(tokens):
                whole.logprobs += tokens
            case ToolCallDelta(index=index, arguments=arguments):
                calls[index][2] += arguments
            case UsageSeen(usage):
                whole.usage = usage
            case Finished(reason, stop_sequence):
                whole.finish = reason
                whole.stop_sequence = stop_sequence
    whole.calls = tuple((identity, name, json.loads(text)) for identity, name, text in calls)
    return whole


def told(profile: Profile, usage: TokenUsage | None) -> TokenUsage | None:
    """Return counts as far as the profile's wire can tell them."""
    if usage is None:
        return None
    return msgspec.structs.replace(usage, **dict.fromkeys(profile.lacks.usage_fields, 0))


# What refusals mean.


@dataclass(frozen=True)
class Meaning:
    kind: type[errors.UpstreamError]
    fields: Mapping[str, object]


FAULTS: Mapping[Fault, Meaning] = {
    Fault.BAD_REQUEST: Meaning(errors.UpstreamRejected, {"status": 400}),
    Fault.CONTEXT_LENGTH: Meaning(
        errors.UpstreamRejected, {"upstream_code": "context_length_exceeded"}
    ),
    Fault.BAD_CREDENTIAL: Meaning(errors.CredentialRefused, {"status": 401}),
    Fault.FORBIDDEN: Meaning(errors.CredentialRefused, {"status": 403}),
    Fault.MODEL_MISSING: Meaning(errors.UpstreamModelMissing, {}),
    Fault.TOO_LARGE: Meaning(errors.UpstreamRejected, {"status": 413}),
    Fault.UNPROCESSABLE: Meaning(errors.UpstreamRejected, {"status": 422}),
    Fault.RATE_LIMITED: Meaning(errors.UpstreamRateLimited, {"retry_after_s": 7.0}),
    Fault.RATE_LIMITED_DATE: Meaning(errors.UpstreamRateLimited, {"retry_after_s": 7.0}),
    Fault.RATE_LIMITED_SILENT: Meaning(errors.UpstreamRateLimited, {"retry_after_s": None}),
    Fault.QUOTA: Meaning(errors.UpstreamQuota, {}),
    Fault.SERVER_ERROR: Meaning(errors.UpstreamFailed, {"status": 500}),
    Fault.OVERLOADED: Meaning(errors.UpstreamFailed, {}),
    Fault.HTML: Meaning(errors.UpstreamFailed, {"status": 502}),
    Fault.EMPTY: Meaning(errors.UpstreamFailed, {"status": 503}),
}


# The connection.


@dataclass
class Line:
    """An adapter at one end of a real connection, a scripted upstream at the other."""

    profile: Profile
    upstream: ScriptedUpstream
    transport: HttpTransport
    adapter: Adapter
    model: Model

    async def send(self, request: UpstreamRequest, answer: Answer) -> UpstreamResponse:
        """Send a request to an upstream that answers so."""
        self.upstream.script(answer)
        return await self.transport.send(request, TIMEOUTS)

    async def body(self, answer: Answer) -> bytes:
        """Return the body that arrives for a request that is not streamed."""
        request = self.adapter.chat_request(self.model, REQUESTS["text"])
        response = await self.send(request, answer)
        try:
            return await response.read(1 << 20)
        finally:
            response.close()

    async def stream(self, answer: Answer) -> AsyncIterator[StreamEvent]:
        """Yield the events of a streamed answer."""
        request = self.adapter.chat_request(self.model, REQUESTS["stream"])
        response = await self.send(request, answer)
        reader = self.adapter.event_reader()
        try:
            while data := await response.chunk():
                for event in reader.feed(data):
                    yield event
            for event in reader.end():
                yield event
        finally:
            response.close()

    async def whole_stream(self, answer: Answer) -> Heard:
        """Return what a streamed answer says in all."""
        return heard([event async for event in self.stream(answer)])


@asynccontextmanager
async def line_of(profile: Profile) -> AsyncIterator[Line]:
    """Connect a profile's adapter to a scripted upstream."""
    async with ScriptedUpstream() as upstream:
        provider = profile.provider(upstream.url)
        transport = HttpTransport(proxies=Proxies({}))
        line = Line(profile, upstream, transport, profile.adapter(provider), model_of(provider))
        try:
            yield line
        finally:
            await transport.close()


def read_all(adapter: Adapter, segments: Sequence[bytes]) -> Heard:
    """Read a stream that the network cut into these segments."""
    reader = adapter.event_reader()
    events: list[StreamEvent] = []
    for segment in segments:
        events += reader.feed(segment)
    return heard([*events, *reader.end()])
