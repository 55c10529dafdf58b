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
from laird.api.browsers import Safely, other_origins
from laird.api.inference import Inference
from laird.api.models import Models
from laird.api.responses import StoredResponses
from laird.api.site import Site
from laird.budgets.watch import Watch
from laird.cache.store import ResponseCache
from laird.config.compile import compile_snapshot
from laird.config.default import first_document
from laird.config.history import MemoryHistory
from laird.config.home import Home, YamlHome
from laird.config.live import LiveConfiguration
from laird.config.settings import Settings, mistyped_settings, read_environment
from laird.domain.catalog import Kind, Pricing, Snapshot
from laird.domain.credential import CredentialSource
from laird.domain.errors import ConfigError, StartError, StorageUnavailable
from laird.domain.health import HealthStatus
from laird.domain.local_models import LIBRARY
from laird.gateway.call import Answering
from laird.gateway.discovery.entries import first_entries
from laird.gateway.discovery.hosts import read_hosts, split_hosts
from laird.gateway.discovery.search import Discovery
from laird.gateway.dispatch import Means
from laird.gateway.gateway import Gateway, build_runtime
from laird.gateway.inspect import Inspector
from laird.gateway.keep import Keep
from laird.gateway.library.library import Library
from laird.gateway.playback import Playback
from laird.gateway.remember import Remember
from laird.gateway.renewal import Renewal
from laird.gateway.replay import Replay
from laird.gateway.retry import RetryBudget
from laird.gateway.screen import Screened
from laird.gateway.settle import Books
from laird.health.board import HealthBoard
from laird.health.history import Recorder
from laird.health.prober import Prober
from laird.keys.follow import flush_used, follow, refresh
from laird.keys.table import KeyTable
from laird.limits.daily import DailyCounts
from laird.limits.rates import Rates
from laird.limits.slots import Slots
from laird.memory.retention import Retention
from laird.people.follow import follow as follow_people
from laird.people.reception import Reception
from laird.pricing.catalogue import Catalogue
from laird.pricing.follow import follow_prices
from laird.providers.demo import DemoTransport
from laird.providers.registry import KINDS, build_adapter
from laird.runtime.transport import LlamaTransport
from laird.storage import schema
from laird.storage.engine import Database, sqlite_warnings
from laird.telemetry.feed import Feed
from laird.telemetry.logs import get_logger
from laird.telemetry.metrics import Metrics
from laird.transport.addresses import read_allowed
from laird.transport.base import Transport
from laird.transport.client import HttpTransport
from laird.transport.guard import Guard, look_up_provider
from laird.transport.switch import SchemeSwitch
from laird.usage import rebuild
from laird.usage.drain import Drain
from laird.usage.journal import Journal
from laird.usage.summary import calls_by_provider
from laird.wiring.budgets import open_budgets, publish_budgets
from laird.wiring.credentials import open_credentials, open_upkeep
from laird.wiring.history import DatabaseHistory
from laird.wiring.keeping import open_keeping
from laird.wiring.late import LateApp
from laird.wiring.news import RequestNews, tell_news
from laird.wiring.people import open_people, site_of
from laird.wiring.routes import inference_routes

_DAY_US = 86_400_000_000
_LAST_FLUSH_S = 1.0
_FORGET_EVERY_S = 20.0

_log = get_logger("program")


class Program(msgspec.Struct, kw_only=True):
    """The parts that others talk to."""

    settings: Settings
    app: Application
    gateway: Gateway
    answering: Answering
    """Has requests answered by the whole way: privacy rules, copies, cache, gateway."""
    configuration: LiveConfiguration
    keys: KeyTable
    reception: Reception
    site: Site
    database: Database
    drain: Drain
    metrics: Metrics
    prober: Prober
    inspector: Inspector
    board: HealthBoard
    budgets: Watch
    feed: Feed
    library: Library


