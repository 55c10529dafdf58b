"""What discovery returns: servers that run, clouds whose variables are set."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from laird.providers.base import FoundModel

Entry = Mapping[str, object]
"""A provider in the document's own words."""


class FoundServer(msgspec.Struct, frozen=True, kw_only=True):
    """A local server that answers."""

    kind: str
    """The document's `kind`; `custom` for those that have none of their own."""
    title: str
    endpoint: str
    also_at: tuple[str, ...] = ()
    """Other addresses that lead to the same server."""
    version: str | None = None
    models: tuple[FoundModel, ...] = ()
    """Each with its egress, if one of its models leaves these machines."""
    needs_key: bool = False
    configured_as: str | None = None
    """The id of the provider that is this server already."""
    entry: Entry | None = None
    """What would be added to the document; None where it is there already."""


class FoundCloud(msgspec.Struct, frozen=True, kw_only=True):
    """A cloud provider whose usual variable is set; nothing was asked of it."""

    kind: str
    title: str
    variable: str
    """The variable's name; its value is nowhere in what discovery returns."""
    missing: str | None = None
    """Another variable without which it can't be added."""
    configured_as: str | None = None
    entry: Entry | None = None
    """None where it is configured, or something is missing."""


class Discovered(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found."""

    asked: tuple[str, ...]
    """The hosts, in the order of asking."""
    servers: tuple[FoundServer, ...]
    clouds: tuple[FoundCloud, ...]
    problems: tuple[str, ...] = ()
    """Hosts that could not be asked, and why."""
