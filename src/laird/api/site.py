"""Which web pages may ask Laird: by what names it is reached, and who stands in front of it.

A browser sends a session's cookie with every request to Laird, whichever page asks for it. So a
change made with a cookie counts only when the page is one of Laird's own, by the two headers that
pages can't forge, `Origin` and `Sec-Fetch-Site` (Fetch Standard; W3C Fetch Metadata). And it
counts only by a name of ours: a page of somebody else can have its own name lead to this machine
(DNS rebinding), which makes it the same origin in the browser's eyes. An address can't be taken
over like that, so every address is good.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from laird.domain.errors import ForeignRequest, StartError

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

JSON_TYPE = "application/json"
_NO_HOST = re.compile(r"[@\\\s\x00-\x1f]")


class Site:
    """By what names and through whom this Laird is reached.

    Args:
        hosts: names beside those of this machine, with commas between, or `none`.
        proxies: addresses and networks whose `X-Forwarded-…` headers are believed, or `none`.
        public_url: where people reach it, such as `https://laird.example`, or `none`.
        host: the address or name that is listened on.
        port: the port.

    Raises:
        StartError: one of them can't be read.
    """

    def __init__(
        self,
        *,
        hosts: str = "none",
        proxies: str = "none",
        public_url: str = "none",
        host: str = "127.0.0.1",
        port: int = 8012,
    ) -> None:
        self._proxies = _networks(proxies)
        self._public = _public(public_url)
        names = [_plain_host(name) for name in _listed(hosts)] + [host_name(host)]
        if self._public is not None:
            names.append(host_name(urlsplit(self._public).netloc))
        self._names = frozenset(name for name in names if name)
        self.url = self._public or local_url(host, port)
        """Where people find it, without a slash at the end."""

    def listens_at(self, url: str) -> None:
        """Note where it listens, once that is known; a public URL goes before it."""
        if self._public is None:
            parts = urlsplit(url)
            self.url = local_url(parts.hostname or "", parts.port or 80)

    def is_ours(self, host: str | None) -> bool:
        """Tell whether a Host header has a name or an address of ours."""
        name = host_name(host or "")
        if not name:
            return False
        if name == "localhost" or name.endswith(".localhost") or name in self._names:
            return True
        return _address(name) is not None

    def client_address(self, peer: str, forwarded_for: str | None) -> str:
        """Return the address of who asks: the last that no trusted proxy has."""
        if not self._trusts(peer):
            return peer
        for hop in reversed((forwarded_for or "").split(",")):
            address = _address(hop.strip())
            if address is None:
                break
            peer = str(address)
            if not self._trusts(peer):
                break
        return peer

    def is_secure(self, peer: str, forwarded_proto: str | None, host: str | None) -> bool:
        """Tell whether the browser speaks TLS, by a trusted proxy's word or the public URL."""
        if self._trusts(peer) and forwarded_proto is not None:
            return forwarded_proto.split(",")[-1].strip().lower() == "https"
        public = urlsplit(self._public or "")
        return public.scheme == "https" and host_name(host or "") == host_name(public.netloc)

    def check_host(self, host: str | None) -> None:
        """Refuse a request that came by a name that is not ours. Raises `ForeignRequest`."""
        if not self.is_ours(host):
            shown = (host or "none")[:80]
            raise ForeignRequest(
                f"This Laird is not known by the name '{shown}'. If it should be, add the name to"
                " LAIRD_ALLOWED_HOSTS."
            )

    def check_page(
        self, *, host: str | None, origin: str | None, fetch_site: str | None, required: bool
    ) -> None:
        """Refuse a change that a page of another website asks for.

        `required` says that it must be known to come from a page of ours; else a program that
        sends neither header may ask.

        Raises:
            ForeignRequest: it is, or may be, another website's.
        """
        if fetch_site is not None and fetch_site != "same-origin":
            raise ForeignRequest(_FOREIGN)
        if origin is not None:
            if not self._is_own_origin(origin, host):
                raise ForeignRequest(_FOREIGN)
        elif fetch_site is None and required:
            raise ForeignRequest(
                "A change with a session's cookie must say by Origin or Sec-Fetch-Site that it"
                " comes from a page of Laird. Programs send an API key instead."
            )

    def _is_own_origin(self, origin: str, host: str | None) -> bool:
        if self._public is not None and origin.lower() == self._public:
            return True
        scheme, _, netloc = origin.lower().partition("://")
        return scheme in {"http", "https"} and bool(host) and netloc == (host or "").lower()

    def _trusts(self, peer: str) -> bool:
        address = _address(peer)
        return address is not None and any(address in network for network in self._proxies)


_FOREIGN = (
    "A page of another website asked for this, so nothing was done. Use Laird's own pages, or an"
    " API key."
)


def check_body_type(content_type: str | None, allowed: Iterable[str]) -> None:
    """Refuse a body that is not of an allowed media type, as a foreign form would send it.

    Raises:
        ForeignRequest: with the types that are taken.
    """
    given = (content_type or "").partition(";")[0].strip().lower()
    if given not in allowed:
        raise ForeignRequest(
            f"With a session the body must be {' or '.join(sorted(allowed))}, by its Content-Type."
        )


def host_name(host: str) -> str:
    """Return the name or address in a Host header, in lower case; empty when it is no good."""
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018 - raises for a port that is none
        name = parts.hostname or ""
    except ValueError:
        return ""
    if parts.path or parts.query or parts.fragment or _NO_HOST.search(host):
        return ""
    return name.rstrip(".")


def local_url(host: str, port: int) -> str:
    """Return the URL for a browser on this machine of a server that listens there."""
    address = _address(host)
    if address is not None and address.is_unspecified:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listed(text: str) -> list[str]:
    if text.strip().lower() == "none":
        return []
    return [part for each in text.split(",") if (part := each.strip())]


def _plain_host(name: str) -> str:
    found = host_name(f"[{name}]" if name.count(":") > 1 and "[" not in name else name)
    if not found:
        raise StartError(
            f"LAIRD_ALLOWED_HOSTS is wrong: '{name}' is no host name. Write names with commas"
            " between, such as laird.lan, gpu-box, or none."
        )
    return found


def _networks(text: str) -> tuple[_Network, ...]:
    try:
        return tuple(ipaddress.ip_network(each, strict=False) for each in _listed(text))
    except ValueError as problem:
        raise StartError(
            f"LAIRD_TRUSTED_PROXIES is wrong: {problem}. Write addresses and networks with commas"
            " between, such as 10.0.0.2, 172.16.0.0/12, or none."
        ) from None


def _public(text: str) -> str | None:
    if text.strip().lower() == "none":
        return None
    url = text.strip().rstrip("/").lower()
    scheme, _, place = url.partition("://")
    if scheme not in {"http", "https"} or not host_name(place):
        raise StartError(
            f"LAIRD_PUBLIC_URL is wrong: '{text}' is not the beginning of a URL. Write it as"
            " https://laird.example, without a path, or none."
        )
    return url


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
