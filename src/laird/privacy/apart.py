"""Reading long texts in a process of its own.

A pattern keeps the interpreter to itself while it runs: in a thread it would hold up every client
in the meantime, and it could not be stopped. A process can.
"""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

from laird.privacy.frames import FRAME, Answer, Job
from laird.privacy.sought import Sought
from laird.transport.processes import end

MODULE = "laird.privacy.worker"
TIMEOUT_S = 20.0
"""The longest that reading one request may take, with the wait for those before it."""

_START_TIMEOUT_S = 20.0
_MOST_WAITING = 64
_PASSED_ON = ("PATH", "HOME", "LANG", "SYSTEMROOT", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_PASSED_PREFIXES = ("PYTHON", "COV", "LC_")


class DetectorFailed(Exception):
    """A text could not be looked at; the message says why, and nothing of the text."""


class Apart:
    """The process, started when it is first needed and again after it has failed."""

    def __init__(self, *, timeout_s: float = TIMEOUT_S, module: str = MODULE) -> None:
        self._timeout_s = timeout_s
        self._module = module
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The process's id, None while there is none."""
        return None if self._process is None else self._process.pid

    async def scan(self, units: list[bytes], sought: Sought) -> list[int]:
        """Return what is in each piece of JSON. Raises `DetectorFailed`.

        When the caller is cancelled the process finishes what it has begun, so that it stays in
        step.
        """
        if self._waiting >= _MOST_WAITING:
            raise DetectorFailed("too many long texts wait to be looked at")
        self._waiting += 1
        work = asyncio.ensure_future(self._in_turn(Job(sought, units)))
        work.add_done_callback(self._left)
        answer = await asyncio.shield(work)
        if answer.failure is not None:
            raise DetectorFailed(answer.failure)
        return [int(each, 16) for each in answer.found]

    def _left(self, work: asyncio.Future[Answer]) -> None:
        self._waiting -= 1
        if not work.cancelled():
            work.exception()  # whoever waited for it may be gone

    async def warm_up(self) -> None:
        """Have the process ready. Raises `DetectorFailed`."""
        async with self._turn:
            await self._started()

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            await end(process)

    async def _in_turn(self, job: Job) -> Answer:
        try:
            async with asyncio.timeout(self._timeout_s), self._turn:
                try:
                    return await self._exchange(job)
                except BaseException:
                    # What it has half read or half answered belongs to nobody: begin again.
                    await self.close()
                    raise
        except TimeoutError:
            raise DetectorFailed(f"it took longer than {self._timeout_s:g} s") from None
        except (OSError, EOFError, msgspec.DecodeError) as error:
            raise DetectorFailed(
                f"the process that reads failed ({type(error).__name__})"
            ) from None

    async def _exchange(self, job: Job) -> Answer:
        process = await self._started()
        sink, source = process.stdin, process.stdout
        assert sink is not None  # noqa: S101 - it was started with both
        assert source is not None  # noqa: S101
        payload = msgspec.msgpack.encode(job)
        sink.write(FRAME.pack(len(payload)))
        sink.write(payload)
        await sink.drain()
        (size,) = FRAME.unpack(await source.readexactly(FRAME.size))
        return msgspec.msgpack.decode(await source.readexactly(size), type=Answer)

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # It needs no key of anybody, and an interrupt at the terminal is not for it.
            env={
                name: value
                for name, value in os.environ.items()
                if name in _PASSED_ON or name.startswith(_PASSED_PREFIXES)
            },
            start_new_session=True,
        )
        self._process = process
        self.starts += 1
        assert process.stdout is not None  # noqa: S101
        async with asyncio.timeout(_START_TIMEOUT_S):
            await process.stdout.readexactly(FRAME.size)
        return process
