"""The bytes of a file that are here, under a name that says that they are not all yet."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from laird.domain.errors import LairdError, ServerError
from laird.library.disk import sync_folder
from laird.library.downloads.values import MIB

_MAGIC = b"GGUF"
_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Corrupt(LairdError):
    """The bytes are not those that the hub announced."""


class DiskTrouble(ServerError):
    """The disk is full, or does not take it."""


class Stopped(Exception):
    """Reading again was broken off."""


Prove = Callable[[int, str], None]
"""Remembers that so many bytes, with this SHA-256, are on the disk for certain."""


class PartFile:
    """A `.part`, written from its beginning to its end, hashed on the way.

    All methods block, and one thread at a time uses it. What is proven is remembered by `prove`,
    which is called after the bytes are on the disk and never before.
    """

    def __init__(
        self, final: Path, size: int, prove: Prove, *, checkpoint_bytes: int, checkpoint_s: float
    ) -> None:
        self.path = final.with_name(final.name + ".part")
        self.size = size
        self.done = 0
        """Bytes written and hashed."""
        self.stop = False
        """Set by another thread to break off `open`."""
        self._final = final
        self._prove = prove
        self._checkpoint_bytes = checkpoint_bytes
        self._checkpoint_s = checkpoint_s
        self._hash = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._proven = 0
        self._proven_at = time.monotonic()

    def open(self, proven: int, prefix_sha256: str) -> None:
        """Open it, keep what is proven and still so, and drop the rest.

        Reads all that is kept again, for its hash: a second or more for each gigabyte. Raises
        `DiskTrouble`, and `Stopped` when `stop` was set meanwhile.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | _NO_FOLLOW | getattr(os, "O_BINARY", 0)
            self._file = os.fdopen(os.open(self.path, flags, 0o644), "r+b", buffering=0)
            if proven > min(self.size, self._file.seek(0, os.SEEK_END)):
                proven = 0
            self._read_again(self._file, proven)
            if self._hash.hexdigest() != prefix_sha256:
                self.restart()
            else:
                self._file.truncate(proven)
        except OSError as error:
            raise trouble(error, self.path) from None

    def append(self, pieces: Iterable[bytes]) -> None:
        """Write pieces behind what is there. Raises `DiskTrouble`; what was written counts."""
        file = self._opened()
        try:
            for piece in pieces:
                view = memoryview(piece)
                while view:
                    count = file.write(view)
                    self._hash.update(view[:count])
                    self.done += count
                    view = view[count:]
            if (
                self.done - self._proven >= self._checkpoint_bytes
                or time.monotonic() - self._proven_at >= self._checkpoint_s
            ):
                self._checkpoint(file)
        except OSError as error:
            raise trouble(error, self.path) from None

    def checkpoint(self) -> None:
        """Bring what was written to the disk, and remember that. Raises `DiskTrouble`."""
        try:
            self._checkpoint(self._opened())
        except OSError as error:
            raise trouble(error, self.path) from None

    def restart(self) -> None:
        """Begin again with nothing."""
        file = self._opened()
        file.seek(0)
        file.truncate(0)
        self._hash = hashlib.sha256()
        self.done = self._proven = 0

    def verify(self, sha256: str) -> None:
        """Raise `Corrupt` unless all is here, has this SHA-256 and begins as GGUF does.

        What is corrupt is deleted.
        """
        self.checkpoint()
        file = self._opened()
        file.seek(0)
        magic = file.read(len(_MAGIC))
        file.seek(0, os.SEEK_END)
        name = self._final.name
        if self.done != self.size or self._hash.hexdigest() != sha256:
            reason = (
                f"{name} arrived corrupt: its SHA-256 is not the one that the hub announced. It"
                " was deleted. Resume to fetch it again; if that ends alike, something between"
                " Laird and the hub changes it."
            )
        elif magic != _MAGIC:
            reason = f"{name} is not a GGUF file, though the hub has it so. It was deleted."
        else:
            return
        self.close()
        self.path.unlink(missing_ok=True)
        raise Corrupt(reason)

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise RuntimeError("the part is not open")
        return self._file

    def _read_again(self, file: BinaryIO, size: int) -> None:
        file.seek(0)
        self._hash = hashlib.sha256()
        self.done = self._proven = size
        left = size
        while left:
            if self.stop:
                raise Stopped
            data = file.read(min(left, MIB))
            if not data:
                return
            self._hash.update(data)
            left -= len(data)

    def _checkpoint(self, file: BinaryIO) -> None:
        self._proven_at = time.monotonic()
        if self.done == self._proven:
            return
        os.fsync(file.fileno())
        self._prove(self.done, self._hash.hexdigest())
        self._proven = self.done


def settle(part: Path, final: Path) -> None:
    """Give a verified part its final name, for certain. Raises `DiskTrouble`."""
    try:
        part.replace(final)
        sync_folder(final.parent)
    except OSError as error:
        raise trouble(error, final) from None


def trouble(error: OSError, path: Path) -> DiskTrouble:
    """Return a disk's refusal in words that say what to do."""
    if error.errno in _FULL:
        return DiskTrouble(
            f"The disk of {path.parent} is full. Free some space, then resume: what has arrived"
            " is kept."
        )
    if error.errno == errno.EFBIG:
        return DiskTrouble(
            f"The file system of {path.parent}, or a limit of this process, does not allow files"
            " as large as this one. Move Laird's home to another disk or raise the limit, then"
            " resume: what has arrived is kept."
        )
    return DiskTrouble(
        f"{path.name} can't be written ({error.strerror or error}). Check the disk and the"
        f" permissions of {path.parent}, then resume."
    )
