"""Which hub is asked, and as whom; read from the environment at each use."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from laird.domain.errors import InvalidRequest
from laird.transport.base import Origin
from laird.transport.urls import origin_of

DEFAULT_ENDPOINT = "https://huggingface.co"


class HubAddress(msgspec.Struct, frozen=True):
    """A hub's address, and the token for it."""

    endpoint: str
    """Without a trailing slash."""
    origin: Origin
    """The only place that the token is sent to."""
    token: str | None = None

    def __repr__(self) -> str:
        return f"HubAddress({self.endpoint})"


def hub_address(environ: Mapping[str, str] | None = None) -> HubAddress:
    """Return what HF_ENDPOINT and HF_TOKEN say; without them huggingface.co, without a token.

    Raises `InvalidRequest` for an HF_ENDPOINT that is no http or https address.
    """
    env = os.environ if environ is None else environ
    endpoint = env.get("HF_ENDPOINT", "").strip().rstrip("/") or DEFAULT_ENDPOINT
    try:
        origin, _ = origin_of(endpoint)
    except ValueError as problem:
        raise InvalidRequest(f"HF_ENDPOINT can't be used. {problem}") from None
    return HubAddress(endpoint, origin, env.get("HF_TOKEN", "").strip() or None)
