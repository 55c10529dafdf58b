"""Keys, tokens and passwords: what vendors' credentials look like, and what is assigned as one.

A row is a form that a vendor has published or gives its keys: a prefix that nothing else has, the
length, the alphabet. Its marks are looked for first, as plain text; its pattern is tried only where
one of them stands. No pattern takes more than linear time.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from math import log2

import msgspec
import orjson

from laird.privacy.detectors.finding import Finding
from laird.privacy.detectors.vendors import VENDORS
from laird.privacy.harmless import LEAST, NAMES

_NOT_AFTER = r"(?![A-Za-z0-9])"


class _Row(msgspec.Struct, frozen=True):
    kind: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]


_ROWS = tuple(
    _Row(kind, marks, re.compile(f"(?:{form}){_NOT_AFTER}")) for kind, marks, form in VENDORS
)
_MARKED = {
    mark: tuple(number for number, row in enumerate(_ROWS) if mark in row.marks)
    for mark in dict.fromkeys(mark for row in _ROWS for mark in row.marks)
}
"""By mark, the rows that have it: a text has few of them."""

_PRIVATE_KEY = re.compile(
    r"-----BEGIN[A-Z0-9 ]{0,30} PRIVATE KEY(?: BLOCK)?-----(?:\\+r)?(?:\\+n|\s|\"){1,8}"
    r"(?:[A-Za-z][A-Za-z-]{2,20}: |[A-Za-z0-9+/]{20})"
)
_JWT = re.compile(
    r"(?<![A-Za-z0-9_-])(eyJ[A-Za-z0-9_-]{8,1024})\.eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{16,2048}"
)
_LOGIN = re.compile(r"://[^\s/:@'\"<>]{0,64}:([^\s/@'\"<>]{3,256})@[A-Za-z0-9\[]")
_HEADER = re.compile(
    r"authorization['\"]?\s{0,3}[:=]\s{0,3}['\"]?(?:bearer|basic|token|apikey)\s{1,3}"
    r"([A-Za-z0-9._~+/=:-]{16,4096})",
    re.IGNORECASE,
)
_KEYS_OF = ("api", "access", "account", "private", "auth", "client", "secret", "encryption")
"""What a `key` is the key of where it is a secret."""
_VALUE = re.compile(
    r"[\w-]{0,32}['\"\]]{0,2}\s{0,8}(?:=>|:=|[=:])\s{0,8}"
    r"(?:['\"]([^\s'\"]{8,200})['\"]|([^\s'\",;<>(){}\[\]]{12,200})(?=[\s,;]|\Z))"
)
_AWS = re.compile(
    r"aws.{0,40}?(?:secret|key).{0,30}?[\s'\"=:]([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    re.IGNORECASE,
)

_PLACEHOLDER = re.compile(
    r"example|change.?me|your|xxx|\*\*\*|\.\.\.|placeholder|redacted|dummy|sample|insert|replace"
    r"|todo|fixme|foo|bar\b|hunter|undefined|null|none|true|false|env|process\.|config|settings"
    r"|secrets?\.|get_?|vault|[${}<>%]|test|fake|mock|p[a4]ssw[o0]rd|^pass|secret|token|api.?key",
    re.IGNORECASE,
)
_LEAST_ENTROPY = 3.0
"""Bits for each character: below it words are, above it what a generator made."""


def secrets(text: str) -> Iterator[Finding]:
    """Yield the credentials in a text."""
    long = max(map(len, text.split()), default=0) >= LEAST
    if long:
        yield from _of_vendors(text)
    yield from _by_form(text)
    if long or "=" in text or ":" in text:
        yield from _by_name(text)


def _of_vendors(text: str) -> Iterator[Finding]:
    marks = filter(text.__contains__, _MARKED)
    for number in sorted({row for mark in marks for row in _MARKED[mark]}):
        row = _ROWS[number]
        for match in row.pattern.finditer(text):
            start = match.start()
            # Not in the pattern: one that begins with plain text is found much faster.
            if start == 0 or not text[start - 1].isalnum():
                yield Finding(row.kind, start, match.end())


def _by_form(text: str) -> Iterator[Finding]:
    """Yield what is a credential by its form, whoever gave it out."""
    if "PRIVATE KEY" in text:
        for match in _PRIVATE_KEY.finditer(text):
            yield Finding("private key", match.start(), match.end())
    if "eyJ" in text:
        for match in _JWT.finditer(text):
            if _is_token_header(match[1]):
                yield Finding("JSON web token", match.start(), match.end())
    if "://" in text:
        for match in _LOGIN.finditer(text):
            if _PLACEHOLDER.search(match[1]) is None:
                yield Finding("password in a URL", match.start(1), match.end(1))


def _by_name(text: str) -> Iterator[Finding]:
    """Yield what is called a secret beside it."""
    low = text.lower()
    if "authorization" in low:
        for match in _HEADER.finditer(text):
            if _PLACEHOLDER.search(match[1]) is None:
                yield Finding("authorization header", match.start(1), match.end(1))
    if "aws" in low:
        for match in _AWS.finditer(text):
            if _is_random(match[1]) and "EXAMPLE" not in match[1]:
                yield Finding("AWS secret key", match.start(1), match.end(1))
    for name in NAMES:
        yield from _assigned(text, low, name)


def _assigned(text: str, low: str, name: str) -> Iterator[Finding]:
    at = low.find(name)
    while at >= 0:
        match = _VALUE.match(text, at)
        if match is not None and _assigns(match, low[max(0, at - 11) : at], name):
            place = 1 if match[1] is not None else 2
            yield Finding("assigned secret", match.start(place), match.end(place))
        at = low.find(name, at + len(name))


def _assigns(match: re.Match[str], before: str, name: str) -> bool:
    """Tell whether it is a secret that is given a value here, and not a name or a placeholder."""
    if name == "key" and not before.rstrip("_-").endswith(_KEYS_OF):
        return False
    value: str = match[1] if match[1] is not None else match[2]
    return _is_random(value) and _PLACEHOLDER.search(value) is None


def _is_token_header(part: str) -> bool:
    try:
        header = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(header, dict) and "alg" in header


def _is_random(value: str) -> bool:
    """Tell whether a value looks made by a generator or chosen as a password: mixed, and dense."""
    kinds = sum(
        (
            any(map(str.isdigit, value)),
            any(map(str.islower, value)),
            any(map(str.isupper, value)),
            not value.isalnum(),
        )
    )
    if kinds < 2 or not any(map(str.isdigit, value)):
        return False
    if re.search(r"[a-z]{3,}[._/-][a-z]{3,}", value) and kinds < 4:
        return False  # a path or a dotted name with a number in it
    counts = (value.count(each) for each in set(value))
    size = len(value)
    return -sum(each / size * log2(each / size) for each in counts) >= _LEAST_ENTROPY
