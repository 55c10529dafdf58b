"""Reads answers in OpenAI's chat format, whole or streamed, into the canonical form."""

from __future__ import annotations

from typing import Any

from laird.domain.chat import (
    ChatAnswer,
    Finished,
    FinishReason,
    Logprobs,
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
from laird.transport.sse import SseSplitter
from laird.wire.openai import (
    LONGEST_EVENT,
    StrayJson,
    WireCall,
    WireChoice,
    WireDelta,
    finish_of,
    read_chunk,
    read_logprobs,
    stream_error,
    token_usage,
    unreadable,
)
from laird.wire.openai_reasoning import GEMINI, read_detail, read_details


def read_completion(body: bytes, *, provider: str) -> ChatAnswer:
    """Read a `chat.completion`. Raises `UpstreamGarbled`, or what an `error` in it means."""
    try:
        answer = read_chunk(body)
    except ValueError:
        raise unreadable(provider, "an answer that is not JSON") from None
    if answer.error:
        raise stream_error(provider, answer.error)
    if not answer.choices or (message := answer.choices[0].message) is None:
        raise unreadable(provider, "an answer without choices")
    calls = _whole_calls(message)
    parts: list[Text | ToolCall | Reasoning] = [*_thinking(message)]
    if message.content:
        parts.append(Text(_mended(message.content)))
    parts += calls
    choice = answer.choices[0]
    word = choice.finish_reason or "stop"
    return ChatAnswer(
        id=answer.id or "",
        model=answer.model or "",
        parts=tuple(parts),
        finish=_finish(word, provider, called=bool(calls)),
        usage=token_usage(answer.usage) if answer.usage is not None else None,
        refusal=message.refusal,
        stop_sequence=_stop_sequence(choice),
        logprobs=read_logprobs(choice.logprobs),
    )


def _thinking(message: WireDelta) -> list[Reasoning]:
    """Return the thinking of a whole answer, with its signatures where there are some."""
    text = message.reasoning_content or message.reasoning
    parts = read_details(message.reasoning_details or ())
    if text and not any(part.text for part in parts):
        parts.insert(0, Reasoning(text=_mended(text)))
    return parts


def _stop_sequence(choice: WireChoice) -> str | None:
    """Return the stop sequence that ended the text, as vLLM tells it; its numbers are tokens."""
    return choice.stop_reason if isinstance(choice.stop_reason, str) else None


def _signature(call: WireCall) -> str | None:
    """Return the signature that Google's OpenAI-compatible endpoint gives a call."""
    google = call.extra_content.google if call.extra_content is not None else None
    value = google.thought_signature if google is not None else None
    return GEMINI + value if value else None


def _whole_calls(message: WireDelta) -> list[ToolCall]:
    calls = list(message.tool_calls or ())
    if message.function_call is not None:
        calls.append(WireCall(function=message.function_call))
    return [
        ToolCall(
            id=call.id or f"call_{number}",
            name=call.function.name or "",
            arguments=_mended(call.function.arguments or "{}"),
            signature=_signature(call),
        )
        for number, call in enumerate(calls)
        if call.function is not None
    ]


def _finish(word: str, provider: str, *, called: bool) -> FinishReason:
    """Return why the model stopped; some servers say stop where they mean a tool call."""
    finish = finish_of(word, provider)
    return FinishReason.TOOL_CALLS if called and finish is FinishReason.STOP else finish


def _mended(text: str) -> str:
    """Return text that UTF-8 can hold: halves of a surrogate pair are joined or replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class _OpenCall:
    """One tool call of a stream while it arrives."""

    __slots__ = ("early", "id", "index", "started")

    def __init__(self, index: int, identity: str | None) -> None:
        self.index = index
        self.id = identity
        self.started = False
        self.early = ""
        """Arguments that came before the name."""


class OpenAIEvents:
    """Reads one stream of chunks. See `EventReader`.

    It does not matter how a server counts tool calls: by index, by id (older Ollama gives each the
    index 0), or not at all.
    """

    __slots__ = (
        "_by_key",
        "_calls",
        "_finished",
        "_halves",
        "_provider",
        "_sse",
        "_stray",
        "done",
    )

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._sse = SseSplitter(LONGEST_EVENT)
        self._stray = StrayJson()
        self._calls: list[_OpenCall] = []
        self._by_key: dict[int, _OpenCall] = {}
        self._halves: dict[str, str] = {}
        self._finished = False
        self.done = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events completed by `data`."""
        events: list[StreamEvent] = []
        arrived = self._sse.feed(data)
        if not arrived:
            self._stray.keep(data)
        for name, payload in arrived:
            bare = payload.strip()
            if bare == b"[DONE]":
                self.done = True
            if not bare or self.done:
                continue
            self._chunk(name, bare, events)
        return events

    def end(self) -> list[StreamEvent]:
        """Return nothing more. Raises `UpstreamGarbled` when there was no finish."""
        if not self._finished:
            raise self._stray.error(self._provider)
        return []

    def _chunk(self, name: str | None, payload: bytes, events: list[StreamEvent]) -> None:
        try:
            chunk = read_chunk(payload)
        except ValueError:
            if name == "error":
                raise stream_error(self._provider, payload.decode(errors="replace")) from None
            raise unreadable(self._provider, "a chunk that is not JSON") from None
        if chunk.error or name == "error":
            raise stream_error(self._provider, chunk.error or "an error event")
        for choice in chunk.choices or ():
            # Only one answer was asked for.
            if choice.index == 0:
                self._choice(choice, events)
        if chunk.usage is not None:
            events.append(UsageSeen(token_usage(chunk.usage)))

    def _choice(self, choice: WireChoice, events: list[StreamEvent]) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            self._delta(delta, events)
        if choice.logprobs is not None and (tokens := read_logprobs(choice.logprobs)):
            events.append(Logprobs(tokens))
        if choice.finish_reason and not self._finished:
            self._finished = True
            finish = _finish(choice.finish_reason, self._provider, called=bool(self._calls))
            events.append(Finished(finish, _stop_sequence(choice)))

    def _delta(self, delta: WireDelta, events: list[StreamEvent]) -> None:
        thinking = delta.reasoning_content or delta.reasoning
        if thinking and (text := self._joined("thinking", thinking)):
            events.append(ReasoningDelta(text=text))
        if delta.reasoning_details:
            self._details(delta.reasoning_details, events, said=bool(thinking))
        if delta.content and (text := self._joined("text", delta.content)):
            events.append(TextDelta(text))
        if delta.refusal and (text := self._joined("refusal", delta.refusal)):
            events.append(RefusalDelta(text))
        for call in delta.tool_calls or ():
            self._call(call, events)
        if delta.function_call is not None:
            self._call(WireCall(index=0, function=delta.function_call), events)

    def _details(
        self, details: list[dict[str, Any]], events: list[StreamEvent], *, said: bool
    ) -> None:
        """Read details of thinking; their text is new only where it was not `said` beside them."""
        for detail in details:
            part = read_detail(detail)
            if part is None:
                continue
            text = "" if said else self._joined("thinking", part.text) if part.text else ""
            if text or part.signature is not None or part.redacted is not None:
                events.append(
                    ReasoningDelta(text=text, signature=part.signature, redacted=part.redacted)
                )

    def _call(self, call: WireCall, events: list[StreamEvent]) -> None:
        name = call.function.name if call.function is not None else None
        arguments = (call.function.arguments if call.function is not None else None) or ""
        opened = self._open(call, name)
        if not opened.started:
            if not name:
                opened.early += arguments
                return
            opened.started = True
            identity = opened.id or f"call_{opened.index}"
            events.append(
                ToolCallStart(
                    index=opened.index, id=identity, name=name, signature=_signature(call)
                )
            )
            arguments = opened.early + arguments
        if arguments and (text := self._joined(f"call {opened.index}", arguments)):
            events.append(ToolCallDelta(index=opened.index, arguments=text))

    def _open(self, call: WireCall, name: str | None) -> _OpenCall:
        """Return the call that a piece belongs to; a new one where it begins one."""
        if call.index is None:
            known = self._calls[-1] if self._calls else None
            begins = bool(name) and (call.id is not None or known is None or known.started)
        else:
            known = self._by_key.get(call.index)
            begins = bool(name and call.id and known and known.id and call.id != known.id)
        if known is None or begins:
            known = _OpenCall(len(self._calls), call.id)
            self._calls.append(known)
            if call.index is not None:
                self._by_key[call.index] = known
        elif known.id is None:
            known.id = call.id
        return known

    def _joined(self, channel: str, text: str) -> str:
        """Return text that UTF-8 can hold; half a surrogate pair waits for the other half."""
        if text.isascii() and not self._halves:
            return text
        text = self._halves.pop(channel, "") + text
        if "\ud800" <= text[-1] <= "\udbff":
            self._halves[channel] = text[-1]
            text = text[:-1]
        return _mended(text)
