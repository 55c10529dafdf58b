"""Credentials of providers: given, staged, tested, put in force, removed; never read back."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection

from laird.api.admin.access import came_by_socket
from laird.api.admin.context import Admin
from laird.api.admin.credential_shapes import (
    CommandWanted,
    CredentialShown,
    CredentialsShown,
    CredentialWanted,
    KeysWrapped,
    PromotionWanted,
    SecretsMoved,
    StagedWanted,
    TrialResult,
    TrialResults,
    TrialWanted,
    ValueShown,
)
from laird.api.admin.routes import routes_at
from laird.audit.entry import asking
from laird.audit.store import record
from laird.config.overrides import STORED, WRITTEN
from laird.credentials.command import CommandSpec, check_spec
from laird.credentials.held import Held
from laird.credentials.rows import INTERNAL, CredentialRow, ValueRow, fingerprint
from laird.credentials.writer import Also
from laird.domain.catalog import Provider
from laird.domain.credential import Slot, StoreKind, check_value
from laird.domain.errors import InvalidRequest, NotAllowed
from laird.domain.people import Deed
from laird.domain.secret import Secret

_HOUR_S = 3600.0


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/credentials", "credentials")
    _add_reading(routes, admin)
    _add_changing(routes, admin)
    _add_rotating(routes, admin)
    return routes


def _add_reading(routes: APIRouter, admin: Admin) -> None:
    @routes.get("", operation_id="listCredentials")
    async def list_credentials() -> CredentialsShown:
        """List the credentials; no part of any value is in the answer."""
        shown = [_shown(admin, row) for row in _rows(admin)]
        return CredentialsShown(credentials=[*shown, *_from_environment(admin)])

    @routes.post("/{name}/test", operation_id="testCredential")
    async def test(name: str, wanted: TrialWanted | None = None) -> TrialResults:
        """Ask the providers that use a credential for their models, with one of its values."""
        return await _test(admin, name, wanted or TrialWanted())


def _add_changing(routes: APIRouter, admin: Admin) -> None:
    stored = admin.credentials.credentials

    @routes.put("/{name}", operation_id="setCredential")
    async def put(request: Request, name: str, wanted: CredentialWanted) -> CredentialShown:
        """Put a value in force at once, for a new credential or in the place of another value.

        Commands run as who runs the server, so only the owner of its home may name one, by the
        command line.
        """
        if (wanted.value is None) == (wanted.command is None):
            raise InvalidRequest("Give a value, or a command that prints it.", param="value")
        if wanted.command is not None:
            if not came_by_socket(request):
                raise NotAllowed(
                    "Commands run on the server's machine, so only its owner may name one: laird"
                    " credentials set NAME --command '…'",
                    param="command",
                )
            summary = f"the credential '{name}' was set to a command"
            await stored.set_command(name, _spec(wanted.command), _deed(name, "set", summary))
        elif wanted.value is not None:
            await stored.set(
                name,
                check_value(wanted.value.get_secret_value()),
                store=_storable(wanted.store),
                expires_us=_instant(wanted.expires),
                fallback_s=wanted.fallback_hours * _HOUR_S,
                also=_deed(name, "set", f"the credential '{name}' was set"),
            )
        return await _changed(admin, name, "set")

    @routes.delete("/{name}", operation_id="removeCredential")
    async def remove(name: str, *, force: Annotated[bool, Query()] = False) -> CredentialShown:
        """Remove a credential with all its values; `force` also one that is in use."""
        before = _shown(admin, stored.held.row(name))
        if before.providers and not force:
            raise InvalidRequest(
                f"'{name}' is in use: {', '.join(before.providers)}. Give these another one first,"
                " or remove it all the same with force.",
                param="force",
            )
        await stored.remove(name, _deed(name, "remove", f"the credential '{name}' was removed"))
        await _tell(admin, name, "removed")
        return before

    @routes.post("/migrate", operation_id="migrateSecrets")
    async def migrate(request: Request) -> SecretsMoved:
        """Move secrets that are written out in the document to where they can't be read."""
        actor = admin.gate.actor(request)
        moved = await admin.configuration.move_secrets(actor, admin.source(request))
        return SecretsMoved(moved=moved)

    @routes.post("/rekey", operation_id="changeMasterKey")
    async def rekey() -> KeysWrapped:
        """Change the master key: every value's key is wrapped anew."""
        wrapped = await stored.rekey()
        summary = f"the master key was changed; {wrapped} values were wrapped anew"
        await admin.database.write(_deed("", "rekey", summary))
        return KeysWrapped(wrapped=wrapped)


