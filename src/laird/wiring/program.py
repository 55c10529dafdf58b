"""One running Laird: its parts, built in order and taken down in the reverse one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from laird import __version__
from laird.api.asgi import Application
from laird.api.inference import Inference
from laird.config.compile import compile_snapshot
from laird.config.default import FoundServer, first_document
from laird.config.home import YamlHome
from laird.config.live import LiveConfiguration
from laird.config.settings import Settings, mistyped_settings, read_environment
from laird.dialects.openai_chat import OpenAIChat
from laird.domain.catalog import Kind, Pricing, Snapshot
from laird.domain.errors import ConfigError, StorageUnavailable
from laird.domain.health import HealthStatus
from laird.gateway.discovery import discover
from laird.gateway.dispatch import Means
from laird.gateway.gateway import Gateway, build_runtime
from laird.gateway.inspect import Inspector
from laird.gateway.retry import RetryBudget
from laird.gateway.settle import Books
from laird.health.board import HealthBoard
from laird.health.history import Recorder
from laird.health.prober import Prober
from laird.keys.follow import flush_used, follow, refresh
from laird.keys.table import KeyTable
from laird.limits.daily import DailyCounts
from laird.limits.rates import Rates
from laird.limits.slots import Slots
from laird.pricing.catalogue import Catalogue
from laird.providers.demo import DemoTransport
from laird.providers.registry import KINDS, build_adapter
from laird.storage import schema
from laird.storage.engine import Database, sqlite_warnings
from laird.telemetry.logs import get_logger
from laird.telemetry.metrics import Metrics
from laird.transport.base import Transport
from laird.transport.client import HttpTransport
from laird.transport.switch import SchemeSwitch
from laird.usage.drain import Drain
from laird.usage.journal import Journal
from laird.usage.summary import calls_by_provider
from laird.wiring.history import DatabaseHistory
from laird.wiring.late import LateApp

_DAY_US = 86_400_000_000
_LAST_FLUSH_S = 1.0

_log = get_logger("program")


class Program(msgspec.Struct, kw_only=True):
    """The parts that others talk to."""

    settings: Settings
    app: Application
    gateway: Gateway
    configuration: LiveConfiguration
    keys: KeyTable
    database: Database
    drain: Drain
    metrics: Metrics
    prober: Prober


@asynccontextmanager
async def open_program(settings: Settings, *, serving: bool) -> AsyncIterator[Program]:
    """Build everything, and take it down again when the block ends.

    The caller holds the home's lock. With `serving`, providers are probed and the background work
    runs; without, one command is answered and nothing moves by itself, and a broken document leaves
    the configuration empty with its `error` set, so that what needs no document can be done. Raises
    a `LairdError`.
    """
    async with AsyncExitStack() as stack:
        database, journal, drain = _open_usage(stack, settings)
        transport = SchemeSwitch(HttpTransport(), {"demo": DemoTransport()})
        stack.push_async_callback(transport.close)
        metrics = Metrics()
        board = HealthBoard()
        samples = Recorder(database, board)
        inspector = Inspector(transport, build_adapter)
        prober = Prober(board, inspector.probe, record=samples.add)
        stack.push_async_callback(prober.stop)
        keys = KeyTable()
        await refresh(keys, database)
        stack.push_async_callback(_last_used, keys, database)
        history = DatabaseHistory(database)
        configuration = LiveConfiguration(
            await _document_home(settings, transport), _compiler(Catalogue()), history
        )
        await _start(configuration, serving=serving)
        stack.push_async_callback(configuration.stop)
        slots = Slots()
        means = Means(
            transport=transport,
            slots=slots,
            daily=_daily_counts(database),
            board=board,
            books=Books(journal, metrics),
            metrics=metrics,
            retries=RetryBudget(),
        )
        gateway = Gateway(means, Rates(), build_runtime(configuration.snapshot, build_adapter))
        dialect = OpenAIChat()
        admin = LateApp(
            "laird.wiring.administration",
            "administration",
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
        app = Application(
            Inference(gateway, keys, metrics, max_body_bytes=settings.max_body_bytes),
            dialect,
            metrics,
            admin,
            partial(_readiness, gateway, configuration),
        )
        _publish(metrics, gateway, board, slots, drain)
        program = Program(
            settings=settings,
            app=app,
            gateway=gateway,
            configuration=configuration,
            keys=keys,
            database=database,
            drain=drain,
            metrics=metrics,
            prober=prober,
        )
        configuration.subscribe(partial(_use, gateway, prober if serving else None))
        if serving:
            prober.configure(configuration.snapshot)
            for work in (
                drain.run(),
                follow(keys, database),
                samples.run(),
                admin.load_soon(),
            ):
                stack.push_async_callback(_begin(work))
            _warn(configuration.snapshot.warnings)
            _warn((*mistyped_settings(read_environment()), *sqlite_warnings()))
        yield program


def _open_usage(stack: AsyncExitStack, settings: Settings) -> tuple[Database, Journal, Drain]:
    """Open database and journal; what an earlier process left in it is drained like the rest."""
    database = Database(settings.database_url)
    stack.callback(database.close)
    schema.prepare(database)
    journal = Journal(settings.home / "journal")
    stack.callback(journal.close)
    drain = Drain(journal, database)
    stack.push_async_callback(_last_flush, drain)
    return database, journal, drain


async def _last_flush(drain: Drain) -> None:
    """Drain a last time, where the database is there for it; else the next start does it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_FLUSH_S):
            await drain.flush()


