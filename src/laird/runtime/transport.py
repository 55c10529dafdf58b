"""The library as a provider: requests for `library://<model>` go to that model's process.

The host is the model's id. At the host `library`, a request's body names the model, as it does at
any server; that is for adapters which know one origin alone. What is asked without meaning a model
(the list of models, the health) is answered here, so that no probe loads anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from laird.domain.catalog import Timeouts
from laird.domain.errors import (
    ConnectionLost,
    Unreachable,
    UpstreamError,
    UpstreamGarbled,
    UpstreamTimeout,
)
from laird.domain.local_models import RunnableModel, Running, RunState
from laird.domain.secret import Secret
from laird.runtime import words
from laird.runtime.entry import Lease
from laird.runtime.fleet import Fleet
from laird.runtime.process import DEFAULT_CONTEXT
from laird.transport.base import (
    Origin,
    RequestHead,
    Transport,
    UpstreamRequest,
    UpstreamResponse,
)

SCHEME = "library"
"""The scheme of the origins that are served here."""
WHOLE = "library"
"""The host that stands for the library as a whole."""

_JSON = {"content-type": "application/json"}
_MODELS = frozenset({"/v1/models", "/models"})
_HEALTH = frozenset({"/health", "/v1/health"})
_CREDENTIALS = frozenset({"authorization", "x-api-key", "api-key"})
_MAX_HEADS = 1024
_STALE_TRIES = 3
_END_S = 1.0
"""How long a process that refuses connections may take to be seen ending."""
_MOMENT_S = 0.001
_STATUSES = {
    RunState.COLD: "unloaded",
    RunState.WAITING: "loading",
    RunState.LOADING: "loading",
    RunState.WARM: "loaded",
    RunState.STOPPING: "unloaded",
    RunState.FAILED: "unloaded",
}
"""What llama.cpp's router says of a model in such a state (tools/server/README.md)."""


class _Named(msgspec.Struct):
    model: str


_NAMED = msgspec.json.Decoder(_Named)


def origin_of_model(model_id: str) -> Origin:
    """Return the origin at which a model answers."""
    return Origin(SCHEME, model_id, 0)


class LlamaTransport:
    """Sends requests to the library's models. See `laird.transport.base.Transport`.

    Loading a model may take as long as the request in all (`timeouts.total`), and counts against
    no other limit, unless `timeouts.begin` says so. `network` sends to the processes; it is closed
    by whoever made it.
    """

    def __init__(self, fleet: Fleet, network: Transport) -> None:
        self._fleet = fleet
        self._network = network
        self._heads: dict[tuple[int, int], tuple[RequestHead, RequestHead, Secret]] = {}

    async def send(self, request: UpstreamRequest, timeouts: Timeouts) -> UpstreamResponse:
        """Send a request to its model, once that is loaded, and wait for the head of the answer.

        Raises:
            UpstreamModelMissing: The library has no such model.
            UpstreamModelDown: It can't be started, or needs more memory than there is.
            UpstreamTimeout: It was not ready or not free in time, or answered too slowly.
            ConnectionLost: Its process ended before the answer was there.
        """
        head = request.head
        model_id = head.origin.host
        if head.method == "GET":
            path = head.target.partition("?")[0]
            if path in _MODELS:
                return _Answer(200, self._list(model_id))
            if path in _HEALTH:
                return _Answer(200, b'{"status":"ok"}')
        if model_id == WHOLE:
            try:
                model_id = _NAMED.decode(request.body).model
            except msgspec.DecodeError:
                return _refusal(400, "The body must be JSON and name a 'model' of the library.")
        return await self._ask(model_id, request, timeouts)

    async def close(self) -> None:
        """Forget what was learned; the fleet and the network are closed by whoever made them."""
        self._heads.clear()

    async def _ask(
        self, model_id: str, request: UpstreamRequest, timeouts: Timeouts
    ) -> UpstreamResponse:
        fleet = self._fleet
        deadline = time.monotonic() + _patience(timeouts)
        while True:
            lease = fleet.try_acquire(model_id)
            if lease is None:
                lease = await fleet.acquire(model_id, max(deadline - time.monotonic(), 0.0))
                timeouts = _left(timeouts, deadline)
            try:
                response = await self._send(request, lease, timeouts)
            except UpstreamError as problem:
                with lease:
                    # One that has just crashed has seen nothing of the request.
                    unseen = isinstance(problem, Unreachable)
                    if not (unseen and await lease.ended(_END_S)):
                        raise self._told(problem, model_id) from None
            except BaseException:
                lease.release()
                raise
            else:
                return _Leased(response, lease, self._told)

    async def _send(
        self, request: UpstreamRequest, lease: Lease, timeouts: Timeouts
    ) -> UpstreamResponse:
        """Send to the model's process, again where a connection that was kept had been closed.

        llama.cpp closes them after five seconds, and whenever it ends.
        """
        real = UpstreamRequest(self._head_for(request.head, lease), request.body)
        for _ in range(_STALE_TRIES):
            try:
                return await self._network.send(real, timeouts)
            except ConnectionLost as problem:
                if not problem.stale:
                    raise
        return await self._network.send(real, timeouts)

    def _head_for(self, head: RequestHead, lease: Lease) -> RequestHead:
        """Return a head for the model's process; the same one for the same head and process."""
        # Identity is the cheapest key; the value holds both alive, so that no id is used again.
        secret = lease.key
        key = (id(head), id(secret))
        known = self._heads.get(key)
        if known is not None:
            return known[1]
        headers = [pair for pair in head.headers if pair[0].lower() not in _CREDENTIALS]
        headers.append(("authorization", f"Bearer {secret.reveal()}"))
        real = RequestHead(head.method, lease.origin, head.target, tuple(headers))
        if len(self._heads) >= _MAX_HEADS:
            self._heads.clear()
        self._heads[key] = (head, real, secret)
        return real

    def _list(self, host: str) -> bytes:
        models = self._fleet.models
        data = [
            _listed(running, models[model_id])
            for model_id, running in self._fleet.states().items()
            if host in {WHOLE, model_id} and model_id in models
        ]
        return msgspec.json.encode({"object": "list", "data": data})

    def _told(self, problem: UpstreamError, model_id: str) -> UpstreamError:
        """Say of a connection's error which model it was about."""
        return words.retold(problem, model_id, self._fleet.log_path(model_id))


