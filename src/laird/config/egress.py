"""Where text goes: whether an endpoint or a model keeps it on our machines. In doubt, it leaves."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from laird.config.schema import ProviderEntry
from laird.domain.catalog import Egress, Kind

_OWN_SUFFIXES = (".localhost", ".local", ".lan", ".internal", ".home.arpa", ".intranet", ".ts.net")
_OLLAMA_PORT = 11434
_CLOUD_TAG = re.compile(r":([^/:]*-)?cloud$")


def host_of(endpoint: str) -> str:
    """Return the host of an endpoint in lower case, or an empty text."""
    try:
        return (urlsplit(endpoint).hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_loopback(endpoint: str) -> bool:
    """Say whether an endpoint is on this machine."""
    host = host_of(endpoint)
    address = _address(host)
    if address is not None:
        return address.is_loopback
    return host == "localhost" or host.endswith(".localhost")


def is_own_network(endpoint: str) -> bool:
    """Say whether an endpoint's host is certainly ours: private addresses and private names.

    A name without a dot, as containers have, counts as ours. `demo://` and
    `library://` are served by Laird itself.
    """
    if endpoint.startswith(("demo:", "library:")):
        return True
    host = host_of(endpoint)
    address = _address(host)
    if address is not None:
        return not address.is_global
    return bool(re.fullmatch(r"[a-z][a-z0-9_-]*", host)) or host.endswith(_OWN_SUFFIXES)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def provider_egress(entry: ProviderEntry, kind: Kind, endpoint: str) -> Egress:
    """Return what the document says in `type`, else what kind and endpoint make certain.

    A kind of server that is usually local counts as external when its endpoint is not certainly
    on our own network: nothing sensitive leaves because a field was left out.
    """
    if entry.type is not None:
        return Egress(entry.type)
    if kind.egress is Egress.LOCAL and is_own_network(endpoint):
        return Egress.LOCAL
    return Egress.EXTERNAL


def leaves_by_name(kind: Kind, endpoint: str, upstream_model: str) -> bool:
    """Say whether an Ollama model runs in Ollama's cloud although the server is local.

    Such models are tagged `cloud` or `…-cloud` (`glm-4.6:cloud`, `gpt-oss:120b-cloud`). Ollama
    looks past upper case and white space in the tag. Any kind of server may have an Ollama behind
    it, so the tag counts for all.
    """
    name = "".join(upstream_model.lower().split())
    if _CLOUD_TAG.search(name):
        return True
    try:
        is_ollama = kind.id == "ollama" or urlsplit(endpoint).port == _OLLAMA_PORT
    except ValueError:
        is_ollama = False
    return is_ollama and name.endswith("-cloud")
