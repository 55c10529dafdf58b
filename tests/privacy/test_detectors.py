"""Each detector by itself: what it calls things, what it takes for nothing, and in which time."""

from __future__ import annotations

import time
from itertools import pairwise

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laird.domain.privacy import Category
from laird.privacy.detectors.accounts import ibans
from laird.privacy.detectors.cards import cards
from laird.privacy.detectors.contacts import emails, phones_abroad, phones_at_home
from laird.privacy.detectors.finding import LONGEST, Detector
from laird.privacy.detectors.national_ids import NATIONAL_IDS, national_ids
from laird.privacy.detectors.secrets import secrets
from laird.privacy.plain import plain
from laird.privacy.scan import WINDOW, report, scan, windows
from laird.privacy.sought import Sought, comparable

ALL = Sought(sum(category.bit for category in Category), regions=("US", "DE"))
CARD, IBAN = "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"


def seen(detector: Detector, text: str) -> list[tuple[str, str]]:
    return [(one.kind, text[one.start : one.end]) for one in detector(text)]


@pytest.mark.parametrize(
    ("detector", "text", "found"),
    [
        (cards, f"pay {CARD} 12/27 123", [("Visa", CARD)]),
        (cards, f"{CARD} 123", [("Visa", CARD + " 123")]),
        (cards, "3782-822463-10005", [("American Express", "3782-822463-10005")]),
        (cards, "id-4111111111111111 x4111111111111111 4111111111111112 0.4111111111111111", []),
        (cards, "4444444444444444 4111-1111 1111-1111", []),
        (ibans, f"{IBAN} BIC COBADEFF", [("IBAN DE", IBAN)]),
        (ibans, "De89370400440532013000 DE88370400440532013000", []),
        (
            emails,
            "a@b.org,<o'neil+x@mail.b.co.uk>",
            [("e-mail", "a@b.org"), ("e-mail", "o'neil+x@mail.b.co.uk")],
        ),
        (emails, "git@host.org:x/y ssh://git@host.org/x a@2x.png a@b ..@b.org a..b@c.org", []),
        (emails, "https://user:pw@host.org/ ftp://u@host.org", []),
        (
            phones_abroad,
            "+49 30 901820, 0044 20 7946 0958 -",
            [("telephone DE", "+49 30 901820"), ("telephone GB", "0044 20 7946 0958")],
        ),
        (phones_abroad, "+1 555 1234 2026-01-02T03:04:05+0100 x**2+49309018200", []),
        (
            lambda text: phones_at_home(text, ("US",)),
            "(415) 555-2671",
            [("telephone US", "(415) 555-2671")],
        ),
        (
            lambda text: phones_at_home(text, ("US",)),
            "2026-01-15 10.20.30.40 4155552671000 415/555.2671-9",
            [],
        ),
        (national_ids, "536-22-1234 000-12-3456", [("US social security number", "536-22-1234")]),
        (national_ids, "111222333", []),
        (national_ids, "bsn 111222333", [("Dutch BSN", "111222333")]),
        (national_ids, "since 123456782", []),
        (national_ids, "SIN 123456782", [("Canadian SIN", "123456782")]),
        (secrets, 'password = "hT7!kd9Qpz"', [("assigned secret", "hT7!kd9Qpz")]),
        (secrets, 'sort_key = "hT7!kd9Qpz" password = "a/long/path/v2/name"', []),
        (secrets, "postgres://app:Zk3jd92kd@db/x", [("password in a URL", "Zk3jd92kd")]),
        (
            secrets,
            "Authorization: Bearer abcdEFGH1234567890abcd",
            [("authorization header", "abcdEFGH1234567890abcd")],
        ),
    ],
)
def test_a_text_and_what_is_in_it(
    detector: Detector, text: str, found: list[tuple[str, str]]
) -> None:
    assert seen(detector, text) == found


def test_a_token_that_is_none_is_not_taken_for_one() -> None:
    assert seen(secrets, "eyJub3QiOiJhIHRva2VuIn0.eyJhIjoiYiJ9AAAAAAAA.AAAAAAAAAAAAAAAAAAAA") == []
    assert seen(secrets, "eyJ//////8.eyJhIjoiYiJ9AAAAAAAA.AAAAAAAAAAAAAAAAAAAA") == []


