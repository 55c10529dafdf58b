"""One request on its way: what came in, who hears the answer, and what has happened so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from laird.dialects.base import Dialect
from laird.domain.keys import Caller
from laird.domain.plan import RequestFacts


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the gateway sees it: parsed, checked for shape, and with its caller known."""

    request_id: str
    dialect: Dialect
    body: Mapping[str, Any]
    facts: RequestFacts
    caller: Caller
    began: float
    """Monotonic seconds at which the request arrived."""
    include_usage: bool = False
    """A streaming client asked for the usage chunk."""
    carry_on: bool = False
    """A stream that is cut may go on with the next candidate, where it is prose."""


class Trace:
    """What has happened to one request so far. The edge reads it for headers and metrics."""

    __slots__ = (
        "attempts",
        "cost_nano",
        "failover_from",
        "model",
        "provider",
        "request_id",
        "upstream_s",
    )

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.attempts = 0
        """Upstream calls made, this one included."""
        self.provider = ""
        self.model = ""
        self.failover_from: str | None = None
        """`provider/model` of the first candidate that failed, when another one answered."""
        self.cost_nano: int | None = None
        self.upstream_s = 0.0
        """Time spent waiting for upstreams and for a free slot."""


class Client(Protocol):
    """Who hears the answer. Bytes are in the client's own dialect."""

    def answer(self, trace: Trace, body: bytes) -> None:
        """Give a whole answer."""
        ...

    async def begin(self, trace: Trace, first: bytes) -> None:
        """Begin a streamed answer with its first bytes."""
        ...

    def push(self, data: bytes) -> bool:
        """Give more of a streamed answer at once; False asks to wait for `ready` before more."""
        ...

    async def ready(self) -> None:
        """Wait while the client is slow."""
        ...

    async def end(self, data: bytes) -> None:
        """Give the last bytes of a streamed answer."""
        ...
