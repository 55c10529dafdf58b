"""Writing credentials, and reading back what is written."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from laird.credentials import rows
from laird.credentials.held import Held
from laird.credentials.values import NewValue, Opened
from laird.domain.credential import Slot, StoreKind
from laird.domain.errors import InvalidRequest, LairdError
from laird.domain.secret import Secret
from laird.storage.engine import Database

if TYPE_CHECKING:
    # It takes long to load, and most homes need it only once something is stored.
    from laird.credentials.vault import Vault

_KEYRING_S = 5.0
_FINGERPRINTS = f"{rows.INTERNAL}fingerprints"

Also = Callable[[Connection], object]
"""Something that is to be written with a change, in its transaction: who made it, say."""


def nothing(_connection: Connection) -> None:
    """Write nothing else."""


class Writer:
    """Changes the database and what is held of it. Changes are made one at a time.

    Args:
        database: where credentials are.
        open_vault: loads what encrypts; called in a thread, once, when it is first needed.
        held: what is in memory.
        preferred: where new ones go; None for the keyring where there is one, else the vault.
    """

    def __init__(
        self,
        database: Database,
        open_vault: Callable[[], Vault],
        held: Held,
        preferred: StoreKind | None,
    ) -> None:
        self._database = database
        self._open_vault = open_vault
        self._vault: Vault | None = None
        self._held = held
        self._preferred = preferred
        self._reading = asyncio.Lock()

    async def refresh(self, *, always: bool = False) -> bool:
        """Read what is stored when it has changed; True when it had.

        Raises:
            StorageUnavailable: the database is away; all stays as it was.
        """
        async with self._reading:
            version = await self._database.read(rows.current_version)
            if version == self._held.book.version and not always:
                return False
            book = await self._database.read(rows.read)
            opened = Opened({}, {})
            if book.values:
                vault = await self._loaded()
                opened = await asyncio.to_thread(vault.open, book)
            self._held.take(book, opened)
            return True

    async def rekey(self) -> int:
        """Change the master key; return how many values were wrapped anew."""
        vault = await self._loaded()
        count = await asyncio.to_thread(vault.rekey, self._database)
        await self.refresh(always=True)
        return count

    async def keep(
        self,
        name: str,
        secret: Secret,
        slot: Slot,
        store: StoreKind,
        expires_us: int | None,
        until_us: int | None = None,
        also: Also = nothing,
    ) -> None:
        """Keep a value in a slot; one in force steps back there until `until_us`, or goes.

        Raises:
            InvalidRequest: that is not for Laird to keep.
            VaultLocked: it can't be kept.
            StorageUnavailable: the database is away.
        """
        if store is StoreKind.ENVIRONMENT:
            raise InvalidRequest(
                "Variables of the environment are set there, and not by Laird.", param="store"
            )
        vault = await self._loaded()
        key = await self._fingerprint_key(vault)
        value = await asyncio.to_thread(vault.new_value, secret, slot, store, expires_us)
        told = "" if store is StoreKind.COMMAND else vault.fingerprint(secret, key)
        master = await asyncio.to_thread(vault.master, self._held.book)

        def work(connection: Connection) -> list[str]:
            row = rows.add(connection, name, store, now_us())
            if slot is Slot.ACTIVE:
                step_back(connection, name, until_us)
            if store is StoreKind.COMMAND:
                rows.clear(connection, name, Slot.STAGED)
            sealed, wraps = vault.seal(value, name, row.version, master)
            return rows.put(connection, _row_of(value, name, row.version, sealed, told), wraps)

        try:
            await self.change(work, also)
        except LairdError:
            if store is StoreKind.KEYRING:
                await asyncio.to_thread(vault.forget, value.id)
            raise

    async def _fingerprint_key(self, vault: Vault) -> Secret:
        """Return what fingerprints are made with; made itself when it is first needed."""
        there = self._held.opened(self._held.slot(_FINGERPRINTS, Slot.ACTIVE))
        if there is not None:
            return there
        key = Secret(secrets.token_hex(32))
        master = await asyncio.to_thread(vault.master, self._held.book)
        value = vault.new_value(key, Slot.ACTIVE, StoreKind.VAULT)

        def work(connection: Connection) -> list[str]:
            row = rows.add(connection, _FINGERPRINTS, StoreKind.VAULT, now_us())
            sealed, wraps = vault.seal(value, _FINGERPRINTS, row.version, master)
            return rows.put(connection, _row_of(value, row.name, row.version, sealed, ""), wraps)

        await self.change(work)
        return key

    def fingerprint(self, secret: Secret) -> str | None:
        """Return a value's fingerprint; None while nothing was ever stored here."""
        key = self._held.opened(self._held.slot(_FINGERPRINTS, Slot.ACTIVE))
        if key is None or self._vault is None:
            return None
        return self._vault.fingerprint(secret, key)

    async def change(self, work: Callable[[Connection], object], also: Also = nothing) -> None:
        """Change the database and read what it holds then; clean up the keyring."""
        before = {
            value.id: value
            for slots in self._held.book.values.values()
            for value in slots.values()
            if value.sealed is None
        }

        def both(connection: Connection) -> None:
            work(connection)
            also(connection)

        await self._database.write(both)
        await self.refresh()
        left = {value.id for slots in self._held.book.values.values() for value in slots.values()}
        if self._vault is not None:
            for value_id in before.keys() - left:
                await asyncio.to_thread(self._vault.forget, value_id)

    async def usual_store(self) -> StoreKind:
        """Return where new credentials go."""
        if self._preferred is not None:
            return self._preferred
        vault = await self._loaded()
        try:
            async with asyncio.timeout(_KEYRING_S):
                return await asyncio.to_thread(vault.usual_store)
        except TimeoutError:
            # A keyring that waits for somebody to unlock it is none for a server.
            return StoreKind.VAULT

    async def _loaded(self) -> Vault:
        if self._vault is None:
            self._vault = await asyncio.to_thread(self._open_vault)
        return self._vault


def _row_of(
    value: NewValue, name: str, version: int, sealed: bytes | None, told: str
) -> rows.ValueRow:
    return rows.ValueRow(
        id=value.id,
        name=name,
        slot=value.slot,
        version=version,
        sealed=sealed,
        fingerprint=told,
        created_us=now_us(),
        expires_us=value.expires_us,
    )


def step_back(connection: Connection, name: str, until_us: int | None) -> None:
    """Make room for another value in force; the one that is there may step in until then."""
    rows.clear(connection, name, Slot.PREVIOUS)
    if until_us is not None:
        rows.move(connection, name, Slot.ACTIVE, Slot.PREVIOUS, until_us)


def now_us() -> int:
    """Return the time in UTC microseconds."""
    return time.time_ns() // 1000
