"""What the files of models say of themselves, read once for as long as a file is the same."""

from __future__ import annotations

from pathlib import Path

from laird.library.gguf import BadGguf, GgufHeader, read_header


class Headers:
    """Headers that were read, by path."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int, GgufHeader | BadGguf]] = {}

    def read(self, path: str) -> GgufHeader | BadGguf:
        """Return a file's header, or what is wrong with it."""
        try:
            state = Path(path).stat()
        except OSError as error:
            return BadGguf(f"{Path(path).name} can't be read: {error.strerror}.")
        known = self._known.get(path)
        if known is not None and known[:2] == (state.st_mtime_ns, state.st_size):
            return known[2]
        found: GgufHeader | BadGguf
        try:
            found = read_header(path)
        except BadGguf as problem:
            found = problem
        except OSError as error:
            return BadGguf(f"{Path(path).name} can't be read: {error.strerror}.")
        self._known[path] = (state.st_mtime_ns, state.st_size, found)
        return found

    def forget(self, path: str) -> None:
        """Forget a file that is gone."""
        self._known.pop(path, None)
