"""One text through the detectors: which categories are in it, and which words.

What is found is kept as one number: bits of categories (`Category.bit`), `SEALED`, and above it one
bit for each word that is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache, partial

import msgspec
import orjson

from laird.domain.privacy import Category, bits_of
from laird.privacy.detectors.accounts import ibans
from laird.privacy.detectors.cards import cards
from laird.privacy.detectors.contacts import emails, phones_abroad, phones_at_home
from laird.privacy.detectors.finding import LONGEST, Detector
from laird.privacy.detectors.national_ids import national_ids
from laird.privacy.detectors.secrets import secrets
from laird.privacy.leaves import leaves
from laird.privacy.plain import plain
from laird.privacy.sought import FIRST_WORD, SEALED, Sought

WINDOW = 8192
"""Characters that detectors see at once."""

_DETECTORS: tuple[tuple[Category, Detector], ...] = (
    (Category.SECRETS, secrets),
    (Category.EMAIL, emails),
    (Category.CARDS, cards),
    (Category.IBAN, ibans),
    (Category.NATIONAL_IDS, national_ids),
    (Category.PHONE, phones_abroad),
)
_NUMBERS = (Category.CARDS, Category.IBAN, Category.NATIONAL_IDS, Category.PHONE)
"""What has a digit in it, always."""
_OF_NUMBERS = bits_of(frozenset(_NUMBERS))
_DIGIT = re.compile(r"\d")

_SPACES = re.compile(r"\s+")


class Found(msgspec.Struct, frozen=True):
    """A finding with its category and the line that it is in, counted from 1."""

    category: Category
    kind: str
    line: int


def scan(raw: bytes, sought: Sought) -> int:
    """Return what is in a piece of JSON."""
    held = leaves(orjson.loads(raw))
    text = plain(held.text)
    bits = SEALED if held.sealed else 0
    if sought.words:
        bits |= _words_in(text, sought.words)
    wanted = sought.categories
    if len(text) <= WINDOW:
        return bits | _categories_in(text, wanted, sought.regions)
    for _, window in windows(text):
        wanted &= ~bits
        if not wanted:
            break
        bits |= _categories_in(window, wanted, sought.regions)
    return bits


def report(text: str, sought: Sought, most: int = 100) -> tuple[Found, ...]:
    """Return what is in a text one by one, at most so many, for people to look at."""
    text = plain(text)
    seen: dict[tuple[int, Category, str], Found] = {}
    for start, window in windows(text):
        for _, category, detector in _active(sought.categories, sought.regions):
            for finding in detector(window):
                at = start + finding.start
                line = text.count("\n", 0, at) + 1
                seen.setdefault((at, category, finding.kind), Found(category, finding.kind, line))
                if len(seen) >= most:
                    return tuple(seen.values())
    return tuple(seen.values())


def windows(text: str) -> Iterator[tuple[int, str]]:
    """Yield the text in pieces that overlap, each with the place where it begins.

    Whatever is no longer than `LONGEST` is whole in one of them. They are cut between words where
    that is possible, since the half of a long number may look like a short one.
    """
    start, size = 0, len(text)
    while size - start > WINDOW + LONGEST:
        middle = start + WINDOW
        end = _last_blank(text, middle, middle + LONGEST)
        yield start, text[start : middle + LONGEST if end < 0 else end]
        start = max(_last_blank(text, middle - LONGEST, middle) + 1, middle - LONGEST)
    yield start, text[start:]


def _last_blank(text: str, start: int, end: int) -> int:
    return max(text.rfind(" ", start, end), text.rfind("\n", start, end))


@lru_cache(64)
def _active(wanted: int, regions: tuple[str, ...]) -> tuple[tuple[int, Category, Detector], ...]:
    """Return the detectors of some categories with the bits of what they find."""
    found = [(each.bit, each, detector) for each, detector in _DETECTORS if wanted & each.bit]
    if regions and wanted & Category.PHONE.bit:
        found.append((Category.PHONE.bit, Category.PHONE, partial(phones_at_home, regions=regions)))
    return tuple(found)


def _categories_in(text: str, wanted: int, regions: tuple[str, ...]) -> int:
    if _DIGIT.search(text) is None:
        wanted &= ~_OF_NUMBERS
    bits = 0
    for bit, _, detector in _active(wanted, regions):
        if not bits & bit and next(detector(text), None) is not None:
            bits |= bit
    return bits


def _words_in(text: str, words: tuple[str, ...]) -> int:
    low = _SPACES.sub(" ", text.casefold())
    return sum(FIRST_WORD << place for place, word in enumerate(words) if word in low)
