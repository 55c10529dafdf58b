"""Where the document lives: one YAML file, replaced atomically and watched for changes."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from laird.config.document import revision_of
from laird.config.yaml_source import decode
from laird.domain.errors import ConfigError, Problem, StaleRevision

_POLL_S = 0.2
_Signature = tuple[int, int, int, int] | None


class Home(Protocol):
    """The one place a document is kept in."""

    @property
    def name(self) -> str:
        """How messages call it: a path, or a name for a row of the database."""
        ...

    def load(self) -> tuple[str, str]:
        """Return the text and its revision. Raises `ConfigError` when it can't be read."""
        ...

    def save(self, text: str, expected_revision: str) -> str:
        """Replace the text and return its revision.

        Raises `StaleRevision` when what is there has another revision, and `ConfigError` when it
        can't be written; then nothing has changed.
        """
        ...

    def watch(self) -> AsyncIterator[None]:
        """Yield once at the beginning, and after that whenever the text may have changed."""
        ...


class YamlHome:
    """A document in a YAML file.

    A symbolic link is followed, so that the file it names is the one that is replaced. All methods
    but `watch` block: call them off the event loop.
    """

    def __init__(self, path: Path, *, poll_s: float = _POLL_S) -> None:
        self.path = path.expanduser()
        self._poll_s = poll_s

    @property
    def name(self) -> str:
        """The file's path."""
        return str(self.path)

    def exists(self) -> bool:
        """Say whether there is a document yet."""
        return self.path.exists()

    def load(self) -> tuple[str, str]:
        """Return the file's text (UTF-8, a BOM removed) and its revision."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            raise self._problem(
                "the file does not exist.", "Run `laird serve` once, or set LAIRD_CONFIG."
            ) from None
        except OSError as error:
            raise self._problem(
                f"the file can't be read ({error.strerror}).", "Check its path and permissions."
            ) from None
        text = decode(data, self.name)
        return text, revision_of(text)

    def create(self, text: str) -> str:
        """Write the first document, readable by its owner alone, and return its revision.

        Raises `StaleRevision` when there is one already, `ConfigError` when it can't be written.
        """
        if self.exists():
            current, revision = self.load()
            raise StaleRevision(expected="", current=revision, current_document=current)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(self.path.resolve(), text.encode())
        except OSError as error:
            raise self._unwritable(error) from None
        return revision_of(text)

    def save(self, text: str, expected_revision: str) -> str:
        """Replace the file in one step; its mode and owner stay. See `Home.save`."""
        current, revision = self.load()
        if revision != expected_revision:
            raise StaleRevision(
                expected=expected_revision, current=revision, current_document=current
            )
        try:
            _replace(self.path.resolve(), text.encode())
        except OSError as error:
            raise self._unwritable(error) from None
        return revision_of(text)

    async def watch(self) -> AsyncIterator[None]:
        """Yield once at the beginning, and whenever the file has changed and come to rest.

        The file's identity, size and times are looked at five times a second. That costs less
        than file system events, which the database in the same directory would set off with every
        write, and it works alike for editors that replace the file, for links, for mounted volumes
        and for network file systems. A change counts when two looks in a row agree: a file that is
        half written, or away for a moment, is waited for.
        """
        seen: object = self
        reported: object = self
        while True:
            now = await asyncio.to_thread(self._signature)
            if now == seen and now != reported:
                reported = now
                yield
            seen = now
            await asyncio.sleep(self._poll_s)

    def _signature(self) -> _Signature:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def _problem(self, message: str, fix: str) -> ConfigError:
        return ConfigError((Problem(message=message, fix=fix),), file=self.name)

    def _unwritable(self, error: OSError) -> ConfigError:
        return self._problem(
            f"the file can't be written ({error.strerror}).",
            "Check the permissions of the file and its directory, and the space on the disk.",
        )


def _replace(target: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old bytes or the new, never a mixture."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            _keep_attributes(file.fileno(), target)
            os.fsync(file.fileno())
        _rename(temporary, target, data)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(target.parent)


def _keep_attributes(descriptor: int, target: Path) -> None:
    try:
        old = target.stat()
    except FileNotFoundError:
        return
    if sys.platform == "win32":
        return
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except PermissionError:
            return


def _rename(temporary: Path, target: Path, data: bytes) -> None:
    try:
        temporary.replace(target)
    except OSError as error:
        # A single file mounted into a container is a mount point and can't be replaced.
        if error.errno not in {errno.EBUSY, errno.EXDEV}:
            raise
        with target.open("r+b") as file:
            file.write(data)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        temporary.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
