"""What the administration routes work with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from fastapi import Request

from laird.api.admin.access import Gate, came_by_socket, role_of
from laird.api.admin.bounds import check_bounds, check_marks
from laird.budgets.watch import Watch
from laird.cache.store import ResponseCache
from laird.config.document import read_document
from laird.config.history import ChangeSource, History
from laird.config.live import LiveConfiguration
from laird.config.settings import Settings
from laird.credentials.upkeep import Upkeep
from laird.dialects.base import Dialect
from laird.domain.catalog import Snapshot
from laird.domain.errors import ConfigError, NotAllowed
from laird.domain.keys import ApiKey
from laird.domain.people import Deed, Role
from laird.gateway.discovery.search import Discovery
from laird.gateway.gateway import Gateway
from laird.gateway.inspect import Inspector
from laird.gateway.library.library import Library
from laird.health.board import HealthBoard
from laird.health.prober import Prober
from laird.keeping.keeper import Keeper
from laird.keys import store
from laird.keys.table import KeyTable
from laird.people.directory import Directory
from laird.people.links import Links
from laird.people.sign_in import SignIn
from laird.pricing.catalogue import Catalogue
from laird.storage.engine import Database
from laird.telemetry.feed import Feed
from laird.usage.drain import Drain


class Admin(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of one running Laird that can be administered."""

    settings: Settings
    gate: Gate
    people: Directory
    sign_in: SignIn
    links: Links
    budgets: Watch
    feed: Feed
    credentials: Upkeep
    gateway: Gateway
    dialect: Dialect
    configuration: LiveConfiguration
    catalogue: Catalogue
    database: Database
    cache: ResponseCache
    keys: KeyTable
    board: HealthBoard
    inspector: Inspector
    discovery: Discovery
    prober: Prober
    drain: Drain
    history: History
    keeper: Keeper
    library: Library
    started: float = msgspec.field(default_factory=time.time)
    """Unix seconds."""

    @staticmethod
    def source(request: Request) -> ChangeSource:
        """Return by which way a change comes."""
        return ChangeSource.CLI if came_by_socket(request) else ChangeSource.API

    def deed(
        self,
        request: Request,
        action: str,
        thing: tuple[str, str],
        summary: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> Deed:
        """Return what the audit log keeps of what a request does to a thing (its id and name).

        The type of the thing is the first part of the action: `key.create` is about a key. Raises
        what `gate.principal` does.
        """
        by = self.gate.principal(request)
        return Deed(
            at_us=time.time_ns() // 1000,
            action=action,
            by=by,
            object_type=action.partition(".")[0],
            object_id=thing[0],
            object_name=thing[1],
            address=by.address,
            summary=summary,
            before=before,
            after=after,
        )

    async def edit(
        self,
        request: Request,
        revision: str | None,
        change: Callable[[str], str],
        check: Callable[[Snapshot, Snapshot], None] | None = None,
    ) -> Snapshot:
        """Change the document in force and return what it means now.

        `revision` is the one that the caller has seen; None means whatever is in force. While the
        file has an error there is nothing that could be changed with certainty: that error is
        raised. `check` is given the meaning before and after, and refuses what may not be.
        """
        principal = self.gate.principal(request)
        live = self.configuration
        if live.error is not None and (revision is None or live.document is None):
            raise ConfigError(live.error.problems, file=live.error.file)
        text = await asyncio.to_thread(change, live.document_text)
        if principal.role is not Role.ADMIN or check is not None:
            after = await asyncio.to_thread(live.check, text)
            if principal.role is not Role.ADMIN:
                was = live.document.entries if live.document is not None else None
                check_bounds(live.snapshot, after)
                check_marks(live.snapshot, was, after, read_document(text).entries)
            if check is not None:
                check(live.snapshot, after)
        return await live.apply(
            text, revision or live.snapshot.revision, principal.actor, self.source(request)
        )

    async def key_named(self, name: str) -> ApiKey:
        """Return a key by id or name. Raises `NotFound`."""
        return await self.database.read(lambda connection: store.get(connection, name))

    async def key_in_reach(self, request: Request, name: str) -> ApiKey:
        """Return a key by id or name that whoever asks may change.

        Raises:
            NotFound: there is none.
            NotAllowed: it may administer, and who asks is no administrator.
        """
        key = await self.key_named(name)
        if self.gate.principal(request).role is not Role.ADMIN and role_of(key) is not None:
            raise NotAllowed(f"The key '{key.name}' may administer: only an administrator may.")
        return key
