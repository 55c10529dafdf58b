"""What the environment decides over the document: endpoints, switches and secrets of providers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from pydantic import TypeAdapter, ValidationError

from laird.config.document import did_you_mean
from laird.config.schema import Endpoint, ProviderEntry
from laird.domain.catalog import AuthType, Kind
from laird.domain.credential import CredentialSource, is_name
from laird.domain.errors import Problem
from laird.domain.secret import Secret

_ENDPOINT: TypeAdapter[str] = TypeAdapter(Endpoint)
_VARIABLE = re.compile(r"PROVIDER_(.+)_(ENDPOINT|ENABLED|API_KEY)")
_SWITCH = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """What environment variables say of one provider; None where they say nothing."""

    endpoint: str | None = None
    enabled: bool | None = None
    api_key: str | None = None
    fields: tuple[str, ...] = ()
    """The document's names of the fields decided."""


NO_OVERRIDE = Override()


def variable(provider_id: str, what: str) -> str:
    """Return the name of an override, such as `PROVIDER_MY_GPU_ENDPOINT`."""
    return f"PROVIDER_{_capitals(provider_id)}_{what}"


def _capitals(provider_id: str) -> str:
    return provider_id.upper().replace("-", "_").replace(".", "_")


def read_override(
    provider_id: str, environment: Mapping[str, str]
) -> tuple[Override, list[Problem]]:
    """Return a provider's overrides, and what is wrong with them. An empty variable is unset."""
    decided: dict[str, Any] = {}
    problems = []
    fields = []
    if value := environment.get(name := variable(provider_id, "ENDPOINT")):
        try:
            decided["endpoint"] = _ENDPOINT.validate_python(value)
            fields.append("endpoint")
        except ValidationError as error:
            reason = error.errors()[0].get("ctx", {}).get("error", "is not a URL")
            problems.append(_wrong(name, f"{reason}."))
    if value := environment.get(name := variable(provider_id, "ENABLED")):
        decided["enabled"] = _SWITCH.get(value.strip().lower())
        fields.append("enabled")
        if decided["enabled"] is None:
            problems.append(_wrong(name, "must be true or false."))
    if value := environment.get(variable(provider_id, "API_KEY")):
        decided["api_key"] = value
        fields.append("authSecret")
    return Override(**decided, fields=tuple(fields)), problems


def _wrong(name: str, message: str) -> Problem:
    fix = f"Set the environment variable {name} again, or unset it."
    return Problem(message=message, path=name, fix=fix)


def stray_overrides(provider_ids: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    """Return a warning for each override that fits no provider, or more than one."""
    names: dict[str, list[str]] = {}
    for provider_id in provider_ids:
        names.setdefault(_capitals(provider_id), []).append(provider_id)
    warnings = []
    for name in sorted(environment):
        match = _VARIABLE.fullmatch(name)
        if match is None or not environment[name]:
            continue
        owners = names.get(match[1], [])
        if not owners:
            hint = did_you_mean(match[1], names)
            warnings.append(f"{name} is set, but no provider has that id.{f' {hint}' * bool(hint)}")
        elif len(owners) > 1:
            warnings.append(f"{name} is set, and it holds for {' and '.join(owners)} alike.")
    return warnings


WRITTEN = "document"
"""The source of a secret that stands in the document itself."""
STORED = "stored:"
"""How the source of a stored credential begins where it is shown, and may in a document."""


class FoundSecret(msgspec.Struct, frozen=True):
    """A provider's credential, and where it is from."""

    secret: Secret | None = None
    """None where there is none, or where its source has none now."""
    source: str | None = None
    """Fit to be shown; None where nothing says that there should be one."""
    credential: str | None = None
    """The name of the stored credential that it is."""


def find_secret(
    entry: ProviderEntry,
    kind: Kind,
    endpoint: str,
    override: Override,
    environment: Mapping[str, str],
    credentials: CredentialSource,
) -> FoundSecret:
    """Return a provider's credential and where it is from.

    In order: `PROVIDER_{ID}_API_KEY`; the document's `authSecret`, where `env:NAME` names a
    variable and the name of a stored credential means that one, also as `stored:NAME`; the kind's
    usual variable, but only for the kind's own endpoint, so that no key goes to a host it was not
    made for.
    """
    if override.api_key:
        return FoundSecret(Secret(override.api_key), variable(entry.id, "API_KEY"))
    if entry.auth_secret is not None:
        return _named(entry.id, entry.auth_secret, environment, credentials)
    wanted = kind.env_key if entry.auth_type != "null" and endpoint == kind.endpoint else None
    if wanted and environment.get(wanted):
        return FoundSecret(Secret(environment[wanted]), f"env:{wanted}")
    return FoundSecret()


def _named(
    provider_id: str,
    auth_secret: str,
    environment: Mapping[str, str],
    credentials: CredentialSource,
) -> FoundSecret:
    name = env_name(auth_secret)
    if name is not None:
        value = environment.get(name)
        return FoundSecret(Secret(value) if value else None, f"env:{name}")
    said = stored_name(auth_secret)
    stored = credentials.find(said or auth_secret)
    if stored is not None:
        return FoundSecret(stored.secret, f"{STORED}{stored.name}", stored.name)
    if said is not None or auth_secret == provider_id:
        # It is not there yet, or no more. What is moved out of a document gets its provider's id.
        name = said or auth_secret
        return FoundSecret(None, f"{STORED}{name}", name)
    return FoundSecret(Secret(auth_secret), WRITTEN)


def env_name(auth_secret: str) -> str | None:
    """Return NAME of an `env:NAME`, or None for a secret that is written out."""
    return auth_secret[4:].strip() if auth_secret.startswith("env:") else None


def stored_name(auth_secret: str) -> str | None:
    """Return NAME of a `stored:NAME`, or None for anything else, also where NAME can't be one."""
    name = auth_secret.removeprefix(STORED).strip()
    return name if auth_secret.startswith(STORED) and is_name(name) else None


def auth_type(entry: ProviderEntry, kind: Kind, *, has_secret: bool) -> AuthType:
    """Return how the credential is sent: as written, else as the kind does, else as a bearer."""
    if entry.auth_type is not None:
        return AuthType(entry.auth_type)
    if kind.auth_type is AuthType.NONE and has_secret:
        return AuthType.BEARER
    return kind.auth_type
