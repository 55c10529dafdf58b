"""Every change of stored credentials.

A request keeps the value that it began with; the next one gets the new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from laird.credentials import rows
from laird.credentials.command import CommandSpec, encode
from laird.credentials.commands import Commands
from laird.credentials.held import Held
from laird.credentials.writer import Also, Writer, nothing, now_us, step_back
from laird.domain.credential import Slot, Stored, StoreKind, WrittenSecret, check_name
from laird.domain.errors import InvalidRequest, NotFound, StorageUnavailable
from laird.domain.secret import Secret
from laird.storage.engine import Database
from laird.telemetry.logs import get_logger

if TYPE_CHECKING:
    # It takes long to load, and most homes need it only once something is stored.
    from laird.credentials.vault import Vault

FALLBACK_S = 86_400.0
"""How long the value before the one in force may step in, where nobody says otherwise."""

_log = get_logger("credentials")


class Credentials:
    """Stored credentials.

    Args:
        database: where they are.
        open_vault: loads what encrypts; called in a thread, once, when it is first needed.
        commands: runs those credentials that are commands.
        preferred: where new ones go; None for the keyring where there is one, else the vault.
    """

    def __init__(
        self,
        database: Database,
        open_vault: Callable[[], Vault],
        commands: Commands,
        preferred: StoreKind | None = None,
    ) -> None:
        self.held = Held(commands)
        self._writer = Writer(database, open_vault, self.held, preferred)
        self._lock = asyncio.Lock()

    @property
    def names(self) -> Collection[str]:
        """All names that were ever given, but for our own."""
        return self.held.names

    def find(self, name: str) -> Stored | None:
        """Return a credential as it is now; None where no such name was ever given."""
        return self.held.find(name)

    def scrub(self, text: str) -> str:
        """Return a text with `«redacted»` in place of every value that is kept here."""
        return self.held.scrub(text)

    async def refresh(self, *, always: bool = False) -> bool:
        """Read what is stored when it has changed; True when it had.

        Raises:
            StorageUnavailable: the database is away; all stays as it was.
        """
        return await self._writer.refresh(always=always)

    def fingerprint(self, secret: Secret) -> str | None:
        """Return a value's fingerprint; None while nothing was ever stored here."""
        return self._writer.fingerprint(secret)

    # Changes

    async def set(
        self,
        name: str,
        secret: Secret,
        *,
        store: StoreKind | None = None,
        expires_us: int | None = None,
        fallback_s: float = FALLBACK_S,
        also: Also = nothing,
    ) -> None:
        """Put a value in force at once; the one before may step in for `fallback_s`.

        Raises:
            InvalidRequest: the name can't be one.
            VaultLocked: it can't be kept.
            StorageUnavailable: the database is away.
        """
        self._check_name(name)
        async with self._lock:
            await self._set(name, secret, store, expires_us, fallback_s, also)

    def _check_name(self, name: str) -> None:
        """Refuse what can't be a name. One that is there came from the document, and is one."""
        if name.startswith(rows.INTERNAL) or self.held.alive(name) is None:
            check_name(name)

    async def set_command(self, name: str, spec: CommandSpec, also: Also = nothing) -> None:
        """Have a command print the credential from now on. Raises what `set` raises."""
        self._check_name(name)
        async with self._lock:
            await self._set(name, encode(spec), StoreKind.COMMAND, None, 0, also)
        await self.held.commands.run(name)
        self.held.publish()

    async def stage(
        self, name: str, secret: Secret, expires_us: int | None = None, also: Also = nothing
    ) -> None:
        """Keep a value that shall follow the one in force. Raises what `set` raises."""
        async with self._lock:
            row = self.held.row(name)
            if row.store is StoreKind.COMMAND:
                raise InvalidRequest(
                    f"'{name}' is printed by a command, which is changed by setting it anew.",
                    param="name",
                )
            await self._writer.keep(name, secret, Slot.STAGED, row.store, expires_us, also=also)

    async def promote(
        self, name: str, fallback_s: float = FALLBACK_S, also: Also = nothing
    ) -> None:
        """Put the staged value in force; the one before may step in for `fallback_s`.

        Raises:
            NotFound: there is none.
        """
        async with self._lock:
            self.held.value(name, Slot.STAGED)
            await self._writer.change(
                partial(_promote, name=name, until_us=_until(fallback_s)), also
            )

    async def discard(self, name: str, also: Also = nothing) -> None:
        """Forget the staged value. Raises `NotFound`."""
        async with self._lock:
            self.held.row(name)
            if self.held.slot(name, Slot.STAGED) is None:
                raise NotFound(f"The credential '{name}' has no staged value.", param="name")
            await self._writer.change(partial(rows.clear, name=name, slot=Slot.STAGED), also)

    async def remove(self, name: str, also: Also = nothing) -> None:
        """Forget a credential with all its values. Raises `NotFound`."""
        async with self._lock:
            self.held.row(name)
            await self._writer.change(partial(rows.remove, name=name, now_us=now_us()), also)

    async def mark_tested(self, value_id: str) -> None:
        """Note that the provider took a value."""
        await self._writer.change(partial(_mark_tested, value_id=value_id))

    async def rekey(self) -> int:
        """Change the master key; return how many values were wrapped anew.

        Raises:
            VaultLocked: something can't be opened; then nothing is lost, and the old key stays.
            StorageUnavailable: the database is away.
        """
        async with self._lock:
            return await self._writer.rekey()

    async def forget_old(self, now_us: int) -> bool:
        """Forget values that may step in no more. True when there were any."""
        old = [
            name
            for name, slots in self.held.book.values.items()
            if (value := slots.get(Slot.PREVIOUS)) and (value.until_us or 0) <= now_us
        ]
        async with self._lock:
            for name in old:
                await self._writer.change(partial(rows.clear, name=name, slot=Slot.PREVIOUS))
        return bool(old)

    async def adopt(self, written: Sequence[WrittenSecret]) -> Mapping[str, str]:
        """Keep secrets that were written out in the document; return their names.

        A credential that others use, or that nobody has said this is the next value of, is never
        written over: the new one gets another name then.
        """
        named: dict[str, str] = {}
        async with self._lock:
            await self.refresh()
            for one in written:
                named[one.provider_id] = await self._adopt(one)
        return named

    async def _adopt(self, one: WrittenSecret) -> str:
        number = 1
        while True:
            name = one.provider_id if number == 1 else f"{one.provider_id[:60]}-{number}"
            row = self.held.alive(name)
            if row is not None:
                if self.held.secret(name, Slot.ACTIVE) == one.secret:
                    return name
                if name != one.replaces or row.store is StoreKind.COMMAND:
                    number += 1
                    continue
            await self._set(name, one.secret, None, None, FALLBACK_S)
            return name

    # What a refusal leads to

    async def renew(self, name: str, refused: Secret | None) -> Secret | None:
        """Return another value to try, after the provider refused this one; None without any.

        That is the one that is in force by now, what a command prints when it is run again, or the
        value before, which is in force then.
        """
        current = self.held.secret(name, Slot.ACTIVE)
        if current is not None and current != refused:
            return current
        row = self.held.alive(name)
        if row is None:
            return None
        if row.store is StoreKind.COMMAND:
            await self.held.commands.run(name, refused=True)
            self.held.publish()
            printed = self.held.commands.token(name)
            return printed if printed is not None and printed != refused else None
        async with self._lock:
            current = self.held.secret(name, Slot.ACTIVE)
            if current is not None and current != refused:
                return current
            return await self._fall_back(name, refused)

    async def _fall_back(self, name: str, refused: Secret | None) -> Secret | None:
        active, previous = (self.held.slot(name, slot) for slot in (Slot.ACTIVE, Slot.PREVIOUS))
        if active is None or previous is None:
            return None
        at_us = now_us()
        other = self.held.opened(previous)
        usable = (previous.until_us or 0) > at_us and previous.refused_us is None
        if not usable or other is None or other == refused:
            return None
        # In memory first: requests can't wait for a database that is away.
        self.held.swap(name, at_us)
        try:
            await self._writer.change(
                partial(_swap, name=name, refused_id=active.id, until_us=previous.until_us)
            )
        except StorageUnavailable as error:
            _log.error("a credential's fallback is not written", cause=error.message)
        return other

    # The parts of a change

    async def _set(
        self,
        name: str,
        secret: Secret,
        store: StoreKind | None,
        expires_us: int | None,
        fallback_s: float,
        also: Also = nothing,
    ) -> None:
        row = self.held.alive(name)
        wanted = store or (row.store if row is not None else None)
        if wanted is None or (wanted is StoreKind.COMMAND and store is None):
            wanted = await self._writer.usual_store()
        keeps = row is not None and StoreKind.COMMAND not in {row.store, wanted}
        until_us = _until(fallback_s) if keeps and fallback_s > 0 else None
        await self._writer.keep(name, secret, Slot.ACTIVE, wanted, expires_us, until_us, also)


def _promote(connection: Connection, name: str, until_us: int | None) -> None:
    step_back(connection, name, until_us)
    rows.move(connection, name, Slot.STAGED, Slot.ACTIVE)
    rows.mark_changed(connection, name, now_us())


def _swap(connection: Connection, name: str, refused_id: str, until_us: int | None) -> None:
    """Let the value before take its place again, and keep the refused one in its stead."""
    rows.swap(connection, name, until_us)
    rows.mark_refused(connection, refused_id, now_us())
    rows.mark_changed(connection, name, now_us())


def _mark_tested(connection: Connection, value_id: str) -> None:
    rows.mark_tested(connection, value_id, now_us())


def _until(seconds: float) -> int | None:
    return now_us() + round(seconds * 1_000_000) if seconds > 0 else None
