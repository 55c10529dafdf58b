"""One download from its first byte to its files' final names."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

import msgspec

from laird.domain.errors import (
    ConnectionLost,
    LairdError,
    UpstreamError,
    UpstreamGarbled,
    UpstreamTimeout,
)
from laird.domain.local_models import ModelFile
from laird.library.downloads.flow import Flow, in_thread, to_the_end
from laird.library.downloads.part import PartFile, settle, trouble
from laird.library.downloads.record import FileRecord, RecordFile
from laird.library.downloads.source import Source, StartAgain
from laird.library.downloads.speed import Speed
from laird.library.downloads.values import DownloadProgress, DownloadSettings, DownloadState
from laird.library.faults import HubAway, HubChanged, HubLimited
from laird.library.names import place


class Means(msgspec.Struct, frozen=True):
    """What all downloads share."""

    root: Path
    source: Source
    threads: Executor
    settings: DownloadSettings
    installed: Callable[[tuple[ModelFile, ...]], object]
    """Told in a thread, right before the files of a download get their final names."""
    changed: Callable[[Transfer], None]
    """Told on the loop, after each change of a download's state."""


class Transfer:
    """A download. `run` does the work; what it is doing is in `state`."""

    def __init__(self, kept: RecordFile, means: Means) -> None:
        record = kept.record
        self.kept = kept
        self.state = DownloadState.QUEUED
        self.problem = record.problem
        self.retry_at: float | None = None
        """Monotonic time of the next try, while it waits."""
        self.total = sum(entry.file.size for entry in record.files)
        self.speed = Speed()
        self.installed = False
        """Its files have their final names."""
        self._means = means
        self._here = [entry.file.size if entry.verified else entry.proven for entry in record.files]
        """Bytes of each file that are here."""
        self._received = 0
        self._flow: tuple[int, Flow] | None = None
        self._part: PartFile | None = None
        self._again = asyncio.Event()
        if record.failed:
            self.state = DownloadState.FAILED
        elif record.paused:
            self.state = DownloadState.PAUSED

    @property
    def id(self) -> str:
        """What it is called by."""
        return self.kept.record.id

    @property
    def done(self) -> int:
        """Bytes that are here."""
        if self._flow is None:
            return sum(self._here)
        index, flow = self._flow
        return sum(self._here) - self._here[index] + flow.place

    @property
    def missing(self) -> int:
        """Bytes that the disk must still take."""
        return self.total - self.done

    def progress(self) -> DownloadProgress:
        """Return it as it is now."""
        record = self.kept.record
        running = self.state is DownloadState.RUNNING
        speed = self.speed.bytes_per_s if running else 0.0
        done = self.done
        retry_at = self.retry_at if self.state is DownloadState.WAITING else None
        return DownloadProgress(
            id=record.id,
            repository=record.files[0].file.repository,
            files=tuple(entry.file.file for entry in record.files),
            quantization=record.files[0].file.quantization,
            state=self.state,
            done=done,
            total=self.total,
            speed=speed,
            eta_s=(self.total - done) / speed if speed else None,
            problem=self.problem,
            retry_in_s=max(0.0, retry_at - time.monotonic()) if retry_at is not None else None,
            created_us=record.created_us,
        )

    def become(self, state: DownloadState, problem: str | None = None) -> None:
        """Change the state, and tell those who watch."""
        if (state, problem) == (self.state, self.problem):
            return
        if state is not DownloadState.RUNNING:
            self.speed.clear()
        self.state = state
        self.problem = problem
        self._means.changed(self)

    def tick(self) -> None:
        """Note the speed, and have written what came since; called about once a second."""
        if self._flow is not None and self.state is DownloadState.RUNNING:
            self.speed.note(time.monotonic(), self._received)
            self._flow[1].nudge()

    def try_now(self) -> None:
        """End a wait for the next try."""
        self._again.set()

    def break_off(self) -> None:
        """Let a long reading end soon; used right before `run` is cancelled."""
        if self._part is not None:
            self._part.stop = True

    async def run(self) -> None:
        """Fetch what is missing, verify it and install it.

        Returns when the files have their final names. Cancelling it leaves all that came proven on
        the disk. Raises `LairdError` where no further try would help by itself.
        """
        for index in range(len(self.kept.record.files)):
            if not await self._is_here(index):
                await self._fetch(index)
        self.become(DownloadState.CHECKING)
        await in_thread(self._means.threads, self._install)

    def delete_parts(self) -> None:
        """Delete what is here of it. Blocks. Raises `OSError`."""
        for entry in self.kept.record.files:
            self._path_of_part(entry).unlink(missing_ok=True)
        self._here = [0] * len(self._here)

    def _path(self, entry: FileRecord) -> Path:
        return place(self._means.root, entry.file.repository, entry.file.file)

    def _path_of_part(self, entry: FileRecord) -> Path:
        path = self._path(entry)
        return path.with_name(path.name + ".part")

    async def _is_here(self, index: int) -> bool:
        """Tell whether a verified file waits for its final name, or has got it already."""
        entry = self.kept.record.files[index]
        if not entry.verified:
            return False

        def look() -> bool:
            return any(
                path.is_file() and path.stat().st_size == entry.file.size
                for path in (self._path_of_part(entry), self._path(entry))
            )

        return await in_thread(self._means.threads, look)

    def _install(self) -> None:
        files = self.kept.record.files
        try:
            self._means.installed(tuple(entry.file for entry in files))
            for entry in files:
                part = self._path_of_part(entry)
                if part.is_file():
                    settle(part, self._path(entry))
            self.installed = True
            self.kept.delete()
        except OSError as error:
            raise trouble(error, self._path(files[0])) from None

    async def _fetch(self, index: int) -> None:
        """Bring one file here and verify it."""
        entry = self.kept.record.files[index]
        settings = self._means.settings
        part = self._part = PartFile(
            self._path(entry),
            entry.file.size,
            lambda proven, prefix: self.kept.change_file(
                index, proven=proven, prefix_sha256=prefix, verified=False
            ),
            checkpoint_bytes=settings.checkpoint_bytes,
            checkpoint_s=settings.tick_s,
        )
        threads = self._means.threads
        try:
            if entry.proven:
                self.become(DownloadState.CHECKING)
            await in_thread(threads, part.open, entry.proven, entry.prefix_sha256)
            self.become(DownloadState.RUNNING)
            flow = Flow(part, threads, settings.batch_bytes)
            self._flow = (index, flow)
            try:
                await self._try(index, part, flow)
            finally:
                await to_the_end(self._close(index, flow))
            await in_thread(threads, self._verify, index, part)
            self._here[index] = entry.file.size
        finally:
            self._part = None
            await in_thread(threads, part.close)

    def _verify(self, index: int, part: PartFile) -> None:
        try:
            part.verify(self.kept.record.files[index].file.sha256)
        except LairdError:
            if not part.path.exists():
                self._here[index] = 0
                self.kept.change_file(index, proven=0, prefix_sha256="", identity="")
            raise
        self.kept.change_file(index, verified=True)

    async def _close(self, index: int, flow: Flow) -> None:
        """Keep what has come, whatever ended the transfer."""
        try:
            await flow.settle()
        except LairdError:
            await flow.drop()
            if self._part is not None:
                with contextlib.suppress(LairdError):
                    await in_thread(self._means.threads, self._part.checkpoint)
            raise
        finally:
            self._here[index] = flow.place
            self._flow = None

    async def _try(self, index: int, part: PartFile, flow: Flow) -> None:
        """Try until all bytes are here."""
        trials = _Trials(self._means.settings)
        while part.done < part.size:
            try:
                await self._attempt(index, part, flow, trials)
            except StartAgain as reason:
                await flow.drop()
                trials.restarted(part.done, str(reason))
                await in_thread(self._means.threads, self._restart, index, part)
                flow.place = 0
            except HubChanged:
                raise
            except UpstreamError as problem:
                await flow.settle()
                await self._wait(trials.failed(part.done, problem), _said(problem))

    def _restart(self, index: int, part: PartFile) -> None:
        part.restart()
        self.kept.change_file(index, proven=0, prefix_sha256="", identity="")

    async def _attempt(self, index: int, part: PartFile, flow: Flow, trials: _Trials) -> None:
        """Fetch from where we are until the body ends, or the line breaks."""
        entry = self.kept.record.files[index]
        body = await self._means.source.open(entry.file, part.done, entry.identity)
        try:
            if body.start != part.done:
                trials.restarted(part.done, "the server can't go on in the middle of a file")
                await in_thread(self._means.threads, self._restart, index, part)
                flow.place = 0
            if body.identity != self.kept.record.files[index].identity:
                await in_thread(
                    self._means.threads, self.kept.change_file, index, identity=body.identity
                )
            while data := await body.response.chunk():
                if flow.place + len(data) > part.size:
                    raise UpstreamGarbled(f"More bytes came for {entry.file.file} than it has.")
                self._received += len(data)
                await flow.add(data)
            await flow.settle()
        finally:
            body.response.close()
        if part.done < part.size:
            raise ConnectionLost("The answer ended before the file did.")

    async def _wait(self, seconds: float, problem: str) -> None:
        self._again.clear()
        self.retry_at = time.monotonic() + seconds
        self.become(DownloadState.WAITING, problem)
        try:
            async with asyncio.timeout(seconds):
                await self._again.wait()
        except TimeoutError:
            pass
        finally:
            self.retry_at = None
        self.become(DownloadState.RUNNING)


