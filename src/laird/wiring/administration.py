"""The administration API, assembled; loaded apart, because FastAPI takes long to load."""

from __future__ import annotations

from fastapi import FastAPI

from laird.api.admin.access import Gate
from laird.api.admin.app import build_admin
from laird.api.admin.context import Admin
from laird.config.history import History
from laird.config.live import LiveConfiguration
from laird.dialects.base import Dialect
from laird.gateway.gateway import Gateway
from laird.gateway.inspect import Inspector
from laird.health.board import HealthBoard
from laird.health.prober import Prober
from laird.keys.table import KeyTable
from laird.storage.engine import Database
from laird.usage.drain import Drain


def administration(
    *,
    gateway: Gateway,
    dialect: Dialect,
    configuration: LiveConfiguration,
    database: Database,
    keys: KeyTable,
    board: HealthBoard,
    prober: Prober,
    inspector: Inspector,
    drain: Drain,
    history: History,
) -> FastAPI:
    """Return the application over these parts."""
    return build_admin(
        Admin(
            gate=Gate(keys),
            gateway=gateway,
            dialect=dialect,
            configuration=configuration,
            database=database,
            keys=keys,
            board=board,
            prober=prober,
            inspector=inspector,
            drain=drain,
            history=history,
        )
    )
