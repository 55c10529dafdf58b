"""The local library at work: what was downloaded is kept, offered as a provider, and run.

Here the parts meet that know nothing of each other: the hub and the downloads, the folder of
models, the processes, and the document, which says under which name and how each is offered.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from laird.config import edit
from laird.config.live import LiveConfiguration
from laird.domain.catalog import Model, Snapshot
from laird.domain.errors import InvalidRequest, LairdError, NotFound
from laird.domain.health import LoadedModel
from laird.domain.local_models import (
    RunnableModel,
    Running,
    RunSettings,
    RunState,
)
from laird.gateway.library.choice import (
    check_unused,
    choose,
    entry_of,
    problem_of,
    runnable,
    weights_of,
    with_model,
    without_models,
)
from laird.gateway.library.headers import Headers
from laird.gateway.library.memory import HELD, Room
from laird.gateway.library.offers import Offers
from laird.gateway.library.values import Kept, Offered, Recommended
from laird.library import fit
from laird.library.curated import CURATED, curated
from laird.library.disk import free_space
from laird.library.downloads.engine import Downloads
from laird.library.downloads.part import DiskTrouble
from laird.library.downloads.values import DownloadProgress, DownloadState
from laird.library.gguf import BadGguf, GgufHeader
from laird.library.machine import Machine, Memory, inspect, memory_now
from laird.library.shelf import Installed, Shelf, update_available
from laird.runtime.fleet import Fleet
from laird.runtime.schedule import Rules
from laird.telemetry.feed import Feed
from laird.telemetry.logs import get_logger
from laird.transport.base import Transport

if TYPE_CHECKING:
    from laird.library.hub import Hub, HubRepository, Search

LOGS = "logs"
ACTOR = "library"
"""Who changes the document when a download is done that went on by itself."""
_MACHINE_FOR_S = 60.0
_START_S = 300.0
_UNKNOWN = Machine(system="", architecture="", processors=1, memory=Memory(total=0, available=0))
"""A machine of which nothing is known yet, so that no layers go to a graphics processor."""

Loaded = Callable[[str, tuple[LoadedModel, ...]], None]

_log = get_logger("library")


def _told_nobody(_provider_id: str, _loaded: tuple[LoadedModel, ...]) -> None:
    """Tell nobody."""


class Library:
    """The local models of one server. Everything belongs to one event loop.

    Args:
        home: Laird's home; models are in its folder `library`.
        network: Sends to the hub and to the processes of models.
        feed: Hears of downloads and of models that come and go.
        idle_s: A model that nobody has used for so long is stopped.
        max_memory: Bytes that running models may take at most; None for what is free.
        loaded: Is told which models a provider has in memory, as soon as that changes.
        place: Says of a folder and a machine what there is; for tests.
        free: Says of a folder how many bytes its disk still takes; for tests.
    """

    def __init__(
        self,
        home: Path,
        network: Transport,
        feed: Feed,
        *,
        idle_s: float = 600.0,
        max_memory: int | None = None,
        loaded: Loaded = _told_nobody,
        place: Callable[[Path], Any] = inspect,
        free: Callable[[Path], int] = free_space,
    ) -> None:
        self.shelf = Shelf(home)
        self.downloads = Downloads(self.shelf, network, free=free)
        self._room = Room(lambda: self.fleet.states().values())
        self.fleet = Fleet(
            self.shelf.root / LOGS,
            memory=self._room.limit,
            max_memory=max_memory,
            rules=Rules(idle_s=idle_s),
        )
        self._feed = feed
        self._loaded = loaded
        self._followed: Offers | None = None
        self._hub: Hub | None = None
        self._inspect = place
        self._machine: Machine | None = None
        self._looked_at = 0.0
        self._looking = asyncio.Lock()
        self._headers = Headers()
        self._tasks: set[asyncio.Task[None]] = set()
        self._using = asyncio.Lock()
        self._offering = asyncio.Lock()
        self._introducing = asyncio.Lock()
        self._actors: dict[str, str] = {}
        self._serving = False
        self._closed = False

    # Beginning and end.

    async def start(self, configuration: LiveConfiguration, *, serving: bool) -> None:
        """Follow a configuration; with `serving` go on with downloads that were under way.

        Without, they are known, and each goes on when it is asked for again. A server begins to
        answer before all files of models were looked at: who asks for one of them waits for that.
        """
        self._followed = Offers(configuration)
        configuration.subscribe(self._document_changed)
        configuration.on_error(self._mended)
        self.downloads.listen(self._downloaded)
        self.fleet.subscribe(self._changed)
        self._serving = serving
        if serving:
            self.fleet.expect()
            self._spawn(self._begin())
        else:
            await self._use()
        try:
            await self.downloads.start(go_on=serving)
        except LairdError as problem:
            _log.error("downloads can't go on", reason=problem.message)

    async def close(self) -> None:
        """Stop downloads, which go on at the next start, and all models."""
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.downloads.close()
        await self.fleet.close()

    # What is there to be had.

    async def machine(self) -> Machine:
        """Return what this machine has, as it was within the last minute; memory as it is now."""
        async with self._looking:
            now = time.monotonic()
            if self._machine is None or now - self._looked_at > _MACHINE_FOR_S:
                self._machine = await self._inspect(self.shelf.root)
                self._room.note(self._machine)
                self._looked_at = now
            memory = await asyncio.to_thread(memory_now)
            if memory is None:
                return self._machine
            return msgspec.structs.replace(self._machine, memory=memory)

    async def recommended(self) -> tuple[Recommended, ...]:
        """Return the models that are offered by name, judged for this machine."""
        machine = await self.machine()
        here = {(one.repository, one.files[0].file): one.id for one in await self._installed()}
        found = []
        for model in CURATED:
            need = fit.estimate_from(model.size, model.quantization, model.parameters)
            verdict = fit.judge(need, machine, model.size, held=self._held())
            found.append(Recommended(model, verdict, here.get((model.repository, model.file))))
        return tuple(found)

    async def search(self, wanted: Search) -> tuple[HubRepository, ...]:
        """Search the hub; see `laird.library.hub.Hub.search`."""
        return await (await self.hub()).search(wanted)

    async def files(self, repository: str) -> tuple[HubRepository, tuple[Offered, ...]]:
        """Return a repository and its models, judged for this machine; see `Hub.files`."""
        known = curated(repository)
        found = await (await self.hub()).files(known.repository if known else repository)
        machine = await self.machine()
        return found, tuple(
            Offered(
                file,
                fit.judge(
                    fit.estimate_from(file.size, file.quantization, found.parameters),
                    machine,
                    file.size,
                    held=self._held(),
                ),
            )
            for file in found.files
        )

    async def pull(
        self,
        repository: str,
        *,
        file: str | None = None,
        quantization: str | None = None,
        actor: str = ACTOR,
    ) -> DownloadProgress:
        """Begin to download a model: one that is named, or the usual one of a repository.

        `repository` may be the short name of a recommended model. Raises `InvalidRequest` where
        that is no model of the repository, and what `Hub.files` and `Downloads.add` do.
        """
        known = curated(repository)
        if known is not None and file is None and quantization is None:
            file = known.file
        found, offered = await self.files(repository)
        chosen = choose(found, offered, file, quantization)
        progress = await self.downloads.add(chosen.parts)
        self._actors[progress.id] = actor
        return progress

    async def hub(self) -> Hub:
        """Return the hub, whose code is loaded when it is first needed."""
        if self._hub is None:
            module = await asyncio.to_thread(importlib.import_module, "laird.library.hub")
            self._hub = module.Hub()
        return self._hub

    # What is installed.

    async def models(self) -> tuple[Kept, ...]:
        """Return what is installed, with how it is offered and run."""
        machine = await self.machine()
        offers = self._offers.by_file()
        return tuple([await self._kept(each, offers, machine) for each in await self._installed()])

    async def model(self, model_id: str) -> Kept:
        """Return one installed model. Raises `NotFound`."""
        installed = await asyncio.to_thread(self.shelf.get, model_id)
        return await self._kept(installed, self._offers.by_file(), await self.machine())

    async def offer(self, model_id: str, actor: str = ACTOR) -> str:
        """Have the document offer an installed model; return `provider/model`.

        Raises `NotFound`, `InvalidRequest` for a file that can't be run, and what a change of the
        document does.
        """
        async with self._offering:
            kept = await self.model(model_id)
            if kept.problem is not None:
                raise InvalidRequest(f"'{model_id}' can't be offered: {kept.problem}")
            if kept.provider_id is None and kept.header is not None:
                settings = fit.chosen(kept.header, RunSettings(), await self.machine())
                entry = entry_of(kept.installed, kept.header, settings)
                await self._edit(lambda text: with_model(text, self._offers.snapshot, entry), actor)
        await self._use()
        offer = self._offers.by_file().get(model_id)
        if offer is None:
            raise NotFound(f"'{model_id}' is not offered.")
        return offer.key

    async def configure(self, model_id: str, changes: Mapping[str, Any], actor: str) -> Kept:
        """Change how a model is run: `contextWindow`, `gpuLayers` and `slots` of its entry.

        Raises `NotFound`, `InvalidRequest` and what a change of the document does.
        """
        await asyncio.to_thread(self.shelf.get, model_id)
        offer = self._offers.by_file().get(model_id)
        if offer is None:
            raise InvalidRequest(f"'{model_id}' is not offered by the document. Offer it first.")
        provider_id, name = offer.provider_id, offer.id
        await self._edit(lambda text: edit.patch_model(text, provider_id, name, changes), actor)
        return await self.model(model_id)

    async def remove(self, model_id: str, actor: str) -> Installed:
        """Take a model out of the document and off the disk.

        What a request is being answered by stays in memory until that is done. Raises `NotFound`,
        `InvalidRequest` where a chain or an alias names it, `DiskTrouble` and what a change of the
        document does.
        """
        await asyncio.to_thread(self.shelf.get, model_id)
        entries = [model for model in self._offers.entries() if model.upstream_model == model_id]
        if entries:
            check_unused(self._offers.snapshot, entries)
            await self._edit(lambda text: without_models(text, entries), actor)
        try:
            gone = await asyncio.to_thread(self.shelf.delete, model_id)
            await asyncio.to_thread(self.fleet.delete_log, model_id)
            self._headers.forget(gone.path)
        except OSError as problem:
            raise DiskTrouble(
                f"'{model_id}' is not offered any more, but its files can't be deleted"
                f" ({problem.strerror or problem}). Delete them in {self.shelf.root}, or try again."
            ) from None
        self._feed.publish("library.removed", {"model": model_id})
        return gone

    async def outdated(self, model_id: str) -> bool | None:
        """Tell whether the hub has another file of that name now; None where nobody can tell."""
        installed = await asyncio.to_thread(self.shelf.get, model_id)
        found = await (await self.hub()).files(installed.repository)
        listed = [part for file in found.files for part in file.parts]
        return update_available(installed, listed)

    # What runs.

    async def run(self, model_id: str) -> Running:
        """Load a model without asking it anything. Raises what `Fleet.acquire` does."""
        lease = await self.fleet.acquire(model_id, _START_S)
        lease.release()
        return self.fleet.states().get(model_id) or Running(id=model_id, state=RunState.COLD)

    async def stop(self, model_id: str) -> None:
        """Stop a model as soon as nobody uses it. Raises `NotFound`."""
        await asyncio.to_thread(self.shelf.get, model_id)
        self.fleet.unload(model_id)

    # How that is done.

    @property
    def _offers(self) -> Offers:
        """The document's part, which is followed from the start on."""
        assert self._followed is not None  # noqa: S101 - `start` has set it
        return self._followed

    async def _installed(self) -> tuple[Installed, ...]:
        return await asyncio.to_thread(self.shelf.list)

    async def _kept(
        self, installed: Installed, offers: Mapping[str, Model], machine: Machine
    ) -> Kept:
        header = await asyncio.to_thread(self._headers.read, installed.path)
        offer = offers.get(installed.id)
        settings = (offer.run if offer is not None else None) or RunSettings()
        need = verdict = None
        problem = problem_of(installed, header)
        if isinstance(header, GgufHeader) and header.runnable and not installed.projector:
            settings = fit.chosen(header, settings, machine, weights=weights_of(installed, header))
            need = fit.estimate(header, settings, weights=weights_of(installed, header))
            verdict = fit.judge(need, machine, held=self._held())
        return Kept(
            installed=installed,
            header=None if isinstance(header, BadGguf) else header,
            provider_id=offer.provider_id if offer is not None else None,
            name=offer.id if offer is not None else None,
            settings=settings,
            need=need,
            verdict=verdict,
            running=self.fleet.states().get(installed.id),
            problem=problem,
        )

    async def _begin(self) -> None:
        """Do what need not be done before the first request."""
        try:
            await self._use()
        finally:
            self.fleet.told()
        if self.fleet.models:
            await self.machine()
            await self._use()
        await self._introduce()

    def _document_changed(self, _old: Snapshot, _new: Snapshot) -> None:
        # Requests know the new models from now on, and may come before their files are looked at.
        self.fleet.expect()
        self._spawn(self._follow())

    async def _follow(self) -> None:
        try:
            await self._use()
        finally:
            self.fleet.told()
        if self._serving:
            await self._introduce()

    def _mended(self, problem: LairdError | None) -> None:
        if problem is None and self._serving:
            self._spawn(self._introduce())

    async def _use(self) -> None:
        """Run what the document says, from now on.

        It waits for no look at the machine, which takes a while and which a program that answers
        one command may never need.
        """
        async with self._using:
            wanted = self._offers.by_file()
            models: dict[str, RunnableModel] = {}
            unusable: dict[str, str] = {}
            for installed in await self._installed() if wanted else ():
                model = wanted.get(installed.id)
                if model is None:
                    continue
                header = await asyncio.to_thread(self._headers.read, installed.path)
                problem = problem_of(installed, header)
                if problem is not None:
                    unusable[installed.id] = problem
                elif isinstance(header, GgufHeader):
                    machine = self._machine or _UNKNOWN
                    models[installed.id] = runnable(installed, header, model, machine)
            self.fleet.configure(models, unusable)

    async def _edit(self, change: Callable[[str], str], actor: str) -> None:
        """Change the document, and run what it says then."""
        await self._offers.edit(change, actor)
        # Whoever is told of the change may ask for the model at once.
        await self._use()

    def _downloaded(self, progress: DownloadProgress) -> None:
        """Tell how a download stands; offer what has come."""
        self._feed.publish("library.download", msgspec.to_builtins(progress))
        if progress.state is DownloadState.DONE:
            self._spawn(self._arrived(progress))
        elif progress.state is DownloadState.CANCELLED:
            self._actors.pop(progress.id, None)

    async def _arrived(self, progress: DownloadProgress) -> None:
        """Offer what a download has brought; it may be another version of what was there."""
        actor = self._actors.pop(progress.id, ACTOR)
        async with self._introducing:
            for kept in await self.models():
                files = {each.file for each in kept.installed.files}
                there = kept.installed.repository == progress.repository
                if there and files == set(progress.files):
                    self.fleet.unload(kept.installed.id)
                    await self._welcome(kept, actor)

    async def _introduce(self) -> None:
        """Offer what was downloaded while the document was broken, or just before an end.

        What has been offered once is left to the document, and so is what was put there by hand.
        """
        async with self._introducing:
            for installed in await self._installed():
                if installed.verified and not installed.facts and installed.problem is None:
                    await self._welcome(await self.model(installed.id), ACTOR)

    async def _welcome(self, kept: Kept, actor: str) -> None:
        """Offer a model that is new, and note that it was offered."""
        model_id = kept.installed.id
        if kept.problem is not None:
            _log.warning("a model can't be run", model=model_id, reason=kept.problem)
        else:
            try:
                key = await self.offer(model_id, actor)
            except LairdError as problem:
                _log.error("a model is not offered", model=model_id, cause=problem.message)
                return
            _log.info("a model is installed", model=key)
            self._feed.publish("library.installed", {"model": model_id, "key": key})
        await self._describe(kept)

    async def _describe(self, kept: Kept) -> None:
        """Write down beside the file what its header says, for whoever looks there."""
        names = ("architecture", "parameters", "context_length", "license")
        facts = {name: getattr(kept.header, name, None) for name in names}
        with contextlib.suppress(OSError, NotFound):
            await asyncio.to_thread(self.shelf.describe, kept.installed.id, facts)

    def _changed(self, running: Running) -> None:
        self._feed.publish("library.model", msgspec.to_builtins(running))
        models, states = self.fleet.models, self.fleet.states()
        warm = tuple(
            LoadedModel(id=name, context_window=model.settings.context_size)
            for name, model in models.items()
            if states[name].state is RunState.WARM
        )
        for provider_id in self._offers.providers:
            self._loaded(provider_id, warm)

    def _held(self) -> int:
        """Return the bytes that running models take, and would give back."""
        return sum(each.need_bytes for each in self.fleet.states().values() if each.state in HELD)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._closed:
            work.close()
            return
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("the library failed at something", exc_info=task.exception())
