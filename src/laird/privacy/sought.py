"""What is to be looked for in a request."""

from __future__ import annotations

import re
import unicodedata

import msgspec

from laird.domain.privacy import Category

SEALED = 1 << len(Category)
"""The bit that says: there is something that can't be looked into."""
FIRST_WORD = SEALED << 1
"""The bit of the first word."""

_SPACES = re.compile(r"\s+")


class Sought(msgspec.Struct, frozen=True):
    """What is to be looked for."""

    categories: int
    """As bits."""
    words: tuple[str, ...] = ()
    """In the form that `comparable` gives them."""
    regions: tuple[str, ...] = ()


def comparable(word: str) -> str:
    """Return words as they are compared: small letters, one blank between."""
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", word).casefold()).strip()
