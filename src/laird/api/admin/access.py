"""Who asks the administration API: the home's owner by socket, somebody signed in, or a key."""

from __future__ import annotations

import time

import msgspec
from fastapi import Request
from msgspec.structs import replace

from laird.api.admin.policy import Rule, may
from laird.api.site import Site, check_body_type
from laird.domain.errors import AccessError, MissingKey, NotAllowed
from laird.domain.keys import ApiKey, Scope
from laird.domain.people import OWNER, Principal, PrincipalKind, Role
from laird.keys.key_text import key_from_headers
from laird.keys.table import KeyTable
from laird.people.table import PeopleTable

COOKIE = "laird_session"
REQUEST_ID = "laird.request_id"
"""Of an administration request, in its scope."""
_PRINCIPAL = "laird.principal"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_ROLES = {Scope.ADMIN: Role.ADMIN, Scope.OPERATOR: Role.OPERATOR, Scope.VIEWER: Role.VIEWER}


class Grant(msgspec.Struct, frozen=True):
    """Who was let in, and by what, so that it can be asked again while an answer goes on."""

    principal: Principal | None
    """None on a route for anybody, for who is not known."""
    key: ApiKey | None = None


class Gate:
    """Tells who makes a request, and lets in who may."""

    def __init__(self, keys: KeyTable, people: PeopleTable, site: Site) -> None:
        self._keys = keys
        self._people = people
        self.site = site

    def admit(self, request: Request, rule: Rule) -> Grant:
        """Let a request through to a route with this rule, or raise why not.

        Raises:
            AccessError: there is no credential, or no good one, or it may not do this, or a page
                of another website asks.
        """
        try:
            grant = self._identify(request)
        except AccessError:
            if not rule.is_open:
                raise
            grant = Grant(None)
        by_cookie = _is_person(grant.principal)
        if by_cookie or (rule.is_open and not came_by_socket(request)):
            self._check_page(request, rule, by_cookie=by_cookie)
        if grant.principal is not None:
            _check_role(grant.principal, rule)
            known = replace(grant.principal, request_id=request.scope.get(REQUEST_ID))
            request.scope[_PRINCIPAL] = known
        return grant

    def still_admits(self, grant: Grant, rule: Rule) -> bool:
        """Tell whether who was let in would be let in now."""
        principal = grant.principal
        now_us = _now_us()
        if grant.key is not None:
            return self._keys.refusal(grant.key, now_us) is None
        if principal is None or principal.session_id is None:
            return True
        found = self._people.still(principal.session_id, now_us)
        return found is not None and may(found.person.role, rule)

    def principal(self, request: Request) -> Principal:
        """Return who makes this request, as the guard found.

        Raises:
            AccessError: nobody that is known.
        """
        found = request.scope.get(_PRINCIPAL)
        if found is None:
            raise MissingKey(_NOBODY)
        assert isinstance(found, Principal)  # noqa: S101 - the guard alone writes it
        return found

    def visitor(self, request: Request) -> Principal | None:
        """Return who makes this request to a route for anybody, or None for who is not known."""
        found: Principal | None = request.scope.get(_PRINCIPAL)
        return found

    def actor(self, request: Request) -> str:
        """Return who makes this request, as histories call them. Raises what `principal` does."""
        return self.principal(request).actor

    def address(self, request: Request) -> str:
        """Return the client's address; empty by the control socket."""
        if request.client is None or came_by_socket(request):
            return ""
        forwarded = request.headers.getlist("x-forwarded-for")
        return self.site.client_address(request.client.host, ",".join(forwarded))

    def is_secure(self, request: Request) -> bool:
        """Tell whether the browser speaks TLS with who stands in front of this Laird."""
        peer = request.client.host if request.client is not None else ""
        forwarded = ",".join(request.headers.getlist("x-forwarded-proto"))
        return self.site.is_secure(peer, forwarded or None, request.headers.get("host"))

    def _identify(self, request: Request) -> Grant:
        if came_by_socket(request):
            return Grant(OWNER)
        text = key_from_headers(_raw(request, "authorization"), _raw(request, "x-api-key"))
        if text is not None:
            return self._by_key(request, text)
        cookie = request.cookies.get(COOKIE)
        if not cookie:
            raise MissingKey(_NOBODY)
        found = self._people.authenticate(cookie, _now_us())
        return Grant(
            Principal(
                kind=PrincipalKind.PERSON,
                id=found.person.id,
                name=found.person.name,
                role=found.person.role,
                session_id=found.session.id,
                address=self.address(request),
            )
        )

    def _by_key(self, request: Request, text: str) -> Grant:
        now_us = _now_us()
        key = self._keys.authenticate(text, now_us)
        role = role_of(key)
        if role is None:
            raise NotAllowed(
                f"The key '{key.name}' may not administer. Make one that may with"
                " laird keys create NAME --scope admin (or operator, or viewer)."
            )
        self._keys.used(key.id, now_us)
        principal = Principal(
            kind=PrincipalKind.KEY,
            id=key.id,
            name=key.name,
            role=role,
            address=self.address(request),
        )
        return Grant(principal, key)

    def _check_page(self, request: Request, rule: Rule, *, by_cookie: bool) -> None:
        """Refuse what a browser may have been made to send by somebody else's page."""
        headers = request.headers
        host = headers.get("host") if len(headers.getlist("host")) == 1 else None
        changes = request.method not in _READS
        if by_cookie or changes:
            self.site.check_host(host)
        if not changes:
            return
        self.site.check_page(
            host=host,
            origin=headers.get("origin"),
            fetch_site=headers.get("sec-fetch-site"),
            required=by_cookie,
        )
        if by_cookie and _has_body(request):
            check_body_type(headers.get("content-type"), rule.body_types)


_NOBODY = (
    "Sign in, or send an API key with the scope viewer, operator or admin as"
    " 'Authorization: Bearer lai_…'."
)


def role_of(key: ApiKey) -> Role | None:
    """Return the highest role among a key's scopes, or None when it may not administer."""
    return next((role for scope, role in _ROLES.items() if scope in key.scopes), None)


def came_by_socket(request: Request) -> bool:
    """Tell whether a request came by the control socket: its address has a path and no port."""
    server = request.scope.get("server")
    return server is not None and server[1] is None


def _check_role(principal: Principal, rule: Rule) -> None:
    if rule.person and not _is_person(principal):
        raise NotAllowed(
            f"This is about the account of somebody who is signed in, and {principal.actor} is not"
            " a person."
        )
    if not may(principal.role, rule):
        raise NotAllowed(
            f"This needs the role {rule.least}, and {principal.actor} has the role"
            f" {principal.role}. An administrator can give it."
        )


def _is_person(principal: Principal | None) -> bool:
    return principal is not None and principal.kind is PrincipalKind.PERSON


def _has_body(request: Request) -> bool:
    length = request.headers.get("content-length", "0")
    return length != "0" or "transfer-encoding" in request.headers


def _raw(request: Request, name: str) -> bytes | None:
    value = request.headers.get(name)
    return value.encode("latin-1") if value is not None else None


def _now_us() -> int:
    return time.time_ns() // 1000
