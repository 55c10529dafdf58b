"""Who may sign in: adding, changing and removing people, and their sessions.

What is changed is in force in this process when the call returns, and is told to `record` in the
same transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection

from laird.domain.errors import InvalidRequest
from laird.domain.people import Deed, Person, Principal, Role, Session
from laird.domain.secret import Secret
from laird.people import link_store, session_store, store
from laird.people.follow import refresh
from laird.people.names import checked_name
from laird.people.passwords import Passwords, check_password
from laird.people.table import PeopleTable
from laird.people.tokens import new_id
from laird.storage.engine import Database
from laird.telemetry.logs import get_logger

T = TypeVar("T")

Record = Callable[[Connection, Deed], None]
"""Keeps what was done, in the transaction in which it is done."""

_log = get_logger("people")


def log_deed(_connection: Connection, deed: Deed) -> None:
    """Tell the log what was done."""
    _log.info(
        deed.summary,
        action=deed.action,
        actor=deed.by.actor if deed.by is not None else None,
        address=deed.address or None,
    )


def now_us() -> int:
    """Return the time in UTC microseconds."""
    return time.time_ns() // 1000


def shown(person: Person) -> dict[str, Any]:
    """Return of a person what an audit log keeps."""
    return {"name": person.name, "role": person.role.value, "enabled": person.enabled}


class Directory:
    """People and their sessions, in the database and in memory."""

    def __init__(
        self, database: Database, table: PeopleTable, passwords: Passwords, record: Record
    ) -> None:
        self.database = database
        self.table = table
        self.passwords = passwords
        self.record = record

    async def list(self) -> tuple[Person, ...]:
        """Return all people, oldest first."""
        return await self.database.read(store.list_people)

    async def get(self, reference: str) -> Person:
        """Return a person by id or name. Raises `NotFound`."""
        return await self.database.read(lambda connection: store.get(connection, reference))

    async def add(self, name: str, role: Role, password: Secret, by: Principal) -> Person:
        """Add somebody with a password, and return them.

        Raises:
            InvalidRequest: name or password is no good, or the name is taken.
        """
        kept = checked_name(name)
        await self.database.read(lambda connection: store.check_free(connection, kept))
        hashed = await self.hash(password, kept)
        person = new_person(kept, role)

        def work(connection: Connection) -> None:
            store.create(connection, person, hashed)
            if role is Role.ADMIN:
                link_store.remove_setup(connection)
            self.record(
                connection,
                person_deed("person.add", person, by, f"{kept} was added", after=shown(person)),
            )

        await self.write(work)
        return person

    async def hash(self, password: Secret, name: str) -> str:
        """Check a new password and return its hash. Raises `InvalidRequest`."""
        check_password(password.reveal(), name)
        return await self.passwords.hash(password)

    async def change(
        self,
        reference: str,
        by: Principal,
        *,
        role: Role | None = None,
        enabled: bool | None = None,
    ) -> Person:
        """Change a role, or switch somebody on or off, who is then signed out everywhere.

        Raises:
            InvalidRequest: it is the last administrator, or nothing is to be changed.
            NotFound: there is no such person.
        """
        if role is None and enabled is None:
            raise InvalidRequest("There is nothing to change: give a role, or enabled.")

        def work(connection: Connection) -> Person:
            person = store.get(connection, reference)
            changed = store.change(connection, person, role=role, enabled=enabled)
            self.record(
                connection,
                person_deed(
                    "person.change",
                    changed,
                    by,
                    f"{person.name} is {_state(changed)} now",
                    before=shown(person),
                    after=shown(changed),
                ),
            )
            return changed

        return await self.write(work)

    async def remove(self, reference: str, by: Principal) -> Person:
        """Delete a person with their sessions and links, and return who it was.

        Raises:
            InvalidRequest: it is the last administrator.
            NotFound: there is no such person.
        """

        def work(connection: Connection) -> Person:
            person = store.get(connection, reference)
            store.remove(connection, person)
            link_store.remove_of_person(connection, person.id)
            self.record(
                connection,
                person_deed(
                    "person.remove", person, by, f"{person.name} was removed", before=shown(person)
                ),
            )
            return person

        return await self.write(work)

    async def sessions(self, reference: str) -> tuple[Session, ...]:
        """Return the sessions that somebody has, as of now, the newest first. Raises `NotFound`."""
        person = await self.get(reference)
        found = await self.database.read(
            lambda connection: session_store.of_person(connection, person.id)
        )
        at_us = now_us()
        return tuple(
            msgspec.structs.replace(one, seen_us=self.table.seen_us(one))
            for one in found
            if self.table.still(one.id, at_us) is not None
        )

    async def end_session(self, person: Person, session_id: str, by: Principal) -> bool:
        """End one session of a person; True when there was one."""

        def work(connection: Connection) -> bool:
            ended = session_store.end(connection, session_id, person.id)
            if ended:
                self.record(connection, _ended(person, session_id, by, "a session"))
            return ended

        return await self.write(work)

    async def end_sessions(self, person: Person, by: Principal, *, but: str | None = None) -> int:
        """End all sessions of a person, but for the one with the id `but`; return how many."""

        def work(connection: Connection) -> int:
            count = session_store.end_all(connection, person.id, but=but)
            if count:
                self.record(connection, _ended(person, "", by, f"{count} sessions"))
            return count

        return await self.write(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run a change in one transaction, and put it in force in this process."""
        result = await self.database.write(work)
        await refresh(self.table, self.database)
        return result


def new_person(name: str, role: Role) -> Person:
    """Return somebody new."""
    return Person(id=new_id("person"), name=name, role=role, created_us=now_us())


def person_deed(
    action: str,
    person: Person,
    by: Principal | None,
    summary: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    address: str | None = None,
) -> Deed:
    """Return what is recorded of something done to a person."""
    return Deed(
        at_us=now_us(),
        action=action,
        by=by,
        object_type="person",
        object_id=person.id,
        object_name=person.name,
        address=address if address is not None else by.address if by is not None else "",
        summary=summary,
        before=before,
        after=after,
    )


def _state(person: Person) -> str:
    return person.role.value if person.enabled else f"disabled ({person.role.value})"


def _ended(person: Person, session_id: str, by: Principal, what: str) -> Deed:
    deed = person_deed("session.end", person, by, f"{what} of {person.name} ended")
    return msgspec.structs.replace(deed, object_type="session", object_id=session_id)
