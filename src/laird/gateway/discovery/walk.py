"""Asking one address: first for its list of models, then what proves who it is.

Every question is a GET without a key and without a cookie; redirects are not followed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from laird.domain.catalog import Timeouts
from laird.domain.errors import UpstreamError
from laird.gateway.discovery import proofs
from laird.gateway.discovery.answers import Answer
from laird.gateway.discovery.fingerprints import FINGERPRINTS, Fingerprint, Mark
from laird.gateway.discovery.proofs import Models, Told
from laird.providers.base import FoundModel
from laird.transport.base import Origin, RequestHead, Transport, UpstreamRequest

MOST_MODELS = 1000
_LISTING = "/v1/models"
_PATIENCE_S = 0.5
_PATIENCE = Timeouts(
    connect=_PATIENCE_S, first_byte=_PATIENCE_S, idle=_PATIENCE_S, total=_PATIENCE_S
)
_LONGEST_S = 2.0
_BODY_LIMIT = 2 * 1024 * 1024
_LONGEST_NAME = 200
_HEADERS = (("accept", "application/json"),)

ReadModels = Callable[[str, bytes], Models]
"""Reads a list of models as the adapter of a kind does. Raises an `UpstreamError`."""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A server that was recognised."""

    fingerprint: Fingerprint
    version: str | None = None
    models: Models = ()
    needs_key: bool = False


class Walk:
    """Finds out who answers at an address."""

    def __init__(self, transport: Transport, read_models: ReadModels) -> None:
        self._transport = transport
        self._read_models = read_models

    async def look(self, origin: Origin, *, named: bool) -> Sighting | None:
        """Return who is there, or None where nobody known is.

        Half a second is given to each question, two seconds to all. `named` says that the port was
        named by somebody, and is not just a usual one.
        """
        try:
            async with asyncio.timeout(_LONGEST_S):
                return await self._recognise(origin, named=named)
        except TimeoutError:
            return None

    async def _recognise(self, origin: Origin, *, named: bool) -> Sighting | None:
        listing = await self._ask(origin, _LISTING)
        if listing is None:
            return None
        marked = [(row.mark(listing), row) for row in FINGERPRINTS]
        # What is surest comes first; among equals, the order of the table counts.
        for mark, row in sorted(marked, key=lambda pair: -pair[0]):
            home = origin.port in row.ports or (named and row.named_port)
            if mark < (Mark.AT_HOME if home else Mark.LIKELY):
                continue
            told = await self._prove(origin, row)
            if told is None and mark is Mark.SURE:
                told = Told()
            if told is not None:
                return await self._describe(origin, row, listing, told)
        return None

    async def _prove(self, origin: Origin, row: Fingerprint) -> Told | None:
        for path in row.questions:
            answer = await self._ask(origin, path)
            told = row.proof(answer) if answer is not None else None
            if told is not None:
                return told
        return None

    async def _describe(
        self, origin: Origin, row: Fingerprint, listing: Answer, told: Told
    ) -> Sighting:
        models = self._models(row.kind, listing) if listing.rows else told.models or ()
        models = _merged(models, told.models or ())
        answer = await self._ask(origin, row.more) if row.more and models else None
        if answer is not None:
            if row.read_more is not None:
                models = row.read_more(models, answer)
            else:
                models = _merged(models, self._read(row.kind, answer.raw))
        if told.embeds is not None:
            models = proofs.with_embeddings(models, embeds=told.embeds)
        if row.remote_owner is not None:
            models = _marked_remote(models, listing, row.remote_owner)
        return Sighting(
            fingerprint=row,
            version=told.version,
            models=_fit(models),
            needs_key=told.needs_key or (listing.rows is None and row.silent_with_key),
        )

    def _models(self, kind: str, listing: Answer) -> Models:
        """Return the listed models; an adapter that lists elsewhere knows nothing of this list."""
        rows = listing.rows or ()
        names = tuple(FoundModel(id=row["id"]) for row in rows if isinstance(row.get("id"), str))
        return _merged(names, self._read(kind, listing.raw))

    def _read(self, kind: str, raw: bytes) -> Models:
        try:
            return self._read_models(kind, raw)
        except UpstreamError:
            return ()

    async def _ask(self, origin: Origin, path: str) -> Answer | None:
        """Return the answer, or None where none came whole and in time."""
        head = RequestHead("GET", origin, path, _HEADERS)
        try:
            response = await self._transport.send(UpstreamRequest(head), _PATIENCE)
            try:
                raw = await response.read(_BODY_LIMIT)
                return Answer.read(response.headers.get("server", ""), raw)
            finally:
                response.close()
        except UpstreamError:
            return None


def _merged(models: Models, told: Models) -> Models:
    """Return models with what is told of those of the same id."""
    by_id = {model.id: model for model in told}
    return tuple(
        replace(
            other,
            context_window=other.context_window or model.context_window,
            max_tokens=other.max_tokens or model.max_tokens,
        )
        if (other := by_id.get(model.id)) is not None
        else model
        for model in models
    )


def _marked_remote(models: Models, listing: Answer, remote: Callable[[str], bool]) -> Models:
    owners: dict[Any, Any] = {row.get("id"): row.get("owned_by") for row in listing.rows or ()}
    return tuple(
        proofs.sent_on(model) if remote(str(owners.get(model.id))) else model for model in models
    )


def _fit(models: Models) -> Models:
    """Leave out what can't be the name of a model in a document, and what comes twice."""
    fit = {
        model.id: model
        for model in models
        if 0 < len(model.id) <= _LONGEST_NAME and model.id.isprintable()
    }
    return tuple(fit.values())[:MOST_MODELS]
