"""Signing in and out, and one's own sessions and password."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from laird.api.admin.access import COOKIE
from laird.api.admin.context import Admin
from laird.api.admin.routes import routes_at
from laird.domain.errors import MissingKey, NotFound
from laird.domain.people import Person, Principal, PrincipalKind, Role, Session
from laird.domain.secret import Secret
from laird.people.sign_in import Begun, Visitor
from laird.people.table import LIFETIME_US


class SignInWanted(BaseModel):
    """A name and a password."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=1000)
    password: SecretStr


class PasswordWanted(BaseModel):
    """The present password and another one."""

    model_config = ConfigDict(extra="forbid")

    current: SecretStr
    password: SecretStr


class PersonShown(BaseModel):
    """Somebody who may sign in."""

    id: str
    name: str
    role: Role
    enabled: bool
    created_us: int
    signed_in_us: int | None


class SessionShown(BaseModel):
    """A browser in which somebody is signed in."""

    id: str
    created_us: int
    expires_us: int
    seen_us: int
    address: str
    agent: str
    current: bool
    """It is the one that asks."""


class WhoShown(BaseModel):
    """Who asks."""

    kind: PrincipalKind | None
    """`person`, `key` or `owner`; null for who is not known."""
    name: str | None
    role: Role | None
    person: PersonShown | None
    """Who is signed in."""
    setup_needed: bool
    """Nobody may administer yet: a link to set up is on the server's terminal."""


class SessionsShown(BaseModel):
    """Sessions, the newest first."""

    sessions: list[SessionShown]


class Ended(BaseModel):
    """How many sessions were ended."""

    ended: int


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api", "session")

    @routes.get("/session", operation_id="getSession")
    async def show(request: Request) -> WhoShown:
        """Tell who asks, and whether there is an administrator at all."""
        return await _who(admin, admin.gate.visitor(request))

    @routes.post("/session", operation_id="signIn")
    async def sign_in(request: Request, response: Response, wanted: SignInWanted) -> WhoShown:
        """Sign in: a session begins, and its cookie comes with the answer."""
        begun = await admin.sign_in.begin(
            wanted.name, secret_of(wanted.password), visitor_of(admin, request)
        )
        return await begin(admin, request, response, begun)

    @routes.delete("/session", operation_id="signOut")
    async def sign_out(request: Request, response: Response) -> Ended:
        """Sign out here: this session ends."""
        person, principal = await _myself(admin, request)
        ended = await admin.people.end_session(person, principal.session_id or "", principal)
        _forget_cookie(admin, request, response)
        return Ended(ended=int(ended))

    @routes.put("/session/password", operation_id="changePassword")
    async def change_password(request: Request, wanted: PasswordWanted) -> WhoShown:
        """Choose another password; one's other sessions end."""
        principal = admin.gate.principal(request)
        await admin.sign_in.change_password(
            principal, secret_of(wanted.current), secret_of(wanted.password)
        )
        return await _who(admin, principal)

    @routes.get("/sessions", operation_id="listSessions")
    async def sessions(request: Request) -> SessionsShown:
        """List one's own sessions, the newest first."""
        principal = admin.gate.principal(request)
        return shown_sessions(await admin.people.sessions(principal.id), principal.session_id)

    @routes.delete("/sessions", operation_id="signOutEverywhere")
    async def sign_out_everywhere(
        request: Request, response: Response, *, others: bool = False
    ) -> Ended:
        """End all of one's sessions; with `others` all but this one."""
        person, principal = await _myself(admin, request)
        kept = principal.session_id if others else None
        ended = await admin.people.end_sessions(person, principal, but=kept)
        if not others:
            _forget_cookie(admin, request, response)
        return Ended(ended=ended)

    @routes.delete("/sessions/{session_id}", operation_id="endSession")
    async def end_session(request: Request, session_id: str) -> Ended:
        """End one of one's own sessions."""
        person, principal = await _myself(admin, request)
        if not await admin.people.end_session(person, session_id, principal):
            raise NotFound("You have no session with that id.", param="session_id")
        return Ended(ended=1)

    return routes


def shown_person(person: Person) -> PersonShown:
    """Return a person as answers show them."""
    return PersonShown(
        id=person.id,
        name=person.name,
        role=person.role,
        enabled=person.enabled,
        created_us=person.created_us,
        signed_in_us=person.signed_in_us,
    )


def shown_sessions(sessions: tuple[Session, ...], current: str | None = None) -> SessionsShown:
    """Return sessions as answers show them; `current` is the id of the one that asks."""
    return SessionsShown(
        sessions=[
            SessionShown(
                id=one.id,
                created_us=one.created_us,
                expires_us=one.expires_us,
                seen_us=one.seen_us,
                address=one.address,
                agent=one.agent,
                current=one.id == current,
            )
            for one in sessions
        ]
    )


async def _who(admin: Admin, principal: Principal | None) -> WhoShown:
    needed = not admin.people.table.has_administrator
    if principal is None:
        return WhoShown(kind=None, name=None, role=None, person=None, setup_needed=needed)
    person = None
    if principal.kind is PrincipalKind.PERSON:
        person = shown_person(await admin.people.get(principal.id))
    return WhoShown(
        kind=principal.kind,
        name=principal.name,
        role=principal.role,
        person=person,
        setup_needed=needed,
    )


async def begin(admin: Admin, request: Request, response: Response, begun: Begun) -> WhoShown:
    """Answer with the session's cookie; the session that the browser had before ends."""
    before = admin.gate.visitor(request)
    if before is not None and before.session_id is not None:
        former = await admin.people.get(before.id)
        await admin.people.end_session(former, before.session_id, before)
    response.headers["cache-control"] = "no-store"
    response.set_cookie(
        COOKIE,
        begun.cookie.reveal(),
        max_age=LIFETIME_US // 1_000_000,
        path="/",
        httponly=True,
        samesite="strict",
        secure=admin.gate.is_secure(request),
    )
    return await _who(
        admin,
        Principal(
            kind=PrincipalKind.PERSON,
            id=begun.person.id,
            name=begun.person.name,
            role=begun.person.role,
            session_id=begun.session.id,
        ),
    )


def _forget_cookie(admin: Admin, request: Request, response: Response) -> None:
    response.delete_cookie(
        COOKIE, path="/", httponly=True, samesite="strict", secure=admin.gate.is_secure(request)
    )


async def _myself(admin: Admin, request: Request) -> tuple[Person, Principal]:
    principal = admin.gate.principal(request)
    if principal.session_id is None:
        raise MissingKey("Nobody is signed in here.")
    return await admin.people.get(principal.id), principal


def visitor_of(admin: Admin, request: Request) -> Visitor:
    """Return where a request comes from."""
    return Visitor(address=admin.gate.address(request), agent=request.headers.get("user-agent", ""))


def secret_of(text: SecretStr) -> Secret:
    """Return what was typed, as what does not show itself."""
    return Secret(text.get_secret_value())
