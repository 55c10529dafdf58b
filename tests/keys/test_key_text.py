"""The text of keys and the headers they come in."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.keys.key_text import contains_key, digest, key_from_headers, looks_like_key, new_key

KEY = "lai_0123456789abcdef0123456789abcdef"
RAW = KEY.encode()


def test_a_new_key_has_the_published_form_and_is_never_the_same() -> None:
    keys = {new_key() for _ in range(200)}
    assert len(keys) == 200
    assert all(looks_like_key(key) and len(key) == 36 for key in keys)


@pytest.mark.parametrize(
    "text", ["", "lai_", KEY[:-1], KEY + "0", KEY.upper(), " " + KEY, KEY + "\n", "sk-" + KEY]
)
def test_other_texts_do_not_look_like_keys(text: str) -> None:
    assert not looks_like_key(text)


def test_a_key_within_other_text_is_noticed() -> None:
    assert contains_key(f"my key is {KEY}, hush")
    assert not contains_key("my key is lai_0123")


def test_the_digest_is_the_sha256_of_the_whole_key() -> None:
    assert digest(KEY) == hashlib.sha256(RAW).hexdigest()
    assert digest("\udcff") != digest("")


@pytest.mark.parametrize(
    "authorization",
    [
        b"Bearer " + RAW,
        b"bearer " + RAW,
        b"BEARER   " + RAW + b"  ",
        b"\tBearer\t" + RAW,
        RAW,
        b"  " + RAW + b" ",
    ],
)
def test_the_authorization_header_carries_a_key_with_or_without_its_scheme(
    authorization: bytes,
) -> None:
    assert key_from_headers(authorization, None) == KEY
    assert key_from_headers(authorization, b"placeholder") == KEY


def test_the_x_api_key_header_carries_a_key() -> None:
    assert key_from_headers(None, RAW) == KEY
    assert key_from_headers(b"", b" " + RAW + b" ") == KEY


def test_a_placeholder_in_one_header_does_not_hide_the_key_in_the_other() -> None:
    assert key_from_headers(b"Bearer dummy", RAW) == KEY
    assert key_from_headers(b"Bearer dummy", b"  ") == "dummy"


@pytest.mark.parametrize(
    ("authorization", "x_api_key"),
    [(None, None), (b"", b""), (b"  ", b" "), (b"Bearer", None), (b"bearer  ", b"")],
)
def test_nothing_presented_is_no_key(authorization: bytes | None, x_api_key: bytes | None) -> None:
    assert key_from_headers(authorization, x_api_key) is None


def test_other_schemes_and_bad_bytes_become_keys_that_can_not_exist() -> None:
    for header in (b"Basic dXNlcjpwYXNz", b"Bearer \xff\xfe" + RAW, b"Bearer lai_\xc3"):
        presented = key_from_headers(header, None)
        assert presented is not None
        assert not looks_like_key(presented)


@given(authorization=st.none() | st.binary(max_size=60), x_api_key=st.none() | st.binary())
def test_no_header_breaks_the_reader(authorization: bytes | None, x_api_key: bytes | None) -> None:
    presented = key_from_headers(authorization, x_api_key)
    assert presented is None or presented
