"""The configuration's history, kept in the database."""

from __future__ import annotations

from sqlalchemy import Connection

from laird.audit import store as audit
from laird.audit.entry import CONFIGURATION, Via, asking
from laird.config.history import ChangeEntry, ChangeSource
from laird.domain.people import Deed, Principal
from laird.domain.revisions import ConfigRevision
from laird.storage import history
from laird.storage.engine import Database

_BETWEEN_CHANGES = "\n"
_LONGEST_SUMMARY = 2000
_ACTIONS = {ChangeSource.ROLLBACK: "configuration.rollback"}
_WAYS = {ChangeSource.FILE: Via.FILE}
_LONGEST_ID = 18
"""Digits of a number that the database can hold for certain."""


class DatabaseHistory:
    """Puts changes into the table of revisions and reads them back. See `config.history.History`.

    The database numbers the changes; the id that a change came with is not kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, entry: ChangeEntry) -> None:
        """Keep a change. Raises `StorageUnavailable`."""
        by = asking.get()
        await self._database.write(lambda connection: _keep(connection, entry, by))

    async def list(self, limit: int) -> tuple[ChangeEntry, ...]:
        """Return the newest changes, newest first."""
        found = await self._database.read(
            lambda connection: history.list_revisions(connection, limit)
        )
        return tuple(_entry(one) for one in found)

    async def get(self, entry_id: str) -> ChangeEntry | None:
        """Return one change by its number, or None."""
        if not entry_id.isdecimal() or len(entry_id) > _LONGEST_ID:
            return None
        found = await self._database.read(lambda connection: history.get(connection, int(entry_id)))
        return None if found is None else _entry(found)


def _keep(connection: Connection, entry: ChangeEntry, by: Principal | None) -> None:
    """Put a change into the history, and into the audit log, in one transaction."""
    kept = history.record(
        connection,
        at_us=entry.at_us,
        actor=entry.actor,
        source=entry.source.value,
        revision=entry.revision,
        before_revision=entry.before,
        document=entry.document,
        summary=_BETWEEN_CHANGES.join(entry.summary),
    )
    if by is not None and by.actor != entry.actor:
        by = None
    deed = Deed(
        at_us=entry.at_us,
        action=_ACTIONS.get(entry.source, "configuration.change"),
        by=by,
        object_type=CONFIGURATION,
        object_id=str(kept.id),
        object_name="",
        address=by.address if by is not None else "",
        summary="; ".join(entry.summary)[:_LONGEST_SUMMARY],
        before=None if entry.before is None else {"revision": entry.before},
        after={"revision": entry.revision},
    )
    audit.record(connection, deed, via=_WAYS.get(entry.source), actor=entry.actor)


def _entry(revision: ConfigRevision) -> ChangeEntry:
    return ChangeEntry(
        id=str(revision.id),
        at_us=revision.at_us,
        actor=revision.actor,
        source=ChangeSource(revision.source),
        revision=revision.revision,
        before=revision.before_revision,
        document=revision.document,
        summary=tuple(revision.summary.split(_BETWEEN_CHANGES)),
    )
