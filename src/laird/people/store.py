"""People in the database. Each function takes a connection and is part of its transaction.

Every change of a right raises the version named `people`, which other processes watch.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, or_, select, update

from laird.domain.errors import InvalidRequest, NotFound
from laird.domain.people import Person, Role
from laird.people.names import folded
from laird.storage import versions
from laird.storage.tables import people, sessions

VERSION = "people"


class Registered(msgspec.Struct, frozen=True):
    """A person with the hash of their password: for signing in, and for nothing else."""

    person: Person
    password: str


def create(connection: Connection, person: Person, password: str) -> None:
    """Keep a new person with the hash of a password.

    Raises:
        InvalidRequest: the name is taken.
    """
    check_free(connection, person.name)
    row = msgspec.structs.asdict(person)
    row |= {"role": person.role.value, "folded": folded(person.name), "password": password}
    connection.execute(insert(people).values(row))
    versions.bump(connection, VERSION)


def check_free(connection: Connection, name: str) -> None:
    """Raise `InvalidRequest` when there is a person of that name, or with that id."""
    if connection.execute(select(people.c.id).where(_is(name))).first() is not None:
        raise InvalidRequest(f"There is a person called '{name}' already.", param="name")


def list_people(connection: Connection) -> tuple[Person, ...]:
    """Return all people, oldest first."""
    rows = connection.execute(select(people).order_by(people.c.created_us, people.c.id))
    return tuple(_person(row) for row in rows.mappings())


def get(connection: Connection, reference: str) -> Person:
    """Return the person with this id or name. Raises `NotFound`."""
    return find(connection, reference).person


def find(connection: Connection, reference: str) -> Registered:
    """Return the person with this id or name, with the hash. Raises `NotFound`."""
    found = look(connection, reference)
    if found is None:
        raise NotFound(
            f"Nobody has the id or name '{reference[:80]}'. `laird people list` shows all.",
            param="person",
        )
    return found


def look(connection: Connection, reference: str) -> Registered | None:
    """Return the person with this id or name, with the hash, or None."""
    row = connection.execute(select(people).where(_is(reference))).mappings().first()
    return None if row is None else Registered(_person(row), row["password"])


def change(
    connection: Connection, person: Person, *, role: Role | None = None, enabled: bool | None = None
) -> Person:
    """Change role or switch and return the person as they are now; None leaves it as it is.

    Somebody who is switched off is signed out everywhere.

    Raises:
        InvalidRequest: nobody would be left who may administer.
    """
    changed = msgspec.structs.replace(
        person,
        role=person.role if role is None else role,
        enabled=person.enabled if enabled is None else enabled,
    )
    if not _administers(changed):
        _check_not_last(connection, person)
    values = {"role": changed.role.value, "enabled": changed.enabled}
    connection.execute(update(people).where(people.c.id == person.id).values(values))
    if not changed.enabled:
        connection.execute(delete(sessions).where(sessions.c.person_id == person.id))
    versions.bump(connection, VERSION)
    return changed


def remove(connection: Connection, person: Person) -> None:
    """Delete a person with all sessions. Raises what `change` raises."""
    _check_not_last(connection, person)
    connection.execute(delete(sessions).where(sessions.c.person_id == person.id))
    connection.execute(delete(people).where(people.c.id == person.id))
    versions.bump(connection, VERSION)


def set_password(connection: Connection, person_id: str, password: str) -> None:
    """Keep the hash of another password."""
    connection.execute(update(people).where(people.c.id == person_id).values(password=password))


def signed_in(connection: Connection, person_id: str, at_us: int) -> None:
    """Note when somebody has signed in."""
    connection.execute(update(people).where(people.c.id == person_id).values(signed_in_us=at_us))


def has_administrator(connection: Connection) -> bool:
    """Tell whether there is somebody who may administer."""
    return bool(_administrators(connection))


def _administrators(connection: Connection) -> set[str]:
    enabled = people.c.enabled.is_(True)
    return set(
        connection.execute(
            select(people.c.id).where(people.c.role == Role.ADMIN.value, enabled)
        ).scalars()
    )


def _administers(person: Person) -> bool:
    return person.enabled and person.role is Role.ADMIN


def _check_not_last(connection: Connection, person: Person) -> None:
    if _administrators(connection) == {person.id}:
        raise InvalidRequest(
            f"'{person.name}' is the last administrator. Make somebody else one first.",
            param="person",
        )


def _is(reference: str) -> ColumnElement[bool]:
    return or_(people.c.id == reference, people.c.folded == folded(reference))


def _person(row: RowMapping) -> Person:
    kept: Iterable[str] = Person.__struct_fields__
    values: dict[str, Any] = {name: row[name] for name in kept}
    return Person(**values | {"role": Role(row["role"])})
