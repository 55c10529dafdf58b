"""A directory of people in a database of its own, with cheap hashes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Connection

from laird.domain.people import Deed, Person, Role
from laird.people.directory import Directory
from laird.people.links import Links
from laird.people.passwords import Passwords
from laird.people.sign_in import SignIn
from laird.people.table import PeopleTable
from laird.people.throttle import Throttle
from laird.storage import schema
from laird.storage.engine import Database, sqlite_url


@dataclass
class House:
    """People, and what was recorded of them."""

    database: Database
    directory: Directory
    sign_in: SignIn
    links: Links
    deeds: list[Deed] = field(default_factory=list)

    @property
    def table(self) -> PeopleTable:
        return self.directory.table

    def actions(self) -> list[str]:
        return [deed.action for deed in self.deeds]


def somebody(name: str = "ann", role: Role = Role.ADMIN) -> Person:
    return Person(id=f"person_{name}", name=name, role=role, created_us=1)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = Database(sqlite_url(tmp_path / "laird.db"))
    schema.prepare(database)
    passwords = Passwords(time_cost=1, memory_kib=64)
    deeds: list[Deed] = []

    def record(_connection: Connection, deed: Deed) -> None:
        deeds.append(deed)

    directory = Directory(database, PeopleTable(), passwords, record)
    sign_in = SignIn(directory, Throttle())
    yield House(database, directory, sign_in, Links(directory, sign_in), deeds)
    passwords.close()
    database.close()
