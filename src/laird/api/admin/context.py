"""What the administration routes work with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec
from fastapi import Request

from laird.api.admin.access import Gate, came_by_socket
from laird.config.history import ChangeSource, History
from laird.config.live import LiveConfiguration
from laird.dialects.base import Dialect
from laird.domain.catalog import Snapshot
from laird.domain.errors import ConfigError
from laird.domain.keys import ApiKey
from laird.gateway.gateway import Gateway
from laird.gateway.inspect import Inspector
from laird.health.board import HealthBoard
from laird.health.prober import Prober
from laird.keys import store
from laird.keys.table import KeyTable
from laird.storage.engine import Database
from laird.usage.drain import Drain


class Admin(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of one running Laird that can be administered."""

    gate: Gate
    gateway: Gateway
    dialect: Dialect
    configuration: LiveConfiguration
    database: Database
    keys: KeyTable
    board: HealthBoard
    inspector: Inspector
    prober: Prober
    drain: Drain
    history: History
    started: float = msgspec.field(default_factory=time.time)
    """Unix seconds."""

    @staticmethod
    def source(request: Request) -> ChangeSource:
        """Return by which way a change comes."""
        return ChangeSource.CLI if came_by_socket(request) else ChangeSource.API

    async def edit(
        self, request: Request, revision: str | None, change: Callable[[str], str]
    ) -> Snapshot:
        """Change the document in force and return what it means now.

        `revision` is the one that the caller has seen; None means whatever is in force. While the
        file has an error there is nothing that could be changed with certainty: that error is
        raised.
        """
        actor = self.gate.actor(request)
        live = self.configuration
        if live.error is not None and (revision is None or live.document is None):
            raise ConfigError(live.error.problems, file=live.error.file)
        text = await asyncio.to_thread(change, live.document_text)
        return await live.apply(
            text, revision or live.snapshot.revision, actor, self.source(request)
        )

    async def key_named(self, name: str) -> ApiKey:
        """Return a key by id or name. Raises `NotFound`."""
        return await self.database.read(lambda connection: store.get(connection, name))
