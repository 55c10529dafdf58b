"""How one upstream's wire looks, so that one contract suite can test every adapter.

A profile turns values of `laird.domain` into the bytes that its upstream would send, and checks
the bytes that it would get. The suite (`contract.py`) knows nothing of any wire format: it hands
canonical values to the profile, its bytes to the adapter, and compares what comes back.

To add an adapter: write a profile and add it to `PROFILES` in `test_contract.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from laird.domain.catalog import Model, Provider
from laird.domain.chat import ChatAnswer, ChatRequest, StreamEvent
from laird.domain.errors import UpstreamError
from laird.domain.tokens import TokenUsage
from laird.providers.base import Adapter

MODEL_NAME = "upstream-model"
"""The upstream's name of the model that the suite asks for."""

SECRET = "canary-5f2d9c7b1e"
"""The credential that the suite configures; it must never show in a message."""


class Fault(StrEnum):
    """A refusal that each upstream has its own words for."""

    BAD_REQUEST = "bad_request"
    """400 for a field that is wrong."""
    CONTEXT_LENGTH = "context_length"
    """The prompt is longer than the model's window."""
    BAD_CREDENTIAL = "bad_credential"
    """401; the text quotes the credential, as some servers do."""
    FORBIDDEN = "forbidden"
    MODEL_MISSING = "model_missing"
    TOO_LARGE = "too_large"
    """413."""
    UNPROCESSABLE = "unprocessable"
    """422."""
    RATE_LIMITED = "rate_limited"
    """429, telling to wait 7 seconds."""
    RATE_LIMITED_DATE = "rate_limited_date"
    """429 with an HTTP date, 7 seconds after the answer's own `Date`."""
    RATE_LIMITED_SILENT = "rate_limited_silent"
    """429 that does not say for how long."""
    QUOTA = "quota"
    """No money or quota left."""
    SERVER_ERROR = "server_error"
    """500."""
    OVERLOADED = "overloaded"
    """503 or 529."""
    HTML = "html"
    """502 with a page of HTML from a proxy in between."""
    EMPTY = "empty"
    """503 without a body."""


class Quirk(StrEnum):
    """A way in which an upstream's answers are odd. The suite asks each profile for each."""

    MISSING_USAGE = "missing_usage"
    """A whole and proper stream that never tells its usage."""
    EMPTY_CHOICES = "empty_choices"
    """A proper stream with events in between that hold no part of the answer."""
    UNUSUAL_LINES = "unusual_lines"
    """A proper stream with a BOM, CRLF, comments, keep-alives, no space after the colon."""


@dataclass(frozen=True)
class WireAnswer:
    """An answer as it is on the wire, not streamed."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)


@dataclass(frozen=True)
class Lacks:
    """What this upstream can't do, so that the suite leaves it out."""

    faults: frozenset[Fault] = frozenset()
    quirks: frozenset[Quirk] = frozenset()
    requests: frozenset[str] = frozenset()
    """Names of `contract.REQUESTS` that the adapter refuses with `UnsupportedField`."""
    unchecked: frozenset[str] = frozenset()
    """Names of `contract.REQUESTS` that the profile can't judge: the adapter's own tests do."""
    usage_fields: frozenset[str] = frozenset()
    """Fields of `TokenUsage` that the wire has no place for (they come back as 0)."""
    answers: frozenset[str] = frozenset()
    """Names of `contract.ANSWERS` that this upstream can't give; `interleaved`: tool calls whose
    pieces arrive in turns."""
    ids: bool = False
    """An answer has no id of its own."""
    model_name: bool = False
    """A whole answer does not name its model."""


FINER_ANSWERS = frozenset({"logprobs", "signed", "hidden", "signed_call", "stopped", "interleaved"})
"""Names of `contract.ANSWERS` that many wires have no place for."""
FINER_REQUESTS = frozenset({"document", "document_url", "logprobs", "tool_images", "signed"})
"""Names of `contract.REQUESTS` that a profile may leave unchecked."""


class Profile(Protocol):
    """One upstream's wire format, from the upstream's side of the connection."""

    name: str
    lacks: Lacks
    dialect: str | None
    """The client's chat dialect that the upstream takes as it is, if any."""

    def provider(self, base_url: str) -> Provider:
        """Return a provider at `http://host:port`, with `SECRET` as its credential."""
        ...

    def adapter(self, provider: Provider) -> Adapter:
        """Build the adapter under test."""
        ...

    def check_head(self, method: str, target: str, headers: dict[str, str]) -> None:
        """Assert that a chat request went to the right path with the right credential header.

        Header names are lower case.
        """
        ...

    def check_body(self, body: bytes, request: ChatRequest) -> None:
        """Assert that a request body says what `request` says and is valid upstream."""
        ...

    def answer(self, answer: ChatAnswer) -> bytes:
        """Return the body of a whole answer."""
        ...

    def stream(self, events: Sequence[StreamEvent], usage: TokenUsage | None) -> list[bytes]:
        """Return a whole streamed answer, one item per wire event.

        `events` end with `Finished` and hold no `UsageSeen`; `usage` is to be told where the wire
        format tells it.
        """
        ...

    def needed(self, events: Sequence[bytes]) -> int:
        """Return how many of the wire events of `stream` must arrive for the answer to be whole.

        Cut after fewer, it is not complete; what follows may be lost without harm.
        """
        ...

    def quirk(self, quirk: Quirk, events: Sequence[StreamEvent]) -> bytes:
        """Return a streamed answer with a quirk; it still means `events`."""
        ...

    def fault(self, fault: Fault) -> WireAnswer:
        """Return a refusal in this upstream's words."""
        ...

    def late_fault(self) -> tuple[bytes, type[UpstreamError]]:
        """Return an error event that comes after status 200, and what it must become."""
        ...

    def models(self, names: Sequence[str]) -> bytes:
        """Return the body of a list of models."""
        ...


def model_of(provider: Provider) -> Model:
    """Return the model that the suite asks for."""
    return Model(
        id="model",
        name="Model",
        provider_id=provider.id,
        upstream_model=MODEL_NAME,
        egress=provider.egress,
    )
