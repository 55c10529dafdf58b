"""Reads the addresses that configuration holds."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from laird.transport.base import Origin

_USUAL_PORT = {"http": 80, "https": 443}


def origin_of(url: str) -> tuple[Origin, str]:
    """Split a base URL into its origin and its path without a trailing slash.

    Raises `ValueError`, in words for whoever wrote the configuration, when the scheme is not http
    or https, the host is missing or malformed, or there is anything but a path after it. The
    message never repeats credentials.
    """
    if any(c.isspace() or not c.isprintable() for c in url):
        raise ValueError("The address contains a blank or a control character; remove it.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("The address is malformed; write it as http://host:port/path.") from None
    _refuse_extras(parts)
    host = _host_of(parts)
    return Origin(parts.scheme, host, port or _USUAL_PORT[parts.scheme]), parts.path.rstrip("/")


def _refuse_extras(parts: SplitResult) -> None:
    if parts.scheme not in _USUAL_PORT:
        raise ValueError("The address must begin with http:// or https://.")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "The address contains a user name or a password before '@';"
            " store it as the provider's credential instead."
        )
    if parts.fragment:
        raise ValueError("The address contains '#', which is never sent to a server; remove it.")
    if parts.query:
        raise ValueError("The address contains '?'; a base address ends with its path.")
    if parts.port == 0:
        raise ValueError("The address has port 0; name the port that the server listens on.")


def _host_of(parts: SplitResult) -> str:
    host = parts.hostname
    if not host:
        raise ValueError("The address has no host; write it as http://host:port/path.")
    if "%" in host:
        raise ValueError("The address has '%' in its host, which can't be sent; leave it out.")
    if ":" in host:
        return ipaddress.IPv6Address(host).compressed
    try:
        return host.encode("ascii" if host.isascii() else "idna").decode("ascii")
    except UnicodeError:
        raise ValueError("The address has a host name that is not valid.") from None
