"""The demo provider: a model server inside this process, offline and always the same.

It answers OpenAI's formats (chat, completions, embeddings) at `demo://demo`, so that the
adapter, the gateway and the clients treat it like any other server, with all that can go wrong
there (see `demo_script`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import orjson

from laird.domain.catalog import Timeouts
from laird.domain.errors import ConnectionLost, UpstreamGarbled, UpstreamTimeout
from laird.providers.demo_completions import (
    BadPrompt,
    as_chat,
    completion_body,
    completion_stream,
    prompt_of,
)
from laird.providers.demo_model import (
    WireStream,
    answer_body,
    answer_stream,
    last_text,
    reply_to,
)
from laird.providers.demo_script import PRESETS, BadScript, Script, script_for
from laird.providers.demo_vectors import BadInput, embeddings_body, texts_of
from laird.transport.base import UpstreamRequest, pull

_JSON = {"content-type": "application/json"}
_SSE = {"content-type": "text/event-stream"}


class DemoTransport:
    """Answers requests for the origin `demo://demo`. See `laird.transport.base.Transport`."""

    async def send(self, request: UpstreamRequest, timeouts: Timeouts) -> DemoResponse:
        """Answer a request, as fast as it was told to."""
        clock = _Clock(timeouts)
        target = request.head.target.partition("?")[0]
        if target == "/v1/models":
            return DemoResponse(200, _JSON, (_models(),), clock)
        respond = _RESPONSES.get(target)
        if respond is None:
            return _refusal(404, f"The demo has no {target}.", clock)
        try:
            script, answer = respond(orjson.loads(request.body), clock)
        except (BadScript, BadInput, BadPrompt) as problem:
            code = "bad_demo_line" if isinstance(problem, BadScript) else None
            return _refusal(400, str(problem), clock, code=code)
        except KeyError as name:
            return _missing(name, clock)
        except (ValueError, TypeError, AttributeError, IndexError):
            return _refusal(400, "The demo can't make sense of this request.", clock)
        await clock.wait(script.delay, timeouts.first_byte, "first_byte")
        return answer

    async def close(self) -> None:
        """Nothing is held open."""


class _Clock:
    """The time limits of one attempt, in which the demo waits like a slow server."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.idle = timeouts.idle
        self._end = asyncio.get_running_loop().time() + timeouts.total

    async def wait(self, seconds: float, limit: float, phase: str) -> None:
        """Wait; raises `UpstreamTimeout` when that takes longer than the limit or the total."""
        left = self._end - asyncio.get_running_loop().time()
        if left < limit:
            limit, phase = max(0.0, left), "total"
        if seconds > limit:
            await asyncio.sleep(limit)
            raise UpstreamTimeout(
                f"The demo provider was slower than its {phase} timeout allows, as it was told to.",
                phase=phase,
            )
        # Also without a pause others get their turn between two chunks.
        await asyncio.sleep(seconds)


class DemoResponse:
    """An answer of the demo. See `laird.transport.base.UpstreamResponse`."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        pieces: tuple[bytes, ...],
        clock: _Clock,
        *,
        script: Script | None = None,
        first: int = 0,
    ) -> None:
        self.status = status
        self.headers = headers
        self._pieces = pieces
        self._clock = clock
        self._script = script or Script()
        self._first = first
        """Where the answer's own chunks begin: what stands before them is never held back."""
        self._next = 0
        self._closed = False

    async def read(self, limit: int) -> bytes:
        """Return the whole body."""
        whole = b""
        while piece := await self.chunk():
            whole += piece
            if len(whole) > limit:
                raise UpstreamGarbled(f"The demo's answer is longer than {limit} bytes.")
        return whole

    async def pipe(self, take: Callable[[bytes], bool]) -> bool:
        """Hand each piece to `take` until it returns False."""
        return await pull(self, take)

    async def chunk(self) -> bytes:
        """Return the next piece, b"" at the end; break or fall silent where that was asked for."""
        script = self._script
        number = self._next - self._first
        seconds = script.pause if number > 0 else 0.0
        if script.stall is not None and number >= script.stall:
            seconds = float("inf")
        await self._clock.wait(seconds, self._clock.idle, "idle")
        if self._closed or (script.cut is not None and number >= script.cut):
            raise ConnectionLost("The demo provider broke the connection, as it was told to.")
        if self._next == len(self._pieces):
            return b""
        self._next += 1
        return self._pieces[self._next - 1]

    def close(self) -> None:
        """Give the answer up."""
        self._closed = True


