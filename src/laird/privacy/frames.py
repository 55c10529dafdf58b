"""What passes between the server and the process that reads long texts."""

from __future__ import annotations

import struct

import msgspec

from laird.privacy.sought import Sought

FRAME = struct.Struct(">I")


class Job(msgspec.Struct, frozen=True):
    """Texts to be looked at."""

    sought: Sought
    units: list[bytes]
    """Pieces of JSON."""


class Answer(msgspec.Struct, frozen=True):
    """What was found in each of them, as hexadecimal numbers: there may be many words."""

    found: list[str] = []
    failure: str | None = None
    """The name of what went wrong; then nothing is said of what was found."""
