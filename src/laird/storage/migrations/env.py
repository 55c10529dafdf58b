"""Run by Alembic: uses the connection that `storage.migrate` hands over, and its transaction."""

from __future__ import annotations

from alembic import context

from laird.storage.tables import metadata

# SQLite can roll back a change of tables, but Alembic leaves that off by default.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
