"""Stored credentials, assembled."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from laird.budgets.post import Post
from laird.config.live import LiveConfiguration
from laird.config.settings import Settings, read_environment
from laird.credentials.commands import Commands
from laird.credentials.master import MasterKeys
from laird.credentials.notices import Notices
from laird.credentials.stored import Credentials
from laird.credentials.upkeep import Upkeep
from laird.domain.catalog import Provider
from laird.domain.credential import StoreKind
from laird.domain.errors import StartError, StorageUnavailable, VaultLocked
from laird.health.board import HealthBoard
from laird.storage.engine import Database
from laird.telemetry.feed import Feed
from laird.telemetry.logs import get_logger

if TYPE_CHECKING:
    from laird.credentials.os_keyring import OsKeyring
    from laird.credentials.vault import Vault

_FIRST_RUN_S = 2.0
_OS_KEYRING = "laird.credentials.os_keyring"
_PREFERRED = {"auto": None, "vault": StoreKind.VAULT, "keyring": StoreKind.KEYRING}

_log = get_logger("credentials")


async def open_credentials(settings: Settings, database: Database, *, serving: bool) -> Credentials:
    """Read what is stored. With `serving`, commands print their credentials once.

    What can't be opened is logged and stays closed. Raises `StartError` and `StorageUnavailable`.
    """
    environment = read_environment()
    try:
        masters = MasterKeys(settings.home, environment)
    except VaultLocked as error:
        raise StartError(error.message) from None

    def keyring() -> OsKeyring | None:
        found: OsKeyring | None = importlib.import_module(_OS_KEYRING).system_keyring()
        return found

    def open_vault() -> Vault:
        # Cryptography takes long to load, and many homes have nothing stored.
        vault: Vault = importlib.import_module("laird.credentials.vault").Vault(masters, keyring)
        return vault

    preferred = _PREFERRED[settings.credential_store]
    credentials = Credentials(database, open_vault, Commands(environment), preferred)
    await credentials.refresh()
    for problem in credentials.held.problems():
        _log.error("a credential is locked", cause=problem)
    if serving and credentials.held.commands.any:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_RUN_S):
                await credentials.held.commands.run_due()
        credentials.held.publish()
    return credentials


async def open_upkeep(
    stack: AsyncExitStack,
    credentials: Credentials,
    database: Database,
    feed: Feed,
    post: Post | None,
    board: HealthBoard,
    configuration: LiveConfiguration,
) -> Upkeep:
    """Return what keeps credentials good; it listens to the health of providers from now on."""
    notices = Notices(database, feed, post.add if post is not None else None)

    def providers() -> Iterable[Provider]:
        return configuration.snapshot.providers.values()

    upkeep = Upkeep(credentials, notices, database, providers, configuration.recompile)
    await upkeep.open()
    board.listen(upkeep.listen)

    async def close() -> None:
        await upkeep.close()
        # It is no loss when the database is away.
        with suppress(StorageUnavailable):
            await upkeep.write_stamps()

    stack.push_async_callback(close)
    return upkeep
