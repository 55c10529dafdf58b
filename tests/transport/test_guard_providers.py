"""A provider may be anywhere, but not where clouds hand out this machine's credentials."""

from __future__ import annotations

import ipaddress
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.answers import json_answer
from tests.support.upstream import ScriptedUpstream

from laird.domain.catalog import Timeouts
from laird.domain.errors import Unreachable
from laird.transport import guard as guard_module
from laird.transport.addresses import is_metadata, literal, refuse_metadata
from laird.transport.base import Origin, RequestHead, UpstreamRequest
from laird.transport.client import HttpTransport
from laird.transport.guard import look_up_provider
from laird.transport.proxies import Proxies

METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.42.42",
    "169.254.0.23",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
]
WELCOME = [
    "127.0.0.1",
    "::1",
    "10.0.0.5",
    "192.168.1.20",
    "172.16.4.4",
    "100.64.3.2",
    "169.254.7.7",
    "fd00::5",
    "fe80::1",
    "93.184.216.34",
]
SPELT = [
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "[::ffff:a9fe:a9fe]",
    "169.254.169.254",
]
WITHIN = Timeouts(connect=2.0, first_byte=2.0, idle=2.0, total=4.0)


def head(host: str, port: int = 80) -> UpstreamRequest:
    return UpstreamRequest(RequestHead("GET", Origin("http", host, port), "/latest/meta-data"))


@pytest.mark.parametrize("address", METADATA)
def test_metadata_servers_are_known(address: str) -> None:
    assert is_metadata(ipaddress.ip_address(address))
    with pytest.raises(Unreachable, match="never asked"):
        refuse_metadata("some.name", ["10.0.0.5", address])


@pytest.mark.parametrize("address", WELCOME)
def test_all_other_addresses_are_an_administrators_to_choose(address: str) -> None:
    assert not is_metadata(ipaddress.ip_address(address))
    refuse_metadata("some.name", [address])


@given(st.ip_addresses(v=4))
def test_every_way_to_write_an_address_is_read_as_resolvers_do(
    address: ipaddress.IPv4Address,
) -> None:
    a, b, c, d = address.packed
    for text in (str(address), str(int(address)), hex(int(address)), f"{a}.{b}.{(c << 8) | d}"):
        assert literal(text) == address
    assert literal(f"0{a:o}.0x{b:x}.{c}.{d}") == address


async def test_a_name_that_leads_there_is_not_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def rebound(_host: str, _port: int) -> list[tuple[int, str]]:
        return [(2, "127.0.0.1"), (2, "169.254.169.254")]

    monkeypatch.setattr(guard_module, "look_up", rebound)
    transport = HttpTransport(proxies=Proxies({}), lookup=look_up_provider)
    with pytest.raises(Unreachable, match="credentials of this machine"):
        await transport.send(head("gpu-box"), WITHIN)
    await transport.close()


@pytest.mark.parametrize("host", SPELT)
async def test_an_address_is_not_dialled_however_it_is_written(host: str) -> None:
    transport = HttpTransport(proxies=Proxies({}), lookup=look_up_provider)
    with pytest.raises(Unreachable, match="never asked"):
        await transport.send(head(host.strip("[]")), WITHIN)
    await transport.close()


@pytest.mark.parametrize("host", SPELT)
async def test_a_proxy_is_not_sent_there_either(host: str) -> None:
    async with ScriptedUpstream() as proxy:
        transport = HttpTransport(proxies=Proxies({"http": proxy.url}))
        with pytest.raises(Unreachable, match="never asked"):
            await transport.send(head(host.strip("[]")), WITHIN)
        await transport.close()
        assert proxy.requests == []


async def test_this_machine_and_the_own_network_are_asked() -> None:
    async with ScriptedUpstream() as up:
        up.always(json_answer({"data": []}))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        transport = HttpTransport(proxies=Proxies({}), lookup=look_up_provider, ssl_context=context)
        response = await transport.send(head("localhost", up.port), WITHIN)
        assert response.status == 200
        response.close()
        await transport.close()


async def test_a_redirect_is_an_answer_and_no_order() -> None:
    """The credential in the head goes to the origin that it is for, whatever is answered."""
    async with ScriptedUpstream() as up, ScriptedUpstream() as sink:
        transport = HttpTransport(proxies=Proxies({}), lookup=look_up_provider)
        for status in (301, 302, 303, 307, 308):
            up.always(json_answer({}, status=status, headers=[("Location", f"{sink.url}/v1")]))
            origin = Origin("http", "127.0.0.1", up.port)
            key = (("authorization", "Bearer sk-canary"),)
            request = UpstreamRequest(RequestHead("GET", origin, "/v1/models", key))
            response = await transport.send(request, WITHIN)
            assert response.status == status
            response.close()
        await transport.close()
        assert sink.connections == 0
