"""Credentials in the database. Each function takes a connection and is part of its transaction.

Every change raises the version named `credentials`, which other processes watch. Nothing here ever
sees a secret.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from laird.domain.credential import Slot, StoreKind
from laird.domain.errors import NotFound
from laird.storage import versions
from laird.storage.tables import credential_keys, credential_values, credentials

VERSION = "credentials"
INTERNAL = "."
"""Names that begin so are our own, and nobody else's."""


_MOVING = "moving"


class CredentialRow(msgspec.Struct, frozen=True, kw_only=True):
    """One credential. Times are UTC microseconds."""

    name: str
    store: StoreKind
    version: int
    """Of its newest value."""
    created_us: int
    changed_us: int
    last_used_us: int | None = None
    last_refused_us: int | None = None
    removed_us: int | None = None


class ValueRow(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a credential."""

    id: str
    name: str
    slot: Slot
    version: int
    sealed: bytes | None
    """None where it is in the keyring."""
    fingerprint: str
    created_us: int
    expires_us: int | None = None
    until_us: int | None = None
    """Of a previous value: how long it may step in."""
    tested_us: int | None = None
    refused_us: int | None = None


class Book(msgspec.Struct, frozen=True):
    """All that the database holds, as of one moment."""

    version: int
    credentials: Mapping[str, CredentialRow]
    values: Mapping[str, Mapping[Slot, ValueRow]]
    wraps: Mapping[str, Mapping[str, bytes]]
    """Wrapped keys by value, then by master key."""


def read(connection: Connection) -> Book:
    """Return everything."""
    rows = connection.execute(select(credentials).order_by(credentials.c.name)).mappings()
    found = {
        row["name"]: CredentialRow(**{**row, "store": StoreKind(row["store"])}) for row in rows
    }
    values: dict[str, dict[Slot, ValueRow]] = {}
    for row in connection.execute(select(credential_values)).mappings():
        slot = Slot(row["slot"])
        values.setdefault(row["name"], {})[slot] = ValueRow(**{**row, "slot": slot})
    wraps: dict[str, dict[str, bytes]] = {}
    for value_id, master_id, wrapped in connection.execute(select(credential_keys)):
        wraps.setdefault(value_id, {})[master_id] = wrapped
    return Book(versions.current(connection, VERSION), found, values, wraps)


def current_version(connection: Connection) -> int:
    """Return the number that goes up with every change."""
    return versions.current(connection, VERSION)


def fingerprint(connection: Connection, name: str, slot: Slot) -> str | None:
    """Return the fingerprint of what is in a slot; None where there is nothing, or a command."""
    column = credential_values.c
    query = select(column.fingerprint).where(column.name == name, column.slot == slot)
    return connection.execute(query).scalar() or None


def add(connection: Connection, name: str, store: StoreKind, now_us: int) -> CredentialRow:
    """Make a credential, or bring a removed one back; its next version is in the row."""
    there = connection.execute(select(credentials).where(credentials.c.name == name)).mappings()
    found = there.first()
    version = found["version"] + 1 if found is not None else 1
    if found is None:
        row = CredentialRow(
            name=name, store=store, version=version, created_us=now_us, changed_us=now_us
        )
        connection.execute(insert(credentials).values(msgspec.structs.asdict(row)))
        return row
    renewed = {"created_us": now_us} if found["removed_us"] is not None else {}
    changes = {
        "store": store,
        "version": version,
        "changed_us": now_us,
        "removed_us": None,
        **renewed,
    }
    connection.execute(update(credentials).where(credentials.c.name == name).values(changes))
    return CredentialRow(**{**found, **changes})


def put(connection: Connection, value: ValueRow, wraps: Mapping[str, bytes]) -> list[str]:
    """Put a value in its slot; return the ids of what was there."""
    gone = clear(connection, value.name, value.slot)
    connection.execute(insert(credential_values).values(msgspec.structs.asdict(value)))
    for master_id, wrapped in wraps.items():
        add_wrap(connection, value.id, master_id, wrapped)
    versions.bump(connection, VERSION)
    return gone


def add_wrap(connection: Connection, value_id: str, master_id: str, wrapped: bytes) -> None:
    """Keep a value's key as another master key has wrapped it."""
    connection.execute(
        insert(credential_keys).values(value_id=value_id, master_id=master_id, wrapped=wrapped)
    )


def clear(connection: Connection, name: str, slot: Slot) -> list[str]:
    """Take out what is in a slot; return the ids of what was there."""
    column = credential_values.c
    query = select(column.id).where(column.name == name, column.slot == slot)
    gone = list(connection.execute(query).scalars())
    for value_id in gone:
        connection.execute(delete(credential_values).where(column.id == value_id))
        connection.execute(delete(credential_keys).where(credential_keys.c.value_id == value_id))
    if gone:
        versions.bump(connection, VERSION)
    return gone


def move(
    connection: Connection, name: str, origin: Slot, to: Slot, until_us: int | None = None
) -> list[str]:
    """Move a value from one slot to another; return the ids of what was there.

    Where nothing is in the first slot, the second one is left alone.
    """
    column = credential_values.c
    there = connection.execute(
        select(column.id).where(column.name == name, column.slot == origin)
    ).first()
    if there is None:
        return []
    gone = clear(connection, name, to)
    connection.execute(
        update(credential_values)
        .where(column.name == name, column.slot == origin)
        .values(slot=to, until_us=until_us)
    )
    versions.bump(connection, VERSION)
    return gone


def swap(connection: Connection, name: str, until_us: int | None) -> None:
    """Exchange the value in force and the one before it."""
    column = credential_values.c
    found = connection.execute(
        select(column.slot, column.id).where(
            column.name == name, column.slot.in_([Slot.ACTIVE, Slot.PREVIOUS])
        )
    )
    ids = {Slot(slot): value_id for slot, value_id in found}
    if len(ids) != 2:
        return
    # The two can't be in one slot, not even for a moment.
    for slot, kept_until, value_id in (
        (_MOVING, None, ids[Slot.ACTIVE]),
        (Slot.ACTIVE, None, ids[Slot.PREVIOUS]),
        (Slot.PREVIOUS, until_us, ids[Slot.ACTIVE]),
    ):
        connection.execute(
            update(credential_values)
            .where(column.id == value_id)
            .values(slot=slot, until_us=kept_until)
        )
    versions.bump(connection, VERSION)


def mark_changed(connection: Connection, name: str, now_us: int) -> None:
    """Note that a credential was changed."""
    connection.execute(
        update(credentials).where(credentials.c.name == name).values(changed_us=now_us)
    )


def mark_tested(connection: Connection, value_id: str, now_us: int) -> None:
    """Note that the provider took a value."""
    _mark(connection, value_id, tested_us=now_us, refused_us=None)


def mark_refused(connection: Connection, value_id: str, now_us: int) -> None:
    """Note that the provider refused a value."""
    _mark(connection, value_id, refused_us=now_us)


def _mark(connection: Connection, value_id: str, **changes: int | None) -> None:
    connection.execute(
        update(credential_values).where(credential_values.c.id == value_id).values(changes)
    )
    versions.bump(connection, VERSION)


def touch(connection: Connection, column: str, stamps: Mapping[str, int]) -> None:
    """Note when credentials were last used (`last_used_us`) or refused (`last_refused_us`).

    That is no change that others have to hear of at once.
    """
    for name, at_us in stamps.items():
        connection.execute(
            update(credentials).where(credentials.c.name == name).values({column: at_us})
        )


def remove(connection: Connection, name: str, now_us: int) -> list[str]:
    """Take out a credential and all its values; its name stays known. Return the values' ids.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(select(credentials).where(credentials.c.name == name)).mappings()
    found = row.first()
    if found is None or found["removed_us"] is not None:
        raise NotFound(f"There is no credential '{name}'.", param="name")
    gone = [value_id for slot in Slot for value_id in clear(connection, name, slot)]
    connection.execute(
        update(credentials)
        .where(credentials.c.name == name)
        .values(removed_us=now_us, changed_us=now_us)
    )
    versions.bump(connection, VERSION)
    return gone


def drop_other_wraps(connection: Connection, master_id: str) -> None:
    """Forget keys that other master keys have wrapped, of values that this one opens as well."""
    column = credential_keys.c
    opened = select(column.value_id).where(column.master_id == master_id)
    ids = list(connection.execute(opened).scalars())
    for value_id in ids:
        connection.execute(
            delete(credential_keys).where(
                column.value_id == value_id, column.master_id != master_id
            )
        )
    versions.bump(connection, VERSION)
