"""Which machines are asked: names and addresses, how they are written, and where they lead.

An administrator names them, so private addresses are welcome. Addresses that hand out a machine's
credentials to whoever asks (the metadata servers of clouds) are not, whatever name leads there.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

import msgspec

from laird.transport.addresses import embedded, is_metadata
from laird.transport.connect import Lookup, look_up

MOST_HOSTS = 32
_LONGEST = 260
_PATIENCE_S = 0.5
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?")
_NUMERIC_END = re.compile(r"(?:^|\.)(?:0x[0-9a-f]*|[0-9]+)$")
_ADVICE = "write a name or an address, with a port if you like: gpu-box, 10.0.0.5:8000, [fd00::5]"

Address = IPv4Address | IPv6Address


class Host(msgspec.Struct, frozen=True):
    """A machine to ask, by name or address; without a port, at all usual ones."""

    name: str
    """In lower case; an IPv6 address without brackets."""
    port: int | None = None

    def __str__(self) -> str:
        return self.name if self.port is None else authority(self.name, self.port)


def authority(name: str, port: int) -> str:
    """Return `name:port`, an IPv6 address in brackets."""
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def split_hosts(text: str) -> list[str]:
    """Split a list with commas between; empty entries are left out, and `none` means no host."""
    if text.strip().lower() == "none":
        return []
    return [part.strip() for part in text.split(",") if part.strip()]


def read_hosts(entries: Iterable[str]) -> tuple[Host, ...]:
    """Read names and addresses, each with or without a port.

    Raises `ValueError` that says what is wrong with the first entry that is none of these, or that
    may not be asked.
    """
    hosts = tuple(dict.fromkeys(_read_host(entry) for entry in entries))
    if len(hosts) > MOST_HOSTS:
        raise ValueError(f"there are {len(hosts)} hosts; {MOST_HOSTS} are the most at once")
    return hosts


def _read_host(entry: str) -> Host:
    text = entry.strip().lower()
    if len(text) > _LONGEST or not text.isascii() or "%" in text:
        raise ValueError(f"{entry[:60]!r} is not a host: {_ADVICE}")
    name, port = _split_port(text, entry)
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        # 127.1, 0x7f000001, 2130706433: each resolver reads these its own way.
        if not _NAME.fullmatch(name) or _NUMERIC_END.search(name):
            raise ValueError(f"{entry!r} is not a host: {_ADVICE}") from None
        return Host(name, port)
    reason = refusal(address)
    if reason is not None:
        raise ValueError(f"{entry!r} may not be asked: {reason}")
    return Host(address.compressed, port)


def _split_port(text: str, entry: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([0-9a-f:.]+)\](?::([0-9]{1,5}))?", text)
    if bracketed is not None and ":" in bracketed[1]:
        name, digits = bracketed[1], bracketed[2]
    elif text.count(":") > 1:
        name, digits = text, None
    else:
        name, colon, digits = text.partition(":")
        digits = digits if colon else None
    if digits is None:
        return name, None
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not 0 < int(digits) < 65536:
        raise ValueError(f"{entry!r} is not a host: {_ADVICE}")
    return name, int(digits)


def refusal(address: Address) -> str | None:
    """Return why an address is never asked, or None where it may be."""
    inner = embedded(address) if isinstance(address, IPv6Address) else None
    for one in (address, inner):
        if one is None:
            continue
        if one.is_link_local or is_metadata(one):
            return "clouds have their metadata servers at such addresses"
        if one.is_multicast or one.is_unspecified or one == IPv4Address("255.255.255.255"):
            return "it is not the address of one machine"
    return None


class Names:
    """Finds the addresses of hosts, each name once."""

    def __init__(self, lookup: Lookup = look_up) -> None:
        self._lookup = lookup
        self._found: dict[str, asyncio.Task[tuple[str, ...]]] = {}

    async def addresses(self, name: str) -> tuple[str, ...]:
        """Return a host's addresses, best first; none where the name is unknown.

        Raises `ValueError` where one of them is never asked.
        """
        task = self._found.get(name)
        if task is None:
            task = self._found[name] = asyncio.create_task(self._resolve(name))
        return await task

    async def _resolve(self, name: str) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                found = await self._lookup(name, 0)
        except (OSError, UnicodeError, TimeoutError):
            return ()
        addresses = tuple(dict.fromkeys(address.partition("%")[0] for _, address in found))
        for address in addresses:
            reason = refusal(ipaddress.ip_address(address))
            if reason is not None:
                raise ValueError(reason)
        return addresses


def is_ours(address: str) -> bool:
    """Tell whether an address is one of this machine's."""
    if ipaddress.ip_address(address).is_loopback:
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def family_of(address: str) -> int:
    """Return the socket family of an address."""
    return int(socket.AF_INET6 if ":" in address else socket.AF_INET)
