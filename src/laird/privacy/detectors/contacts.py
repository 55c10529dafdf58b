"""E-mail addresses and telephone numbers; the latter by Google's libphonenumber (phonenumbers)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers
from phonenumbers import Leniency, NumberParseException, PhoneNumberMatcher

from laird.privacy.detectors.finding import Finding

_LOCAL_PART = re.compile(r"(?:^|(?<![\w.+%'-]))[A-Za-z0-9_](?:[\w.+%'-]{0,62}[\w+%-])?\Z", re.ASCII)
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}([A-Za-z]{2,24})(?![A-Za-z0-9@_-])",
    re.ASCII,
)
_LOGIN = re.compile(r"://[^\s/@]*\Z")
_LONGEST_LOCAL, _LONGEST_DOMAIN, _LONGEST_LOGIN = 66, 255, 128
# Ends of file names and of what looks like one in code; none of them is a top-level domain that
# people have mail under.
_NO_DOMAINS = frozenset(
    {
        "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "bmp", "tiff", "pdf", "html",
        "htm", "css", "scss", "js", "mjs", "cjs", "ts", "tsx", "jsx", "json", "yaml", "yml",
        "toml", "xml", "csv", "txt", "log", "lock", "map", "md", "py", "pyc", "rb", "go", "rs",
        "java", "kt", "swift", "cpp", "hpp", "php", "sh", "bash", "exe", "dll", "tar", "gz",
        "tgz", "zip", "whl", "jar", "local", "localhost", "internal", "lan", "test", "invalid",
    }
)  # fmt: skip

_ABROAD = re.compile(
    r"(?<![\w+.,/-])(?:\+|00)\(?[1-9](?:[ ().\-/]{0,2}\d){6,14}(?![\w*])", re.ASCII
)
_SHORTEST_NUMBER = 8
_AT_HOME = re.compile(
    r"[(\d](?<![\w.,:+/-][(\d])(?:[ ().\-/]{0,2}\d){6,11}(?![\w:]|[.,/-]\d)", re.ASCII
)


def emails(text: str) -> Iterator[Finding]:
    """Yield the e-mail addresses in a text."""
    at = text.find("@")
    while at >= 0:
        begin = max(0, at - _LONGEST_LOCAL)
        local = _LOCAL_PART.search(text, begin, at)
        domain = _DOMAIN.match(text, at + 1, at + _LONGEST_DOMAIN)
        if local is not None and domain is not None and _is_mail(text, local, domain):
            yield Finding("e-mail", local.start(), domain.end())
        at = text.find("@", at + 1)


def _is_mail(text: str, local: re.Match[str], domain: re.Match[str]) -> bool:
    if domain[1].lower() in _NO_DOMAINS or ".." in local[0]:
        return False
    # Who logs in to a host is no address: https://user:password@host, ssh://git@host/path.
    if _LOGIN.search(text, max(0, local.start() - _LONGEST_LOGIN), local.start()):
        return False
    return not (local[0] == "git" and text[domain.end() : domain.end() + 1] in {":", "/"})


def phones_abroad(text: str) -> Iterator[Finding]:
    """Yield the telephone numbers in a text that are written with their country's code."""
    if "+" not in text and "00" not in text:
        return
    match = _ABROAD.search(text)
    while match is not None:
        end, region = _number(match[0])
        if region is not None:
            yield Finding(f"telephone {region}", match.start(), match.start() + end)
        match = _ABROAD.search(text, match.start() + end)


def _number(written: str) -> tuple[int, str | None]:
    """Return how much of a candidate is a number, and whose; what follows it may look like more."""
    plain = f"+{written[2:]}" if written.startswith("00") else written
    cut = len(written) - len(plain)
    end = len(plain)
    while end > _SHORTEST_NUMBER:
        region = _region(plain[:end])
        if region is not None:
            return end + cut, region
        end = max(plain.rfind(gap, 0, end) for gap in " -./(")
    return len(written), None


def _region(written: str) -> str | None:
    try:
        number = phonenumbers.parse(written)
    except NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.region_code_for_number(number) or "international"


def phones_at_home(text: str, regions: tuple[str, ...]) -> Iterator[Finding]:
    """Yield the telephone numbers in a text that are written as within one of some countries."""
    for match in _AT_HOME.finditer(text):
        written = match[0]
        for region in regions:
            if _is_local(written, region):
                yield Finding(f"telephone {region}", match.start(), match.end())
                break


def _is_local(written: str, region: str) -> bool:
    try:
        number = phonenumbers.parse(written, region)
    except NumberParseException:
        return False
    if not phonenumbers.is_valid_number(number):
        return False
    # The groups have to be those of the country: a date or an order number has others.
    return PhoneNumberMatcher(written, region, leniency=Leniency.STRICT_GROUPING).has_next()