def _add_rotating(routes: APIRouter, admin: Admin) -> None:
    stored = admin.credentials.credentials

    @routes.post("/{name}/stage", operation_id="stageCredential")
    async def stage(name: str, wanted: StagedWanted) -> CredentialShown:
        """Keep a value that shall follow the one in force; requests go on with that one."""
        value = check_value(wanted.value.get_secret_value())
        also = _deed(name, "stage", f"a value of the credential '{name}' was staged", Slot.STAGED)
        await stored.stage(name, value, _instant(wanted.expires), also)
        return await _changed(admin, name, "staged")

    @routes.post("/{name}/promote", operation_id="promoteCredential")
    async def promote(name: str, wanted: PromotionWanted | None = None) -> CredentialShown:
        """Put the staged value in force. Requests under way keep the one that they have."""
        hours = (wanted or PromotionWanted()).fallback_hours
        also = _deed(name, "promote", f"the staged value of the credential '{name}' is in force")
        await stored.promote(name, hours * _HOUR_S, also)
        return await _changed(admin, name, "promoted")

    @routes.post("/{name}/discard", operation_id="discardCredential")
    async def discard(name: str) -> CredentialShown:
        """Forget the staged value."""
        also = _deed(name, "discard", f"the staged value of the credential '{name}' was forgotten")
        await stored.discard(name, also)
        return await _changed(admin, name, "discarded")


async def _changed(admin: Admin, name: str, what: str) -> CredentialShown:
    """Have requests use what is stored now, tell who watches, and return it."""
    await _tell(admin, name, what)
    return _shown(admin, admin.credentials.credentials.held.row(name))


async def _tell(admin: Admin, name: str, what: str) -> None:
    await admin.configuration.recompile()
    admin.credentials.notices.event("credential.changed", {"credential": name, "change": what})


def _deed(name: str, action: str, summary: str, slot: Slot = Slot.ACTIVE) -> Also:
    """Return what puts a change into the audit log, in the change's own transaction."""
    by = asking.get()

    def write(connection: Connection) -> None:
        deed = Deed(
            at_us=time.time_ns() // 1000,
            action=f"credential.{action}",
            by=by,
            object_type="credential",
            object_id=name,
            object_name=name,
            address=by.address if by is not None else "",
            summary=summary,
            after={"fingerprint": told} if (told := fingerprint(connection, name, slot)) else None,
        )
        record(connection, deed)

    return write


async def _test(admin: Admin, name: str, wanted: TrialWanted) -> TrialResults:
    stored = admin.credentials.credentials
    held = stored.held
    held.row(name)
    slot = wanted.slot or (Slot.STAGED if held.slot(name, Slot.STAGED) else Slot.ACTIVE)
    if slot is Slot.ACTIVE and held.secret(name, slot) is None:
        await held.commands.run(name)
        held.publish()
    row, secret = held.value(name, slot)
    users = _users(admin, name)
    # A value is only ever shown to who gets it anyway.
    chosen = [one for one in users if wanted.provider in {None, one.id}]
    if not chosen:
        whom = f"'{wanted.provider}' does not use" if wanted.provider else "No provider uses"
        raise InvalidRequest(
            f"{whom} '{name}', so there is nobody to test it with. Name it in authSecret first.",
            param="provider",
        )
    results = [await _ask(admin, provider, secret) for provider in chosen]
    good = all(result.ok for result in results)
    if good:
        await stored.mark_tested(row.id)
    return TrialResults(name=name, slot=slot, ok=good, results=results)


async def _ask(admin: Admin, provider: Provider, secret: Secret) -> TrialResult:
    found = await admin.inspector.test(msgspec.structs.replace(provider, secret=secret))
    return TrialResult(
        provider=provider.id,
        ok=found.ok,
        latency_ms=found.latency_ms,
        models=len(found.models),
        error=found.error,
    )


