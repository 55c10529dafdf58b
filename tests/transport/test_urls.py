"""Base addresses are read strictly, with words for whoever wrote them."""

from __future__ import annotations

import pytest

from laird.transport.base import Origin
from laird.transport.urls import origin_of


@pytest.mark.parametrize(
    ("url", "origin", "path", "authority"),
    [
        ("http://h", Origin("http", "h", 80), "", "h"),
        ("https://API.Example/v1/", Origin("https", "api.example", 443), "/v1", "api.example"),
        ("http://h:443/a/b//", Origin("http", "h", 443), "/a/b", "h:443"),
        ("HTTP://[::0001]:11434/v1", Origin("http", "::1", 11434), "/v1", "[::1]:11434"),
        ("https://bücher.example", Origin("https", "xn--bcher-kva.example", 443), "", None),
    ],
)
def test_good_addresses(url: str, origin: Origin, path: str, authority: str | None) -> None:
    assert origin_of(url) == (origin, path)
    assert authority in {None, origin.authority}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "must begin with http"),
        ("h:80", "must begin with http"),
        ("ftp://h", "must begin with http"),
        ("http://", "no host"),
        ("http://:80", "no host"),
        ("http://user:canary@h/", "credential instead"),
        ("http://canary@h/", "credential instead"),
        ("http://h/#x", "contains '#'"),
        ("http://h/?x=1", r"contains '\?'"),
        ("http://h:0/", "port 0"),
        ("http://h:99999/", "malformed"),
        ("http://h:x/", "malformed"),
        ("http://[::1/", "malformed"),
        ("http://[fe80::1%25eth0]/", "'%' in its host"),
        ("http://[::g]/", "malformed"),
        ("http://h /", "blank"),
        ("http://h\n/", "blank"),
        ("http://h\x00/", "blank"),
        ("http://" + "ü" * 70 + "/", "not valid"),
    ],
)
def test_bad_addresses(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        origin_of(url)
    assert "canary" not in str(caught.value)
