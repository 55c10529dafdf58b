"""The output of a response in the making: items that open, grow and close, as the events say.

It knows the order of events that clients of the Responses format build on, and nothing of bytes.
Shapes are those of `openai.types.responses` in OpenAI's Python SDK.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from laird.dialects.responses_frame import Asked
from laird.dialects.responses_seals import seal, seal_call
from laird.domain.chat import TokenLogprob
from laird.domain.errors import UpstreamGarbled

Item = dict[str, Any]
Event = tuple[str, dict[str, Any]]
"""An event's type and its fields, but for the sequence number."""


class OpenMessage:
    """A message that is being said: parts of text and of refusals, one after another."""

    __slots__ = ("_content", "_logprobs", "_serial", "id", "index", "part", "pieces")

    def __init__(self, index: int, serial: str) -> None:
        self.index = index
        self.id = f"msg_{serial}{index:02d}"
        self.part = ""
        """The type of the part that is open; empty for none."""
        self.pieces: list[str] = []
        self._content: list[Item] = []
        self._logprobs: list[TokenLogprob] = []

    @property
    def content_index(self) -> int:
        """The place of the open part."""
        return len(self._content)

    def opened(self) -> Event:
        """Return the event that adds the item."""
        return _item_added(self.index, self._item("in_progress"))

    def say(self, part: str, text: str, tokens: Iterable[TokenLogprob] = ()) -> list[Event]:
        """Add to the open part, or begin another one."""
        events: list[Event] = []
        if part != self.part:
            events += self._close_part()
            self.part = part
            events.append(("response.content_part.added", {**self._place(), "part": self._part()}))
        self.pieces.append(text)
        if part == "refusal":
            events.append(("response.refusal.delta", {**self._place(), "delta": text}))
            return events
        tokens = tuple(tokens)
        self._logprobs += tokens
        fields = {**self._place(), "delta": text, "logprobs": [_likely(one) for one in tokens]}
        events.append(("response.output_text.delta", fields))
        return events

    def close(self, status: str) -> tuple[Item, list[Event]]:
        """Return the whole item, and the events that end it."""
        events = self._close_part()
        item = self._item(status)
        return item, [*events, _item_done(self.index, item)]

    def _close_part(self) -> list[Event]:
        if not self.part:
            return []
        whole = self._part()
        place = self._place()
        if self.part == "refusal":
            done: Event = ("response.refusal.done", {**place, "refusal": whole["refusal"]})
        else:
            logprobs = [_likely(one) for one in self._logprobs]
            fields = {**place, "text": whole["text"], "logprobs": logprobs}
            done = ("response.output_text.done", fields)
        self._content.append(whole)
        self.part = ""
        self.pieces = []
        self._logprobs = []
        return [done, ("response.content_part.done", {**place, "part": whole})]

    def _place(self) -> dict[str, Any]:
        return {
            "item_id": self.id,
            "output_index": self.index,
            "content_index": len(self._content),
        }

    def _part(self) -> Item:
        text = "".join(self.pieces)
        if self.part == "refusal":
            return {"type": "refusal", "refusal": text}
        logprobs = [_likely_with_bytes(one) for one in self._logprobs]
        return {"type": "output_text", "annotations": [], "logprobs": logprobs, "text": text}

    def _item(self, status: str) -> Item:
        return {
            "id": self.id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": list(self._content),
        }


