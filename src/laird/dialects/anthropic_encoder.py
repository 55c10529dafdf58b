"""Writes answers of ours in Anthropic's Messages format, whole or as a stream of events.

In a stream one block is open at a time, and they are numbered in order. Wire facts:
`anthropic.types.Message`, `RawMessageStreamEvent`, and the accumulator in
`anthropic/lib/streaming/_messages.py` of the Python SDK.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import orjson

from laird.dialects.anthropic_content import CALL_SEAL
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
from laird.domain.errors import UpstreamGarbled
from laird.domain.tokens import TokenUsage, estimate_tokens
from laird.wire.anthropic import STOPS, wire_usage

_NO_CALL = -1
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_STOP = b'event: message_stop\ndata: {"provider":%b,"type":"message_stop"}\n\n'


def write_answer(answer: ChatAnswer, *, provider: str) -> bytes:
    """Write a whole answer as a `message`."""
    cut = answer.finish is FinishReason.LENGTH
    content = [block for part in answer.parts for block in _blocks(part, cut=cut)]
    if answer.refusal:
        content.append({"type": "text", "text": answer.refusal})
    usage = answer.usage
    if usage is None:
        said = sum(len(block.get("text") or "") for block in content)
        usage = TokenUsage(completion=estimate_tokens(said))
    body = {
        "id": _message_id(answer.id),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "provider": provider,
        "content": content,
        **_stop(answer.finish, answer.stop_sequence, answer.refusal),
        "usage": wire_usage(usage),
    }
    return orjson.dumps(body)


def _message_id(identity: str) -> str:
    return identity if identity.startswith("msg_") else f"msg_{identity}"


def _stop(finish: FinishReason, sequence: str | None, refusal: str | None) -> dict[str, Any]:
    """Return the fields that say why the model stopped."""
    reason = STOPS[finish]
    if finish is FinishReason.STOP and sequence is not None:
        reason = "stop_sequence"
    elif refusal and finish is FinishReason.STOP:
        reason = "refusal"
    details = None
    if refusal:
        details = {"type": "refusal", "category": None, "explanation": refusal}
    return {"stop_reason": reason, "stop_sequence": sequence, "stop_details": details}


def _blocks(part: Text | ToolCall | Reasoning, *, cut: bool) -> list[dict[str, Any]]:
    if isinstance(part, Text):
        return [{"type": "text", "text": part.text}] if part.text else []
    if isinstance(part, ToolCall):
        return _tool_use(part, cut=cut)
    blocks = []
    if part.text or part.signature:
        blocks.append(_thinking_block(part.text, part.signature or ""))
    if part.redacted is not None:
        blocks.append(_redacted_block(part.redacted))
    return blocks


def _thinking_block(text: str, signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": signature}


def _redacted_block(data: str) -> dict[str, Any]:
    return {"type": "redacted_thinking", "data": data}


def _tool_use(call: ToolCall, *, cut: bool) -> list[dict[str, Any]]:
    """Return the block of a call, after the one that holds its signature where it has one.

    Arguments that the limit of tokens has `cut` are left out: half an object is none.
    """
    try:
        arguments = _OBJECT.decode(call.arguments.strip() or "{}")
    except msgspec.DecodeError as error:
        if not cut:
            raise UpstreamGarbled(
                f"The model called the tool '{call.name}' with arguments that are not a JSON"
                f" object ({error}). Try again."
            ) from error
        arguments = {}
    block = {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}
    sealed = [_redacted_block(CALL_SEAL + call.signature)] if call.signature else []
    return [*sealed, block]


class _OpenCall:
    """The tool call whose block is open."""

    __slots__ = ("index", "written")

    def __init__(self, index: int) -> None:
        self.index = index
        self.written = ""

    def complete(self) -> bool:
        """Tell whether the arguments are a whole JSON object: nothing more can come then."""
        if not self.written.rstrip().endswith("}"):
            return False
        try:
            json.loads(self.written)
        except ValueError:
            return False
        return True


class AnthropicEncoder:
    """Writes one stream of Messages events. See `Encoder`.

    Providers may send several tool calls at once, which this format does not: what comes while a
    call's arguments are not whole is held until they are.
    """

    __slots__ = (
        "_call",
        "_delta",
        "_finish",
        "_head",
        "_held",
        "_id",
        "_index",
        "_kind",
        "_length",
        "_model",
        "_out",
        "_provider",
        "_refusal",
        "_signed",
        "_started",
        "_usage",
    )

    def __init__(self, *, request_id: str, model: str, provider: str) -> None:
        self._id = "msg_" + request_id.removeprefix("req_")
        self._model = model
        self._provider = orjson.dumps(provider)
        self._head = b'data: {"provider":' + self._provider + b',"type":"'
        self._started = False
        self._index = -1
        self._kind = ""
        self._delta = b""
        self._signed = False
        self._call: _OpenCall | None = None
        self._held: list[StreamEvent] = []
        self._out: list[bytes] = []
        self._usage: TokenUsage | None = None
        self._refusal = ""
        self._length = 0
        self._finish: Finished | None = None

    def encode(self, events: list[StreamEvent]) -> bytes:
        """Return the bytes for these events."""
        for event in events:
            if type(event) is TextDelta and self._kind == "text" and event.text:
                # The usual one: more text in the block that is open.
                self._length += len(event.text)
                self._out += (self._delta, orjson.dumps(event.text), b"}}\n\n")
            else:
                self._event(event)
        out = b"".join(self._out)
        self._out.clear()
        return out

    def end(self, usage: TokenUsage | None) -> bytes:
        """Return why the model stopped, the counts, and the end.

        Where the provider gave no counts, the output's are estimated from its length.
        """
        finish = self._finish or Finished(FinishReason.STOP)
        counts = usage or self._usage or TokenUsage(completion=estimate_tokens(self._length))
        stop = _stop(finish.reason, finish.stop_sequence, self._refusal or None)
        self._write("message_delta", {"delta": stop, "usage": wire_usage(counts)})
        out = b"".join(self._out)
        self._out.clear()
        return out + _STOP % self._provider

    def _event(self, event: StreamEvent) -> None:
        if isinstance(event, UsageSeen):
            self._usage = event.usage
        elif isinstance(event, Finished):
            self._finished(event)
        elif self._call is not None and not self._is_for_open(event) and not self._call.complete():
            self._held.append(event)
        else:
            self._content(event)
            if self._held and self._call is not None and self._call.complete():
                held, self._held = self._held, []
                for each in held:
                    self._event(each)

    def _is_for_open(self, event: StreamEvent) -> bool:
        call = self._call
        return type(event) is ToolCallDelta and call is not None and call.index == event.index

    def _content(self, event: StreamEvent) -> None:
        match event:
            case TextDelta(text):
                self._text(text)
            case RefusalDelta(text):
                self._refusal += text
                self._text(text)
            case ReasoningDelta():
                self._reasoning(event)
            case ToolCallStart():
                self._tool_call(event)
            case ToolCallDelta():
                self._arguments(event)

    def _text(self, text: str) -> None:
        if not text:
            return
        if self._kind != "text":
            self._open("text", {"type": "text", "text": ""}, "text_delta", "text")
        self._more(text)

    def _reasoning(self, event: ReasoningDelta) -> None:
        if event.text:
            self._open_thinking()
            self._more(event.text)
        if event.signature:
            if self._kind != "thinking":
                self._open_thinking()
            self._signed = True
            delta = {"type": "signature_delta", "signature": event.signature}
            self._write("content_block_delta", {"index": self._index, "delta": delta})
        if event.redacted is not None:
            self._open("redacted", _redacted_block(event.redacted))
            self._close()

    def _open_thinking(self) -> None:
        """Open a block of thinking, unless one is open that has no signature yet."""
        if self._kind != "thinking" or self._signed:
            self._open("thinking", _thinking_block("", ""), "thinking_delta", "thinking")

    def _tool_call(self, event: ToolCallStart) -> None:
        if event.signature:
            self._open("redacted", _redacted_block(CALL_SEAL + event.signature))
        start = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
        self._open("tool_use", start, "input_json_delta", "partial_json")
        self._call = _OpenCall(event.index)
        self._length += len(event.name)

    def _arguments(self, event: ToolCallDelta) -> None:
        call = self._call
        if call is None or call.index != event.index:
            if event.arguments.strip():
                raise UpstreamGarbled(
                    "The provider sent more arguments for a tool call that was whole. Try again."
                )
            return
        if event.arguments:
            call.written += event.arguments
            self._more(event.arguments)

    def _finished(self, event: Finished) -> None:
        """Close what is open; calls that are not whole stay as the model left them."""
        held, self._held = self._held, []
        for each in _call_by_call(held, self._call):
            self._content(each)
        if not self._started:
            self._start()
        self._close()
        self._finish = event

    def _start(self) -> None:
        self._started = True
        known = self._usage or TokenUsage()
        # The output is counted at the end; until then the format wants some number.
        counts = {**wire_usage(known), "output_tokens": known.completion}
        message: dict[str, Any] = {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": counts,
        }
        self._write("message_start", {"message": message})

    def _open(self, kind: str, block: dict[str, Any], delta: str = "", field: str = "") -> None:
        """Open a block; its deltas are of the type `delta` and say more of `field`."""
        if not self._started:
            self._start()
        self._close()
        self._index += 1
        self._kind = kind
        self._signed = False
        self._write("content_block_start", {"index": self._index, "content_block": block})
        self._delta = b'event: content_block_delta\n%bcontent_block_delta","index":%d,' % (
            self._head,
            self._index,
        )
        self._delta += b'"delta":{"type":"%b","%b":' % (delta.encode(), field.encode())

    def _more(self, text: str) -> None:
        self._length += len(text)
        self._out += (self._delta, orjson.dumps(text), b"}}\n\n")

    def _close(self) -> None:
        if self._kind:
            self._write("content_block_stop", {"index": self._index})
            self._kind = ""
            self._call = None

    def _write(self, name: str, fields: dict[str, Any]) -> None:
        wire_name = name.encode()
        # The object's own opening brace becomes the comma after its type.
        rest = orjson.dumps(fields)[1:]
        self._out += (b"event: ", wire_name, b"\n", self._head, wire_name, b'",', rest, b"\n\n")


def _call_by_call(held: list[StreamEvent], opened: _OpenCall | None) -> list[StreamEvent]:
    """Return held events so that all pieces of one call stand together, the open one's first."""
    groups: dict[int, list[StreamEvent]] = {}
    if opened is not None:
        groups[opened.index] = []
    for place, event in enumerate(held):
        # Whatever is no piece of a call keeps its place, under a number that no call has.
        is_call = isinstance(event, ToolCallStart | ToolCallDelta)
        key = event.index if is_call else -1 - place  # type: ignore[union-attr]
        groups.setdefault(key, []).append(event)
    return [event for group in groups.values() for event in group]
