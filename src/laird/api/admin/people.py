"""People who may sign in: add, invite, change, remove. For administrators alone."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, SecretStr

from laird.api.admin.context import Admin
from laird.api.admin.invitations import LinkMade, made_link
from laird.api.admin.routes import routes_at
from laird.api.admin.session import (
    Ended,
    PersonShown,
    SessionsShown,
    shown_person,
    shown_sessions,
)
from laird.domain.people import Role
from laird.domain.secret import Secret


class PersonWanted(BaseModel):
    """Somebody to be added."""

    model_config = ConfigDict(extra="forbid")

    name: str
    role: Role
    password: SecretStr


class PersonChange(BaseModel):
    """What may be changed of a person; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    enabled: bool | None = None


class PeopleShown(BaseModel):
    """People, oldest first."""

    people: list[PersonShown]


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api", "people")

    @routes.get("/people", operation_id="listPeople")
    async def list_people() -> PeopleShown:
        """List who may sign in, oldest first."""
        return PeopleShown(people=[shown_person(one) for one in await admin.people.list()])

    @routes.post("/people", status_code=201, operation_id="addPerson")
    async def add(request: Request, wanted: PersonWanted) -> PersonShown:
        """Add somebody with a password."""
        person = await admin.people.add(
            wanted.name,
            wanted.role,
            Secret(wanted.password.get_secret_value()),
            admin.gate.principal(request),
        )
        return shown_person(person)

    @routes.patch("/people/{person}", operation_id="changePerson")
    async def change(request: Request, person: str, wanted: PersonChange) -> PersonShown:
        """Change somebody's role, or switch them off or on; by name or id."""
        changed = await admin.people.change(
            person, admin.gate.principal(request), role=wanted.role, enabled=wanted.enabled
        )
        return shown_person(changed)

    @routes.delete("/people/{person}", operation_id="removePerson")
    async def remove(request: Request, person: str) -> PersonShown:
        """Remove somebody with their sessions; by name or id."""
        return shown_person(await admin.people.remove(person, admin.gate.principal(request)))

    @routes.get("/people/{person}/sessions", operation_id="listSessionsOfPerson")
    async def sessions(request: Request, person: str) -> SessionsShown:
        """List somebody's sessions, the newest first."""
        current = admin.gate.principal(request).session_id
        return shown_sessions(await admin.people.sessions(person), current)

    @routes.delete("/people/{person}/sessions", operation_id="signOutPerson")
    async def sign_out(request: Request, person: str) -> Ended:
        """Sign somebody out everywhere."""
        found = await admin.people.get(person)
        return Ended(ended=await admin.people.end_sessions(found, admin.gate.principal(request)))

    @routes.post("/people/{person}/reset", status_code=201, operation_id="resetPassword")
    async def reset(request: Request, person: str) -> LinkMade:
        """Make a link by which somebody chooses another password; until then the old is good."""
        return made_link(admin, await admin.links.reset(person, admin.gate.principal(request)))

    return routes
