"""What the routes of the local library return, so that the API's document can say it."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

Fit = Literal["fits", "tight", "too_big"]
State = Literal["cold", "waiting", "loading", "warm", "stopping", "failed"]
DownloadState = Literal[
    "queued", "running", "checking", "waiting", "paused", "failed", "done", "cancelled"
]


class VerdictShown(TypedDict):
    """Whether a model fits this machine, and why, in a sentence."""

    fit: Fit
    reason: str


class MemoryShown(TypedDict):
    """Main memory, bytes; 0 where it can't be found out."""

    total: int
    available: int


class GpuShown(TypedDict):
    """A graphics processor; sizes in bytes."""

    name: str
    total: int
    free: int
    usable: bool
    """The installed llama.cpp can use it."""


class MachineShown(TypedDict):
    """What this machine has; sizes in bytes, 0 for what can't be found out."""

    system: str
    architecture: str
    processors: int
    memory: MemoryShown
    gpus: list[GpuShown]
    disk_total: int
    disk_free: int
    advice: str
    """How large models may be here, in a sentence."""
    folder: str
    """Where models are kept."""
    models: int
    """How many are installed."""
    models_bytes: int
    """What they take of the disk."""


class CuratedShown(TypedDict):
    """A model that is offered by name."""

    id: str
    title: str
    good_for: str
    repository: str
    file: str
    quantization: str
    parameters: int
    size: int
    """Bytes of the file, about."""
    ram: int
    """Bytes of memory that a machine should have for it."""
    license: str | None
    verdict: VerdictShown
    installed: str | None
    """Its id in the library, if it is installed."""


class RecommendedShown(TypedDict):
    """The models that are offered by name."""

    models: list[CuratedShown]


class FileShown(TypedDict):
    """A model of a repository: a file, or the parts of a split one."""

    name: str
    quantization: str | None
    size: int
    """Bytes of all parts."""
    parts: int
    sha256: str
    """Of the first part."""
    projector: bool
    """It is no model but lets one of this repository see."""
    verdict: VerdictShown


class RepositoryShown(TypedDict):
    """A repository at the hub. What it does not tell is null."""

    repository: str
    author: str
    downloads: int
    """In the last 30 days."""
    likes: int
    updated: str | None
    gated: bool
    """Its licence has to be accepted at the hub."""
    parameters: int | None
    architecture: str | None
    context_length: int | None
    quantizations: list[str]


class RepositoriesShown(TypedDict):
    """What a search has found, the best first."""

    repositories: list[RepositoryShown]


class FilesShown(RepositoryShown):
    """A repository with its models."""

    revision: str | None
    files: list[FileShown]


class DownloadShown(TypedDict):
    """One download."""

    id: str
    repository: str
    files: list[str]
    quantization: str | None
    state: DownloadState
    done: int
    """Bytes."""
    total: int
    speed: float
    """Bytes each second."""
    eta_s: float | None
    problem: str | None
    retry_in_s: float | None
    created_us: int


class DownloadsShown(TypedDict):
    """All downloads, and the last of those that ended."""

    downloads: list[DownloadShown]


class NeedShown(TypedDict):
    """What a model takes of memory when it runs, bytes, estimated."""

    weights: int
    context: int
    overhead: int
    total: int


class InstalledShown(TypedDict):
    """An installed model."""

    id: str
    repository: str
    files: list[str]
    size: int
    quantization: str | None
    verified: bool
    """Its bytes were those that the hub announced."""
    installed_us: int
    title: str | None
    """As the file calls it."""
    architecture: str | None
    parameters: int | None
    context_length: int | None
    """Tokens that it was made for."""
    license: str | None
    embeddings: bool
    tools: bool
    model: str | None
    """`provider/model`, by which requests name it; null while the document does not offer it."""
    context_size: int | None
    """Tokens of each slot, as it is run."""
    gpu_layers: int | None
    slots: int
    need: NeedShown | None
    verdict: VerdictShown | None
    state: State | None
    """null for one that is not offered."""
    active: int
    """Requests under way."""
    waiting: int
    loaded_ms: float | None
    """How long the last start took."""
    problem: str | None
    """Why it can't be run, or why its last start failed."""
    calls: int
    """Requests to it, of all time."""
    last_used_us: int | None
    """To the day where the server has been started since; UTC microseconds."""


class LibraryShown(TypedDict):
    """What is installed."""

    models: list[InstalledShown]


class RunShown(TypedDict):
    """How a model stands after it was told to run or to stop."""

    id: str
    state: State
    loaded_ms: float | None


class RemovedShown(TypedDict):
    """A model that is gone."""

    id: str
    size: int
    """Bytes that are free now."""


class UpdateShown(TypedDict):
    """Whether the hub has another file of that name; null where nobody can tell."""

    available: bool | None


class LogShown(TypedDict):
    """The last lines that a model's process wrote."""

    lines: list[str]
