"""Searches the hub, and lists what a repository has, by huggingface_hub.

Nothing of huggingface_hub is used but these two questions: no telemetry, no cache, no stored token.
Importing this takes half a second, so it is imported when the first question comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any, TypeVar

import msgspec
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import ModelInfo, RepoSibling

from laird import __version__
from laird.domain.errors import InvalidRequest, UpstreamGarbled
from laird.domain.local_models import ModelFile
from laird.library.downloads.source import disabled, missing
from laird.library.faults import HubGated
from laird.library.hub_address import HubAddress, hub_address
from laird.library.hub_client import TIMEOUT_S, asking
from laird.library.names import (
    SUFFIX,
    check_file,
    check_repository,
    check_revision,
    is_projector,
    is_sha256,
)
from laird.library.quantization import part_of, parts_of, quantization_of

T = TypeVar("T")

_LISTED: Any = ["author", "downloads", "likes", "gguf", "siblings", "gated", "lastModified"]
_LOOKED_THROUGH = 500
"""Repositories that are looked through for a quantization."""
_MOST = 200
_AT_ONCE = 4
_LARGEST = 1 << 50
"""Bytes that no file of a model has."""


class Sort(StrEnum):
    """What comes first."""

    DOWNLOADS = "downloads"
    LIKES = "likes"
    UPDATED = "updated"


_SORTS: dict[Sort, Any] = {
    Sort.DOWNLOADS: "downloads",
    Sort.LIKES: "likes",
    Sort.UPDATED: "last_modified",
}


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for among repositories that have GGUF files."""

    text: str = ""
    """Words that the repository's name contains."""
    least_parameters: int | None = None
    """Weights of the model, not bytes."""
    most_parameters: int | None = None
    quantization: str | None = None
    """At least one file has it: `Q4_K_M`."""
    sort: Sort = Sort.DOWNLOADS
    limit: int = 20
    """At most so many are returned; from 1 to 200."""


class HubFile(msgspec.Struct, frozen=True, kw_only=True):
    """One model of a repository: a file, or the parts of a split one."""

    name: str
    """The path of the first file."""
    quantization: str | None
    size: int
    """Bytes of all parts."""
    parts: tuple[ModelFile, ...]
    """What is downloaded, in order; one for a model that is not split."""
    projector: bool
    """It is no model but lets one of this repository see (`mmproj`)."""


class HubRepository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository with GGUF files, as the hub describes it. What it does not tell is None."""

    repository: str
    """`owner/name`."""
    author: str
    downloads: int
    """In the last 30 days."""
    likes: int
    updated: datetime | None
    gated: bool
    """Its licence has to be accepted at the hub."""
    parameters: int | None
    """Weights of the model."""
    architecture: str | None
    context_length: int | None
    """Tokens."""
    quantizations: tuple[str, ...]
    """Those that its files' names tell, each once."""
    revision: str | None = None
    """The commit; None in search results."""
    files: tuple[HubFile, ...] = ()
    """Empty in search results, since the hub tells neither sizes nor SHA-256 there."""


class Hub:
    """Questions to the hub. Safe for any number of questions at once."""

    def __init__(self, address: Callable[[], HubAddress] = hub_address) -> None:
        """Take where the hub is; that is asked before each question."""
        self._address = address
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def search(self, wanted: Search) -> tuple[HubRepository, ...]:
        """Return repositories, the best first.

        Where a quantization is wanted, the first 500 that match otherwise are looked through.
        Raises `HubAway`, `HubLimited` and `UpstreamGarbled`.
        """
        address = self._address()
        return await self._ask(address, "", lambda: _search(address, wanted))

    async def files(self, repository: str, revision: str | None = None) -> HubRepository:
        """Return a repository with its models, in the order of their names.

        GGUF files without a SHA-256 are left out, since they could not be verified; so are split
        ones with parts missing. Raises `InvalidRequest` for names that can't be, `HubMissing`,
        `HubGated`, `HubAway`, `HubLimited` and `UpstreamGarbled`.
        """
        check_repository(repository)
        if revision is not None:
            check_revision(revision)
        address = self._address()
        return await self._ask(address, repository, lambda: _files(address, repository, revision))

    async def _ask(self, address: HubAddress, repository: str, question: Callable[[], T]) -> T:
        async with self._places:
            return await asyncio.to_thread(_asked, address, repository, question)


