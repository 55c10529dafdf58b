"""What lets detectors pass most texts by at once leaves nothing out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laird.privacy.detectors.national_ids import NATIONAL_IDS
from laird.privacy.detectors.secrets import secrets
from laird.privacy.detectors.vendors import VENDORS
from laird.privacy.harmless import LEAST

_AHEAD = re.compile(r"\(\?[=!](?:[^()\\]|\\.)*\)")


def plainer(form: str) -> str:
    """Return a form without what it asks of the text ahead: more texts have it."""
    return _AHEAD.sub("", form)


@pytest.mark.parametrize("row", VENDORS, ids=lambda row: f"{row[0]}: {row[1][0]}")
@settings(max_examples=8, deadline=None, derandomize=True)
@given(data=st.data())
def test_every_vendor_s_key_has_a_long_word(
    data: st.DataObject, row: tuple[str, tuple[str, ...], str]
) -> None:
    shape = re.compile(plainer(row[2]), re.ASCII)
    key = data.draw(st.from_regex(shape, fullmatch=True))
    assert max(map(len, key.split())) >= LEAST


@pytest.mark.parametrize("row", NATIONAL_IDS, ids=lambda row: row.kind)
@settings(max_examples=3, deadline=None, derandomize=True)
@given(data=st.data())
def test_every_national_number_has_a_digit(data: st.DataObject, row: object) -> None:
    shape = next(one for one in NATIONAL_IDS if one is row).form
    assert any(map(str.isdigit, data.draw(st.from_regex(re.compile(shape, re.ASCII)))))


@pytest.mark.parametrize(
    "text",
    [
        "password=Xk9#mQ2-vL7p",
        "the pwd: 'aG7-kP2-xQ9z'",
        "postgres://me:s3cRe7pw@db/x",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED",
        "Authorization: Bearer a1B2c3D4e5F6g7H8",
    ],
)
def test_a_short_secret_is_found_in_short_words(text: str) -> None:
    assert next(secrets(text), None) is not None