class OpenReasoning:
    """Thinking that is being shown, as a summary or as its text."""

    __slots__ = ("_begun", "_summary", "id", "index", "pieces", "sealed")

    def __init__(self, index: int, serial: str, *, summary: bool) -> None:
        self.index = index
        self.id = f"rs_{serial}{index:02d}"
        self.pieces: list[str] = []
        self.sealed: str | None = None
        """Its `encrypted_content`."""
        self._summary = summary
        self._begun = False

    def opened(self) -> Event:
        """Return the event that adds the item."""
        return _item_added(self.index, self._item())

    def think(self, text: str) -> list[Event]:
        """Add thinking."""
        events: list[Event] = []
        if not self._begun:
            self._begun = True
            kind = "reasoning_summary_part" if self._summary else "content_part"
            events.append((f"response.{kind}.added", {**self._place(), "part": self._part("")}))
        self.pieces.append(text)
        events.append((f"response.{self._kind}.delta", {**self._place(), "delta": text}))
        return events

    def close(self, status: str) -> tuple[Item, list[Event]]:
        """Return the whole item, and the events that end it."""
        del status  # thinking has none
        events: list[Event] = []
        if self._begun:
            text = "".join(self.pieces)
            place = self._place()
            part = "reasoning_summary_part" if self._summary else "content_part"
            events = [
                (f"response.{self._kind}.done", {**place, "text": text}),
                (f"response.{part}.done", {**place, "part": self._part(text)}),
            ]
        item = self._item()
        return item, [*events, _item_done(self.index, item)]

    @property
    def _kind(self) -> str:
        return "reasoning_summary_text" if self._summary else "reasoning_text"

    def _place(self) -> dict[str, Any]:
        index = "summary_index" if self._summary else "content_index"
        return {"item_id": self.id, "output_index": self.index, index: 0}

    def _part(self, text: str) -> Item:
        return {"type": "summary_text" if self._summary else "reasoning_text", "text": text}

    def _item(self) -> Item:
        text = "".join(self.pieces)
        item: Item = {"id": self.id, "type": "reasoning", "summary": []}
        if text:
            item["summary" if self._summary else "content"] = [self._part(text)]
        if self.sealed is not None:
            item["encrypted_content"] = self.sealed
        return item


class OpenCall:
    """A tool call whose arguments are arriving."""

    __slots__ = ("_call_id", "_name", "_pieces", "id", "index")

    def __init__(self, index: int, serial: str, call_id: str, name: str) -> None:
        self.index = index
        self.id = f"fc_{serial}{index:02d}"
        self._call_id = call_id
        self._name = name
        self._pieces: list[str] = []

    @property
    def is_whole(self) -> bool:
        """The arguments so far are a JSON object."""
        try:
            return isinstance(orjson.loads("".join(self._pieces)), dict)
        except ValueError:
            return False

    def opened(self) -> Event:
        """Return the event that adds the item."""
        return _item_added(self.index, self._item("in_progress", ""))

    def argue(self, arguments: str) -> Event:
        """Add to the arguments."""
        self._pieces.append(arguments)
        fields = {"item_id": self.id, "output_index": self.index, "delta": arguments}
        return "response.function_call_arguments.delta", fields

    def close(self, status: str) -> tuple[Item, list[Event]]:
        """Return the whole item, and the events that end it."""
        events: list[Event] = []
        if not self._pieces and status == "completed":
            # Some providers say nothing where there are no arguments; clients parse what is there.
            events.append(self.argue("{}"))
        arguments = "".join(self._pieces)
        item = self._item(status, arguments)
        fields = {
            "item_id": self.id,
            "output_index": self.index,
            "name": self._name,
            "arguments": arguments,
        }
        done = ("response.function_call_arguments.done", fields)
        return item, [*events, done, _item_done(self.index, item)]

    def _item(self, status: str, arguments: str) -> Item:
        return {
            "id": self.id,
            "type": "function_call",
            "status": status,
            "arguments": arguments,
            "call_id": self._call_id,
            "name": self._name,
        }