def _daily_counts(database: Database) -> DailyCounts:
    """Count today's requests on from what the ledger says."""
    now_us = time.time_ns() // 1000
    today_us = now_us - now_us % _DAY_US
    daily = DailyCounts()
    daily.seed(database.read_now(partial(calls_by_provider, since_us=today_us)), now_us)
    return daily


async def _last_used(keys: KeyTable, database: Database) -> None:
    """Write when keys were last used, a last time; it is no loss when the database is away."""
    with suppress(StorageUnavailable):
        await flush_used(keys, database)


async def _document_home(settings: Settings, transport: Transport) -> YamlHome:
    """Return the document's home; a first document is written where there is none."""
    home = YamlHome(settings.config)
    if not home.exists():
        found = await discover(transport)
        servers = [
            FoundServer(kind=one.kind, endpoint=one.endpoint, models=one.models) for one in found
        ]
        home.create(first_document(servers=servers, kinds=KINDS, environment=read_environment()))
        _log.info("wrote a first configuration", file=str(settings.config))
    return home


async def _start(configuration: LiveConfiguration, *, serving: bool) -> None:
    try:
        await configuration.start()
    except ConfigError as error:
        if serving:
            raise
        configuration.error = error


def _compiler(catalogue: Catalogue) -> Callable[[Any], Snapshot]:
    def price(kind: Kind, upstream_model: str) -> Pricing | None:
        return catalogue.price(kind.prices_as, upstream_model, datetime.now(UTC))

    return partial(compile_snapshot, kinds=KINDS, environment=read_environment(), price=price)


def _use(gateway: Gateway, prober: Prober | None, _old: Snapshot, new: Snapshot) -> None:
    gateway.use(build_runtime(new, build_adapter))
    if prober is not None:
        prober.configure(new)
    _warn(new.warnings)


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        _log.warning(warning)


def _readiness(gateway: Gateway, configuration: LiveConfiguration) -> dict[str, Any]:
    error = configuration.error
    return {
        "ready": not gateway.draining,
        "draining": gateway.draining,
        "configuration_error": error.message if error is not None else None,
    }


def _begin(work: Coroutine[Any, Any, None]) -> Callable[[], Coroutine[Any, Any, None]]:
    """Start background work; what is returned ends it."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    return end


_STATUS_VALUES = {
    HealthStatus.HEALTHY: 1.0,
    HealthStatus.UNKNOWN: 1.0,
    HealthStatus.DEGRADED: 0.5,
    HealthStatus.OFFLINE: 0.0,
}


def _publish(
    metrics: Metrics, gateway: Gateway, board: HealthBoard, slots: Slots, drain: Drain
) -> None:
    metrics.info.labels(__version__).set(1)
    metrics.gauge(
        "local_ai_provider_active_requests",
        "Requests under way.",
        "provider",
        lambda: dict(slots.active),
    )
    metrics.gauge(
        "local_ai_provider_health",
        "1 healthy, 0.5 degraded, 0 offline.",
        "provider",
        lambda: {name: _STATUS_VALUES[one.status] for name, one in board.conditions.items()},
    )
    metrics.gauge(
        "local_ai_queue_depth",
        "Requests that wait for a slot.",
        "provider",
        lambda: {name: slots.waiting(name) for name in gateway.runtime.snapshot.providers},
    )
    metrics.gauge(
        "local_ai_journal_pending_records",
        "Finished attempts that are not in the ledger yet.",
        "",
        lambda: {"": drain.state.pending_records},
    )
    metrics.gauge(
        "local_ai_journal_pending_bytes",
        "Bytes of the journal on disk.",
        "",
        lambda: {"": drain.state.pending_bytes},
    )
