"""All downloads: several at once, the rest in a queue, each remembered on the disk."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from laird.domain.errors import InvalidRequest, LairdError, NotFound, ShuttingDown
from laird.domain.local_models import ModelFile
from laird.library.destinations import Destinations
from laird.library.disk import free_space, sync_folder
from laird.library.downloads.flow import in_thread
from laird.library.downloads.part import DiskTrouble, trouble
from laird.library.downloads.record import (
    FileRecord,
    Record,
    RecordFile,
    check_files,
    read_records,
)
from laird.library.downloads.source import Source
from laird.library.downloads.transfer import Means, Transfer
from laird.library.downloads.values import (
    ENDED,
    RESTING,
    DownloadProgress,
    DownloadSettings,
    DownloadState,
)
from laird.library.downloads.watching import Watchers
from laird.library.faults import AlreadyInstalled
from laird.library.hub_address import HubAddress, hub_address
from laird.library.shelf import Shelf
from laird.telemetry.logs import get_logger
from laird.transport.base import Transport
from laird.transport.connect import Lookup, look_up

RECORDS = ".downloads"
_ENDED_KEPT = 50
_log = get_logger("library")


class Downloads:
    """Downloads into a shelf, for one event loop and one process.

    Call `start` once and `close` at the end. What was under way when the process ended, however it
    ended, goes on by itself at the next start; what was paused stays paused.
    """

    def __init__(
        self,
        shelf: Shelf,
        transport: Transport,
        *,
        address: Callable[[], HubAddress] = hub_address,
        settings: DownloadSettings | None = None,
        free: Callable[[Path], int] = free_space,
        lookup: Lookup = look_up,
    ) -> None:
        """Set up; nothing is read or written yet.

        `address` is asked before each request to the hub. `free` tells the bytes that may still be
        written on a folder's disk, `lookup` the addresses of hosts.
        """
        self.settings = settings or DownloadSettings()
        self._shelf = shelf
        self._records = shelf.root / RECORDS
        self._free = free
        self._threads = ThreadPoolExecutor(self.settings.at_once + 2, "download")
        self._watchers = Watchers()
        self._destinations = Destinations(transport, lookup=lookup)
        self._means = Means(
            shelf.root,
            Source(self._destinations, address, self.settings),
            self._threads,
            self.settings,
            shelf.keep,
            lambda transfer: self._watchers.tell(transfer.progress()),
        )
        self._transfers: dict[str, Transfer] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._queue: deque[Transfer] = deque()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._adding = asyncio.Lock()
        self._ticking: asyncio.Task[None] | None = None
        self._last_us = 0
        self._closed = False

    async def start(self, *, go_on: bool = True) -> None:
        """Read what was under way, and go on with it. Raises `DiskTrouble`.

        Without `go_on` each waits until it is asked for again, by `add` or `resume`.
        """
        for kept in await self._blocking(read_records, self._records):
            transfer = self._register(kept)
            if go_on:
                self._go_on(transfer)

    async def close(self) -> None:
        """Stop; what is under way goes on at the next start. Returns when it is on the disk."""
        self._closed = True
        self._queue.clear()
        for name, task in self._running.items():
            self._transfers[name].break_off()
            task.cancel()
        tasks = list(self._running.values())
        if self._ticking is not None:
            self._ticking.cancel()
            tasks.append(self._ticking)
        if tasks:
            await asyncio.wait(tasks)
        self._watchers.close()
        await self._destinations.close()
        self._threads.shutdown(wait=False)

    async def add(self, files: tuple[ModelFile, ...]) -> DownloadProgress:
        """Download the files of one model: one, or all parts of a split one.

        Once it returns, a killed process goes on with it. A model that is under way already is
        not begun twice: its progress is returned. Raises `InvalidRequest` for files that can't be
        downloaded, `AlreadyInstalled`, `DiskTrouble` and `ShuttingDown`.
        """
        if self._closed:
            raise ShuttingDown("Laird is shutting down; the download was not begun.")
        check_files(files)
        async with self._adding:
            known = self._under_way(files)
            if known is not None:
                self._go_on(known)
                return known.progress()
            installed = await self._blocking(self._shelf.has, files)
            if installed is not None:
                raise AlreadyInstalled(
                    f"{files[0].file} of {files[0].repository} is installed already, as"
                    f" '{installed.id}'.",
                    param="file",
                )
            for file in files:
                self._shelf.path(file.repository, file.file)
            self._last_us = max(time.time_ns() // 1000, self._last_us + 1)
            record = Record(
                id=secrets.token_hex(8),
                files=tuple(FileRecord(file=file) for file in files),
                created_us=self._last_us,
            )
            kept = RecordFile(self._records, record)
            await self._blocking(_create, kept)
            transfer = self._register(kept)
        self._means.changed(transfer)
        self._go_on(transfer)
        return transfer.progress()

    def list(self) -> tuple[DownloadProgress, ...]:
        """Return all downloads, and the last of those that ended, in the order of asking."""
        return tuple(transfer.progress() for transfer in self._transfers.values())

    def get(self, download_id: str) -> DownloadProgress:
        """Return one download. Raises `NotFound`."""
        return self._find(download_id).progress()

    async def pause(self, download_id: str) -> DownloadProgress:
        """Stop a download until it is resumed; what has come is kept.

        One that rests already is left as it is. Raises `NotFound` and `DiskTrouble`.
        """
        transfer = self._find(download_id)
        async with self._locks[transfer.id]:
            await self._halt(transfer)
            if transfer.state not in RESTING:
                await self._blocking(transfer.kept.change, paused=True, problem=None)
                transfer.become(DownloadState.PAUSED)
                self._schedule()
        return transfer.progress()

    async def resume(self, download_id: str) -> DownloadProgress:
        """Go on with what is paused or has failed; end a wait for the next try.

        Anything else is left as it is. Raises `NotFound` and `DiskTrouble`.
        """
        transfer = self._find(download_id)
        async with self._locks[transfer.id]:
            transfer.try_now()
            if transfer.state in RESTING - ENDED:
                await self._blocking(transfer.kept.change, paused=False, failed=False, problem=None)
                transfer.become(DownloadState.QUEUED)
            self._go_on(transfer)
        return transfer.progress()

    async def cancel(self, download_id: str) -> DownloadProgress:
        """Give a download up and delete what has come; one that is done stays installed.

        Raises `NotFound` and `DiskTrouble`.
        """
        transfer = self._find(download_id)
        async with self._locks[transfer.id]:
            await self._halt(transfer)
            if transfer.state not in ENDED:
                await self._blocking(self._forget, transfer)
                transfer.become(DownloadState.CANCELLED)
                self._schedule()
        return transfer.progress()

    async def wait(self, download_id: str) -> DownloadProgress:
        """Return when a download is done, cancelled, paused or has failed. Raises `NotFound`."""
        progress = self.get(download_id)
        with self._watchers.watch(download_id) as watcher:
            while progress.state not in RESTING:
                told = await watcher.next()
                progress = told if told is not None else self.get(download_id)
                if told is None:
                    break
        return progress

    async def follow(self, download_id: str | None = None) -> AsyncIterator[DownloadProgress]:
        """Yield how downloads stand, then each change: of state at once, of bytes each second.

        All downloads, or one. A reader that is slow misses progress, and never the last state.
        It ends when the downloads are closed, and for one download when that has ended. Raises
        `NotFound`.
        """
        one = None if download_id is None else self._find(download_id)
        first = self.list() if one is None else (one.progress(),)
        with self._watchers.watch(download_id) as watcher:
            for progress in first:
                yield progress
            while one is None or one.state not in ENDED:
                told = await watcher.next()
                if told is None:
                    return
                yield told
            while (told := watcher.waiting()) is not None:
                yield told

    def listen(self, listener: Callable[[DownloadProgress], None]) -> Callable[[], None]:
        """Call `listener` on the loop with each change, as `follow` does; returns how to end it."""
        return self._watchers.listen(listener)

    def _find(self, download_id: str) -> Transfer:
        transfer = self._transfers.get(download_id)
        if transfer is None:
            raise NotFound(f"No download has the id '{download_id[:40]}'.")
        return transfer

    def _register(self, kept: RecordFile) -> Transfer:
        transfer = Transfer(kept, self._means)
        ended = [t.id for t in self._transfers.values() if t.state in ENDED]
        for name in ended[: max(0, len(ended) - _ENDED_KEPT + 1)]:
            del self._transfers[name], self._locks[name]
        self._transfers[transfer.id] = transfer
        self._locks[transfer.id] = asyncio.Lock()
        self._last_us = max(self._last_us, kept.record.created_us)
        return transfer

    def _under_way(self, files: tuple[ModelFile, ...]) -> Transfer | None:
        """Return the download of these files. Raises `InvalidRequest` if another is there."""
        wanted = {(file.repository, file.file): file.sha256 for file in files}
        for transfer in self._transfers.values():
            if transfer.state in ENDED:
                continue
            entries = [entry.file for entry in transfer.kept.record.files]
            theirs = {(file.repository, file.file): file.sha256 for file in entries}
            if theirs == wanted:
                return transfer
            if not theirs.keys().isdisjoint(wanted):
                raise InvalidRequest(
                    f"Another version of {files[0].file} is being downloaded. Cancel that first.",
                    param="file",
                )
        return None

    def _go_on(self, transfer: Transfer) -> None:
        """Put a download that waits for its turn into the queue, unless it is there."""
        if transfer.state is DownloadState.QUEUED and transfer.id not in self._running:
            if transfer not in self._queue:
                self._queue.append(transfer)
            self._schedule()

    def _schedule(self) -> None:
        """Begin what is next, as far as there is room."""
        while self._queue and len(self._running) < self.settings.at_once and not self._closed:
            transfer = self._queue.popleft()
            task = asyncio.create_task(self._run(transfer), name=f"download {transfer.id}")
            self._running[transfer.id] = task
            if self._ticking is None:
                self._ticking = asyncio.create_task(self._tick())

    async def _run(self, transfer: Transfer) -> None:
        end, reason = DownloadState.DONE, ""
        try:
            await self._reserve(transfer)
            await transfer.run()
        except asyncio.CancelledError:
            if not transfer.installed:
                raise
        except DiskTrouble as problem:
            end, reason = DownloadState.PAUSED, problem.message
            await self._note(transfer, paused=True, problem=problem.message)
        except OSError as problem:
            end, reason = DownloadState.PAUSED, trouble(problem, self._records).message
            await self._note(transfer, paused=True, problem=reason)
        except LairdError as problem:
            end, reason = DownloadState.FAILED, problem.message
            await self._note(transfer, failed=True, problem=problem.message)
        except Exception as problem:  # noqa: BLE001 - a bug in one must not stop the others
            _log.exception("a download failed", file=transfer.kept.record.files[0].file.file)
            end, reason = DownloadState.FAILED, f"Laird made a mistake ({type(problem).__name__})."
        finally:
            self._running.pop(transfer.id, None)
            self._schedule()
        transfer.become(end, reason or None)

    async def _note(self, transfer: Transfer, **changes: object) -> None:
        """Remember why it rests, where the disk takes that; else it is found out again."""
        try:
            await self._blocking(transfer.kept.change, **changes)
        except DiskTrouble as problem:
            _log.warning("a download's state can't be written", reason=problem.message)

    async def _reserve(self, transfer: Transfer) -> None:
        """Raise `DiskTrouble` unless the disk has room for what is missing.

        What other running downloads still need counts as taken.
        """
        free = await self._blocking(self._free, self._shelf.root)
        promised = sum(
            self._transfers[name].missing for name in self._running if name != transfer.id
        )
        need = transfer.missing
        room = free - promised - self.settings.keep_free_bytes
        if need > room:
            others = f", {_size(promised)} of it for other downloads" if promised else ""
            raise DiskTrouble(
                f"There is no room: {_size(need)} are still to come, and the disk of"
                f" {self._shelf.root} has {_size(free)} free{others};"
                f" {_size(self.settings.keep_free_bytes)} stay free for others. Free"
                f" {_size(need - room)}, then resume."
            )

    async def _halt(self, transfer: Transfer) -> None:
        """Stop it where it is; it may have ended before."""
        if transfer in self._queue:
            self._queue.remove(transfer)
        task = self._running.get(transfer.id)
        if task is not None:
            transfer.break_off()
            task.cancel()
            await asyncio.wait({task})
            # A task that is cancelled before its first step never comes to its end.
            self._running.pop(transfer.id, None)

    def _forget(self, transfer: Transfer) -> None:
        transfer.delete_parts()
        transfer.kept.delete()
        for entry in transfer.kept.record.files:
            self._shelf.tidy(self._shelf.path(entry.file.repository, entry.file.file).parent)

    async def _blocking(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function in a thread. Raises `DiskTrouble` for its `OSError`."""
        try:
            return await in_thread(self._threads, function, *args, **kwargs)
        except OSError as error:
            raise trouble(error, self._records) from None

    async def _tick(self) -> None:
        """Report progress as long as anything runs."""
        while self._running:
            await asyncio.sleep(self.settings.tick_s)
            for name in self._running:
                transfer = self._transfers[name]
                transfer.tick()
                self._watchers.tell(transfer.progress())
        self._ticking = None


def _create(kept: RecordFile) -> None:
    kept.path.parent.mkdir(parents=True, exist_ok=True)
    kept.change()
    sync_folder(kept.path.parent)


def _size(count: int) -> str:
    """Return a number of bytes for people, in the decimal units that disks are sold by."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} bytes"
