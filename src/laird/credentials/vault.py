"""The vault: opens and seals values. Blocking, and loaded only where something is stored."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from laird.credentials.master import MasterKey, MasterKeys
from laird.credentials.rekey import Reached, rekey
from laird.credentials.rows import INTERNAL, Book, ValueRow
from laird.credentials.seal import Binding, fingerprint, seal, unseal
from laird.credentials.values import NewValue, Opened
from laird.domain.credential import Slot, StoreKind
from laird.domain.errors import VaultLocked
from laird.domain.secret import Secret
from laird.storage.engine import Database

if TYPE_CHECKING:
    # It takes long to load, and few servers have one.
    from laird.credentials.os_keyring import OsKeyring


class Vault:
    """The master keys and the keyring, together. Use it from one thread at a time."""

    def __init__(
        self,
        masters: MasterKeys,
        find_keyring: Callable[[], OsKeyring | None],
    ) -> None:
        self._masters = masters
        self._find_keyring = find_keyring
        self._keyring: OsKeyring | None = None
        self._looked = False

    def usual_store(self) -> StoreKind:
        """Return where new values go: the keyring, where there is one that works, or the vault."""
        keyring = self._system()
        return StoreKind.KEYRING if keyring is not None else StoreKind.VAULT

    def master(self, book: Book) -> MasterKey:
        """Return the key that wraps what is new, made now where nothing was ever wrapped.

        Raises:
            VaultLocked: there is none, and what is kept needs another one than would be made.
        """
        found = self._masters.current
        if found is None and any(
            value.sealed is not None
            for name, slots in book.values.items()
            for value in slots.values()
            if not name.startswith(INTERNAL)
        ):
            raise VaultLocked(
                "The master key is not here, and the vault is not empty. Bring back master.key or"
                " LAIRD_MASTER_KEY; or remove all credentials of the vault, and set them anew."
            )
        return found or self._masters.make()

    def new_value(
        self,
        secret: Secret,
        slot: Slot,
        store: StoreKind,
        expires_us: int | None = None,
    ) -> NewValue:
        """Return a value to be kept; one for the keyring is there when this returns."""
        value = NewValue(
            id=f"cred_{secrets.token_hex(8)}",
            secret=secret,
            store=store,
            slot=slot,
            expires_us=expires_us,
        )
        if store is StoreKind.KEYRING:
            self._sure_keyring().put(value.id, secret)
        return value

    def seal(
        self, value: NewValue, name: str, version: int, master: MasterKey
    ) -> tuple[bytes | None, dict[str, bytes]]:
        """Return a value as the database keeps it, and its wrapped keys."""
        if value.store is StoreKind.KEYRING:
            return None, {}
        sealed, wrapped = seal(value.secret, Binding(value.id, name, version), master)
        return sealed, {master.id: wrapped}

    def fingerprint(self, secret: Secret, key: Secret) -> str:
        """Return what tells two values apart and nothing of them."""
        return fingerprint(secret, key)

    def open(self, book: Book) -> Opened:
        """Open everything that can be opened here."""
        opened: dict[str, Secret] = {}
        locked: dict[str, str] = {}
        try:
            masters = self._masters.known()
        except VaultLocked as error:
            masters, why = {}, error.message
        else:
            why = ""
        for slots in book.values.values():
            for value in slots.values():
                try:
                    opened[value.id] = self._open(value, book, masters)
                except VaultLocked as error:
                    locked[value.id] = why or error.message
        return Opened(opened, locked)

    def _open(self, value: ValueRow, book: Book, masters: Mapping[str, MasterKey]) -> Secret:
        if value.sealed is not None:
            binding = Binding(value.id, value.name, value.version)
            return unseal(value.sealed, book.wraps.get(value.id, {}), binding, masters)
        found = self._sure_keyring().get(value.id)
        if found is None:
            raise VaultLocked(
                f"The credential '{value.name}' is not in this machine's keyring. Set it anew."
            )
        return found

    def forget(self, value_id: str) -> None:
        """Take a value out of the keyring, where it may be."""
        keyring = self._system()
        if keyring is not None:
            keyring.delete(value_id)

    def rekey(self, database: Database, reached: Reached | None = None) -> int:
        """Change the master key; see `rekey.rekey`."""
        if reached is None:
            return rekey(database, self._masters)
        return rekey(database, self._masters, reached)

    def _system(self) -> OsKeyring | None:
        if not self._looked:
            self._keyring, self._looked = self._find_keyring(), True
        return self._keyring

    def _sure_keyring(self) -> OsKeyring:
        keyring = self._system()
        if keyring is None:
            raise VaultLocked(
                "There is no keyring of the operating system here. Use --store vault."
            )
        return keyring