@asynccontextmanager
async def open_program(
    settings: Settings, *, serving: bool, document: Home | None = None, administered: bool = True
) -> AsyncIterator[Program]:
    """Build everything, and take it down again when the block ends.

    The caller holds the home's lock. With `serving`, providers are probed and the background work
    runs; without, one command is answered and nothing moves by itself, and a broken document leaves
    the configuration empty with its `error` set, so that what needs no document can be done.
    `document` is where the document is, other than in the settings' file; its changes are not kept
    in the database then. Where nobody will administer it by HTTP, the code for that is not loaded.
    Raises a `LairdError`.
    """
    async with AsyncExitStack() as stack:
        database, journal, drain = _open_usage(stack, settings)
        feed = Feed()
        board = HealthBoard()
        transport, library = _open_transport(stack, settings, feed, board)
        metrics = Metrics()
        samples, inspector, prober = _open_health(stack, database, board, transport)
        keys = await _open_keys(stack, database)
        site = site_of(settings)
        reception = await open_people(stack, database)
        history = DatabaseHistory(database) if document is None else MemoryHistory()
        catalogue = Catalogue()
        discovery = _discovery(settings)
        credentials = await open_credentials(settings, database, serving=serving)
        configuration = LiveConfiguration(
            document or await _document_home(settings, discovery),
            _compiler(catalogue, credentials),
            history,
            credentials=credentials,
        )
        await _start(stack, configuration, library, serving=serving)
        slots = Slots()
        budgets, post = await open_budgets(settings, database, drain.flush, feed)
        upkeep = await open_upkeep(
            stack, credentials, database, budgets.feed, post, board, configuration
        )
        means = Means(
            transport=transport,
            slots=slots,
            daily=await _daily_counts(database, drain),
            board=board,
            books=Books(journal, metrics, budgets.counters),
            budgets=budgets.counters,
            metrics=metrics,
            retries=RetryBudget(),
            guard=_guard(settings),
            renewal=Renewal(upkeep.renew, build_adapter),
            used=upkeep.used,
        )
        rates = Rates()
        gateway = _open_gateway(stack, means, rates, configuration.snapshot)
        cache, replay = _open_cache(configuration, gateway, rates, journal, metrics)
        keeper = open_keeping(stack, settings, database, metrics)
        routes = inference_routes()
        inference = Inference(
            Screened(gateway.screen, gateway, Keep(keeper, replay)),
            Screened(gateway.screen, gateway, Keep(keeper, Remember(gateway, replay, database))),
            keys,
            metrics,
            max_body_bytes=settings.max_body_bytes,
            heard=RequestNews(budgets.feed).ended,
        )
        admin = LateApp(
            "laird.wiring.administration",
            "administration",
            settings=settings,
            budgets=budgets,
            feed=budgets.feed,
            gateway=gateway,
            dialect=routes["/v1/chat/completions"].dialect,
            configuration=configuration,
            catalogue=catalogue,
            database=database,
            cache=cache,
            keys=keys,
            reception=reception,
            site=site,
            board=board,
            prober=prober,
            inspector=inspector,
            discovery=discovery,
            drain=drain,
            history=history,
            keeper=keeper,
            credentials=upkeep,
            library=library,
        )
        app = Application(
            inference,
            routes,
            Models(gateway, inference),
            StoredResponses(database, inference),
            metrics,
            admin,
            partial(_readiness, gateway, configuration),
            Safely(site),
            other_origins(settings.cors_origins),
        )
        _publish(metrics, gateway, board, slots, drain)
        publish_budgets(metrics, budgets.counters)
        program = Program(
            settings=settings,
            app=app,
            gateway=gateway,
            answering=Screened(gateway.screen, gateway, Keep(keeper, replay)),
            configuration=configuration,
            keys=keys,
            reception=reception,
            site=site,
            database=database,
            drain=drain,
            metrics=metrics,
            prober=prober,
            inspector=inspector,
            board=board,
            budgets=budgets,
            feed=budgets.feed,
            library=library,
        )
        configuration.subscribe(partial(_use, gateway, prober if serving else None))
        tell_news(
            budgets.feed, board=board, configuration=configuration, keys=keys, gateway=gateway
        )
        if serving:
            prober.configure(configuration.snapshot)
            for work in (
                drain.run(),
                budgets.run(),
                *((post.run(),) if post is not None else ()),
                follow(keys, database),
                follow_people(reception.table, database),
                inference.watch_keys(),
                _forget_old(cache),
                follow_prices(catalogue, configuration.recompile),
                gateway.screen.run(),
                samples.run(),
                Retention(database, settings.responses_retention_days).run(),
                keeper.run(),
                upkeep.run(),
                *((admin.load_soon(),) if administered else ()),
            ):
                stack.push_async_callback(_begin(work))
            _warn(configuration.snapshot.warnings)
            _warn((*mistyped_settings(read_environment()), *sqlite_warnings()))
        yield program


def _open_transport(
    stack: AsyncExitStack, settings: Settings, feed: Feed, board: HealthBoard
) -> tuple[Transport, Library]:
    """Open the way to providers, those that this process serves itself among them."""
    network = HttpTransport(lookup=look_up_provider)
    library = Library(
        settings.home,
        network,
        feed,
        idle_s=settings.library_idle_s,
        max_memory=settings.library_memory,
        loaded=board.record_state,
    )
    transport = SchemeSwitch(
        network, {"demo": DemoTransport(), LIBRARY: LlamaTransport(library.fleet, network)}
    )
    stack.push_async_callback(transport.close)
    stack.push_async_callback(library.close)
    return transport, library


def _open_health(
    stack: AsyncExitStack, database: Database, board: HealthBoard, transport: Transport
) -> tuple[Recorder, Inspector, Prober]:
    samples = Recorder(database, board)
    inspector = Inspector(transport, build_adapter)
    prober = Prober(board, inspector.probe, look=inspector.look, record=samples.add)
    stack.push_async_callback(prober.stop)
    return samples, inspector, prober


