"""Links by which people come in: the first administrator, the invited, and those who forgot."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import msgspec
from sqlalchemy import Connection

from laird.domain.errors import InvalidRequest
from laird.domain.people import Deed, Link, LinkKind, Person, Principal, Role
from laird.domain.secret import Secret
from laird.people import link_store, session_store, store
from laird.people.directory import Directory, new_person, now_us, person_deed, shown
from laird.people.names import checked_name
from laird.people.sign_in import Begun, SignIn, Visitor
from laird.people.tokens import digest, new_id, new_token

_HOUR_US = 3_600_000_000
SETUP_HOURS = 24.0
USUAL_HOURS = 72.0
LONGEST_HOURS = 24.0 * 30


class NewLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link just made. `token` is nowhere else: show it once, then it is gone."""

    link: Link
    token: Secret

    @property
    def path(self) -> str:
        """Where it leads to on this server, with its token."""
        return f"/{self.link.kind.value}?token={self.token.reveal()}"


class Links:
    """Makes links, and lets those in who come with one."""

    def __init__(self, directory: Directory, sign_in: SignIn) -> None:
        self._directory = directory
        self._sign_in = sign_in

    async def setup(self, by: Principal) -> NewLink:
        """Make the link for the first administrator; it takes the place of an earlier one.

        Raises:
            InvalidRequest: there is an administrator.
        """

        def check(connection: Connection) -> None:
            if store.has_administrator(connection):
                _refuse_setup()

        return await self._make(LinkKind.SETUP, Role.ADMIN, by, SETUP_HOURS, check=check)

    async def invite(
        self, role: Role, by: Principal, *, name: str | None = None, hours: float = USUAL_HOURS
    ) -> NewLink:
        """Make a link by which somebody becomes a person of that role.

        Raises:
            InvalidRequest: the name is no good or taken, or the time out of bounds.
        """
        kept = None if name is None else checked_name(name)

        def check(connection: Connection) -> None:
            if kept is not None:
                store.check_free(connection, kept)

        return await self._make(LinkKind.INVITE, role, by, hours, name=kept, check=check)

    async def reset(self, reference: str, by: Principal, *, hours: float = SETUP_HOURS) -> NewLink:
        """Make a link by which a person chooses another password; until then the old one is good.

        Raises:
            NotFound: there is no such person.
        """
        person = await self._directory.get(reference)
        return await self._make(
            LinkKind.RESET, person.role, by, hours, name=person.name, person_id=person.id
        )

    async def list(self) -> tuple[Link, ...]:
        """Return the links that are good, the newest first."""
        return await self._directory.database.read(
            lambda connection: link_store.list_links(connection, now_us())
        )

    async def take_back(self, link_id: str, by: Principal) -> Link:
        """Make a link worthless and return what it was. Raises `NotFound`."""

        def work(connection: Connection) -> Link:
            link = link_store.remove(connection, link_id)
            self._directory.record(connection, _deed("link.remove", link, by, "was taken back"))
            return link

        return await self._directory.database.write(work)

    async def look(self, token: Secret) -> Link:
        """Return what a link is for, and leave it as it is. Raises `NotFound`."""
        wanted = digest(token.reveal())
        return await self._directory.database.read(
            lambda connection: link_store.find(connection, wanted, now_us())
        )

    async def use(
        self, token: Secret, name: str | None, password: Secret, visitor: Visitor
    ) -> Begun:
        """Do what a link is for, with the password that its bearer has chosen, and sign them in.

        A reset ends all sessions that the person has.

        Raises:
            NotFound: the link is not good (any more).
            InvalidRequest: name or password is no good, or the name is taken.
        """
        link = await self.look(token)
        if link.kind is LinkKind.RESET:
            person = await self._directory.get(link.person_id or "")
        else:
            person = new_person(checked_name(link.name or name or ""), link.role)
        hashed = await self._directory.hash(password, person.name)

        def work(connection: Connection) -> Person:
            # Of two who come at once, one finds it gone.
            link_store.find(connection, digest(token.reveal()), now_us())
            link_store.remove(connection, link.id)
            if link.kind is LinkKind.RESET:
                return self._reset(connection, link, hashed, visitor)
            return self._join(connection, link, person, hashed, visitor)

        made = await self._directory.write(work)
        return await self._sign_in.begin_for(made, visitor)

    def _join(
        self, connection: Connection, link: Link, person: Person, hashed: str, visitor: Visitor
    ) -> Person:
        if link.kind is LinkKind.SETUP and store.has_administrator(connection):
            _refuse_setup()
        store.create(connection, person, hashed)
        if person.role is Role.ADMIN:
            link_store.remove_setup(connection)
        deed = person_deed(
            "person.join",
            person,
            None,
            f"{person.name} came in by a link of {link.created_by}",
            after=shown(person),
            address=visitor.address,
        )
        self._directory.record(connection, deed)
        return person

    def _reset(self, connection: Connection, link: Link, hashed: str, visitor: Visitor) -> Person:
        person = store.get(connection, link.person_id or "")
        if not person.enabled:
            raise InvalidRequest(f"'{person.name}' is disabled. Ask an administrator.")
        store.set_password(connection, person.id, hashed)
        session_store.end_all(connection, person.id)
        summary = f"{person.name} chose another password by a link of {link.created_by}"
        deed = person_deed("person.password", person, None, summary, address=visitor.address)
        self._directory.record(connection, deed)
        return person

    async def _make(
        self,
        kind: LinkKind,
        role: Role,
        by: Principal,
        hours: float,
        *,
        name: str | None = None,
        person_id: str | None = None,
        check: Callable[[Connection], None] = lambda _connection: None,
    ) -> NewLink:
        if not 0 < hours <= LONGEST_HOURS:
            raise InvalidRequest(
                f"A link is good for more than 0 and at most {LONGEST_HOURS:.0f} hours.",
                param="hours",
            )
        token = new_token()
        at_us = now_us()
        link = Link(
            id=new_id("link"),
            kind=kind,
            role=role,
            name=name,
            person_id=person_id,
            created_us=at_us,
            expires_us=at_us + round(hours * _HOUR_US),
            created_by=by.actor,
        )

        def work(connection: Connection) -> None:
            check(connection)
            link_store.keep(connection, link, digest(token))
            self._directory.record(connection, _deed("link.make", link, by, "was made"))

        await self._directory.database.write(work)
        return NewLink(link=link, token=Secret(token))


def _refuse_setup() -> NoReturn:
    raise InvalidRequest(
        "There is an administrator already. Ask them for an invitation, or make one on the server"
        " with laird people invite."
    )


def _deed(action: str, link: Link, by: Principal, what: str) -> Deed:
    whose = f" for {link.name}" if link.name else ""
    return Deed(
        at_us=now_us(),
        action=action,
        by=by,
        object_type="link",
        object_id=link.id,
        object_name=link.kind.value,
        address=by.address,
        summary=f"a link to {link.kind.value}{whose} ({link.role.value}) {what}",
        after={"kind": link.kind.value, "role": link.role.value, "name": link.name},
    )
