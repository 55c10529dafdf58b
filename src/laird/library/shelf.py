"""The installed models: files in folders that are named after their repositories.

`<home>/library/<owner>/<name>/<file>` is a model, `<file>.json` what is known of it. A file that
somebody put there by hand has no note; it gets one when it is first seen, so that its id stays.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from laird.domain.errors import InvalidRequest, NotFound
from laird.domain.local_models import ModelFile
from laird.library.disk import replace_file
from laird.library.names import SUFFIX, is_projector, place
from laird.library.quantization import part_of, quantization_of

FOLDER = "library"
_ODD = re.compile(r"[^a-z0-9._-]+")
_LONGEST_ID = 100


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """A model in the library."""

    id: str
    """Its name in this installation: unique, and it stays."""
    repository: str
    """`owner/name`."""
    files: tuple[ModelFile, ...]
    """Several for a split model, in order. Of a file that was put there by hand, `sha256` and
    `revision` are empty texts."""
    path: str
    """The first file: the one that llama.cpp is given."""
    installed_us: int
    """UTC microseconds."""
    projector: bool = False
    """It is no model but what lets one of the same repository see."""
    facts: Mapping[str, Any] = {}
    """Of the header, as whoever installed it passed them."""
    problem: str | None = None
    """Why it can't be run, with what to do."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def quantization(self) -> str | None:
        """As the file's name tells."""
        return self.files[0].quantization

    @property
    def verified(self) -> bool:
        """Its bytes were those that the hub announced when it was installed."""
        return all(file.sha256 for file in self.files)


class _Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is written beside a model."""

    id: str
    files: tuple[ModelFile, ...]
    installed_us: int
    facts: dict[str, Any] = {}


class _Found(msgspec.Struct, frozen=True):
    """The files of one model, as they lie there."""

    repository: str
    files: tuple[str, ...]
    count: int
    """How many there should be."""


class Shelf:
    """The library's folder. All methods block: call them off the loop, from any thread."""

    def __init__(self, home: Path) -> None:
        """Take Laird's home; nothing is made until something is installed."""
        self.root = home / FOLDER
        self._lock = threading.Lock()

    def path(self, repository: str, file: str) -> Path:
        """Return where a file is kept. Raises `InvalidRequest` for names that are not usable."""
        return place(self.root, repository, file)

    def list(self) -> tuple[Installed, ...]:
        """Return what is installed, by id."""
        with self._lock:
            return self._list()

    def get(self, model_id: str) -> Installed:
        """Return one model. Raises `NotFound`."""
        for model in self.list():
            if model.id == model_id:
                return model
        raise NotFound(
            f"No installed model is called '{model_id[:100]}'. List the library for their names."
        )

    def has(self, files: Iterable[ModelFile]) -> Installed | None:
        """Return the installed model that consists of exactly these files, if there is one."""
        wanted = {(file.repository, file.file, file.sha256) for file in files}
        for model in self.list():
            mine = {(file.repository, file.file, file.sha256) for file in model.files}
            if mine == wanted and model.problem is None:
                return model
        return None

    def keep(self, files: tuple[ModelFile, ...]) -> str:
        """Note a model whose files are about to get their final names; return its id.

        Raises `OSError` when the note can't be written.
        """
        first = min(files, key=lambda file: file.file)
        with self._lock:
            models = self._list()
            old = next((m for m in models if _same_place(m, first)), None)
            taken = {model.id for model in models if model is not old}
            model_id = old.id if old is not None else _new_id(first.repository, first.file, taken)
            note = _Note(
                id=model_id,
                files=tuple(sorted(files, key=lambda file: file.file)),
                installed_us=time.time_ns() // 1000,
            )
            _write_note(self.path(first.repository, first.file), note)
        return model_id

    def describe(self, model_id: str, facts: Mapping[str, Any]) -> None:
        """Note the facts of a model's header, JSON values. Raises `NotFound` and `OSError`."""
        model = self.get(model_id)
        note = _Note(
            id=model.id,
            files=model.files,
            installed_us=model.installed_us,
            facts=dict(facts),
        )
        with self._lock:
            _write_note(Path(model.path), note)

    def delete(self, model_id: str) -> Installed:
        """Delete a model's files and what is noted of it, and folders that are empty then.

        Raises `NotFound` and `OSError`. A llama.cpp that has it loaded goes on with it.
        """
        model = self.get(model_id)
        with self._lock:
            for file in model.files:
                self.path(file.repository, file.file).unlink(missing_ok=True)
            first = Path(model.path)
            _note_path(first).unlink(missing_ok=True)
            self.tidy(first.parent)
        return model

    def tidy(self, folder: Path) -> None:
        """Remove a folder and those above it, up to the library's, as far as they are empty."""
        while folder != self.root and folder.is_relative_to(self.root):
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                return
            folder = folder.parent

    def _list(self) -> tuple[Installed, ...]:
        found = sorted(self._found(), key=lambda entry: (entry.repository, entry.files[0]))
        notes = [_read_note(self._first(entry)) for entry in found]
        taken: set[str] = set()
        noted: list[_Note | None] = []
        for note in notes:
            usable = note is not None and note.id not in taken
            noted.append(note if usable else None)
            if note is not None:
                taken.add(note.id)
        models = []
        for entry, note in zip(found, noted, strict=True):
            model = self._model(entry, note, taken)
            taken.add(model.id)
            models.append(model)
        return tuple(sorted(models, key=lambda model: model.id))

    def _first(self, entry: _Found) -> Path:
        return self.root.joinpath(*entry.repository.split("/"), *entry.files[0].split("/"))

    def _model(self, entry: _Found, note: _Note | None, taken: set[str]) -> Installed:
        """Put together what is on the disk and what is noted; note what was not."""
        path = self._first(entry)
        known = {file.file: file for file in note.files} if note is not None else {}
        files = tuple(self._file(entry.repository, name, known) for name in entry.files)
        if note is None:
            model_id = _new_id(entry.repository, entry.files[0], taken)
            note = _Note(id=model_id, files=files, installed_us=int(path.stat().st_mtime * 1e6))
            # A library that can only be read is a library all the same.
            with contextlib.suppress(OSError):
                _write_note(path, note)
        problem = None
        if len(files) < entry.count:
            gone = entry.count - len(files)
            problem = (
                f"{gone} of its {entry.count} parts {'is' if gone == 1 else 'are'} missing."
                " Download it again, or delete it."
            )
        return Installed(
            id=note.id,
            repository=entry.repository,
            files=files,
            path=str(path),
            installed_us=note.installed_us,
            projector=is_projector(entry.files[0]),
            facts=note.facts,
            problem=problem,
        )

    def _file(self, repository: str, name: str, known: Mapping[str, ModelFile]) -> ModelFile:
        size = place(self.root, repository, name).stat().st_size
        file = known.get(name)
        if file is not None and file.size == size and file.repository == repository:
            return file
        return ModelFile(
            repository=repository,
            file=name,
            revision="",
            size=size,
            sha256="",
            quantization=quantization_of(name),
        )

    def _found(self) -> Iterator[_Found]:
        """Walk through the folders; yield what could be models."""
        split: dict[tuple[str, str, int], list[str]] = {}
        for repository, file in self._files():
            part = part_of(file)
            if part is None:
                yield _Found(repository, (file,), 1)
            else:
                split.setdefault((repository, part.stem, part.total), []).append(file)
        for (repository, _, count), files in split.items():
            yield _Found(repository, tuple(sorted(files)), count)

    def _files(self) -> Iterator[tuple[str, str]]:
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if not name.startswith(".")]
            parts = Path(folder).relative_to(self.root).parts
            if len(parts) < 2:
                continue
            repository = "/".join(parts[:2])
            for name in files:
                file = str(PurePosixPath(*parts[2:], name))
                if name.lower().endswith(SUFFIX) and self._usable(repository, file):
                    yield repository, file

    def _usable(self, repository: str, file: str) -> bool:
        try:
            return place(self.root, repository, file).is_file()
        except InvalidRequest:
            return False


