"""The inference routes: parse, call the gateway, encode."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import msgspec
import orjson

from laird.api.errors import retry_after, status_of
from laird.api.http import (
    ClientGone,
    Link,
    Receive,
    Scope,
    Send,
    read_body,
)
from laird.dialects.base import ChatDialect, CountDialect, Dialect, EmbeddingDialect
from laird.domain.cache import CacheMark, CacheWish
from laird.domain.errors import InvalidRequest, LairdError
from laird.domain.keys import ApiKey, Caller, PrivacyClass
from laird.domain.money import usd_text
from laird.gateway.call import Answering, Call, Trace
from laird.keys.key_text import key_from_headers
from laird.keys.table import KeyTable
from laird.limits.rates import RateStanding, left_of
from laird.telemetry.logs import get_logger
from laird.telemetry.metrics import Metrics

_JSON_HEAD = b"content-type: application/json\r\n"
_STREAM_HEAD = (
    b"content-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\n"
    b"x-accel-buffering: no\r\n"
)
_REQUEST_HEAD = (
    b"x-laird-request-id: %b\r\n"
    # Where OpenAI's and Anthropic's SDKs look for it, to show it in errors and as `_request_id`.
    b"x-request-id: %b\r\n"
    b"request-id: %b\r\n"
    b"x-laird-attempts: %d\r\n"
    b"x-laird-failover: %b\r\n"
)
_REQUESTS_LEFT = (
    b"x-ratelimit-limit-requests: %d\r\nx-ratelimit-remaining-requests: %d\r\n"
    b"x-ratelimit-reset-requests: %b\r\n"
)
_TOKENS_LEFT = _REQUESTS_LEFT.replace(b"-requests", b"-tokens")
_MOMENT_S, _MILLISECOND_S = 1e-9, 1e-3
_GONE_LOCAL = b"x-laird-budget: local\r\n"
_OFF = CacheMark.OFF
_CACHE_OFF = b"x-laird-cache: off\r\n"
_WISHES = {wish.value.encode(): wish for wish in CacheWish}
_LONGEST_LABEL = 200

_log = get_logger("api")


_numbers = count(1)
_process = os.urandom(8).hex()


def new_request_id() -> str:
    """Return an id for a request: random for each process, counted within it."""
    return f"req_{_process}{next(_numbers):08x}"


Heard = Callable[[Trace, ApiKey | None, int, float], None]
"""Called at the end of each request, with its key where that is known, the HTTP status (499 when
the client went away) and the seconds that it took."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One inference route: its dialect, and what kind of request that is."""

    endpoint: str
    """Its label in the metrics."""
    dialect: Dialect
    chat: ChatDialect | None = None
    embedding: EmbeddingDialect | None = None
    count: CountDialect | None = None
    remembers: bool = False
    """Its answers may be kept, and its requests may go on from those that are."""