def test_every_national_id_is_one_that_the_library_knows() -> None:
    assert len({row.kind for row in NATIONAL_IDS}) >= 40
    assert seen(national_ids, "PAN: ACUPA7085R") == [("Indian PAN", "ACUPA7085R")]


@pytest.mark.parametrize(
    "text",
    [
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u20111111\u20111111\u20111111",
        "4111\u200b 1111 1111 1111",
        "\uff14\uff11\uff11\uff11 1111 1111 1111",
    ],
)
def test_blanks_hyphens_and_digits_of_other_kinds_make_no_difference(text: str) -> None:
    assert seen(cards, plain(text))


def test_words_are_found_however_they_are_written() -> None:
    sought = Sought(0, words=(comparable("Project  X"), comparable("Café")))
    for text in ("about PROJECT\n x!", "the cafe\u0301"):
        assert scan(orjson.dumps({"text": text}), sought)
    assert not scan(orjson.dumps({"text": "project why"}), sought)


def test_a_report_tells_category_kind_and_line_and_not_the_text() -> None:
    filler = "nothing here\n" * 2000
    found = report(f"a@b.org\n{filler}{CARD}\n", ALL)
    assert [(one.category, one.kind, one.line) for one in found] == [
        (Category.EMAIL, "e-mail", 1),
        (Category.CARDS, "Visa", 2002),
    ]
    assert len(report(f"{CARD}; " * 50, ALL, most=7)) == 7


@settings(deadline=None)
@given(st.integers(0, 3 * WINDOW), st.sampled_from([" ", "x", "\n", "é", "word "]))
def test_what_is_looked_for_is_found_wherever_it_is(place: int, filler: str) -> None:
    before = (filler * (place + 1))[:place]
    text = f"{before} {CARD} {filler * WINDOW}"
    assert scan(orjson.dumps(text), Sought(Category.CARDS.bit)) == Category.CARDS.bit


@settings(deadline=None)
@given(st.text(alphabet="ab \n1", max_size=4000).map(lambda text: text * 8))
def test_windows_cover_a_text_and_overlap(text: str) -> None:
    pieces = list(windows(text))
    assert pieces[0][0] == 0
    assert all(text[start : start + len(piece)] == piece for start, piece in pieces)
    for (start, piece), (following, _) in pairwise(pieces):
        assert start < following <= start + len(piece)
    last, piece = pieces[-1]
    assert last + len(piece) == len(text)
    assert all(len(piece) <= WINDOW + LONGEST for _, piece in pieces)


_HOSTILE = (
    "4111 1111 " * 900,
    "1" * 9000,
    "1-" * 4500,
    "1 " * 4500,
    "(1" * 4500,
    "+1" * 4500,
    "+1 " * 3000,
    "DE89 " * 1800,
    "A1" * 4500,
    "a@" * 4500,
    "a.@b." * 1800,
    "@" * 9000,
    "a" * 9000,
    "a.b" * 3000,
    "eyJ" * 3000,
    "eyJa.eyJ" * 1100,
    "-----BEGIN " * 800,
    "PRIVATE KEY-----" * 560,
    "password=" * 1000,
    "token: '" * 1100,
    "secret" * 1500,
    'api_key = "' * 800,
    "://a:" * 1800,
    "aws key " * 1100,
    "authorization: bearer " * 400,
    "sk-" * 3000,
    "xoxb-" * 1800,
    "M" * 9000,
    "." * 9000,
    "ghp_" * 2200,
    "AKIA" * 2200,
    "1:AA" * 2200,
    "00" * 4500,
    "((((" * 2200,
    "\u00a0" * 9000,
    "=" * 9000,
    "key" * 3000,
    " \t" * 4500,
    "A-" * 4500,
    "sl." * 3000,
    "ATATT3" * 1500,
)


@pytest.mark.parametrize("text", _HOSTILE, ids=lambda text: repr(text[:12]))
def test_no_text_takes_long(text: str) -> None:
    raw = orjson.dumps(text)
    began = time.process_time()
    scan(raw, ALL)
    # About 5 ms as a rule; a pattern that looks at each place again from each place takes seconds.
    assert time.process_time() - began < 0.5
