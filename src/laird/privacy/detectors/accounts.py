"""Bank accounts by IBAN: the country's structure and the check digits, by python-stdnum."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import iban

from laird.privacy.detectors.finding import Finding

_BEGUN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}[ ]?[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])"
)
_SHORTEST, _LONGEST = 15, 34


def ibans(text: str) -> Iterator[Finding]:
    """Yield the IBANs in a text; what stands behind one does not hide it."""
    for match in _BEGUN.finditer(text):
        written = match[0]
        if written[:2].isupper() or written[:2].islower():
            length = _length(written.upper())
            if length:
                kind = f"IBAN {written[:2].upper()}"
                yield Finding(kind, match.start(), match.start() + length)


def _length(written: str) -> int:
    """Return how many characters of a candidate are an IBAN, or 0."""
    compact = ""
    for place, character in enumerate(written):
        if character in " -":
            continue
        compact += character
        ended = place + 1 == len(written) or written[place + 1] in " -"
        if (
            ended
            and _SHORTEST <= len(compact) <= _LONGEST
            and iban.is_valid(compact, check_country=False)
        ):
            return place + 1
    return 0
