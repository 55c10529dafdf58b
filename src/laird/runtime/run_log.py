"""What one model's process wrote: a file of bounded size, and the one before it."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

_LIMIT = 1024 * 1024
_TAIL = 16 * 1024
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_NAME = 120
_ERROR = re.compile(r"^[\d.]+ E .*?: (?:error loading model: )?(.+)$")


class RunLog:
    """The log `<id>.log`, with `<id>.log.1` before it, each of about `limit` bytes at most.

    The process appends to it by itself, so that its last words are there however it ended.
    """

    def __init__(self, directory: Path, model_id: str, *, limit: int = _LIMIT) -> None:
        self.path = directory / f"{file_name(model_id)}.log"
        self._older = self.path.with_name(self.path.name + ".1")
        self._limit = limit
        self._begin = 0

    def open(self) -> int:
        """Return a descriptor for a process to append to. Raises `OSError`."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.too_long:
            self.path.replace(self._older)
        self._begin = self._size()
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    @property
    def too_long(self) -> bool:
        """Whether it is to be trimmed."""
        return self._size() > self._limit

    def trim(self) -> None:
        """Begin anew while a process appends to it; the end of what was in it is kept."""
        self._older.write_bytes(self.path.read_bytes()[-self._limit :])
        self._older.chmod(0o600)
        os.truncate(self.path, 0)
        self._begin = 0

    def delete(self) -> None:
        """Delete what was written; what still appends to it writes for nobody. Raises `OSError`."""
        for path in (self.path, self._older):
            path.unlink(missing_ok=True)

    def last_lines(self, count: int = 20) -> tuple[str, ...]:
        """Return the last lines since it was opened."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(self._begin, self._size() - _TAIL))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ()
        return tuple(line for line in text.splitlines() if line.strip())[-count:]

    def complaint(self) -> str | None:
        """Return what llama.cpp gave as the reason that it can't go on, if it did."""
        # The first error is the cause, the others say what it led to.
        for line in self.last_lines(200):
            if found := _ERROR.search(line):
                return found[1].strip()
        return None

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0


def file_name(model_id: str) -> str:
    """Return a name for files of a model: its id where that can be one, else something like it."""
    name = _UNFIT.sub("_", model_id).lstrip(".")[:_LONGEST_NAME]
    if name == model_id:
        return name
    return f"{name}-{hashlib.sha256(model_id.encode()).hexdigest()[:8]}"