class _Trials:
    """Counts tries that brought nothing new."""

    def __init__(self, settings: DownloadSettings) -> None:
        self._settings = settings
        self._furthest = -1
        self._failures = 0
        self._strikes = 0

    def failed(self, done: int, problem: UpstreamError) -> float:
        """Take a failed try; return the seconds to wait. Raises `problem` after too many."""
        self._advanced(done)
        self._failures += 1
        if isinstance(problem, UpstreamGarbled):
            self._strikes += 1
            if self._strikes >= self._settings.strikes:
                raise problem
        if isinstance(problem, HubLimited) and problem.retry_after_s is not None:
            return min(problem.retry_after_s, self._settings.longest_retry_after_s)
        pause = self._settings.backoff_s * 2.0 ** min(self._failures - 1, 16)
        # Not all at the same moment, where many wait for the same hub.
        return min(pause, self._settings.longest_backoff_s) * random.uniform(0.8, 1.2)  # noqa: S311

    def restarted(self, done: int, reason: str) -> None:
        """Take a beginning from the first byte. Raises `UpstreamGarbled` after too many."""
        self._advanced(done)
        self._strikes += 1
        if self._strikes >= self._settings.strikes:
            raise UpstreamGarbled(
                f"The download had to begin again too often: {reason}. Cancel it, list the files"
                " again and choose it anew."
            )

    def _advanced(self, done: int) -> None:
        if done > self._furthest:
            self._furthest = done
            self._failures = self._strikes = 0


def _said(problem: UpstreamError) -> str:
    """Return why a try failed, in words for people."""
    if isinstance(problem, HubAway):
        return f"The hub {problem.cause}."
    if isinstance(problem, UpstreamTimeout):
        return "No bytes came for a while; the line is taken for broken."
    if isinstance(problem, ConnectionLost):
        return "The line broke before the file was whole."
    return problem.message
