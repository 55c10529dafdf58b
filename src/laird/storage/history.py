"""The configuration's history in the database."""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping, insert, select

from laird.domain.revisions import ConfigRevision
from laird.storage.tables import config_revisions


def record(
    connection: Connection,
    *,
    at_us: int,
    actor: str,
    source: str,
    revision: str,
    before_revision: str | None,
    document: str,
    summary: str,
) -> ConfigRevision:
    """Add a revision and return it with its number."""
    values = {
        "at_us": at_us,
        "actor": actor,
        "source": source,
        "revision": revision,
        "before_revision": before_revision,
        "document": document,
        "summary": summary,
    }
    added = connection.execute(insert(config_revisions).values(values).returning(config_revisions))
    return _revision(added.mappings().one())


def list_revisions(connection: Connection, limit: int = 50) -> list[ConfigRevision]:
    """Return the newest revisions, newest first."""
    rows = connection.execute(
        select(config_revisions).order_by(config_revisions.c.id.desc()).limit(limit)
    )
    return [_revision(row) for row in rows.mappings()]


def get(connection: Connection, number: int) -> ConfigRevision | None:
    """Return a revision by its number, or None when there is no such one."""
    rows = connection.execute(select(config_revisions).where(config_revisions.c.id == number))
    row = rows.mappings().one_or_none()
    return None if row is None else _revision(row)


def document_before(connection: Connection, number: int, revision: str) -> str | None:
    """Return the text that a revision had, as it was last kept before a change; None if it was not.

    `number` is that of the change, `revision` the one before it.
    """
    rows = connection.execute(
        select(config_revisions.c.document)
        .where(config_revisions.c.revision == revision, config_revisions.c.id < number)
        .order_by(config_revisions.c.id.desc())
        .limit(1)
    )
    return rows.scalar()


def _revision(row: RowMapping) -> ConfigRevision:
    return ConfigRevision(**row)
