"""What a download is to those who watch it, and how downloads are done."""

from __future__ import annotations

from enum import StrEnum

import msgspec

MIB = 1024 * 1024


class DownloadState(StrEnum):
    """What a download is doing."""

    QUEUED = "queued"
    """Others go first."""
    RUNNING = "running"
    CHECKING = "checking"
    """What is on the disk is read again, or the whole is verified."""
    WAITING = "waiting"
    """Something went wrong that another try may cure; `retry_in_s` tells when that is."""
    PAUSED = "paused"
    """By somebody, or since the disk is full (`problem`); goes on when it is resumed."""
    FAILED = "failed"
    """`problem` says why; resuming tries again."""
    DONE = "done"
    CANCELLED = "cancelled"


ENDED = frozenset({DownloadState.DONE, DownloadState.CANCELLED})
RESTING = ENDED | {DownloadState.PAUSED, DownloadState.FAILED}
"""States that only somebody's wish changes."""


class DownloadProgress(msgspec.Struct, frozen=True, kw_only=True):
    """One download at one moment."""

    id: str
    repository: str
    """`owner/name`."""
    files: tuple[str, ...]
    """Paths inside the repository; several for a split model."""
    quantization: str | None
    state: DownloadState
    done: int
    """Bytes that are here, of all files together."""
    total: int
    """Bytes of all files together."""
    speed: float = 0.0
    """Bytes each second, over the last seconds; 0 while nothing arrives."""
    eta_s: float | None = None
    """Seconds until the last byte at this speed; None where that can't be told."""
    problem: str | None = None
    """Why it waits, rests or has failed, with what to do."""
    retry_in_s: float | None = None
    """Seconds until the next try, while it waits."""
    created_us: int = 0
    """When it was asked for, UTC microseconds."""


class DownloadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How downloads are done. Times in seconds."""

    at_once: int = 2
    """Downloads that run at the same time; the rest is queued in the order it was asked for."""
    connect_s: float = 10.0
    first_byte_s: float = 60.0
    stall_s: float = 30.0
    """Without a byte for so long, the line counts as broken."""
    backoff_s: float = 1.0
    """Before the second try; each further pause is twice as long, up to `longest_backoff_s`."""
    longest_backoff_s: float = 60.0
    longest_retry_after_s: float = 3600.0
    """Of what the hub asks for, no more is waited than this."""
    strikes: int = 5
    """Tries without a new byte that end in failure, where the hub answers but answers wrongly.

    A hub that is away is waited for without end.
    """
    tick_s: float = 1.0
    """Between two reports of progress; also between two writes of the state at most."""
    batch_bytes: int = MIB
    """Written and hashed at once, in a thread."""
    checkpoint_bytes: int = 64 * MIB
    """Brought to the disk for certain at least this often."""
    keep_free_bytes: int = 256 * MIB
    """Of the disk, so much is left to others."""
