"""Opens connections: name lookup, TCP, a proxy's tunnel, TLS."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import cast

from laird.domain.errors import Unreachable
from laird.transport.base import Origin
from laird.transport.http1 import MAX_HEAD, Connection
from laird.transport.proxies import Proxy

Lookup = Callable[[str, int], Awaitable[list[tuple[int, str]]]]
"""Finds the addresses of a host for a port, each with its family.

Raises `OSError`, or `Unreachable` where the host is not to be reached.
"""


async def look_up(host: str, port: int) -> list[tuple[int, str]]:
    """Ask the system for a host's addresses, best first."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(int(family), str(address[0])) for family, _, _, _, address in found]


class Dialer:
    """Opens a connection to an origin, through a proxy where one is given."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None, lookup: Lookup = look_up) -> None:
        """Take the TLS settings; None means the system's certificates, loaded at first use.

        What `lookup` finds is what is dialled: nothing asks for the name a second time.
        """
        self._ssl_context = ssl_context
        self._lookup = lookup

    async def open(
        self, origin: Origin, proxy: Proxy | None, connection: Connection, within_s: float
    ) -> None:
        """Connect and attach the transport to `connection`.

        The caller ends it after `within_s` seconds; here they are only divided among addresses.
        Raises `Unreachable`, with the cause and what to do in its message. Cancelling it leaves
        nothing open.
        """
        secure = origin.scheme == "https"
        if proxy is None:
            transport = await _tcp(
                origin.host, origin.port, lambda: connection, within_s, self._lookup
            )
        elif secure:
            transport = await _tunnel(origin, proxy, within_s)
        else:
            transport = await _tcp(proxy.host, proxy.port, lambda: connection, within_s)
        if secure:
            try:
                await self._secure(origin, transport, connection)
            except BaseException:
                transport.abort()
                raise

    async def _secure(
        self, origin: Origin, transport: asyncio.Transport, connection: Connection
    ) -> None:
        context = self._ssl_context
        if context is None:
            # Reading the system's certificates takes some 20 ms.
            context = self._ssl_context = await asyncio.to_thread(default_context)
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(
                transport, connection, context, server_hostname=origin.host
            )
        except ssl.SSLCertVerificationError as problem:
            raise Unreachable(
                f"The certificate of {origin.authority} is not trusted"
                f" ({problem.verify_message or problem.reason}). Check the host name in the"
                " endpoint; a private authority must be known to this machine (SSL_CERT_FILE)."
            ) from None
        except (OSError, EOFError) as problem:
            reason = getattr(problem, "reason", None) or "the connection was closed"
            raise Unreachable(
                f"No TLS connection to {origin.authority} ({reason}). Does it speak https?"
            ) from None
        if secured is None:
            raise Unreachable(f"{origin.authority} closed the connection during the TLS handshake.")
        connection.attach(secured)


def default_context() -> ssl.SSLContext:
    """Return TLS settings with the system's certificates; reading them takes some 20 ms."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _tcp(
    host: str,
    port: int,
    protocol: Callable[[], asyncio.Protocol],
    within_s: float,
    lookup: Lookup = look_up,
) -> asyncio.Transport:
    """Try the host's addresses in turn, each but the last for its share of the time."""
    loop = asyncio.get_running_loop()
    try:
        found = await lookup(host, port)
    except (OSError, UnicodeError):
        raise Unreachable(
            f"The name {host} can't be resolved. Check the endpoint, and this machine's DNS."
        ) from None
    last: OSError | None = None
    for index, (family, address) in enumerate(found, 1):
        share = within_s / len(found) if index < len(found) else None
        try:
            async with asyncio.timeout(share):
                transport, _ = await loop.create_connection(protocol, address, port, family=family)
        except OSError as problem:
            last = problem
        else:
            return transport
    raise _unreachable(host, port, last)


def _unreachable(host: str, port: int, problem: OSError | None) -> Unreachable:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if problem is not None and problem.errno == errno.ECONNREFUSED:
        return Unreachable(f"{where} refused the connection. Is the server running?")
    cause = problem.strerror if problem is not None and problem.strerror else "no address"
    return Unreachable(f"{where} can't be reached ({cause}). Check the endpoint and the network.")


class _TunnelAnswer(asyncio.Protocol):
    """Waits for the head of a proxy's answer to CONNECT."""

    def __init__(self) -> None:
        self.head: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Collect the head."""
        self._received += data
        if not self.head.done() and (
            b"\r\n\r\n" in self._received or len(self._received) > MAX_HEAD
        ):
            self.head.set_result(self._received)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Answer with what is there."""
        if not self.head.done():
            self.head.set_result(b"")


async def _tunnel(origin: Origin, proxy: Proxy, within_s: float) -> asyncio.Transport:
    transport = await _tcp(proxy.host, proxy.port, _TunnelAnswer, within_s)
    try:
        answer = cast("_TunnelAnswer", transport.get_protocol())
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        lines = [f"CONNECT {host}:{origin.port} HTTP/1.1", f"host: {host}:{origin.port}"]
        if proxy.authorization is not None:
            lines.append(f"proxy-authorization: {proxy.authorization}")
        transport.write("\r\n".join([*lines, "", ""]).encode("ascii"))
        _check_tunnel(await answer.head, origin, proxy)
    except BaseException:
        transport.abort()
        raise
    return transport


def _check_tunnel(head: bytes, origin: Origin, proxy: Proxy) -> None:
    version, _, rest = head.partition(b" ")
    status = rest[:3].decode("latin-1")
    # Bytes after the head would be taken for the server's: a TLS server never speaks first.
    if version.startswith(b"HTTP/1.") and status.startswith("2") and head.endswith(b"\r\n\r\n"):
        return
    advice = "Check the user and password in HTTPS_PROXY." if status == "407" else "Check NO_PROXY."
    said = f"answered {status}" if status.isdigit() else "did not answer as a proxy does"
    raise Unreachable(
        f"The proxy {proxy.host}:{proxy.port} {said} when asked for {origin.authority}. {advice}"
    )