def _asked(address: HubAddress, repository: str, question: Callable[[], T]) -> T:
    """Ask, and turn what huggingface_hub raises into our errors."""
    try:
        with asking(address):
            return question()
    except GatedRepoError:
        raise HubGated(repository, address.endpoint, with_token=address.token is not None) from None
    except RepositoryNotFoundError:
        raise missing(repository, "", "RepoNotFound", address) from None
    except RevisionNotFoundError:
        raise missing(repository, "", "RevisionNotFound", address) from None
    except DisabledRepoError:
        raise disabled(repository) from None
    except HFValidationError:
        raise InvalidRequest(
            f"'{repository}' is not the name of a repository at the hub.", param="repository"
        ) from None
    except HfHubHTTPError as problem:
        status = problem.response.status_code
        if status == 403:
            raise HubGated(
                repository, address.endpoint, with_token=address.token is not None
            ) from None
        if status in {401, 404} and repository:
            raise missing(repository, "", "RepoNotFound", address) from None
        raise UpstreamGarbled(
            f"The hub at {address.origin.host} refused the question ({status})."
            " Check HF_ENDPOINT and HF_TOKEN.",
            status=status,
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UpstreamGarbled(
            f"What {address.origin.host} answered is not a hub's answer. Check HF_ENDPOINT, and"
            " whether this network wants a log-in first."
        ) from None


def _api(address: HubAddress) -> HfApi:
    # False is no token at all; None would be whatever this machine has stored.
    return HfApi(
        endpoint=address.endpoint,
        token=address.token if address.token is not None else False,
        library_name="laird",
        library_version=__version__,
    )


def _search(address: HubAddress, wanted: Search) -> tuple[HubRepository, ...]:
    limit = min(max(wanted.limit, 1), _MOST)
    filtered = wanted.quantization is not None
    listed = _api(address).list_models(
        filter="gguf",
        search=wanted.text.strip() or None,
        num_parameters=_range(wanted.least_parameters, wanted.most_parameters),
        sort=_SORTS[wanted.sort],
        limit=_LOOKED_THROUGH if filtered else limit,
        expand=_LISTED,
    )
    return tuple(islice(_found(listed, wanted), limit))


def _found(listed: Iterable[ModelInfo], wanted: Search) -> Iterator[HubRepository]:
    quantization = wanted.quantization.upper() if wanted.quantization is not None else None
    for info in listed:
        try:
            check_repository(info.id)
        except InvalidRequest:
            continue
        found = _repository(info)
        if quantization is None or quantization in found.quantizations:
            yield found


def _range(least: int | None, most: int | None) -> str | None:
    """Return limits as the hub reads them: `min:500M,max:8B`."""
    limits = [f"{name}:{_short(count)}" for name, count in (("min", least), ("max", most)) if count]
    return ",".join(limits) or None


def _short(count: int) -> str:
    for unit, scale in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if count % scale == 0:
            return f"{count // scale}{unit}"
    return str(count)


def _files(address: HubAddress, repository: str, revision: str | None) -> HubRepository:
    info = _api(address).model_info(
        repository, revision=revision, files_metadata=True, timeout=TIMEOUT_S
    )
    commit = check_revision(info.sha or revision or "main")
    files = {}
    for sibling in info.siblings or ():
        file = _model_file(repository, commit, sibling)
        if file is not None:
            files[file.file] = file
    found = _repository(info)
    return msgspec.structs.replace(
        found, repository=repository, revision=commit, files=_grouped(files)
    )


def _model_file(repository: str, commit: str, sibling: RepoSibling) -> ModelFile | None:
    """Return a GGUF file that can be verified, or None."""
    try:
        name = check_file(sibling.rfilename)
    except InvalidRequest:
        return None
    lfs = sibling.lfs
    if lfs is None or not is_sha256(lfs.sha256) or not _is_size(lfs.size):
        return None
    return ModelFile(
        repository=repository,
        file=name,
        revision=commit,
        size=lfs.size,
        sha256=lfs.sha256,
        quantization=quantization_of(name),
    )


def _grouped(files: Mapping[str, ModelFile]) -> tuple[HubFile, ...]:
    found = []
    for name in sorted(files):
        part = part_of(name)
        if part is not None and part.number > 1:
            continue
        parts = tuple(files[each] for each in parts_of(name) if each in files)
        if part is not None and len(parts) < part.total:
            continue
        found.append(
            HubFile(
                name=name,
                quantization=quantization_of(name),
                size=sum(each.size for each in parts),
                parts=parts,
                projector=is_projector(name),
            )
        )
    return tuple(found)


def _repository(info: ModelInfo) -> HubRepository:
    gguf = info.gguf or {}
    names = [sibling.rfilename for sibling in info.siblings or ()]
    told = (quantization_of(name) for name in names if _is_model(name))
    architecture = gguf.get("architecture")
    return HubRepository(
        repository=info.id,
        author=info.author or info.id.split("/", maxsplit=1)[0],
        downloads=info.downloads or 0,
        likes=info.likes or 0,
        updated=info.last_modified,
        gated=bool(info.gated),
        parameters=_whole(gguf.get("total")),
        architecture=architecture if isinstance(architecture, str) else None,
        context_length=_whole(gguf.get("context_length")),
        quantizations=tuple(sorted({name for name in told if name is not None})),
    )


def _is_model(name: str) -> bool:
    return name.lower().endswith(SUFFIX) and not is_projector(name)


def _is_size(value: object) -> bool:
    """Tell whether a file can have such a size."""
    return isinstance(value, int) and 0 < value <= _LARGEST


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
