"""Walk the schema's steps with Alembic. Loaded only when a step has to be walked."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

_SCRIPTS = Path(__file__).parent / "migrations"


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def up(connection: Connection, revision: str) -> None:
    """Bring the tables up to a revision, in the connection's transaction."""
    command.upgrade(_config(connection), revision)


def down(connection: Connection, revision: str) -> None:
    """Take the tables back to a revision (`base` is none at all), in the same transaction."""
    command.downgrade(_config(connection), revision)