class _HttpClient(msgspec.Struct, eq=False):
    """Hears an answer from the gateway and writes it as HTTP."""

    _send: Send
    _link: Link
    _names: dict[tuple[str, str], bytes]
    _task: asyncio.Task[Any]
    begun: bool = False
    left: bool = False
    """The client went away, and the request's task was cancelled for that."""
    refused: LairdError | None = None
    """Why it may not have the rest of its answer, when the task was cancelled for that."""
    status: int = 200

    def leave(self) -> None:
        """Take note that the client is gone: nobody waits for the answer any more."""
        self.left = True
        self._task.cancel()

    def refuse(self, error: LairdError) -> None:
        """End the request: its key may not have the rest of the answer."""
        self.refused = error
        self._task.cancel()

    def answer(self, trace: Trace, body: bytes) -> None:
        head = _JSON_HEAD + self._head(trace)
        if trace.cost_nano is not None:
            head += b"x-laird-cost-usd: %b\r\n" % usd_text(trace.cost_nano).encode()
        self.begun = True
        self._link.respond(200, head, body)

    async def begin(self, trace: Trace, first: bytes) -> None:
        self.begun = True
        self._link.begin(200, _STREAM_HEAD + self._head(trace))
        self._link.push(first)
        await self._link.writable()

    def push(self, data: bytes) -> bool:
        return self._link.push(data)

    async def ready(self) -> None:
        await self._link.writable()

    async def end(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    def error(self, error: LairdError, dialect: Dialect, trace: Trace) -> None:
        """Write an error, in the client's own dialect."""
        self.status = status_of(error)
        head = _JSON_HEAD + self._head(trace)
        wait = retry_after(error)
        if wait is not None:
            head += b"retry-after: %d\r\n" % wait
        self.begun = True
        self._link.respond(self.status, head, dialect.error(error))

    def _head(self, trace: Trace) -> bytes:
        """Return the header lines that say who served a request."""
        served_by = (trace.provider, trace.model)
        names = self._names.get(served_by)
        if names is None:
            names = self._names[served_by] = _served_by(trace)
        origin = trace.failover_from
        failover = b"none" if origin is None else _value(origin)
        name = trace.request_id.encode()
        head = names + _REQUEST_HEAD % (name, name, name, trace.attempts, failover)
        if trace.cache is not _OFF:
            head = head.replace(_CACHE_OFF, _cache_lines(trace), 1)
        if trace.gone_local:
            head += _GONE_LOCAL
        if trace.privacy:
            head += b"x-laird-privacy: %b\r\n" % trace.privacy.encode()
        return head if trace.rate is None else head + _rate_lines(trace.rate)


def _served_by(trace: Trace) -> bytes:
    if not trace.provider:
        return _CACHE_OFF
    names = (_value(trace.provider), _value(trace.model))
    return _CACHE_OFF + b"x-laird-provider: %b\r\nx-laird-model: %b\r\n" % names


def _cache_lines(trace: Trace) -> bytes:
    mark = b"x-laird-cache: %b\r\n" % trace.cache.value.encode()
    return mark + b"age: %d\r\n" % trace.age_s if trace.cache is CacheMark.HIT else mark


def _rate_lines(standing: RateStanding) -> bytes:
    """Return what is left of a key's limits, in the headers that OpenAI's clients know."""
    limit, full_s = standing.limit, standing.requests_s
    lines, most = b"", limit.requests_per_minute
    if most is not None:
        lines = _REQUESTS_LEFT % (most, left_of(most, full_s), _duration(full_s))
    most, full_s = limit.tokens_per_minute, standing.tokens_s
    if most is None:
        return lines
    return lines + _TOKENS_LEFT % (most, left_of(most, full_s), _duration(full_s))


def _duration(seconds: float) -> bytes:
    """Return seconds as OpenAI writes them, rounded up: `0s`, `120ms`, `8.64s`, `1m30s`."""
    if seconds <= _MILLISECOND_S:
        return b"1ms" if seconds > _MOMENT_S else b"0s"
    milliseconds = math.ceil(seconds * 1000 - 1e-6)
    if milliseconds < 1000:
        return b"%dms" % milliseconds
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    return (f"{minutes}m" if minutes else "").encode() + text.encode() + b"s"


def _value(name: str) -> bytes:
    """Return a name as a header's value; what a header can't hold is escaped."""
    return name.encode("unicode_escape")


class Inference:
    """The inference routes of one server."""

    def __init__(
        self,
        answering: Answering,
        remembering: Answering,
        keys: KeyTable,
        metrics: Metrics,
        *,
        max_body_bytes: int,
        heard: Heard | None = None,
    ) -> None:
        """`remembering` answers on routes whose answers may be kept, `answering` on all others."""
        self._answering = answering
        self._remembering = remembering
        self._keys = keys
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        self._heard = heard
        self._names: dict[tuple[str, str], bytes] = {}
        self._under_way: dict[_HttpClient, ApiKey] = {}

    async def answer(self, scope: Scope, receive: Receive, send: Send, route: Route) -> None:
        """Answer one request in the route's dialect."""
        dialect = route.dialect
        began = time.monotonic()
        trace = Trace(new_request_id())
        link: Link = scope["laird.link"]
        task = link.task
        assert task is not None  # noqa: S101 - it runs this
        client = _HttpClient(send, link, self._names, task)
        try:
            call = await self._read(scope, client, receive, route, trace, began)
            link.gone = client.leave
            answering = self._remembering if route.remembers else self._answering
            await answering.answer(call, client, trace, task)
        except LairdError as error:
            client.error(error, dialect, trace)
        except ClientGone:
            client.status = 499
        except asyncio.CancelledError:
            if not client.left and client.refused is None:
                raise
            task.uncancel()
            await _end_early(client, dialect, trace)
        except Exception as error:
            # Last resort: a defect of ours must still be an answer in the client's dialect.
            _log.error("defect", request_id=trace.request_id, exc_info=True)
            if client.begun:
                raise
            client.error(_defect(trace), dialect, trace)
            del error
        finally:
            link.gone = None
            key = self._under_way.pop(client, None)
            seconds = time.monotonic() - began
            self._metrics.request(
                route.endpoint,
                trace.model,
                trace.provider,
                client.status,
                seconds=seconds,
                overhead_s=max(0.0, seconds - trace.upstream_s),
            )
            if self._heard is not None:
                self._heard(trace, key, client.status, seconds)

    async def _read(
        self,
        scope: Scope,
        client: _HttpClient,
        receive: Receive,
        route: Route,
        trace: Trace,
        began: float,
    ) -> Call:
        # The last one counts where a header is repeated; none that is read here may be.
        headers: dict[bytes, bytes] = dict(scope["headers"])
        caller = self.caller(headers)
        # From now on the key may be taken away under the request: see `end_refused`.
        self._under_way[client] = caller.key
        dialect = route.dialect
        link: Link = scope["laird.link"]
        raw = await read_body(headers, link, receive, self._max_body_bytes)
        body = parse_object(raw)
        facts = dialect.facts(body)
        return Call(
            request_id=trace.request_id,
            dialect=dialect,
            chat=route.chat,
            embedding=route.embedding,
            count=route.count,
            body=body,
            facts=facts,
            caller=caller,
            began=began,
            size=len(raw),
            include_usage=facts.stream and dialect.wants_usage(body),
            carry_on=headers.get(b"x-laird-continue") == b"true",
            passed=_passed(headers, dialect.passes) if dialect.passes else None,
            cache=_cache_wish(headers),
        )

    async def watch_keys(self, *, interval_s: float = 0.5) -> None:
        """End requests whose key is good no more, again and again until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            self.end_refused(time.time_ns() // 1000)

    def end_refused(self, now_us: int) -> int:
        """End the requests whose key was revoked, disabled or has expired; return how many.

        A stream ends with an error event, another answer is an error. `now_us` is UTC
        microseconds.
        """
        refused = [
            (client, error)
            for client, key in self._under_way.items()
            if client.refused is None and (error := self._keys.refusal(key, now_us)) is not None
        ]
        for client, error in refused:
            client.refuse(error)
        return len(refused)

    def caller(self, headers: Mapping[bytes, bytes]) -> Caller:
        """Return who asks, and the wishes in the headers. Raises an `AccessError`."""
        text = key_from_headers(headers.get(b"authorization"), headers.get(b"x-api-key"))
        now_us = time.time_ns() // 1000
        key = self._keys.authenticate(text, now_us)
        self._keys.used(key.id, now_us)
        local_only, reason = False, None
        if key.privacy is PrivacyClass.LOCAL_ONLY:
            local_only, reason = True, "key"
        wish = headers.get(b"x-laird-privacy")
        if wish is not None:
            if wish != b"local":
                raise InvalidRequest("The header x-laird-privacy knows one value: local.")
            if not local_only:
                local_only, reason = True, "header"
        workflow, node = headers.get(b"x-laird-workflow"), headers.get(b"x-laird-node")
        return Caller(
            key=key,
            local_only=local_only,
            privacy_reason=reason,
            workflow=_label(workflow) if workflow else None,
            node=_label(node) if node else None,
        )


async def _end_early(client: _HttpClient, dialect: Dialect, trace: Trace) -> None:
    """End an answer that was cancelled: nobody hears it, or nobody may."""
    error = client.refused
    if client.left or error is None:
        client.status = 499
        return
    _log.info("request ended with its key", request_id=trace.request_id, reason=error.message)
    if client.begun:
        client.status = status_of(error)
        await client.end(dialect.error_event(error))
    else:
        client.error(error, dialect, trace)


def _passed(headers: Mapping[bytes, bytes], names: tuple[bytes, ...]) -> dict[str, str]:
    """Return the client's headers that belong to a dialect."""
    return {name.decode(): headers[name].decode("latin-1") for name in names if name in headers}


def _cache_wish(headers: Mapping[bytes, bytes]) -> CacheWish | None:
    text = headers.get(b"x-laird-cache")
    if text is None:
        return None
    wish = _WISHES.get(text)
    if wish is None:
        raise InvalidRequest("The header x-laird-cache knows three values: use, refresh and off.")
    return wish


def _label(value: bytes) -> str:
    return value.decode("utf-8", "replace")[:_LONGEST_LABEL]


def _defect(trace: Trace) -> LairdError:
    return LairdError(
        f"Laird failed at this request ({trace.request_id}). The server's log says where;"
        " please report it."
    )


def parse_object(raw: bytes) -> Mapping[str, Any]:
    """Parse a body that must be a JSON object. Raises `InvalidRequest`."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if not raw.strip():
            raise InvalidRequest("The body is empty. Send a JSON object.") from None
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from None
    if not isinstance(body, dict):
        raise InvalidRequest("The body is JSON, but not an object. Send {...}.")
    return body
