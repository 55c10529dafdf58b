"""People and the site, from the settings."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress

from sqlalchemy import Connection

from laird.api.site import Site
from laird.audit.store import record
from laird.config.settings import Settings
from laird.domain.errors import StorageUnavailable
from laird.domain.people import Deed
from laird.people.directory import log_deed
from laird.people.follow import flush_seen, refresh
from laird.people.reception import Reception, open_reception
from laird.storage.engine import Database


def site_of(settings: Settings) -> Site:
    """Return by what names this Laird is reached. Raises `StartError`."""
    return Site(
        hosts=settings.allowed_hosts,
        proxies=settings.trusted_proxies,
        public_url=settings.public_url,
        host=settings.host,
        port=settings.port,
    )


def _keep(connection: Connection, deed: Deed) -> None:
    """Put what was done into the audit log, and tell the log of the server."""
    record(connection, deed)
    log_deed(connection, deed)


async def open_people(stack: AsyncExitStack, database: Database) -> Reception:
    """Load who may sign in; when sessions were seen is written a last time at the end."""
    reception = open_reception(database, _keep)
    stack.callback(reception.close)
    await refresh(reception.table, database)

    async def last_seen() -> None:
        # It is no loss when the database is away.
        with suppress(StorageUnavailable):
            await flush_seen(reception.table, database)

    stack.push_async_callback(last_seen)
    return reception
