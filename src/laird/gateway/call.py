"""One request on its way: what came in, who hears the answer, and what has happened so far."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

import msgspec
import orjson

from laird.budgets.holding import Hold
from laird.dialects.base import ChatDialect, CountDialect, Dialect, EmbeddingDialect
from laird.domain.cache import CacheMark, CacheWish
from laird.domain.keys import Caller
from laird.domain.plan import RequestFacts
from laird.domain.usage import AttemptFinished
from laird.limits.rates import RateStanding


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the gateway sees it: parsed, checked for shape, and with its caller known."""

    request_id: str
    dialect: Dialect
    chat: ChatDialect | None = None
    """The same dialect, where the request is chat, which may be streamed and translated."""
    embedding: EmbeddingDialect | None = None
    """The same dialect, where the request is for embeddings."""
    count: CountDialect | None = None
    """The same dialect, where tokens are only to be counted."""
    body: Mapping[str, Any]
    facts: RequestFacts
    caller: Caller
    began: float
    """Monotonic seconds at which the request arrived."""
    size: int = 0
    """Bytes of the body as it came; 0 where it did not come as bytes."""
    include_usage: bool = False
    """A streaming client asked for the usage chunk."""
    carry_on: bool = False
    """A stream that is cut may go on with the next candidate, where it is prose."""
    passed: Mapping[str, str] | None = None
    """Client headers that belong to the dialect, for an upstream that speaks it."""
    cache: CacheWish | None = None
    """What the client says of the cache; None where that is left to its key and to the rules."""
    screened: object = None
    """The privacy policy that its caller's verdict is by; None where none was in force."""


def body_bytes(call: Call) -> int:
    """Return the size of a call's body as JSON."""
    return call.size or len(orjson.dumps(call.body))


class Trace(msgspec.Struct, eq=False):
    """What has happened to one request so far. The edge reads it for headers and metrics."""

    request_id: str
    attempts: int = 0
    """Upstream calls made, this one included."""
    provider: str = ""
    model: str = ""
    failover_from: str | None = None
    """`provider/model` of the first candidate that failed, when another one answered."""
    gone_local: bool = False
    """A local model serves because a budget has no room for what else would have."""
    privacy: str = ""
    """What the request may reach and why, as the header `x-laird-privacy` tells it; empty where
    there is nothing to tell."""
    cost_nano: int | None = None
    upstream_s: float = 0.0
    """Time spent waiting for upstreams and for a free slot."""
    answered: AttemptFinished | None = None
    """The row of the attempt that answered, once its answer is whole."""
    cache: CacheMark = CacheMark.OFF
    age_s: int = 0
    """How old an answer from the cache is."""
    rate: RateStanding | None = None
    """What is left of the key's limits; None where it has none."""
    hold: Hold | None = None
    """What budgets keep for its first attempt, where they have plenty; None once that has it."""


class Answering(Protocol):
    """What answers requests: the gateway, or what stands before it."""

    def answer(
        self, call: Call, client: Client, trace: Trace, task: asyncio.Task[Any]
    ) -> Coroutine[Any, Any, None]:
        """Answer one request through `client`; see `gateway.Gateway.answer`."""
        ...


class Judging(Answering, Protocol):
    """What answers requests, and can say before whether one must stay local."""

    def screened_now(self, call: Call, trace: Trace) -> Call | None:
        """Return what `screened` does where that needs no waiting, else None."""
        ...

    async def screened(self, call: Call, trace: Trace) -> Call:
        """Return a call with the verdict of the privacy rules in its caller.

        Raises `RefusedByPrivacy`.
        """
        ...


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