def _open_gateway(stack: AsyncExitStack, means: Means, rates: Rates, snapshot: Snapshot) -> Gateway:
    gateway = Gateway(means, rates, build_runtime(snapshot, build_adapter))
    stack.push_async_callback(gateway.screen.close)
    return gateway


def _guard(settings: Settings) -> Guard | None:
    """Return the way out for URLs that clients supply, where there is one. Raises `StartError`."""
    try:
        text = settings.fetch_allow
        allowed = read_allowed("" if text.strip().lower() == "none" else text)
    except ValueError as problem:
        raise StartError(
            f"LAIRD_FETCH_ALLOW is wrong: {problem}. Write hosts, host:port, addresses and networks"
            " with commas between, or none."
        ) from None
    return Guard(allowed) if settings.fetch_images else None


def _open_usage(stack: AsyncExitStack, settings: Settings) -> tuple[Database, Journal, Drain]:
    """Open database and journal; what an earlier process left in it is drained like the rest."""
    database = Database(settings.database_url)
    stack.callback(database.close)
    schema.prepare(database)
    if summed := rebuild.ensure(database):
        _log.info("made the rollups of the ledger", attempts=summed)
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


async def _daily_counts(database: Database, drain: Drain) -> DailyCounts:
    """Count today's requests on from what the ledger says, and the journal of a run that died."""
    await drain.flush()
    now_us = time.time_ns() // 1000
    today_us = now_us - now_us % _DAY_US
    daily = DailyCounts()
    daily.seed(database.read_now(partial(calls_by_provider, since_us=today_us)), now_us)
    return daily


async def _open_keys(stack: AsyncExitStack, database: Database) -> KeyTable:
    """Load the keys; when they were last used is written a last time at the end."""
    keys = KeyTable()
    await refresh(keys, database)
    stack.push_async_callback(_last_used, keys, database)
    return keys


async def _last_used(keys: KeyTable, database: Database) -> None:
    """Write when keys were last used, a last time; it is no loss when the database is away."""
    with suppress(StorageUnavailable):
        await flush_used(keys, database)


def _discovery(settings: Settings) -> Discovery:
    """Return what looks for providers. Raises `StartError`."""
    try:
        hosts = read_hosts(split_hosts(settings.discovery_hosts))
    except ValueError as problem:
        raise StartError(f"LAIRD_DISCOVERY_HOSTS is wrong: {problem}.") from None
    return Discovery(KINDS, build_adapter, read_environment(), hosts)


async def _document_home(settings: Settings, discovery: Discovery) -> YamlHome:
    """Return the document's home; a first document is written where there is none."""
    home = YamlHome(settings.config)
    if not home.exists():
        found = await discovery.search(Snapshot(revision="", providers={}, models={}))
        home.create(first_document(first_entries(found)))
        _log.info("wrote a first configuration", file=str(settings.config))
        _warn(found.problems)
    return home


async def _start(
    stack: AsyncExitStack, configuration: LiveConfiguration, library: Library, *, serving: bool
) -> None:
    try:
        await configuration.start(move_secrets=serving)
    except ConfigError as error:
        if serving:
            raise
        configuration.error = error
    stack.push_async_callback(configuration.stop)
    await library.start(configuration, serving=serving)


def _compiler(catalogue: Catalogue, credentials: CredentialSource) -> Callable[[Any], Snapshot]:
    def price(kind: Kind, upstream_model: str) -> Pricing | None:
        return catalogue.price(kind.prices_as, upstream_model, datetime.now(UTC))

    return partial(
        compile_snapshot,
        kinds=KINDS,
        environment=read_environment(),
        price=price,
        credentials=credentials,
    )


def _use(gateway: Gateway, prober: Prober | None, old: Snapshot, new: Snapshot) -> None:
    gateway.use(build_runtime(new, build_adapter))
    if prober is not None:
        prober.configure(new)
    if new.revision != old.revision:
        _warn(new.warnings)
    else:
        _warn(warning for warning in new.warnings if warning not in old.warnings)


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


def _open_cache(
    configuration: LiveConfiguration,
    gateway: Gateway,
    rates: Rates,
    journal: Journal,
    metrics: Metrics,
) -> tuple[ResponseCache, Replay]:
    """Build the cache, which follows the configuration, and what answers from it."""
    cache = ResponseCache(configuration.snapshot.cache)
    configuration.subscribe(lambda _old, new: cache.configure(new.cache))
    metrics.gauge("local_ai_cache_entries", "Answers in the cache.", "", lambda: {"": len(cache)})
    metrics.gauge(
        "local_ai_cache_bytes", "Memory that they take.", "", lambda: {"": cache.stats().bytes}
    )
    return cache, Replay(gateway, cache, Playback(cache, rates, journal, metrics), metrics)


async def _forget_old(cache: ResponseCache) -> None:
    """Let answers that are too old not stay in memory until somebody asks for them."""
    while True:
        await asyncio.sleep(_FORGET_EVERY_S)
        cache.sweep(time.monotonic())


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