def _chat(body: dict[str, Any], clock: _Clock) -> _Answer:
    script, text = script_for(body["model"], last_text(body["messages"]))
    if script.status >= 400:
        return script, _failure(script, clock)
    reply = reply_to(body, script, text)
    if not body.get("stream"):
        return script, _whole(answer_body(body, reply, usage=script.usage), script, clock)
    return script, _streamed(answer_stream(body, reply, usage=script.usage), script, clock)


def _completion(body: dict[str, Any], clock: _Clock) -> _Answer:
    prompt = prompt_of(body)
    script, text = script_for(body["model"], prompt)
    if script.status >= 400:
        return script, _failure(script, clock)
    # A completion calls no tools and shows no thinking.
    plain = msgspec.structs.replace(script, tool=None, tools=False, think=False)
    reply = reply_to(as_chat(body, prompt), plain, text)
    if not body.get("stream"):
        return script, _whole(completion_body(body, reply, usage=script.usage), script, clock)
    return script, _streamed(completion_stream(body, reply, usage=script.usage), script, clock)


def _embeddings(body: dict[str, Any], clock: _Clock) -> _Answer:
    texts = texts_of(body)
    script, texts[-1] = script_for(body["model"], texts[-1])
    if script.status >= 400:
        return script, _failure(script, clock)
    return script, _whole(embeddings_body(body, texts, usage=script.usage), script, clock)


_Answer = tuple[Script, DemoResponse]

_RESPONSES: Mapping[str, Callable[[dict[str, Any], _Clock], _Answer]] = {
    "/v1/chat/completions": _chat,
    "/v1/completions": _completion,
    "/v1/embeddings": _embeddings,
}


def _whole(body: bytes, script: Script, clock: _Clock) -> DemoResponse:
    return DemoResponse(200, _JSON, (body,), clock, script=script)


def _streamed(stream: WireStream, script: Script, clock: _Clock) -> DemoResponse:
    pieces = _pieces(stream, script)
    return DemoResponse(200, _SSE, pieces, clock, script=script, first=len(stream.opening))


def _pieces(stream: WireStream, script: Script) -> tuple[bytes, ...]:
    if script.error is None:
        return (*stream.opening, *stream.pieces, *stream.closing)
    event = b"data: " + _error_body(500, "The demo failed within a stream, as told.") + b"\n\n"
    return (*stream.opening, *stream.pieces[: script.error], event)


def _failure(script: Script, clock: _Clock) -> DemoResponse:
    wait = {} if script.retry_after is None else {"retry-after": f"{script.retry_after:g}"}
    message = f"The demo failed with status {script.status}, as it was told to."
    body = _error_body(script.status, message)
    return DemoResponse(script.status, {**_JSON, **wait}, (body,), clock)


def _missing(name: KeyError, clock: _Clock) -> DemoResponse:
    field = str(name.args[0])
    if field in {"model", "messages", "prompt", "input"}:
        return _refusal(400, f"Missing required parameter: '{field}'.", clock)
    known = ", ".join(PRESETS)
    message = f"The model '{field[:60]}' does not exist. The demo has {known}."
    return _refusal(404, message, clock, code="model_not_found")


def _refusal(status: int, message: str, clock: _Clock, code: str | None = None) -> DemoResponse:
    return DemoResponse(status, _JSON, (_error_body(status, message, code),), clock)


def _error_body(status: int, message: str, code: str | None = None) -> bytes:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def _models() -> bytes:
    data = [
        {"id": name, "object": "model", "created": 0, "owned_by": "laird", "context_length": 8192}
        for name in PRESETS
    ]
    return orjson.dumps({"object": "list", "data": data})
