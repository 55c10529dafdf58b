"""Links that work once: by which people come in, and choose another password."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from laird.api.admin.context import Admin
from laird.api.admin.routes import routes_at
from laird.api.admin.session import WhoShown, begin, secret_of, visitor_of
from laird.domain.people import Link, LinkKind, Role
from laird.people.links import LONGEST_HOURS, USUAL_HOURS, NewLink


class InvitationWanted(BaseModel):
    """Whom to invite."""

    model_config = ConfigDict(extra="forbid")

    role: Role
    name: str | None = None
    """The name that they will have; else they choose one."""
    hours: float = Field(default=USUAL_HOURS, gt=0, le=LONGEST_HOURS)


class LinkShown(BaseModel):
    """The token of a link, as it stands in it."""

    model_config = ConfigDict(extra="forbid")

    token: SecretStr


class LinkUsed(LinkShown):
    """A link's token, and what its bearer chooses."""

    name: str | None = Field(
        default=None, description="Not needed where the link has a name in it already."
    )
    password: SecretStr


class InvitationShown(BaseModel):
    """A link that is good. Its text is nowhere."""

    id: str
    kind: LinkKind
    role: Role
    name: str | None
    created_us: int
    expires_us: int
    created_by: str


class InvitationsShown(BaseModel):
    """Links that are good, the newest first."""

    invitations: list[InvitationShown]


class LinkMade(InvitationShown):
    """A link just made; `url`, `path` and `token` are in this answer and never again."""

    url: str
    path: str
    token: str


class LinkMeaning(BaseModel):
    """What a link is for."""

    kind: LinkKind
    role: Role
    name: str | None
    """The name that its bearer will have; null where they choose one."""
    expires_us: int


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api", "people")

    @routes.get("/invitations", operation_id="listInvitations")
    async def invitations() -> InvitationsShown:
        """List the links that are good, the newest first."""
        return InvitationsShown(invitations=[_shown(one) for one in await admin.links.list()])

    @routes.post("/invitations", status_code=201, operation_id="invite")
    async def invite(request: Request, wanted: InvitationWanted) -> LinkMade:
        """Make a link by which somebody becomes a person who may sign in."""
        made = await admin.links.invite(
            wanted.role, admin.gate.principal(request), name=wanted.name, hours=wanted.hours
        )
        return made_link(admin, made)

    @routes.delete("/invitations/{link_id}", operation_id="takeBackInvitation")
    async def take_back(request: Request, link_id: str) -> InvitationShown:
        """Make a link worthless."""
        return _shown(await admin.links.take_back(link_id, admin.gate.principal(request)))

    @routes.post("/setup-link", status_code=201, operation_id="makeSetupLink")
    async def setup_link(request: Request) -> LinkMade:
        """Make the link for the first administrator anew; an earlier one is worthless then."""
        return made_link(admin, await admin.links.setup(admin.gate.principal(request)))

    @routes.post("/invitations/look", operation_id="lookAtLink")
    async def look(wanted: LinkShown) -> LinkMeaning:
        """Tell what a link is for, and leave it as it is."""
        link = await admin.links.look(secret_of(wanted.token))
        return LinkMeaning(
            kind=link.kind, role=link.role, name=link.name, expires_us=link.expires_us
        )

    @routes.post("/invitations/accept", status_code=201, operation_id="useLink")
    async def accept(request: Request, response: Response, wanted: LinkUsed) -> WhoShown:
        """Do what a link is for, with a password of one's own, and be signed in by it."""
        begun = await admin.links.use(
            secret_of(wanted.token),
            wanted.name,
            secret_of(wanted.password),
            visitor_of(admin, request),
        )
        return await begin(admin, request, response, begun)

    return routes


def _shown(link: Link) -> InvitationShown:
    return InvitationShown(
        id=link.id,
        kind=link.kind,
        role=link.role,
        name=link.name,
        created_us=link.created_us,
        expires_us=link.expires_us,
        created_by=link.created_by,
    )


def made_link(admin: Admin, made: NewLink) -> LinkMade:
    """Return a link just made, with its text."""
    return LinkMade(
        **_shown(made.link).model_dump(),
        url=f"{admin.gate.site.url}{made.path}",
        path=made.path,
        token=made.token.reveal(),
    )
