"""Which URLs and addresses are let through: the public internet in its usual forms, no others."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.transport.addresses import (
    Allowed,
    embedded,
    is_public,
    read_allowed,
    read_target,
    refuse_closed,
)

PUBLIC = [
    "1.1.1.1",
    "93.184.216.34",
    "192.0.1.1",
    "223.255.255.254",
    "2606:4700::1111",
    "2002:101:101::1",
    "64:ff9b::101:101",
    "::ffff:1.1.1.1",
    "2a00::5efe:101:101",
]
CLOSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::1.1.1.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "2a00::5efe:a00:1",
    "2a00::200:5efe:7f00:1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "4000::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_is_open(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", CLOSED)
def test_everything_else_is_closed(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_opens_nothing(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    wraps = (
        (0xFFFF << 32) | number,
        (0x0064_FF9B << 96) | number,
        (0x2002 << 112) | (number << 80) | 1,
        (0x2A00 << 112) | (0x5EFE << 32) | number,
    )
    for wrapped in map(ipaddress.IPv6Address, wraps):
        assert embedded(wrapped) == address
        assert is_public(wrapped) is is_public(address)


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(address) and not (
        isinstance(address, ipaddress.IPv6Address) and embedded(address)
    ):
        assert not address.is_private
        assert not address.is_multicast


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "host", "port", "path"),
        [
            ("https://example.com/a.png", "example.com", 443, "/a.png"),
            ("HTTP://EXAMPLE.com", "example.com", 80, "/"),
            ("http://example.com:8080/?q=1#there", "example.com", 8080, "/?q=1"),
            ("https://bücher.example/ü".replace("/ü", "/%C3%BC"), "xn--bcher-kva.example", 443,
             "/%C3%BC"),
            ("http://[2606:4700::1111]/x", "2606:4700::1111", 80, "/x"),
            ("http://93.184.216.34/x", "93.184.216.34", 80, "/x"),
        ],
    )  # fmt: skip
    def test_usual_ones_are_read(self, url: str, host: str, port: int, path: str) -> None:
        target = read_target(url)
        assert (target.origin.host, target.origin.port, target.path) == (host, port, path)

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "example.com/a.png",
            "ftp://example.com/a",
            "file:///etc/passwd",
            "gopher://127.0.0.1/",
            "http://",
            "http:///a",
            "http://user@example.com/",
            "http://user:pass@example.com/",
            "http://example.com@127.0.0.1/",
            "http://@127.0.0.1/",
            "http://example.com\\@127.0.0.1/",
            "http://127.0.0.1\\.example.com/",
            "http://exa mple.com/",
            "http://example.com/\r\nHost: internal",
            "http://example.com/\ta",
            " http://example.com/",
            "http://example.com:0/",
            "http://example.com:99999/",
            "http://example.com:x/",
            "http://[::1%25lo]/",
            "http://[::1/",
            "http://[nonsense]/",
            "http://%31%32%37.0.0.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://017700000001/",
            "http://127.1/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.0.0.01/",
            "http://1.2.3.4.5/",
            "http://256.1.1.1/",
            "http://example.1/",
            "http://" + "a" * 64 + "ü.example/",
            "http://example.com/ü",
            "http://example.com/" + "a" * 5000,
        ],
    )
    def test_odd_ones_are_refused(self, url: str) -> None:
        with pytest.raises(ValueError, match="it"):
            read_target(url)

    @given(st.text())
    def test_nothing_crashes(self, text: str) -> None:
        for url in (text, f"http://{text}", f"http://{text}/", f"http://example.com/{text}"):
            try:
                target = read_target(url)
            except ValueError:
                continue
            assert target.origin.scheme in {"http", "https"}
            assert target.origin.host
            assert target.path.startswith("/")
            assert target.path.isascii()


class TestAllowing:
    def test_hosts_addresses_and_networks(self) -> None:
        allowed = read_allowed(
            " pictures.lan , files.lan:8080,10.1.2.3, 10.9.0.0/16 ,fd00::/8,, [::1]"
        )
        assert allowed.host("pictures.lan", 80)
        assert allowed.host("pictures.lan", 9999)
        assert allowed.host("files.lan", 8080)
        assert not allowed.host("files.lan", 80)
        assert not allowed.host("lan", 80)
        for address in ("10.1.2.3", "10.9.8.7", "fd00::5", "::1"):
            assert allowed.address(ipaddress.ip_address(address))
        assert not allowed.address(ipaddress.ip_address("10.1.2.4"))
        assert read_allowed("") == Allowed()

    @pytest.mark.parametrize(
        "text", ["http://pictures.lan", "a b", "10.0.0.1/8", "x:0", "x:99999", "127.1", "*", "0x7f"]
    )
    def test_what_is_none_of_these_is_told(self, text: str) -> None:
        with pytest.raises(ValueError, match="'"):
            read_allowed(f"good.lan, {text}")

    def test_one_closed_address_closes_the_host(self) -> None:
        good = ("93.184.216.34", "2606:4700::1111")
        assert refuse_closed("x", 443, good, Allowed()) == good
        with pytest.raises(ValueError, match="public internet"):
            refuse_closed("x", 443, (*good, "127.0.0.1"), Allowed())

    def test_odd_ports_are_closed_unless_allowed(self) -> None:
        with pytest.raises(ValueError, match="port 6379"):
            refuse_closed("x", 6379, ("93.184.216.34",), Allowed())
        open_port = read_allowed("x:6379")
        assert refuse_closed("x", 6379, ("10.0.0.1",), open_port) == ("10.0.0.1",)
        with pytest.raises(ValueError, match="public internet"):
            refuse_closed("x", 80, ("10.0.0.1",), open_port)

    def test_a_wrapped_address_is_allowed_with_its_network(self) -> None:
        allowed = read_allowed("10.0.0.0/8")
        assert refuse_closed("x", 8080, ("::ffff:10.0.0.1",), allowed)
        with pytest.raises(ValueError, match="public internet"):
            refuse_closed("x", 80, ("::ffff:127.0.0.1", "fe80::1%eth0"), allowed)
