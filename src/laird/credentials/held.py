"""Stored credentials as they are in memory.

What requests need is in one mapping that is replaced whole, so that it can be read from any thread.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from laird.credentials import rows
from laird.credentials.command import CommandSpec, decode
from laird.credentials.commands import Commands
from laird.credentials.values import Opened
from laird.domain.credential import Slot, Stored, StoreKind
from laird.domain.errors import NotFound, VaultLocked
from laird.domain.secret import Secret

REDACTED = "«redacted»"
_SHORTEST_SCRUBBED = 8


class Held:
    """What the database held when it was last read, opened as far as that is possible here."""

    def __init__(self, commands: Commands) -> None:
        self.book = rows.Book(0, {}, {}, {})
        self.commands = commands
        self._opened = Opened({}, {})
        self._stored: Mapping[str, Stored] = {}

    @property
    def names(self) -> Collection[str]:
        """All names that were ever given, but for our own."""
        return self._stored.keys()

    def find(self, name: str) -> Stored | None:
        """Return a credential as it is now; None where no such name was ever given."""
        return self._stored.get(name)

    def scrub(self, text: str) -> str:
        """Return a text with `«redacted»` in place of every value that is held."""
        for secret in (*self._opened.secrets.values(), *self.commands.tokens()):
            value = secret.reveal()
            if len(value) >= _SHORTEST_SCRUBBED and value in text:
                text = text.replace(value, REDACTED)
        return text

    def take(self, book: rows.Book, opened: Opened) -> None:
        """Hold what was read."""
        self.book, self._opened = book, opened
        specs: dict[str, tuple[str, CommandSpec]] = {}
        for name, row in book.credentials.items():
            value = self.slot(name, Slot.ACTIVE)
            if row.store is StoreKind.COMMAND and value is not None and value.id in opened.secrets:
                specs[name] = (value.id, decode(opened.secrets[value.id]))
        self.commands.configure(specs)
        self.publish()

    def publish(self) -> None:
        """Show what has changed, in one step."""
        self._stored = {
            name: Stored(name, self.secret(name, Slot.ACTIVE))
            for name in self.book.credentials
            if not name.startswith(rows.INTERNAL)
        }

    def alive(self, name: str) -> rows.CredentialRow | None:
        """Return a credential's row; None where there is none, or it was removed."""
        row = self.book.credentials.get(name)
        return row if row is not None and row.removed_us is None else None

    def row(self, name: str) -> rows.CredentialRow:
        """Return a credential's row. Raises `NotFound`."""
        row = self.alive(name)
        if row is None or name.startswith(rows.INTERNAL):
            raise NotFound("There is no credential of that name.", param="name")
        return row

    def slot(self, name: str, slot: Slot) -> rows.ValueRow | None:
        """Return what is in a slot of a credential."""
        return self.book.values.get(name, {}).get(slot)

    def opened(self, value: rows.ValueRow | None) -> Secret | None:
        """Return a value as it was kept; None where it can't be opened."""
        return None if value is None else self._opened.secrets.get(value.id)

    def secret(self, name: str, slot: Slot) -> Secret | None:
        """Return what a provider is sent; of a command, that is what it has printed."""
        row = self.alive(name)
        if row is None:
            return None
        if row.store is StoreKind.COMMAND:
            return self.commands.token(name) if slot is Slot.ACTIVE else None
        return self.opened(self.slot(name, slot))

    def value(self, name: str, slot: Slot) -> tuple[rows.ValueRow, Secret]:
        """Return a value of a credential with its row.

        Raises:
            NotFound: there is no such credential, or nothing in that slot.
            VaultLocked: it can't be opened, or its command has printed nothing.
        """
        self.row(name)
        found = self.slot(name, slot)
        if found is None:
            raise NotFound(f"The credential '{name}' has no {slot.value} value.", param="name")
        secret = self.secret(name, slot)
        if secret is None:
            why = self.problem(name, slot)
            raise VaultLocked(why or f"The credential '{name}' can't be opened.")
        return found, secret

    def problems(self) -> list[str]:
        """Return why values can't be opened, each reason once."""
        return list(dict.fromkeys(self._opened.locked.values()))

    def problem(self, name: str, slot: Slot) -> str | None:
        """Return why there is nothing to send, or None where there is something."""
        value = self.slot(name, slot)
        if value is None:
            return None
        return self._opened.locked.get(value.id) or self.commands.problem(name)

    def swap(self, name: str, now_us: int) -> None:
        """Let the value before take its place again, and mark the other one as refused."""
        slots = self.book.values[name]
        active, previous = slots[Slot.ACTIVE], slots[Slot.PREVIOUS]
        swapped = {
            **slots,
            Slot.ACTIVE: msgspec.structs.replace(previous, slot=Slot.ACTIVE, until_us=None),
            Slot.PREVIOUS: msgspec.structs.replace(
                active, slot=Slot.PREVIOUS, refused_us=now_us, until_us=previous.until_us
            ),
        }
        values = {**self.book.values, name: swapped}
        self.book = msgspec.structs.replace(self.book, values=values)
        self.publish()
