"""What passes between one client and the upstreams that answer it, whole or streamed."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import msgspec

from laird.dialects.base import Relay
from laird.dialects.openai_functions import answering
from laird.dialects.relay import TranslatingRelay
from laird.domain.chat import ChatRequest
from laird.domain.errors import LairdError, UpstreamError
from laird.domain.money import usd_text
from laird.domain.tokens import TokenUsage
from laird.domain.usage import AttemptStatus
from laird.gateway.call import Call, Client, Trace
from laird.gateway.continuation import Continuation
from laird.gateway.one_call import FirstCallReader, first_call_only
from laird.gateway.settle import OpenAttempt
from laird.providers.base import Adapter
from laird.transport.base import UpstreamRequest, UpstreamResponse

_ANSWER_LIMIT = 64 * 1024 * 1024
_AFTER_MARKER_S = 0.2


class Exchange(msgspec.Struct, eq=False):
    """One client's answer in the making, over all attempts of its request."""

    _call: Call
    _trace: Trace
    _client: Client
    _continuation: Continuation | None = None
    """What was said so far, where a stream that is cut may go on."""
    _relay: Relay | None = None
    _one_call: bool = False
    begun: bool = False
    """The client has seen the beginning of a streamed answer."""
    sent: UpstreamRequest | None = None
    """The upstream request that is being answered."""
    tokens: int = 0
    """Tokens used by all attempts."""

    @property
    def carries_on(self) -> bool:
        """True when a stream that was cut here may go on with another candidate."""
        return self._continuation is not None and self._continuation.possible

    def forwards(self, adapter: Adapter) -> bool:
        """Tell whether the upstream speaks the client's dialect, so that bytes are passed on."""
        call = self._call
        return (
            call.dialect.name in adapter.speaks
            and self._continuation is None
            and (adapter.limits_calls or call.body.get("parallel_tool_calls") is not False)
        )

    def request(self, canonical: ChatRequest) -> ChatRequest:
        """Return the request for the next attempt: with what was said so far, after a cut."""
        self._one_call = canonical.parallel_tool_calls is False
        if self._continuation is None:
            return canonical
        return self._continuation.request(canonical)

    async def whole(
        self, adapter: Adapter, response: UpstreamResponse, row: OpenAttempt, *, forwards: bool
    ) -> None:
        """Pass on an answer that is not streamed."""
        raw = await response.read(_ANSWER_LIMIT)
        if forwards:
            forwarded = self._call.dialect.forward_answer(raw, provider=adapter.provider.id)
            body, usage, length = forwarded.body, forwarded.usage, forwarded.text_length
        else:
            body, usage, length = self._translate(adapter, raw)
        self._settle(row, AttemptStatus.OK, usage, length, http_status=response.status)
        self._client.answer(self._trace, body)

    def _translate(self, adapter: Adapter, raw: bytes) -> tuple[bytes, TokenUsage | None, int]:
        """Return an answer in the client's dialect, its counts and its characters of output."""
        call = self._call
        provider = adapter.provider.id
        if call.embedding is not None:
            vectors = adapter.read_embeddings(raw)
            if not vectors.model:
                vectors = msgspec.structs.replace(vectors, model=self._trace.model)
            body = call.embedding.embedding_answer(vectors, call.body, provider=provider)
            return body, vectors.usage, 0
        assert call.chat is not None  # noqa: S101 - else there was no upstream request
        answer = adapter.read_answer(raw)
        self._check_counts(adapter, answer.usage)
        if self._one_call and not adapter.limits_calls:
            answer = first_call_only(answer)
        if not answer.model:
            # Not every provider names the model in its answer.
            answer = msgspec.structs.replace(answer, model=self._trace.model)
        chat = answering(call.chat, call.body)
        body = chat.answer(answer, provider=provider, created=int(time.time()))
        return body, answer.usage, len(body)

    def _check_counts(self, adapter: Adapter, usage: TokenUsage | None) -> None:
        if usage is not None and self.sent is not None:
            adapter.check_counts(self.sent, usage)

    async def stream(
        self, adapter: Adapter, response: UpstreamResponse, row: OpenAttempt, *, forwards: bool
    ) -> None:
        """Pass on a stream to its end.

        Raises an `UpstreamError` when it fails; `begun` then tells whether the client noticed.
        """
        relay = self._relay = self._open_relay(adapter, forwards=forwards)
        try:
            last = await self._pump(relay, response, row)
            if not forwards:
                self._check_counts(adapter, relay.usage)
            last += relay.end()
        except UpstreamError as error:
            if self.begun:
                self.settle(row, AttemptStatus.CUT, error, response.status)
            self._relay = None
            raise
        # The row is written before the last byte is sent: what a client has, the ledger has.
        self.settle(row, AttemptStatus.OK, http_status=response.status)
        if not self.begun:
            await self._show(b"")
        cost = self._trace.cost_nano
        receipt = f": x-laird-cost-usd {usd_text(cost)}\n\n".encode() if cost is not None else b""
        await self._client.end(receipt + last)

    async def _pump(self, relay: Relay, response: UpstreamResponse, row: OpenAttempt) -> bytes:
        """Move bytes to the upstream's end; return those that were not shown for want of content.

        Nothing is shown before the first content, so that a failure until then is invisible.
        """
        chunk = response.chunk
        feed = relay.feed
        held = b""
        while not relay.content:
            data = await chunk()
            if not data:
                return held
            held += feed(data)
            if relay.done:
                break
        if relay.content:
            row.first_content = time.monotonic()
            await self._show(held)
            held = b""
        await self._pass_on(relay, response)
        return held

    async def _pass_on(self, relay: Relay, response: UpstreamResponse) -> None:
        """Show what comes until the upstream says that nothing follows, or its body ends."""
        feed = relay.feed
        push = self._client.push

        def take(data: bytes) -> bool:
            out = feed(data)
            return (push(out) if out else True) and not relay.done

        while not relay.done:
            if await response.pipe(take):
                return
            await self._client.ready()
        # Some servers leave the body open after the end marker. They are not waited for long.
        with suppress(TimeoutError, UpstreamError):
            async with asyncio.timeout(_AFTER_MARKER_S):
                while await response.chunk():
                    pass

    async def _show(self, data: bytes) -> None:
        """Send more, as the beginning where nothing was sent yet."""
        if self.begun:
            self._client.push(data)
            await self._client.ready()
        else:
            self.begun = True
            await self._client.begin(self._trace, data)

    def _open_relay(self, adapter: Adapter, *, forwards: bool) -> Relay:
        call = self._call
        chat = call.chat
        assert chat is not None  # noqa: S101 - only chat is streamed
        provider = adapter.provider.id
        if forwards:
            return chat.forward_relay(provider=provider, include_usage=call.include_usage)
        encoder = answering(chat, call.body).encoder(
            request_id=call.request_id,
            model=self._trace.model,
            provider=provider,
            created=int(time.time()),
            include_usage=call.include_usage,
        )
        reader = adapter.event_reader()
        if self._one_call and not adapter.limits_calls:
            reader = FirstCallReader(reader)
        if self._continuation is not None:
            reader = self._continuation.watch(reader)
        return TranslatingRelay(reader, encoder)

    def settle(
        self,
        row: OpenAttempt,
        status: AttemptStatus,
        error: LairdError | None = None,
        http_status: int | None = None,
    ) -> None:
        """Write the row of a stream from what its relay has seen; nothing if it has its row."""
        relay = self._relay
        usage = relay.usage if relay is not None else None
        length = relay.text_length if relay is not None else 0
        self._settle(row, status, usage, length, error, http_status)
        if status is not AttemptStatus.OK:
            self._relay = None

    def _settle(
        self,
        row: OpenAttempt,
        status: AttemptStatus,
        usage: TokenUsage | None,
        length: int,
        error: LairdError | None = None,
        http_status: int | None = None,
    ) -> None:
        finished = row.settle(
            status, usage=usage, output_chars=length, error=error, http_status=http_status
        )
        if finished is None:
            return
        if status is AttemptStatus.OK:
            self._trace.answered = finished
        self.tokens += finished.prompt_tokens + finished.completion_tokens
        if finished.cost_nano is not None:
            self._trace.cost_nano = (self._trace.cost_nano or 0) + finished.cost_nano

    async def break_off(self, error: LairdError) -> None:
        """End a stream that failed: an error event in the client's dialect, no success marker."""
        await self._client.end(self._call.dialect.error_event(error))
