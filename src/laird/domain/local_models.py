"""Local models: files on this machine, what they need of its memory, and how they are run."""

from __future__ import annotations

from enum import StrEnum

import msgspec

LIBRARY = "library"
"""The kind of provider that the local library is, and the id of the one that is made by itself."""


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """One GGUF file in a repository of models, as the hub lists it."""

    repository: str
    """`owner/name`."""
    file: str
    """The path inside the repository, `/` between folders."""
    revision: str
    """The commit that is meant, so that a download goes on with the same bytes."""
    size: int
    """Bytes."""
    sha256: str
    """64 lower-case hexadecimal digits; verified before the file gets its name."""
    quantization: str | None = None
    """As in the file's name: `Q4_K_M`, `F16`, `IQ2_XXS`; None where the name does not tell."""


class MemoryNeed(msgspec.Struct, frozen=True, kw_only=True):
    """What a running model takes of memory, in bytes, estimated."""

    weights: int
    context: int
    """The key-value cache for all slots together."""
    overhead: int

    @property
    def total(self) -> int:
        """All of it, bytes."""
        return self.weights + self.context + self.overhead


class Fit(StrEnum):
    """Whether a model fits this machine."""

    FITS = "fits"
    TIGHT = "tight"
    TOO_BIG = "too_big"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a model fits, and why, in a sentence for people."""

    fit: Fit
    reason: str


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is run. What is None, Laird chooses."""

    context_size: int | None = None
    """Tokens of prompt and answer together that each slot holds."""
    gpu_layers: int | None = None
    """Layers that go to the GPU: 0 for none, -1 for all; None for as many as fit."""
    slots: int = 1
    """Requests that it answers at the same time."""


class RunnableModel(msgspec.Struct, frozen=True, kw_only=True):
    """An installed model, with all that is needed to start it."""

    id: str
    """Its name at the provider, unique in this installation."""
    path: str
    """The GGUF file."""
    need: MemoryNeed
    """What it takes with these settings."""
    settings: RunSettings = RunSettings()
    embeddings: bool = False
    """It makes vectors and answers no chats."""


class RunState(StrEnum):
    """What a model of the library is doing."""

    COLD = "cold"
    WAITING = "waiting"
    """Its turn for memory has not come."""
    LOADING = "loading"
    WARM = "warm"
    STOPPING = "stopping"
    FAILED = "failed"
    """It crashed or could not be started, and rests before the next try."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """One model's state at this moment."""

    id: str
    state: RunState
    active: int = 0
    """Requests under way."""
    waiting: int = 0
    """Requests that wait for it to be loaded."""
    pid: int | None = None
    need_bytes: int = 0
    loaded_ms: float | None = None
    """How long the last start took, milliseconds."""
    last_used_us: int | None = None
    """UTC microseconds."""
    problem: str | None = None
    """Why it failed, with what to do."""
