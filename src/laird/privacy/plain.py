"""One form for the many forms of digits, blanks and hyphens, so that none hides anything."""

from __future__ import annotations

import re
import unicodedata

# Hyphens and dashes in all their forms, and what is invisible between characters.
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


def plain(text: str) -> str:
    """Return a text with the many forms of digits, blanks and hyphens made one."""
    if text.isascii():
        return text
    return _INVISIBLE.sub("", _DASHES.sub("-", unicodedata.normalize("NFKC", text)))
