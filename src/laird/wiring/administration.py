"""The administration API, assembled; loaded apart, because FastAPI takes long to load."""

from __future__ import annotations

from fastapi import FastAPI

from laird.api.admin.access import Gate
from laird.api.admin.app import build_admin
from laird.api.admin.context import Admin
from laird.api.site import Site
from laird.budgets.watch import Watch
from laird.cache.store import ResponseCache
from laird.config.history import History
from laird.config.live import LiveConfiguration
from laird.config.settings import Settings
from laird.credentials.upkeep import Upkeep
from laird.dialects.base import Dialect
from laird.gateway.discovery.search import Discovery
from laird.gateway.gateway import Gateway
from laird.gateway.inspect import Inspector
from laird.gateway.library.library import Library
from laird.health.board import HealthBoard
from laird.health.prober import Prober
from laird.keeping.keeper import Keeper
from laird.keys.table import KeyTable
from laird.people.reception import Reception
from laird.pricing.catalogue import Catalogue
from laird.storage.engine import Database
from laird.telemetry.feed import Feed
from laird.usage.drain import Drain


def administration(
    *,
    settings: Settings,
    budgets: Watch,
    feed: Feed,
    gateway: Gateway,
    dialect: Dialect,
    configuration: LiveConfiguration,
    catalogue: Catalogue,
    database: Database,
    cache: ResponseCache,
    keys: KeyTable,
    reception: Reception,
    site: Site,
    board: HealthBoard,
    prober: Prober,
    inspector: Inspector,
    discovery: Discovery,
    drain: Drain,
    history: History,
    keeper: Keeper,
    credentials: Upkeep,
    library: Library,
) -> FastAPI:
    """Return the application over these parts."""
    return build_admin(
        Admin(
            settings=settings,
            gate=Gate(keys, reception.table, site),
            people=reception.directory,
            sign_in=reception.sign_in,
            links=reception.links,
            budgets=budgets,
            feed=feed,
            gateway=gateway,
            dialect=dialect,
            configuration=configuration,
            catalogue=catalogue,
            database=database,
            cache=cache,
            keys=keys,
            board=board,
            prober=prober,
            inspector=inspector,
            discovery=discovery,
            drain=drain,
            history=history,
            keeper=keeper,
            credentials=credentials,
            library=library,
        )
    )
