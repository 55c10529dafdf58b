"""What is remembered of a download on the disk, so that it goes on after a kill."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import msgspec

from laird.domain.errors import InvalidRequest
from laird.domain.local_models import ModelFile
from laird.library.disk import replace_file
from laird.library.names import check_file, check_repository, check_revision, is_sha256
from laird.telemetry.logs import get_logger

_ID = re.compile(r"[0-9a-f]{16}")
_log = get_logger("library")


class FileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a download, and what of it is proven to be on the disk."""

    file: ModelFile
    proven: int = 0
    """The first so many bytes of the part were brought to the disk."""
    prefix_sha256: str = ""
    """Of those bytes."""
    identity: str = ""
    """The ETag under which they came."""
    verified: bool = False
    """All bytes are here and have the right SHA-256; only the final name is missing."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One download."""

    id: str
    files: tuple[FileRecord, ...]
    created_us: int
    paused: bool = False
    problem: str | None = None
    """Why it rests, where nobody paused it."""
    failed: bool = False


def check_files(files: tuple[ModelFile, ...]) -> None:
    """Raise `InvalidRequest` for files that can't be one download, or have unusable names."""
    if not files:
        raise InvalidRequest("A download needs at least one file.", param="file")
    for file in files:
        check_repository(file.repository)
        check_file(file.file)
        check_revision(file.revision)
        if file.size <= 0 or not is_sha256(file.sha256):
            raise InvalidRequest(
                f"The hub tells neither size nor SHA-256 of {file.file}, so that it can't be"
                " verified.",
                param="file",
            )
    if len({file.repository for file in files}) > 1:
        raise InvalidRequest("The files of one download are of one repository.", param="file")
    if len({file.file for file in files}) < len(files):
        raise InvalidRequest("A file is named twice.", param="file")


class RecordFile:
    """A record in a file of its own. All methods block; they may be called by any thread."""

    def __init__(self, folder: Path, record: Record) -> None:
        self.path = folder / f"{record.id}.json"
        self.record = record
        self._lock = threading.Lock()

    def change(self, **changes: Any) -> None:
        """Replace fields of the record and write it. Raises `OSError`."""
        with self._lock:
            self._write(msgspec.structs.replace(self.record, **changes))

    def change_file(self, index: int, **changes: Any) -> None:
        """Replace fields of one file's record and write all of it. Raises `OSError`."""
        with self._lock:
            files = list(self.record.files)
            files[index] = msgspec.structs.replace(files[index], **changes)
            self._write(msgspec.structs.replace(self.record, files=tuple(files)))

    def delete(self) -> None:
        """Remove it from the disk."""
        with self._lock:
            self.path.unlink(missing_ok=True)

    def _write(self, record: Record) -> None:
        replace_file(self.path, msgspec.json.encode(record))
        self.record = record


def read_records(folder: Path) -> list[RecordFile]:
    """Return the records in a folder, oldest first; what is none is left alone, and logged."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            record = msgspec.json.decode(path.read_bytes(), type=Record)
            check_files(tuple(entry.file for entry in record.files))
        except (OSError, msgspec.DecodeError, InvalidRequest) as problem:
            _log.warning("a download's record can't be used", file=path.name, reason=str(problem))
            continue
        if _ID.fullmatch(record.id) and path.stem == record.id:
            found.append(RecordFile(folder, record))
    return sorted(found, key=lambda entry: (entry.record.created_us, entry.record.id))
