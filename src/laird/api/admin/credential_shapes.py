"""What the routes of credentials take and answer. No answer has a field for a value."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from laird.domain.credential import LONGEST, Slot, StoreKind

DAY_HOURS = 24.0
_Value = Annotated[SecretStr, Field(max_length=2 * LONGEST)]
_Fallback = Annotated[
    float,
    Field(ge=0, le=8760, description="Hours that the value before may step in if this is refused."),
]
_Expires = Annotated[
    datetime | None,
    Field(description="When it ends at the provider, as a date or a time in ISO 8601."),
]


class CommandWanted(BaseModel):
    """A command that prints a credential."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    command: list[str] = Field(min_length=1, description="The program and its arguments; no shell.")
    timeout_s: float = 10.0
    lifetime_s: float | None = Field(
        default=None, description="How long what it prints is good for, where it does not say."
    )


class CredentialWanted(BaseModel):
    """A credential: a value, or a command that prints it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    value: _Value | None = None
    command: CommandWanted | None = None
    store: StoreKind | None = Field(
        default=None, description="vault or keyring; else where it is, or the usual one."
    )
    expires: _Expires = None
    fallback_hours: _Fallback = DAY_HOURS


class StagedWanted(BaseModel):
    """A value that shall follow the one in force."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    value: _Value
    expires: _Expires = None


class PromotionWanted(BaseModel):
    """How the staged value is put in force."""

    model_config = ConfigDict(extra="forbid")

    fallback_hours: _Fallback = DAY_HOURS


class TrialWanted(BaseModel):
    """Which value is tested, and by which of the providers that use the credential."""

    model_config = ConfigDict(extra="forbid")

    slot: Slot | None = Field(default=None, description="The staged value where there is one.")
    provider: str | None = Field(default=None, description="All that use it, where none is named.")


class ValueShown(BaseModel):
    """A value of a credential, as far as it may be seen."""

    fingerprint: str | None
    """Six hex characters of a keyed hash: equal where values are equal."""
    created_us: int
    expires_us: int | None
    tested_us: int | None
    refused_us: int | None
    until_us: int | None
    """Of the value before: how long it may step in."""


class CredentialShown(BaseModel):
    """A credential, as far as it may be seen."""

    name: str
    store: StoreKind
    providers: list[str]
    """Who uses it."""
    ready: bool
    problem: str | None
    """Why there is nothing to send."""
    fingerprint: str | None
    created_us: int | None
    changed_us: int | None
    last_used_us: int | None
    last_refused_us: int | None
    expires_us: int | None
    staged: ValueShown | None
    previous: ValueShown | None
    program: str | None
    """Of a command: its name."""


class CredentialsShown(BaseModel):
    """All credentials, by name; those from the environment last."""

    credentials: list[CredentialShown]


class TrialResult(BaseModel):
    """What one provider said to a value."""

    provider: str
    ok: bool
    latency_ms: float
    models: int
    error: str | None


class TrialResults(BaseModel):
    """What the providers said to a value."""

    name: str
    slot: Slot
    ok: bool
    results: list[TrialResult]


class SecretsMoved(BaseModel):
    """What was written out in the document and is stored now: names, by provider."""

    moved: dict[str, str]


class KeysWrapped(BaseModel):
    """How many values the new master key wraps."""

    wrapped: int
