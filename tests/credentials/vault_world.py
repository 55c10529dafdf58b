"""Stored credentials on a real database, as a server has them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from laird.credentials.commands import Commands
from laird.credentials.master import MasterKeys
from laird.credentials.os_keyring import OsKeyring
from laird.credentials.stored import Credentials
from laird.credentials.vault import Vault
from laird.domain.credential import StoreKind
from laird.storage import schema
from laird.storage.engine import Database, sqlite_url

ONE = "sk-canary-one-0123456789abcdef"
TWO = "sk-canary-two-fedcba9876543210"
THREE = "sk-canary-three-00112233445566"


class MemoryKeyring(KeyringBackend):
    """A keyring as a desktop has one, but for its window that asks for a password."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.closed = False

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.closed:
            raise RuntimeError(f"can't keep {password}")
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        if self.closed:
            raise RuntimeError("locked")
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        if self.closed:
            raise RuntimeError("locked")
        if (service, username) not in self.kept:
            raise PasswordDeleteError("not there")
        del self.kept[service, username]


@contextmanager
def database(home: Path) -> Iterator[Database]:
    """Open the home's database with all tables."""
    opened = Database(sqlite_url(home / "laird.db"))
    try:
        schema.prepare(opened)
        yield opened
    finally:
        opened.close()


def credentials(
    opened: Database,
    home: Path,
    *,
    environment: Mapping[str, str] | None = None,
    keyring: KeyringBackend | None = None,
    preferred: StoreKind | None = None,
) -> Credentials:
    """Return the stored credentials of a home; call `refresh` to read them."""
    masters = MasterKeys(home, environment or {})
    system = OsKeyring(keyring) if keyring is not None else None
    return Credentials(
        opened, lambda: Vault(masters, lambda: system), Commands(os.environ), preferred
    )


def files_with(home: Path, *texts: str) -> list[str]:
    """Return the files below a home that have one of these texts in them."""
    return [
        str(file)
        for file in home.rglob("*")
        if file.is_file() and any(text.encode() in file.read_bytes() for text in texts)
    ]
