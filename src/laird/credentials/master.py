"""The master key, which wraps the keys of all records, and where it is from.

It is `LAIRD_MASTER_KEY`, else the file `master.key` in the home, made at first use and readable by
its owner alone. While it is being changed there are two: the next one waits in `master.key.new`
(or the one before in `LAIRD_MASTER_KEY_OLD`), and either opens every record.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from laird.domain.errors import VaultLocked

VARIABLE = "LAIRD_MASTER_KEY"
OLD_VARIABLE = "LAIRD_MASTER_KEY_OLD"
FILE = "master.key"
NEXT_FILE = "master.key.new"
KEY_BYTES = 32
_ID_CHARACTERS = 16


class MasterKey:
    """Thirty-two bytes that do not show themselves, and the name that they are known by."""

    __slots__ = ("_key", "id")

    def __init__(self, key: bytes) -> None:
        self._key = key
        # What is wrapped names its key by this; it says nothing of the key itself.
        self.id = hashlib.sha256(b"laird master key id\0" + key).hexdigest()[:_ID_CHARACTERS]

    def reveal(self) -> bytes:
        """Return the key itself."""
        return self._key

    def __repr__(self) -> str:
        return f"MasterKey({self.id})"

    def __reduce__(self) -> str:
        raise TypeError("a MasterKey can't be pickled")


class MasterKeys:
    """The keys that are known here. All methods block; use it from one thread at a time.

    Args:
        home: where the files are.
        environment: where the variables are looked up.
    """

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self._file = home / FILE
        self._next_file = home / NEXT_FILE
        self._given = _from_variable(environment, VARIABLE)
        self._old = _from_variable(environment, OLD_VARIABLE)

    @property
    def current(self) -> MasterKey | None:
        """The key that wraps what is new; None where there is none yet.

        Raises:
            VaultLocked: the file can't be read, or others could read it.
        """
        return self._given or _read(self._file)

    def known(self) -> dict[str, MasterKey]:
        """Return all keys that may open something, by id. Raises `VaultLocked`."""
        found = (self._given, self._old, _read(self._file), _read(self._next_file))
        return {key.id: key for key in found if key is not None}

    def make(self) -> MasterKey:
        """Return the current key, made now where there is none. Raises `VaultLocked`."""
        found = self.current
        if found is None:
            _write(self._file, secrets.token_bytes(KEY_BYTES))
            found = self.current
        if found is None:
            raise _unusable(self._file, "vanished while it was made")
        return found

    def next(self) -> MasterKey:
        """Return the key that shall follow the current one; it opens nothing yet.

        With a key from the environment that is the one: who changes it there has `rekey` follow.
        One that an earlier change has left is used again. Raises `VaultLocked`.
        """
        if self._given is not None:
            return self._given
        found = _read(self._next_file)
        if found is None:
            _write(self._next_file, secrets.token_bytes(KEY_BYTES))
            found = _read(self._next_file)
        if found is None:
            raise _unusable(self._next_file, "vanished while it was made")
        return found

    def switch(self) -> None:
        """Put the next key in the place of the current one, in one step. Raises `VaultLocked`."""
        if self._given is not None:
            return
        try:
            self._next_file.replace(self._file)
            _sync(self._file.parent)
        except OSError as error:
            raise _unusable(self._file, f"can't be replaced ({error.strerror})") from None

    def forget_others(self) -> None:
        """Remove the files whose keys open nothing any more. Raises `VaultLocked`."""
        gone = (self._file, self._next_file) if self._given is not None else (self._next_file,)
        for file in gone:
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise _unusable(file, f"can't be removed ({error.strerror})") from None


def _from_variable(environment: Mapping[str, str], name: str) -> MasterKey | None:
    """Read a key from a variable; an empty one is unset. Raises `VaultLocked`."""
    text = environment.get(name, "").strip()
    if not text:
        return None
    key = _decoded(text)
    if key is None:
        raise VaultLocked(
            f"{name} is no master key: it must be 32 random bytes, as 64 hex characters or in"
            " base64. Make one with: openssl rand -hex 32"
        )
    return MasterKey(key)


def _decoded(text: str) -> bytes | None:
    with suppress(ValueError):
        key = bytes.fromhex(text)
        if len(key) == KEY_BYTES:
            return key
    with suppress(ValueError, binascii.Error):
        padded = text.translate(str.maketrans("-_", "+/")) + "=" * (-len(text) % 4)
        key = base64.b64decode(padded, validate=True)
        if len(key) == KEY_BYTES:
            return key
    return None


def _read(file: Path) -> MasterKey | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(file, f"can't be read ({error.strerror})") from None
    try:
        # What is checked is what was opened, whatever has been put under the name meanwhile.
        _check_private(file, os.fstat(descriptor))
        text = os.read(descriptor, 1024).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)
    key = _decoded(text)
    if key is None:
        raise _unusable(file, "does not hold a key of 32 bytes. Restore it from your backup")
    return MasterKey(key)


def _check_private(file: Path, found: os.stat_result) -> None:
    """Refuse what is no file, or what others than its owner could read or exchange."""
    if not stat.S_ISREG(found.st_mode):
        raise _unusable(file, "is no file")
    if os.name != "posix":
        return
    if found.st_uid not in {os.geteuid(), 0}:
        raise _unusable(file, "belongs to somebody else")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise _unusable(
            file,
            f"may be read or written by others (mode {stat.S_IMODE(found.st_mode):04o}). If nobody"
            f" has: chmod 600 {file}, then laird credentials rekey",
        )


def _unusable(file: Path, why: str) -> VaultLocked:
    return VaultLocked(f"The master key {file} {why}.")


def _write(file: Path, key: bytes) -> None:
    """Write a key so that a reader, or a crash, sees all of it or nothing.

    What somebody else has put there meanwhile stays.
    """
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(key.hex().encode() + b"\n")
            opened.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(temporary, file)
        _sync(file.parent)
    except OSError as error:
        raise _unusable(file, f"can't be written ({error.strerror})") from None
    finally:
        temporary.unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