class Output:
    """All items of one response. Each method returns the events that a stream has for it."""

    __slots__ = ("_asked", "_calls", "_count", "_done", "message", "reasoning")

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._count = 0
        self._done: list[tuple[int, Item]] = []
        self._calls: dict[int, OpenCall] = {}
        self.message: OpenMessage | None = None
        self.reasoning: OpenReasoning | None = None

    @property
    def items(self) -> list[Item]:
        """The items that are closed, in their order."""
        return [item for _, item in sorted(self._done, key=_place_of)]

    def say(self, text: str, tokens: Iterable[TokenLogprob] = ()) -> list[Event]:
        """Add text."""
        return self._say("output_text", text, tokens)

    def refuse(self, text: str) -> list[Event]:
        """Add to a refusal."""
        return self._say("refusal", text)

    def think(
        self, text: str, signature: str | None = None, redacted: str | None = None
    ) -> list[Event]:
        """Add thinking; a signature ends a piece of it, and hidden thinking stands alone."""
        sealed = seal(signature, redacted)
        if not text and sealed is None:
            return []
        events: list[Event] = []
        if redacted is not None:
            events += self._close_reasoning()
        events += self._into_reasoning()
        assert self.reasoning is not None  # noqa: S101 - just opened
        if text:
            events += self.reasoning.think(text)
        if sealed is not None:
            self.reasoning.sealed = sealed
            events += self._close_reasoning()
        return events

    def end_thought(self) -> list[Event]:
        """Close the thinking that is open."""
        return self._close_reasoning()

    def call(self, number: int, call_id: str, name: str, signature: str | None) -> list[Event]:
        """Begin the tool call `number`."""
        events = [
            *self._close_reasoning(),
            *self._close_message("completed"),
            *self._close_whole_calls(),
        ]
        if number in self._calls:
            events += self._closed(self._calls.pop(number), "completed")
        if signature is not None:
            proof = OpenReasoning(self._next(), self._asked.serial, summary=False)
            proof.sealed = seal_call(call_id, signature)
            events.append(proof.opened())
            events += self._closed(proof, "completed")
        call = self._calls[number] = OpenCall(self._next(), self._asked.serial, call_id, name)
        events.append(call.opened())
        return events

    def argue(self, number: int, arguments: str) -> list[Event]:
        """Add to the arguments of the tool call `number`."""
        call = self._calls.get(number)
        if call is not None:
            return [call.argue(arguments)]
        if arguments.strip():
            raise UpstreamGarbled(
                "The provider sent more arguments for a tool call that was complete."
            )
        return []

    def close(self, status: str) -> list[Event]:
        """Close all that is open; an answer without anything gets an empty message."""
        events = self._close_reasoning()
        if not self._count:
            events += self.say("")
        events += self._close_message(status)
        for call in self._calls.values():
            events += self._closed(call, "completed" if call.is_whole else status)
        self._calls.clear()
        return events

    def _say(self, part: str, text: str, tokens: Iterable[TokenLogprob] = ()) -> list[Event]:
        events: list[Event] = []
        if self.message is None:
            events += self._close_reasoning()
            events += self._close_whole_calls()
            self.message = OpenMessage(self._next(), self._asked.serial)
            events.append(self.message.opened())
        return [*events, *self.message.say(part, text, tokens)]

    def _into_reasoning(self) -> list[Event]:
        if self.reasoning is not None:
            return []
        events = [*self._close_message("completed"), *self._close_whole_calls()]
        summary = self._asked.summary
        self.reasoning = OpenReasoning(self._next(), self._asked.serial, summary=summary)
        return [*events, self.reasoning.opened()]

    def _close_message(self, status: str) -> list[Event]:
        message, self.message = self.message, None
        return [] if message is None else self._closed(message, status)

    def _close_reasoning(self) -> list[Event]:
        reasoning, self.reasoning = self.reasoning, None
        return [] if reasoning is None else self._closed(reasoning, "completed")

    def _close_whole_calls(self) -> list[Event]:
        """Close the calls whose arguments are whole; others may be arriving side by side."""
        events: list[Event] = []
        for number, call in list(self._calls.items()):
            if call.is_whole:
                del self._calls[number]
                events += self._closed(call, "completed")
        return events

    def _closed(self, one: OpenMessage | OpenReasoning | OpenCall, status: str) -> list[Event]:
        item, events = one.close(status)
        self._done.append((one.index, item))
        return events

    def _next(self) -> int:
        self._count += 1
        return self._count - 1


def _place_of(entry: tuple[int, Item]) -> int:
    return entry[0]


def _item_added(index: int, item: Item) -> Event:
    return "response.output_item.added", {"output_index": index, "item": item}


def _item_done(index: int, item: Item) -> Event:
    return "response.output_item.done", {"output_index": index, "item": item}


def _likely(token: TokenLogprob) -> dict[str, Any]:
    return {
        "token": token.token,
        "logprob": token.logprob,
        "top_logprobs": [{"token": text, "logprob": logprob} for text, logprob in token.top],
    }


def _likely_with_bytes(token: TokenLogprob) -> dict[str, Any]:
    return {
        "token": token.token,
        "bytes": list(token.token.encode()),
        "logprob": token.logprob,
        "top_logprobs": [
            {"token": text, "bytes": list(text.encode()), "logprob": logprob}
            for text, logprob in token.top
        ],
    }
