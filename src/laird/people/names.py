"""The names by which people sign in."""

from __future__ import annotations

import re
import unicodedata

from laird.domain.errors import InvalidRequest

LONGEST = 64
_RESERVED = frozenset({"owner", "file", "key", "system", "laird", "nobody"})
_NAME = re.compile(r"[\w.@+-]+")


def checked_name(name: str) -> str:
    """Return a name in the form in which it is kept (NFC, no blanks around it).

    Histories show it beside `owner`, `file` and `key NAME`, so it can't be one of those.

    Raises:
        InvalidRequest: it can't be a name; `param` is `name`.
    """
    kept = unicodedata.normalize("NFC", name.strip())
    if not kept:
        raise InvalidRequest("A person needs a name, such as 'ann' or an address.", param="name")
    if len(kept) > LONGEST:
        raise InvalidRequest(
            f"The name has {len(kept)} characters; {LONGEST} are the most.", param="name"
        )
    if _NAME.fullmatch(kept) is None:
        raise InvalidRequest(
            "A name has letters, digits and . _ - + @ alone, without blanks.", param="name"
        )
    if kept.casefold() in _RESERVED:
        raise InvalidRequest(f"The name '{kept}' is taken by Laird itself.", param="name")
    return kept


def folded(name: str) -> str:
    """Return what two names have in common that mean the same person."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()
