"""`POST /v1/chat/completions` and the listing of models: parse, call the gateway, encode."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from itertools import count
from typing import Any

import orjson

from laird.api.errors import retry_after, status_of
from laird.api.http import (
    JSON,
    ClientGone,
    Link,
    Receive,
    Scope,
    Send,
    read_body,
    write,
)
from laird.dialects.base import Dialect
from laird.domain.errors import InvalidRequest, LairdError
from laird.domain.keys import Caller, PrivacyClass
from laird.domain.money import usd_text
from laird.gateway.call import Call, Trace
from laird.gateway.gateway import Gateway
from laird.keys.key_text import key_from_headers
from laird.keys.table import KeyTable
from laird.telemetry.logs import get_logger
from laird.telemetry.metrics import Metrics

_JSON_HEAD = b"content-type: application/json\r\n"
_STREAM_HEAD = (
    b"content-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\n"
    b"x-accel-buffering: no\r\n"
)
_REQUEST_HEAD = b"x-laird-request-id: %b\r\nx-laird-attempts: %d\r\nx-laird-failover: %b\r\n"
_CACHE_OFF = b"x-laird-cache: off\r\n"
_LONGEST_LABEL = 200

_log = get_logger("api")


_numbers = count(1)
_process = os.urandom(8).hex()


def new_request_id() -> str:
    """Return an id for a request: random for each process, counted within it."""
    return f"req_{_process}{next(_numbers):08x}"


class _HttpClient:
    """Hears an answer from the gateway and writes it as HTTP."""

    __slots__ = ("_link", "_names", "_send", "_task", "begun", "left", "status")

    def __init__(
        self,
        send: Send,
        link: Link,
        names: dict[tuple[str, str], bytes],
        task: asyncio.Task[Any],
    ) -> None:
        self._send = send
        self._link = link
        self._names = names
        self._task = task
        self.begun = False
        self.left = False
        """The client went away, and the request's task was cancelled for that."""
        self.status = 200

    def leave(self) -> None:
        """Take note that the client is gone: nobody waits for the answer any more."""
        self.left = True
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
        return names + _REQUEST_HEAD % (trace.request_id.encode(), trace.attempts, failover)


def _served_by(trace: Trace) -> bytes:
    if not trace.provider:
        return _CACHE_OFF
    names = (_value(trace.provider), _value(trace.model))
    return _CACHE_OFF + b"x-laird-provider: %b\r\nx-laird-model: %b\r\n" % names


def _value(name: str) -> bytes:
    """Return a name as a header's value; what a header can't hold is escaped."""
    return name.encode("unicode_escape")


class Inference:
    """The inference routes of one server."""

    def __init__(
        self, gateway: Gateway, keys: KeyTable, metrics: Metrics, *, max_body_bytes: int
    ) -> None:
        self._gateway = gateway
        self._keys = keys
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        self._names: dict[tuple[str, str], bytes] = {}

    async def chat(
        self, scope: Scope, receive: Receive, send: Send, dialect: Dialect, endpoint: str
    ) -> None:
        """Answer one chat request in the given dialect."""
        began = time.monotonic()
        trace = Trace(new_request_id())
        link: Link = scope["laird.link"]
        task = link.task
        assert task is not None  # noqa: S101 - it runs this
        client = _HttpClient(send, link, self._names, task)
        try:
            call = await self._read(scope, link, receive, dialect, trace, began)
            link.gone = client.leave
            await self._gateway.chat(call, client, trace, task)
        except LairdError as error:
            client.error(error, dialect, trace)
        except ClientGone:
            client.status = 499
        except asyncio.CancelledError:
            if not client.left:
                raise
            task.uncancel()
            client.status = 499
        except Exception as error:
            # Last resort: a defect of ours must still be an answer in the client's dialect.
            _log.error("defect", request_id=trace.request_id, exc_info=True)
            if client.begun:
                raise
            client.error(_defect(trace), dialect, trace)
            del error
        finally:
            link.gone = None
            seconds = time.monotonic() - began
            self._metrics.request(
                endpoint,
                trace.model,
                trace.provider,
                client.status,
                seconds=seconds,
                overhead_s=max(0.0, seconds - trace.upstream_s),
            )

    async def _read(
        self,
        scope: Scope,
        link: Link,
        receive: Receive,
        dialect: Dialect,
        trace: Trace,
        began: float,
    ) -> Call:
        # The last one counts where a header is repeated; none that is read here may be.
        headers: dict[bytes, bytes] = dict(scope["headers"])
        caller = self._caller(headers)
        body = parse_object(await read_body(headers, link, receive, self._max_body_bytes))
        facts = dialect.facts(body)
        return Call(
            request_id=trace.request_id,
            dialect=dialect,
            body=body,
            facts=facts,
            caller=caller,
            began=began,
            include_usage=facts.stream and dialect.wants_usage(body),
            carry_on=headers.get(b"x-laird-continue") == b"true",
        )

    def _caller(self, headers: Mapping[bytes, bytes]) -> Caller:
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

    async def models(self, scope: Scope, send: Send) -> None:
        """List the names a client may use as `model`, those its key allows."""
        caller = self._caller(dict(scope["headers"]))
        snapshot = self._gateway.runtime.snapshot
        created = 0
        allowed = caller.key.allowed_models
        rows: list[dict[str, Any]] = []

        def add(name: str, owner: str) -> None:
            if not allowed or name in allowed:
                rows.append({"id": name, "object": "model", "created": created, "owned_by": owner})

        add("auto", "laird")
        for alias in snapshot.aliases:
            add(alias, "laird")
        for chain in snapshot.chains.values():
            add(chain.id, "laird")
        providers = caller.key.allowed_providers
        for key, model in snapshot.models.items():
            provider = snapshot.providers[model.provider_id]
            if not provider.enabled or (providers and provider.id not in providers):
                continue
            if not allowed or key in allowed or model.id in allowed:
                owner = {"id": key, "object": "model", "created": created}
                rows.append({**owner, "owned_by": provider.id})
        await write(send, 200, [JSON], orjson.dumps({"object": "list", "data": rows}))


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