def _spec(wanted: CommandWanted) -> CommandSpec:
    return check_spec(
        CommandSpec(
            argv=tuple(wanted.command),
            timeout_s=wanted.timeout_s,
            lifetime_s=wanted.lifetime_s,
        )
    )


def _storable(store: StoreKind | None) -> StoreKind | None:
    if store in {StoreKind.COMMAND, StoreKind.ENVIRONMENT}:
        raise InvalidRequest("A value is kept in the vault or in the keyring.", param="store")
    return store


def _instant(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000_000)


def _users(admin: Admin, name: str) -> list[Provider]:
    providers = admin.configuration.snapshot.providers.values()
    return [provider for provider in providers if provider.credential == name]


def _rows(admin: Admin) -> list[CredentialRow]:
    book = admin.credentials.credentials.held.book
    return [
        row
        for name, row in book.credentials.items()
        if row.removed_us is None and not name.startswith(INTERNAL)
    ]


def _shown(admin: Admin, row: CredentialRow) -> CredentialShown:
    held = admin.credentials.credentials.held
    upkeep = admin.credentials
    users = _users(admin, row.name)
    active = held.slot(row.name, Slot.ACTIVE)
    ready = held.secret(row.name, Slot.ACTIVE) is not None
    spec = held.commands.spec(row.name)
    return CredentialShown(
        name=row.name,
        store=row.store,
        providers=[provider.id for provider in users],
        ready=ready,
        problem=None if ready else held.problem(row.name, Slot.ACTIVE),
        fingerprint=_fingerprint(admin, held, row, active),
        created_us=row.created_us,
        changed_us=row.changed_us,
        last_used_us=_newest(row.last_used_us, upkeep.used, users),
        last_refused_us=_newest(row.last_refused_us, upkeep.refused, users),
        expires_us=held.commands.expires_us(row.name)
        or (active.expires_us if active is not None else None),
        staged=_value_shown(held.slot(row.name, Slot.STAGED)),
        previous=_value_shown(held.slot(row.name, Slot.PREVIOUS)),
        program=spec.program if spec is not None else None,
    )


def _fingerprint(
    admin: Admin, held: Held, row: CredentialRow, active: ValueRow | None
) -> str | None:
    if row.store is not StoreKind.COMMAND:
        return active.fingerprint if active is not None else None
    printed = held.secret(row.name, Slot.ACTIVE)
    return admin.credentials.credentials.fingerprint(printed) if printed is not None else None


def _value_shown(value: ValueRow | None) -> ValueShown | None:
    if value is None:
        return None
    return ValueShown(
        fingerprint=value.fingerprint or None,
        created_us=value.created_us,
        expires_us=value.expires_us,
        tested_us=value.tested_us,
        refused_us=value.refused_us,
        until_us=value.until_us,
    )


def _newest(written: int | None, stamps: dict[str, int], users: list[Provider]) -> int | None:
    return max((written or 0, *(stamps.get(one.id, 0) for one in users))) or None


def _from_environment(admin: Admin) -> list[CredentialShown]:
    """Show what providers take from variables, one entry for each variable."""
    by_source: dict[str, list[Provider]] = {}
    for provider in admin.configuration.snapshot.providers.values():
        source = provider.secret_source
        if source is not None and source != WRITTEN and not source.startswith(STORED):
            by_source.setdefault(source, []).append(provider)
    return [_variable_shown(admin, source, users) for source, users in by_source.items()]


def _variable_shown(admin: Admin, source: str, users: list[Provider]) -> CredentialShown:
    secret = users[0].secret
    upkeep = admin.credentials
    return CredentialShown(
        name=source,
        store=StoreKind.ENVIRONMENT,
        providers=[provider.id for provider in users],
        ready=secret is not None,
        problem=None if secret is not None else f"{source.removeprefix('env:')} is not set.",
        fingerprint=upkeep.credentials.fingerprint(secret) if secret is not None else None,
        created_us=None,
        changed_us=None,
        last_used_us=_newest(None, upkeep.used, users),
        last_refused_us=_newest(None, upkeep.refused, users),
        expires_us=None,
        staged=None,
        previous=None,
        program=None,
    )