class _Leased:
    """An answer of a model's process, which holds the lease until it is closed."""

    __slots__ = ("_inner", "_lease", "_told")

    def __init__(
        self,
        inner: UpstreamResponse,
        lease: Lease,
        told: Callable[[UpstreamError, str], UpstreamError],
    ) -> None:
        self._inner = inner
        self._lease = lease
        self._told = told

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._inner.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Header values by lower-case name."""
        return self._inner.headers

    async def read(self, limit: int) -> bytes:
        """Return the whole body."""
        try:
            return await self._inner.read(limit)
        except UpstreamError as problem:
            raise self._told(problem, self._lease.model_id) from None

    async def chunk(self) -> bytes:
        """Return the next piece, b"" at the end."""
        try:
            return await self._inner.chunk()
        except UpstreamError as problem:
            raise self._told(problem, self._lease.model_id) from None

    async def pipe(self, take: Callable[[bytes], bool]) -> bool:
        """Hand each piece to `take` until it returns False."""
        try:
            return await self._inner.pipe(take)
        except (ConnectionLost, UpstreamTimeout) as problem:
            raise self._told(problem, self._lease.model_id) from None

    def close(self) -> None:
        """Give the connection and the lease back."""
        self._inner.close()
        self._lease.release()


class _Answer:
    """An answer from here."""

    headers: Mapping[str, str] = _JSON

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self._body = body

    async def read(self, limit: int) -> bytes:
        """Return the whole body."""
        if len(self._body) > limit:
            raise UpstreamGarbled(f"The library's answer is longer than {limit} bytes.")
        return await self.chunk()

    async def chunk(self) -> bytes:
        """Return the body, then b""."""
        body, self._body = self._body, b""
        return body

    async def pipe(self, take: Callable[[bytes], bool]) -> bool:
        """Hand the body to `take`."""
        body = await self.chunk()
        return not body or take(body)

    def close(self) -> None:
        """Nothing is held open."""


def _patience(timeouts: Timeouts) -> float:
    """Return how long a model may be waited for, in seconds."""
    return timeouts.total if timeouts.begin is None else min(timeouts.total, timeouts.begin)


def _left(timeouts: Timeouts, deadline: float) -> Timeouts:
    """Return the limits for an answer whose model was waited for."""
    if timeouts.begin is None:
        return timeouts
    left = max(deadline - time.monotonic(), _MOMENT_S)
    return msgspec.structs.replace(timeouts, first_byte=min(timeouts.first_byte, left))


def _refusal(status: int, message: str) -> _Answer:
    error = {"message": message, "type": "invalid_request_error", "param": "model", "code": None}
    return _Answer(status, msgspec.json.encode({"error": error}))


def _listed(running: Running, model: RunnableModel) -> dict[str, Any]:
    status: dict[str, Any] = {"value": _STATUSES[running.state]}
    if running.state is RunState.FAILED:
        status["failed"] = True
    return {
        "id": running.id,
        "object": "model",
        "created": 0,
        "owned_by": "library",
        "status": status,
        "meta": {"n_ctx": model.settings.context_size or DEFAULT_CONTEXT},
    }
