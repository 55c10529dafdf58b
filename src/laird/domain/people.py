"""People who administer Laird, what they may, and who makes a request."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec


class Role(StrEnum):
    """What somebody may; each role may all that the ones below it may."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"

    def covers(self, least: Role) -> bool:
        """Tell whether this role may what `least` may."""
        return _RANKS[self] >= _RANKS[least]


_RANKS = {Role.VIEWER: 1, Role.OPERATOR: 2, Role.ADMIN: 3}


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may sign in. The hash of the password is never here."""

    id: str
    name: str
    """What is typed to sign in; unique without regard to case."""
    role: Role
    enabled: bool = True
    created_us: int
    """UTC, microseconds since the epoch; like all times here."""
    signed_in_us: int | None = None
    """When they last signed in."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One browser in which somebody is signed in. What its cookie holds is never here."""

    id: str
    digest: str
    """SHA-256 of the cookie's value, hex."""
    person_id: str
    created_us: int
    expires_us: int
    seen_us: int
    address: str
    """The client's address when it was begun."""
    agent: str
    """The browser, as it called itself."""


class LinkKind(StrEnum):
    """What a link is for."""

    SETUP = "setup"
    """Making the first administrator."""
    INVITE = "invite"
    """Becoming somebody who may sign in."""
    RESET = "reset"
    """Choosing another password."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link that works once. Its text is never here."""

    id: str
    kind: LinkKind
    role: Role
    name: str | None
    """The name that the person will have; None where they choose it."""
    person_id: str | None
    """Whose password is to be reset."""
    created_us: int
    expires_us: int
    created_by: str


class PrincipalKind(StrEnum):
    """By what somebody is known."""

    OWNER = "owner"
    """By the control socket, which only the home's owner can open."""
    PERSON = "person"
    KEY = "key"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes an administration request."""

    kind: PrincipalKind
    id: str
    """Of the person or the key; empty for the owner."""
    name: str
    role: Role
    session_id: str | None = None
    address: str = ""
    """The client's address; empty by the control socket."""
    request_id: str | None = None
    """Of the administration request, as its answer names it in `x-laird-request-id`."""

    @property
    def actor(self) -> str:
        """How histories call them: `owner`, a person's name, or `key NAME`."""
        return f"key {self.name}" if self.kind is PrincipalKind.KEY else self.name


OWNER = Principal(kind=PrincipalKind.OWNER, id="", name="owner", role=Role.ADMIN)


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done, as the audit log keeps it."""

    at_us: int
    action: str
    """Such as `session.begin`, `session.refused` or `key.change`."""
    by: Principal | None
    """Who did it; None for somebody who is not known (yet)."""
    object_type: str
    """Such as `person`, `key` or `budget`."""
    object_id: str
    object_name: str
    address: str
    """Where it came from; empty by the control socket."""
    summary: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    """Plain values, without passwords, hashes, texts of keys and of links."""
