"""What an adapter is: pure functions between our values and one upstream's wire format.

An adapter is built once per provider and snapshot, holds no state that changes, and does no I/O:
the gateway sends what `*_request` returns and hands the answer to `read_*`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from laird.domain.catalog import Capabilities, Egress, Model, Provider
from laird.domain.chat import ChatAnswer, ChatRequest, EventReader
from laird.domain.errors import UpstreamError
from laird.transport.base import UpstreamRequest


class FoundModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a provider lists."""

    id: str
    context_window: int | None = None
    max_tokens: int | None = None
    capabilities: Capabilities = Capabilities()
    egress: Egress | None = None
    """Only where the server tells that a model leaves the machine."""


class Adapter(Protocol):
    """One provider's wire format, bound to that provider's endpoint and credential."""

    provider: Provider
    speaks: str | None
    """The client dialect that this upstream takes as it is (`openai.chat`), else None."""

    def chat_request(self, model: Model, request: ChatRequest) -> UpstreamRequest:
        """Build the upstream request. Raises `UnsupportedField` for what can't be honoured."""
        ...

    def forward_request(self, model: Model, body: Mapping[str, Any]) -> UpstreamRequest:
        """Build the upstream request from a client body in the dialect that `speaks` names.

        Everything is passed on, unknown fields included; the model's name is put in, and usage is
        asked for in streams.
        """
        ...

    def read_answer(self, body: bytes) -> ChatAnswer:
        """Read a whole answer. Raises `UpstreamGarbled` when it is not one."""
        ...

    def event_reader(self) -> EventReader:
        """Return a reader for one streamed answer."""
        ...

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """Turn an answer other than 200 into the error tree, with a message in plain words."""
        ...

    def models_request(self) -> UpstreamRequest:
        """Build the request that lists models; it checks the credential as well."""
        ...

    def read_models(self, body: bytes) -> tuple[FoundModel, ...]:
        """Read the list of models. Raises `UpstreamGarbled`."""
        ...

    def probe_request(self) -> UpstreamRequest:
        """Build the health probe (cheap, never billed). A status below 400 means healthy."""
        ...
