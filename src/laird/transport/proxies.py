"""Which requests go through a proxy, as the usual environment variables say."""

from __future__ import annotations

import base64
import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from laird.transport.base import Origin


class Proxy(msgspec.Struct, frozen=True):
    """A plain HTTP proxy; `authorization` is the value of Proxy-Authorization or None."""

    host: str
    port: int
    authorization: str | None = None

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"


class Proxies:
    """Decides for each origin. Loopback hosts are never reached through a proxy."""

    def __init__(self, by_scheme: Mapping[str, str], no_proxy: str = "") -> None:
        """Take proxy URLs by scheme, and the exceptions in the form of NO_PROXY.

        Exceptions are separated by commas: `*`, a host (its subdomains too), `host:port`, an
        address or a network such as `10.0.0.0/8`. Raises `ValueError` for a proxy that is not
        reached by plain HTTP.
        """
        self._by_scheme = {scheme: _parse(url) for scheme, url in by_scheme.items() if url}
        self._exceptions = [entry.strip().lower() for entry in no_proxy.split(",")]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Proxies:
        """Read HTTP_PROXY, HTTPS_PROXY and NO_PROXY; the lower-case names win."""
        env = os.environ if environ is None else environ

        def value(name: str) -> str:
            return env.get(name) or env.get(name.upper()) or ""

        by_scheme = {"http": value("http_proxy"), "https": value("https_proxy")}
        if "REQUEST_METHOD" in env and not env.get("http_proxy"):
            # Under CGI the client's own `Proxy` header arrives as HTTP_PROXY.
            by_scheme["http"] = ""
        return cls(by_scheme, value("no_proxy"))

    def for_origin(self, origin: Origin) -> Proxy | None:
        """Return the proxy to use, or None to connect directly."""
        proxy = self._by_scheme.get(origin.scheme)
        if proxy is None or _is_loopback(origin.host):
            return None
        if any(entry and _excepts(entry, origin) for entry in self._exceptions):
            return None
        return proxy


def _parse(url: str) -> Proxy:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        parts, host, port = urlsplit(""), None, 80
    if parts.scheme != "http" or not host:
        raise ValueError(
            "A proxy can't be used: Laird reaches proxies by plain HTTP only. Write it as"
            " http://host:port in HTTP_PROXY and HTTPS_PROXY."
        )
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    return Proxy(host, port, authorization)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _excepts(entry: str, origin: Origin) -> bool:
    if entry == "*":
        return True
    address = _address(origin.host)
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry.strip("[]"), strict=False)
        except ValueError:
            pass
    name, colon, port = entry.rpartition(":")
    if colon and port.isdigit():
        if int(port) != origin.port:
            return False
        entry = name.strip("[]")
    entry = entry.removeprefix("*").lstrip(".")
    return origin.host == entry or origin.host.endswith("." + entry)
