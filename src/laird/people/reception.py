"""All of people in one hand: the directory, signing in, and links."""

from __future__ import annotations

import msgspec

from laird.people.directory import Directory, Record
from laird.people.links import Links
from laird.people.passwords import Passwords
from laird.people.sign_in import SignIn
from laird.people.table import PeopleTable
from laird.storage.engine import Database


class Reception(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at the door."""

    table: PeopleTable
    directory: Directory
    sign_in: SignIn
    links: Links

    def close(self) -> None:
        """Hash no more passwords."""
        self.directory.passwords.close()


def open_reception(database: Database, record: Record) -> Reception:
    """Build it. `record` keeps what is done, in the transaction in which it is done."""
    table = PeopleTable()
    directory = Directory(database, table, Passwords(), record)
    sign_in = SignIn(directory)
    return Reception(
        table=table, directory=directory, sign_in=sign_in, links=Links(directory, sign_in)
    )
