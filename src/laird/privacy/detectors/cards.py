"""Payment cards: a number of an issuer's range and length, written as cards are, with its check.

Ranges are those of ISO/IEC 7812 as the card schemes publish them; the check is Luhn's, by
python-stdnum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import luhn

from laird.privacy.detectors.finding import Finding

_WRITTEN = re.compile(
    # The first digit comes first: where a pattern begins with one, the search for it is fast.
    r"\d(?<![\w.+-]\d)(?<!\d[ /]\d)"
    r"(?:\d{13,18}|\d{3}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{3}([ -])\d{6}\2\d{4,5})"
    r"(?![\w-])(?!\.\d)",
    re.ASCII,
)
_LONG = frozenset({16, 17, 18, 19})

# Issuer, first and last of the range of leading digits, lengths.
_RANGES: tuple[tuple[str, str, str, frozenset[int]], ...] = (
    ("Visa", "4", "4", frozenset({16, 19})),
    ("Mastercard", "51", "55", frozenset({16})),
    ("Mastercard", "2221", "2720", frozenset({16})),
    ("American Express", "34", "34", frozenset({15})),
    ("American Express", "37", "37", frozenset({15})),
    ("Diners Club", "300", "305", frozenset({14})),
    ("Diners Club", "3095", "3095", frozenset({14})),
    ("Diners Club", "36", "36", frozenset({14})),
    ("Diners Club", "38", "39", frozenset({14})),
    ("Discover", "6011", "6011", _LONG),
    ("Discover", "644", "659", _LONG),
    ("JCB", "3528", "3589", _LONG),
    ("UnionPay", "62", "62", _LONG),
    ("Maestro", "5018", "5018", _LONG),
    ("Maestro", "5020", "5020", _LONG),
    ("Maestro", "5038", "5038", _LONG),
    ("Maestro", "5893", "5893", _LONG),
    ("Maestro", "6304", "6304", _LONG),
    ("Maestro", "6759", "6763", _LONG),
    ("Mir", "2200", "2204", _LONG),
    ("RuPay", "508", "508", frozenset({16})),
    ("RuPay", "60", "60", frozenset({16})),
    ("RuPay", "81", "82", frozenset({16})),
    ("Troy", "9792", "9792", frozenset({16})),
)


def cards(text: str) -> Iterator[Finding]:
    """Yield the payment cards in a text."""
    for match in _WRITTEN.finditer(text):
        number = match[0].replace(" ", "").replace("-", "")
        issuer = _issuer(number)
        if issuer is None and len(number) == 19 and len(match[0]) > 19:
            # Four groups of four, and three digits that stand behind them on the card.
            issuer = _issuer(number[:16])
        if issuer is not None:
            yield Finding(issuer, match.start(), match.end())


def _issuer(number: str) -> str | None:
    length = len(number)
    for issuer, first, last, lengths in _RANGES:
        if length in lengths and first <= number[: len(first)] <= last:
            return issuer if len(set(number)) > 1 and luhn.is_valid(number) else None
    return None
