"""One running server per home directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from laird.domain.errors import StartError

CONTROL = "control.sock"
"""The control socket's name in the home: where a server answers commands."""
FILE_NAME = "laird.lock"
"""The lock's usual name in a home."""


class HomeLock:
    """The exclusive lock on a home directory, held as long as the process lives.

    The kernel releases it with the process, however that ends, so it is never stale; the file
    stays, and holds the process id of the last holder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            StartError: another process has it, or the home can't be written.
        """
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(
                f"The home {self.path.parent} can't be written: {error.strerror};"
                " create it, or set LAIRD_HOME to a directory of yours"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.write(descriptor, b"%d\n" % os.getpid())
        except OSError as error:
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise StartError(
                    f"The lock {self.path} can't be taken: {error.strerror};"
                    " set LAIRD_HOME to a directory on a local disk with free space"
                ) from error
            raise StartError(
                f"Laird is already running in {self.path.parent} ({_holder(self.path)});"
                " stop it, or set LAIRD_HOME to another directory"
            ) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; the file stays, since removing it would race with the next holder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def holder(path: Path) -> int | None:
    """Return the process id of the server that holds the lock at `path`, or None when none does.

    The answer is of this moment only; a program that wants to write takes the lock itself.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written_id(path)
    finally:
        os.close(descriptor)
    return None


def _written_id(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _holder(path: Path) -> str:
    process = _written_id(path)
    return "its process id is not known" if process is None else f"process {process}"
