"""Which addresses a URL from outside may lead to: the public internet, and what is allowed by name.

A URL that a client supplies is fetched from inside the network, so it could reach what the client
itself can't: this machine, its neighbours, a cloud's metadata server. Everything here is a function
of values; `laird.transport.guard` does the fetching.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

import msgspec

from laird.domain.errors import Unreachable
from laird.transport.base import Origin

USUAL_PORTS = {"http": 80, "https": 443}
LONGEST_URL = 4096

# By IANA's special-purpose address registries, and beyond them what answers inside a network only.
_CLOSED_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by a carrier's customers; Alibaba's metadata server
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, a public address that every virtual machine reaches
        "169.254.0.0/16",  # link-local, with the metadata servers of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # Oracle's metadata server
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_OPEN_6 = IPv6Network("2000::/3")
"""All that is global unicast; everything else is closed."""
_CLOSED_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, benchmarking, ORCHID
        "2001:db8::/32",
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_METADATA = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.169.0/24",  # most clouds
        "169.254.170.0/24",  # Amazon's containers
        "169.254.42.42/32",  # Scaleway
        "169.254.0.23/32",  # Tencent
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure
        "192.0.0.192/32",  # Oracle
        "fd00:ec2::/32",  # Amazon
        "fd20:ce::254/128",  # Google
        "fd00:42::42/128",  # Scaleway
    )
)
"""Where clouds hand out a machine's own credentials to whoever asks from it."""
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
_WORD = 0xFFFF_FFFF
_LAST_LABEL_IS_NUMBER = re.compile(r"(?:^|\.)(?:0[xX][0-9a-fA-F]*|[0-9]+)\.?$")

Address = IPv4Address | IPv6Address


class Target(msgspec.Struct, frozen=True):
    """Where a URL leads: an origin, and path with query."""

    origin: Origin
    path: str


class Allowed(msgspec.Struct, frozen=True):
    """Hosts and networks that an administrator has opened."""

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    """Names and the port to be had there; None means each port."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def host(self, name: str, port: int) -> bool:
        """Tell whether a host is open by its name."""
        return (name, None) in self.hosts or (name, port) in self.hosts

    def address(self, address: Address) -> bool:
        """Tell whether an address is in an open network."""
        return any(address in network for network in self.networks)


def read_allowed(text: str) -> Allowed:
    """Read a list of hosts (`name`, `name:port`), addresses and networks, with commas between.

    Raises `ValueError` that says what is wrong with the first entry that is none of these.
    """
    hosts: set[tuple[str, int | None]] = set()
    networks: list[IPv4Network | IPv6Network] = []
    for entry in filter(None, (part.strip().lower() for part in text.split(","))):
        try:
            networks.append(ipaddress.ip_network(entry.strip("[]")))
            continue
        except ValueError as problem:
            if "host bits" in str(problem):
                raise ValueError(f"'{entry}' has bits set beyond its length") from None
        name, colon, port = entry.partition(":")
        if not re.fullmatch(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?", name) or (
            colon and not (port.isdigit() and 0 < int(port) < 65536)
        ):
            raise ValueError(f"'{entry}' is no host, host:port, address or network")
        if _LAST_LABEL_IS_NUMBER.search(name):
            raise ValueError(
                f"'{entry}' is not a usual address; write it as 10.0.0.5 or 10.0.0.0/8"
            )
        hosts.add((name, int(port) if colon else None))
    return Allowed(frozenset(hosts), tuple(networks))


def read_target(url: str) -> Target:
    """Split a URL that a client supplied, strictly.

    Parsers differ on odd URLs, and attacks live on the difference, so odd ones are refused. The
    fragment is dropped, since it is never sent. Raises `ValueError` in words for the client.
    """
    if len(url) > LONGEST_URL:
        raise ValueError(f"it is longer than {LONGEST_URL} characters")
    if any(c <= " " or c == "\\" or not c.isprintable() for c in url):
        raise ValueError("it contains a blank, a backslash or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("it is malformed") from None
    if parts.scheme not in USUAL_PORTS:
        raise ValueError("it must begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("it contains a user name or a password before '@'")
    if port == 0:
        raise ValueError("it has port 0")
    host = _host(parts.hostname or "")
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    if not target.isascii():
        raise ValueError("its path has characters that must be percent-encoded")
    return Target(Origin(parts.scheme, host, port or USUAL_PORTS[parts.scheme]), target)


def _host(host: str) -> str:
    """Return a host as it is dialled. Raises `ValueError`."""
    if not host or "%" in host:
        raise ValueError("it has no usable host")
    if ":" in host:
        return IPv6Address(host).compressed
    try:
        name = host.encode("ascii" if host.isascii() else "idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError("its host name is not valid") from None
    if _LAST_LABEL_IS_NUMBER.search(name):
        # 127.1, 0x7f000001, 2130706433: each resolver reads these its own way.
        try:
            return str(IPv4Address(name))
        except ValueError:
            raise ValueError("its host is an address in an unusual form") from None
    return name


def is_public(address: Address) -> bool:
    """Tell whether an address is on the public internet, whatever it is wrapped in."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_4)
    inner = embedded(address)
    if inner is not None and not is_public(inner):
        return False
    if address in _NAT64 or address.ipv4_mapped is not None:
        return inner is not None
    return address in _OPEN_6 and not any(address in network for network in _CLOSED_6)


def is_metadata(address: Address) -> bool:
    """Tell whether a cloud's metadata server has an address, whatever that is wrapped in."""
    inner = embedded(address) if isinstance(address, IPv6Address) else None
    return any(
        one in network for one in (address, inner) if one is not None for network in _METADATA
    )


def refuse_metadata(host: str, addresses: Iterable[str]) -> None:
    """Raise `Unreachable` where one of a host's addresses is a metadata server's."""
    for text in addresses:
        address = literal(text)
        if address is not None and is_metadata(address):
            raise Unreachable(
                f"{host} is never asked: it leads to an address where clouds hand out the"
                " credentials of this machine."
            )


def literal(host: str) -> Address | None:
    """Return the address that a host is written as, in any form that a resolver may read."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError, ValueError):
        return None


def embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 one stands for, if any.

    Mapped and compatible ones, 6to4, NAT64 with its usual prefix, and ISATAP.
    """
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    number = int(address)
    if address in _NAT64 or address in _COMPATIBLE or (number >> 32) & _WORD in _ISATAP:
        return IPv4Address(number & _WORD)
    return None


def refuse_closed(
    host: str, port: int, addresses: Iterable[str], allowed: Allowed
) -> tuple[str, ...]:
    """Return the addresses, when all of them may be dialled.

    One that may not closes the host: a name that leads to both sides is up to no good. Raises
    `ValueError` that says why, without telling the address.
    """
    checked = tuple(addresses)
    if allowed.host(host, port):
        return checked
    for text in checked:
        address = ipaddress.ip_address(text.partition("%")[0])
        inner = embedded(address) if isinstance(address, IPv6Address) else None
        if allowed.address(address) or (inner is not None and allowed.address(inner)):
            continue
        if not is_public(address):
            raise ValueError("it leads to an address that is not on the public internet")
        if port not in USUAL_PORTS.values():
            raise ValueError(f"it names port {port}; only 80 and 443 are open")
    return checked
