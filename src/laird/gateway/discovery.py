"""Finding local model servers at their usual ports, by what they answer and not by the port alone.

Servers imitate each other, and some answer 200 to anything, so a status says nothing: the body and
the Server header do. No credential is ever sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import orjson

from laird.domain.catalog import Timeouts
from laird.domain.errors import UpstreamError
from laird.transport.base import RequestHead, Transport, UpstreamRequest
from laird.transport.urls import origin_of

USUAL_ENDPOINTS = (
    "http://127.0.0.1:11434",
    "http://127.0.0.1:1234",
    "http://127.0.0.1:8080",
    "http://127.0.0.1:8000",
)
_PATIENCE_S = 0.5
_PATIENCE = Timeouts(
    connect=_PATIENCE_S, first_byte=_PATIENCE_S, idle=_PATIENCE_S, total=_PATIENCE_S
)
_BODY_LIMIT = 2 * 1024 * 1024

# What each server writes as the owner of its models in GET /v1/models.
_OWNERS = {"library": "ollama", "llamacpp": "llamacpp", "vllm": "vllm"}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A server that answers: its kind, where it is, and the models it lists."""

    kind: str
    endpoint: str
    models: tuple[str, ...]


async def discover(
    transport: Transport, endpoints: Iterable[str] = USUAL_ENDPOINTS
) -> tuple[Found, ...]:
    """Return the servers found at these endpoints, asked all at once; half a second at most."""
    found = await asyncio.gather(*(_look(transport, endpoint) for endpoint in endpoints))
    return tuple(one for one in found if one is not None)


async def _look(transport: Transport, endpoint: str) -> Found | None:
    listing = await _get(transport, endpoint, "/v1/models")
    if listing is None:
        return None
    headers, body = listing
    rows = _model_rows(body)
    if rows is None:
        return None
    models = tuple(str(row["id"]) for row in rows if row.get("id"))
    # LocalAI imitates Ollama, so it is asked for first.
    if await _get(transport, endpoint, "/.well-known/localai.json") is not None:
        return Found(kind="localai", endpoint=endpoint, models=models)
    kind = kind_of(headers, rows)
    if kind is None and await _is_lm_studio(transport, endpoint):
        kind = "lmstudio"
    return None if kind is None else Found(kind=kind, endpoint=endpoint, models=models)


def kind_of(headers: Mapping[str, str], rows: list[dict[str, Any]]) -> str | None:
    """Return the kind of server that lists its models so, or None where that is not certain."""
    if headers.get("server", "").lower().startswith("llama.cpp"):
        return "llamacpp"
    owners = {str(row.get("owned_by", "")) for row in rows}
    return _OWNERS.get(owners.pop()) if len(owners) == 1 else None


def _model_rows(body: object) -> list[dict[str, Any]] | None:
    rows = body.get("data") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        return None
    return [row for row in rows if isinstance(row, dict)]


async def _is_lm_studio(transport: Transport, endpoint: str) -> bool:
    answer = await _get(transport, endpoint, "/api/v0/models")
    rows = _model_rows(answer[1]) if answer is not None else None
    return bool(rows) and all("compatibility_type" in row for row in rows or ())


async def _get(
    transport: Transport, endpoint: str, path: str
) -> tuple[Mapping[str, str], object] | None:
    """Return headers and parsed body of a good JSON answer, else None."""
    origin, _ = origin_of(endpoint)
    try:
        response = await transport.send(
            UpstreamRequest(RequestHead("GET", origin, path)), _PATIENCE
        )
        try:
            body = await response.read(_BODY_LIMIT)
        finally:
            response.close()
        return (response.headers, orjson.loads(body)) if response.status == 200 else None
    except (UpstreamError, orjson.JSONDecodeError):
        return None
