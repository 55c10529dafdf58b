"""By what names a Laird is reached, and whose headers it believes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.api.site import Site, host_name, local_url
from laird.domain.errors import ForeignRequest, StartError


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost:8012", True),
        ("LOCALHOST", True),
        ("laird.localhost", True),
        ("localhost.", True),
        ("127.0.0.1:8012", True),
        ("192.168.1.5", True),
        ("[::1]:8012", True),
        ("[fe80::1%25eth0]", True),
        ("gpu-box:80", True),
        ("Laird.LAN", True),
        ("public.example", True),
        ("listens.example", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("evil.example#localhost", False),
        ("evil.example@localhost", False),
        ("localhost@evil.example", False),
        ("evil.example/localhost", False),
        ("127.0.0.1.evil.example", False),
        ("2130706433", False),
        ("0x7f.1", False),
        ("localhost:port", False),
        ("[::1", False),
        ("", False),
        (None, False),
    ],
)
def test_which_names_are_ours(host: str | None, ours: bool) -> None:
    site = Site(
        hosts="laird.lan, gpu-box",
        public_url="https://public.example",
        host="listens.example",
    )
    assert site.is_ours(host) is ours
    if ours:
        site.check_host(host)
    else:
        with pytest.raises(ForeignRequest, match="LAIRD_ALLOWED_HOSTS"):
            site.check_host(host)


@given(st.text(max_size=40))
def test_any_host_header_is_ours_or_not(host: str) -> None:
    assert Site().is_ours(host) in {True, False}
    assert "@" not in host_name(host)


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://127.0.0.1:8012", "127.0.0.1:8012", True),
        ("https://127.0.0.1:8012", "127.0.0.1:8012", True),
        ("HTTP://LocalHost:8012", "localhost:8012", True),
        ("https://laird.example", "10.0.0.5:8012", True),
        ("https://laird.example:444", "10.0.0.5:8012", False),
        ("http://laird.example", "10.0.0.5:8012", False),
        ("http://127.0.0.1:8013", "127.0.0.1:8012", False),
        ("http://127.0.0.1", "127.0.0.1:8012", False),
        ("file://", "", False),
        ("null", "null", False),
        ("chrome-extension://127.0.0.1:8012", "127.0.0.1:8012", False),
        ("", "127.0.0.1:8012", False),
        ("http://", "", False),
    ],
)
def test_which_pages_are_ours(origin: str, host: str, own: bool) -> None:
    site = Site(public_url="https://laird.example/")

    def ask() -> None:
        site.check_page(host=host, origin=origin, fetch_site=None, required=True)

    if own:
        ask()
    else:
        with pytest.raises(ForeignRequest):
            ask()


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.2", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.2", "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.2", "6.6.6.6, 203.0.113.7, 172.16.3.4", "203.0.113.7"),
        ("10.0.0.2", "172.16.3.4", "172.16.3.4"),
        ("10.0.0.2", "unknown", "10.0.0.2"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("10.0.0.2", None, "10.0.0.2"),
        ("10.0.0.2", "203.0.113.7, unknown, 172.16.3.4", "172.16.3.4"),
        ("::ffff:10.0.0.2", "203.0.113.7", "203.0.113.7"),
        ("203.0.113.9", "10.0.0.1", "203.0.113.9"),
        ("not an address", "10.0.0.1", "not an address"),
    ],
)
def test_whose_word_counts_for_an_address(peer: str, forwarded: str | None, address: str) -> None:
    site = Site(proxies="10.0.0.2, 172.16.0.0/12")
    assert site.client_address(peer, forwarded) == address


def test_when_a_browser_speaks_tls() -> None:
    site = Site(proxies="10.0.0.2")
    assert site.is_secure("10.0.0.2", "https", "x")
    assert site.is_secure("10.0.0.2", "http, https", "x")
    assert not site.is_secure("10.0.0.2", "https, http", "x")
    assert not site.is_secure("10.0.0.2", None, "x")
    assert not site.is_secure("10.0.0.3", "https", "x")
    public = Site(public_url="https://laird.example")
    assert public.is_secure("10.0.0.3", None, "laird.example")
    assert not public.is_secure("10.0.0.3", None, "127.0.0.1:8012")


def test_links_begin_with_the_public_url_or_with_where_it_listens() -> None:
    assert Site().url == "http://127.0.0.1:8012"
    assert Site(host="0.0.0.0", port=80).url == "http://127.0.0.1:80"
    assert local_url("::1", 8012) == "http://[::1]:8012"
    site = Site(port=0)
    site.listens_at("http://[::]:8013")
    assert site.url == "http://127.0.0.1:8013"
    public = Site(public_url="https://Laird.example/")
    public.listens_at("http://127.0.0.1:8013")
    assert public.url == "https://laird.example"


@pytest.mark.parametrize(
    ("field", "value", "names"),
    [
        ("hosts", "a b", "LAIRD_ALLOWED_HOSTS"),
        ("hosts", "http://x", "LAIRD_ALLOWED_HOSTS"),
        ("proxies", "proxy.lan", "LAIRD_TRUSTED_PROXIES"),
        ("proxies", "10.0.0.0/99", "LAIRD_TRUSTED_PROXIES"),
        ("public_url", "laird.example", "LAIRD_PUBLIC_URL"),
        ("public_url", "https://laird.example/path", "LAIRD_PUBLIC_URL"),
        ("public_url", "ftp://laird.example", "LAIRD_PUBLIC_URL"),
        ("public_url", "https://u@laird.example", "LAIRD_PUBLIC_URL"),
        ("public_url", "https://", "LAIRD_PUBLIC_URL"),
    ],
)
def test_a_wrong_setting_is_named(field: str, value: str, names: str) -> None:
    with pytest.raises(StartError, match=f"{names} is wrong"):
        Site(**{field: value})  # type: ignore[arg-type]
