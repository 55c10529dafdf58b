"""Sessions in the database. Each function takes a connection and is part of its transaction."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import BindParameter, Connection, bindparam, delete, insert, select, update

from laird.domain.people import Session
from laird.people.store import VERSION
from laird.storage import versions
from laird.storage.tables import sessions

MOST_OF_A_PERSON = 50
"""Sessions that somebody may have; the one that was seen longest ago gives way to a new one."""


def begin(connection: Connection, session: Session) -> None:
    """Keep a new session."""
    others = connection.execute(
        select(sessions.c.id)
        .where(sessions.c.person_id == session.person_id)
        .order_by(sessions.c.seen_us.desc())
        .offset(MOST_OF_A_PERSON - 1)
    ).scalars()
    connection.execute(delete(sessions).where(sessions.c.id.in_(list(others))))
    connection.execute(insert(sessions).values(msgspec.structs.asdict(session)))
    versions.bump(connection, VERSION)


def list_sessions(connection: Connection) -> tuple[Session, ...]:
    """Return all sessions, the newest first, those that have run out among them."""
    rows = connection.execute(select(sessions).order_by(sessions.c.created_us.desc()))
    return tuple(Session(**row) for row in rows.mappings())


def of_person(connection: Connection, person_id: str) -> tuple[Session, ...]:
    """Return a person's sessions, the newest first."""
    return tuple(one for one in list_sessions(connection) if one.person_id == person_id)


def end(connection: Connection, session_id: str, person_id: str) -> bool:
    """End a session of a person; True when there was one."""
    return _end(connection, sessions.c.id == session_id, sessions.c.person_id == person_id) > 0


def end_all(connection: Connection, person_id: str, *, but: str | None = None) -> int:
    """End all sessions of a person, but for the one with the id `but`; return how many."""
    return _end(connection, sessions.c.person_id == person_id, sessions.c.id != (but or ""))


def forget(connection: Connection, now_us: int, seen_before_us: int) -> int:
    """Delete sessions that have run out or were not seen since; return how many."""
    gone = (sessions.c.expires_us <= now_us) | (sessions.c.seen_us < seen_before_us)
    return connection.execute(delete(sessions).where(gone)).rowcount


def seen(connection: Connection, stamps: Mapping[str, int]) -> None:
    """Note when sessions were last seen: UTC microseconds by id. It changes no right."""
    if not stamps:
        return
    stamp: BindParameter[int] = bindparam("stamp")
    connection.execute(
        update(sessions)
        .where(sessions.c.id == bindparam("session_id"), sessions.c.seen_us < stamp)
        .values(seen_us=stamp),
        [{"session_id": name, "stamp": at_us} for name, at_us in stamps.items()],
    )


def _end(connection: Connection, *which: object) -> int:
    ended = connection.execute(delete(sessions).where(*which)).rowcount  # type: ignore[arg-type]
    if ended:
        versions.bump(connection, VERSION)
    return ended
