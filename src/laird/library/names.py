"""Names of repositories and files, which come from outside and become paths on this machine."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from laird.domain.errors import InvalidRequest

_REPOSITORY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNUSABLE = frozenset('\\:*?"<>|')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE | re.DOTALL)
_LONGEST = 200
"""Bytes of one name: file systems take 255, and endings are added to it."""
_DEEPEST = 5
SUFFIX = ".gguf"


def check_repository(repository: str) -> str:
    """Return a repository's `owner/name`. Raises `InvalidRequest` for anything else."""
    if not _REPOSITORY.fullmatch(repository) or any(
        _unusable(part) for part in repository.split("/")
    ):
        raise InvalidRequest(
            f"'{_shown(repository)}' is not the name of a repository. Write it as owner/name.",
            param="repository",
        )
    return repository


def check_file(file: str) -> str:
    """Return the path of a GGUF file inside a repository, `/` between folders.

    Raises `InvalidRequest` for a path that is no GGUF file, leads anywhere else, or can't be a
    file's name on each system that Laird runs on.
    """
    parts = file.split("/")
    if len(parts) > _DEEPEST or any(_unusable(part) for part in parts):
        raise InvalidRequest(
            f"'{_shown(file)}' can't be the path of a file in a repository.", param="file"
        )
    if not file.lower().endswith(SUFFIX):
        raise InvalidRequest(f"'{_shown(file)}' is not a GGUF file.", param="file")
    return file


def check_revision(revision: str) -> str:
    """Return a branch, tag or commit. Raises `InvalidRequest`."""
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise InvalidRequest(f"'{_shown(revision)}' is not a revision.", param="revision")
    return revision


def is_sha256(text: str) -> bool:
    """Tell whether a text is a SHA-256 as 64 lower-case hexadecimal digits."""
    return _SHA256.fullmatch(text) is not None


def is_projector(file: str) -> bool:
    """Tell whether a file is a vision model's projector, which is no model by itself.

    llama.cpp's tools and those who publish put `mmproj` into its name.
    """
    return "mmproj" in PurePosixPath(file).name.lower()


def place(root: Path, repository: str, file: str) -> Path:
    """Return where a file of a repository is kept under `root`: `root/owner/name/file`.

    Raises `InvalidRequest` for names that are not usable, and where a symbolic link leads out of
    `root`.
    """
    path = root.joinpath(*check_repository(repository).split("/"), *check_file(file).split("/"))
    if not inside(root, path):
        raise InvalidRequest(
            f"'{_shown(file)}' of {repository} is reached by a symbolic link that leads out of"
            " the library. Remove the link.",
            param="file",
        )
    return path


def inside(root: Path, path: Path) -> bool:
    """Tell whether a path is inside `root` once symbolic links are followed."""
    return path.resolve().is_relative_to(root.resolve())


def _unusable(name: str) -> bool:
    return (
        not name
        or name[0] in ". "
        or name[-1] in ". "
        or not name.isprintable()
        or not _UNUSABLE.isdisjoint(name)
        or len(name.encode("utf-8", "surrogatepass")) > _LONGEST
        or _DEVICES.fullmatch(name) is not None
    )


def _shown(text: str) -> str:
    """Return a name for a message: short, and without what could garble a terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:100])
