"""What detectors return, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

LONGEST = 640
"""Characters of the longest thing that a detector has to see whole."""


class Finding(msgspec.Struct, frozen=True):
    """One thing found. Never its text: where it is, and what it is called."""

    kind: str
    """Such as `GitHub token`, `Visa`, `IBAN DE`, `French NIR`."""
    start: int
    """Offset in the text, characters."""
    end: int


Detector = Callable[[str], Iterator[Finding]]
"""Yields what is in a text, lazily: whoever wants to know only whether stops at the first."""
