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


def find_secret(
    entry: ProviderEntry,
    kind: Kind,
    endpoint: str,
    override: Override,
    environment: Mapping[str, str],
) -> tuple[Secret | None, str | None]:
    """Return a provider's credential and where it is from.

    In order: `PROVIDER_{ID}_API_KEY`; the document's `authSecret`, where `env:NAME` names a
    variable; the kind's usual variable, but only for the kind's own endpoint, so that no key goes
    to a host it was not made for.
    """
    if override.api_key:
        return Secret(override.api_key), variable(entry.id, "API_KEY")
    if entry.auth_secret is not None:
        name = env_name(entry.auth_secret)
        if name is None:
            return Secret(entry.auth_secret), "document"
        value = environment.get(name)
        return (Secret(value) if value else None), f"env:{name}"
    wanted = kind.env_key if entry.auth_type != "null" and endpoint == kind.endpoint else None
    if wanted and environment.get(wanted):
        return Secret(environment[wanted]), f"env:{wanted}"
    return None, None


def env_name(auth_secret: str) -> str | None:
    """Return NAME of an `env:NAME`, or None for a secret that is written out."""
    return auth_secret[4:].strip() if auth_secret.startswith("env:") else None


def auth_type(entry: ProviderEntry, kind: Kind, *, has_secret: bool) -> AuthType:
    """Return how the credential is sent: as written, else as the kind does, else as a bearer."""
    if entry.auth_type is not None:
        return AuthType(entry.auth_type)
    if kind.auth_type is AuthType.NONE and has_secret:
        return AuthType.BEARER
    return kind.auth_type
