"""Links that work once, in the database. Each function is part of its connection's transaction."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, insert, select

from laird.domain.errors import NotFound
from laird.domain.people import Link, LinkKind, Role
from laird.storage.tables import links


def keep(connection: Connection, link: Link, digest: str) -> None:
    """Keep a new link with the hash of its text.

    One to set up, or to reset a person's password, takes the place of the one before it.
    """
    if link.kind is LinkKind.SETUP:
        remove_setup(connection)
    elif link.kind is LinkKind.RESET:
        remove_of_person(connection, link.person_id or "")
    row = msgspec.structs.asdict(link)
    row |= {"kind": link.kind.value, "role": link.role.value, "digest": digest}
    connection.execute(insert(links).values(row))


def find(connection: Connection, digest: str, now_us: int) -> Link:
    """Return the link whose text has this hash.

    Raises:
        NotFound: it was used, has run out, or never was one; which of them is not told.
    """
    row = connection.execute(
        select(links).where(links.c.digest == digest, links.c.expires_us > now_us)
    )
    found = row.mappings().first()
    if found is None:
        raise NotFound(
            "This link is not good: it was used, has run out, or was taken back. Ask for another.",
            param="token",
        )
    return _link(found)


def list_links(connection: Connection, now_us: int) -> tuple[Link, ...]:
    """Return the links that are good, the newest first."""
    rows = connection.execute(
        select(links).where(links.c.expires_us > now_us).order_by(links.c.created_us.desc())
    )
    return tuple(_link(row) for row in rows.mappings())


def remove(connection: Connection, link_id: str) -> Link:
    """Take a link back and return what it was. Raises `NotFound`."""
    found = connection.execute(select(links).where(links.c.id == link_id)).mappings().first()
    if found is None:
        raise NotFound(f"There is no link with the id '{link_id[:80]}'.", param="link_id")
    connection.execute(delete(links).where(links.c.id == link_id))
    return _link(found)


def remove_setup(connection: Connection) -> None:
    """Take back the link to set up."""
    connection.execute(delete(links).where(links.c.kind == LinkKind.SETUP.value))


def remove_of_person(connection: Connection, person_id: str) -> None:
    """Take back links to reset a person's password."""
    connection.execute(delete(links).where(links.c.person_id == person_id))


def forget(connection: Connection, now_us: int) -> None:
    """Delete links that have run out."""
    connection.execute(delete(links).where(links.c.expires_us <= now_us))


def _link(row: RowMapping) -> Link:
    values: dict[str, Any] = {name: row[name] for name in Link.__struct_fields__}
    return Link(**values | {"kind": LinkKind(row["kind"]), "role": Role(row["role"])})
