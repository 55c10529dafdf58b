"""Signing in and out, and one's own password."""

from __future__ import annotations

import time

import msgspec
from sqlalchemy import Connection

from laird.domain.errors import InvalidRequest, SignInRefused
from laird.domain.people import Deed, Person, Principal, PrincipalKind, Session
from laird.domain.secret import Secret
from laird.people import session_store, store
from laird.people.directory import Directory, now_us, person_deed
from laird.people.names import LONGEST, folded
from laird.people.store import Registered
from laird.people.table import LIFETIME_US
from laird.people.throttle import Throttle
from laird.people.tokens import digest, new_id, new_token

_LONGEST_AGENT = 200
_WRONG = "The name or the password is wrong."


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A session just begun. `cookie` is nowhere else."""

    person: Person
    session: Session
    cookie: Secret


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody comes from."""

    address: str
    agent: str = ""


class SignIn:
    """Lets people in who know their password, and never says who exists."""

    def __init__(self, directory: Directory, throttle: Throttle | None = None) -> None:
        self._directory = directory
        self._throttle = throttle if throttle is not None else Throttle()

    async def begin(self, name: str, password: Secret, visitor: Visitor) -> Begun:
        """Sign somebody in.

        Raises:
            SignInRefused: name or password is wrong, or the person is disabled.
            RateLimited: too many tries.
        """
        directory = self._directory
        known = folded(name[: 4 * LONGEST])
        self._throttle.begin(known, visitor.address, time.monotonic())
        found = await directory.database.read(lambda connection: _named(connection, known))
        right = await directory.passwords.verify(found.password if found else None, password)
        if found is None or not right or not found.person.enabled:
            await self._refused(found, visitor)
            raise SignInRefused(_WRONG)
        self._throttle.succeeded(known, visitor.address)
        fresh = None
        if directory.passwords.is_outdated(found.password):
            fresh = await directory.passwords.hash(password)
        return await self.begin_for(found.person, visitor, fresh_hash=fresh)

    async def begin_for(
        self, person: Person, visitor: Visitor, *, fresh_hash: str | None = None
    ) -> Begun:
        """Begin a session of somebody who has shown who they are."""
        cookie = new_token()
        at_us = now_us()
        session = Session(
            id=new_id("session"),
            digest=digest(cookie),
            person_id=person.id,
            created_us=at_us,
            expires_us=at_us + LIFETIME_US,
            seen_us=at_us,
            address=visitor.address,
            agent=_plain(visitor.agent),
        )
        by = _as_principal(person, session.id, visitor.address)

        def work(connection: Connection) -> None:
            # Meanwhile somebody may have been disabled or removed.
            found = store.look(connection, person.id)
            if found is None or not found.person.enabled:
                raise SignInRefused(_WRONG)
            session_store.begin(connection, session)
            store.signed_in(connection, person.id, at_us)
            if fresh_hash is not None:
                store.set_password(connection, person.id, fresh_hash)
            deed = person_deed("session.begin", person, by, f"{person.name} signed in")
            self._directory.record(
                connection,
                msgspec.structs.replace(deed, object_type="session", object_id=session.id),
            )

        await self._directory.write(work)
        return Begun(
            person=msgspec.structs.replace(person, signed_in_us=at_us),
            session=session,
            cookie=Secret(cookie),
        )

    async def change_password(self, by: Principal, current: Secret, new: Secret) -> None:
        """Give somebody who is signed in another password, and end their other sessions.

        Raises:
            InvalidRequest: the present password is wrong, or the new one no good.
            RateLimited: too many tries.
        """
        directory = self._directory
        known = folded(by.name)
        self._throttle.begin(known, by.address, time.monotonic())
        found = await directory.database.read(lambda connection: store.find(connection, by.id))
        if not await directory.passwords.verify(found.password, current):
            raise InvalidRequest("The present password is wrong.", param="current")
        self._throttle.succeeded(known, by.address)
        if current == new:
            raise InvalidRequest("That is the password you have. Choose another.", param="password")
        hashed = await directory.hash(new, by.name)

        def work(connection: Connection) -> None:
            store.set_password(connection, by.id, hashed)
            session_store.end_all(connection, by.id, but=by.session_id)
            summary = f"{by.name} chose another password"
            directory.record(connection, person_deed("person.password", found.person, by, summary))

        await directory.write(work)

    async def _refused(self, found: Registered | None, visitor: Visitor) -> None:
        """Record a failed try. What was typed is not: it may be a password in the wrong field."""
        person = found.person if found is not None else None
        deed = Deed(
            at_us=now_us(),
            action="session.refused",
            by=None,
            object_type="person",
            object_id=person.id if person else "",
            object_name=person.name if person else "",
            address=visitor.address,
            summary=f"signing in as {person.name if person else 'somebody unknown'} was refused",
        )
        await self._directory.database.write(
            lambda connection: self._directory.record(connection, deed)
        )


def _named(connection: Connection, known: str) -> Registered | None:
    """Return the person who has a name; an id is none."""
    found = store.look(connection, known)
    return found if found is not None and folded(found.person.name) == known else None


def _as_principal(person: Person, session_id: str, address: str) -> Principal:
    return Principal(
        kind=PrincipalKind.PERSON,
        id=person.id,
        name=person.name,
        role=person.role,
        session_id=session_id,
        address=address,
    )


def _plain(agent: str) -> str:
    """Return a browser's name for itself, cut and without what can't be shown."""
    return "".join(each if each.isprintable() else " " for each in agent[:_LONGEST_AGENT])
