"""Which hosts may be asked, and how they are written."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.gateway.discovery.hosts import MOST_HOSTS, Host, Names, is_ours, read_hosts, split_hosts


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("gpu-box", Host("gpu-box")),
        (" GPU-Box.lan ", Host("gpu-box.lan")),
        ("gpu_box:9000", Host("gpu_box", 9000)),
        ("localhost:1", Host("localhost", 1)),
        ("10.0.0.5", Host("10.0.0.5")),
        ("192.168.1.20:65535", Host("192.168.1.20", 65535)),
        ("::1", Host("::1")),
        ("[FD00::0005]", Host("fd00::5")),
        ("[fd00::5]:8000", Host("fd00::5", 8000)),
        ("::ffff:10.0.0.5", Host("::ffff:a00:5")),
        ("xn--bcher-kva.example", Host("xn--bcher-kva.example")),
    ],
)
def test_names_and_addresses_with_and_without_a_port(text: str, host: Host) -> None:
    (read,) = read_hosts([text])
    assert (read.name, read.port) == (
        host.name if ":" not in host.name else ipaddress.ip_address(host.name).compressed,
        host.port,
    )
    assert read_hosts([str(read)]) == (read,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "http://gpu-box",
        "gpu-box/v1",
        "user@gpu-box",
        "user:secret@gpu-box:80",
        "gpu-box?x=1",
        "gpu-box#x",
        "gpu-box\\x",
        "gpu box",
        "gpu-box\r\nx-key: 1",
        "gpu\x00box",
        "gpu-box:",
        "gpu-box:0",
        "gpu-box:65536",
        "gpu-box:http",
        "gpu-box:80:80",
        "gpu-box:+80",
        "gpu-box:８０",  # noqa: RUF001 - full-width digits are the point
        "[gpu-box]:80",
        "[10.0.0.5]",
        "[::1",
        "::1]:80",
        "[::1]80",
        "fd00::1%eth0",
        "[fd00::1%eth0]:80",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "10.0.0.256",
        "bücher.example",
        "-box",
        "box-",
        ".box",
        "a" * 300,
    ],
)
def test_what_is_no_host_is_refused_with_the_way_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="is not a host: write a name or an address"):
        read_hosts([text])


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254",
        "169.254.169.254:80",
        "169.254.0.1",
        "[fd00:ec2::254]",
        "fd00:ec2:0:0:0:0:0:254",
        "[::ffff:169.254.169.254]:80",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
    ],
)
def test_metadata_servers_and_addresses_of_no_machine_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="may not be asked"):
        read_hosts([text])


@given(st.text(max_size=40))
def test_whatever_is_written_is_a_plain_host_or_refused(text: str) -> None:
    try:
        (host,) = read_hosts([text])
    except ValueError:
        return
    assert host.name.isascii()
    assert host.name == host.name.lower()
    assert not set(host.name) & set("/@?#\\%[] \r\n\t\0")
    assert host.port is None or 0 < host.port < 65536


def test_hosts_named_twice_are_one_and_there_are_not_too_many() -> None:
    assert read_hosts(["box", "BOX", "box:80"]) == (Host("box"), Host("box", 80))
    read_hosts([f"box{number}" for number in range(MOST_HOSTS)])
    with pytest.raises(ValueError, match=f"{MOST_HOSTS} are the most"):
        read_hosts([f"box{number}" for number in range(MOST_HOSTS + 1)])


def test_a_list_has_commas_and_may_be_none() -> None:
    assert split_hosts(" gpu-box, ,10.0.0.5:8000,") == ["gpu-box", "10.0.0.5:8000"]
    assert split_hosts(" None ") == split_hosts("") == []


async def test_a_name_is_looked_up_once() -> None:
    asked = []

    async def look_up(host: str, _port: int) -> list[tuple[int, str]]:
        asked.append(host)
        return [(10, "fd00::5%eth0"), (2, "10.0.0.5"), (2, "10.0.0.5")]

    names = Names(look_up)
    assert await names.addresses("box") == ("fd00::5", "10.0.0.5")
    assert await names.addresses("box") == ("fd00::5", "10.0.0.5")
    assert asked == ["box"]


def test_the_addresses_of_this_machine_are_ours() -> None:
    assert is_ours("127.0.0.1")
    assert is_ours("127.9.9.9")
    assert is_ours("::1")
    # Set aside for documentation, so nobody has them.
    assert not is_ours("203.0.113.7")
    assert not is_ours("2001:db8::7")