def update_available(installed: Installed, listed: Iterable[ModelFile]) -> bool | None:
    """Tell whether the hub has another version of an installed model.

    `listed` are the files of its repository as the hub lists them now. None where that can't be
    told: the model was put there by hand, or the hub has its files no longer.
    """
    if not installed.verified:
        return None
    there = {file.file: file.sha256 for file in listed if file.repository == installed.repository}
    if any(file.file not in there for file in installed.files):
        return None
    return any(there[file.file] != file.sha256 for file in installed.files)


def _same_place(model: Installed, first: ModelFile) -> bool:
    return model.repository == first.repository and model.files[0].file == first.file


def _new_id(repository: str, file: str, taken: set[str]) -> str:
    """Return a friendly name that is not taken."""
    part = part_of(file)
    stem = PurePosixPath(part.stem if part is not None else file[: -len(SUFFIX)]).name
    plain = _slug(stem) or "model"
    owner = _slug(repository.split("/", maxsplit=1)[0])
    candidate, number = plain, 1
    while candidate in taken:
        candidate = f"{plain}-{owner}" if number == 1 else f"{plain}-{owner}-{number}"
        number += 1
    return candidate


def _slug(text: str) -> str:
    return _ODD.sub("-", text.lower()).strip("-._")[:_LONGEST_ID]


def _note_path(first: Path) -> Path:
    return first.with_name(first.name + ".json")


def _write_note(first: Path, note: _Note) -> None:
    first.parent.mkdir(parents=True, exist_ok=True)
    replace_file(_note_path(first), msgspec.json.encode(note))


def _read_note(first: Path) -> _Note | None:
    try:
        note = msgspec.json.decode(_note_path(first).read_bytes(), type=_Note)
    except (OSError, msgspec.DecodeError):
        return None
    return note if note.id and _slug(note.id) == note.id else None
