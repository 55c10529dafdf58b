"""Settings of the server itself: flags before environment before `.env` before defaults."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
from dotenv import dotenv_values
from pydantic import (
    ByteSize,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, SettingsConfigDict

from laird.domain.errors import StartError

PREFIX = "LAIRD_"
DOTENV = ".env"
_REDACTED = "«redacted»"


class SettingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One setting, for help texts and the documentation."""

    name: str
    """The environment variable, such as `LAIRD_PORT`."""
    field: str
    """The flag's name, such as `port`."""
    default: str
    meaning: str


class SettingSource(StrEnum):
    """Where the value of a setting is from."""

    DEFAULT = "default"
    ENVIRONMENT = "environment"
    FILE = "file"
    """The file `.env`."""
    FLAG = "flag"
    """Of the command, or of the program that Laird runs in."""


class SettingInForce(msgspec.Struct, frozen=True, kw_only=True):
    """A setting as it is in force; a secret in its value is `«redacted»`."""

    row: SettingRow
    value: str
    source: SettingSource


class Settings(BaseSettings):
    """All settings of the server. Made by `Settings.load`, never changed."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=DOTENV,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    home: Path = Field(
        default=Path("~/.laird"),
        description="Directory of everything Laird keeps: document, database, logs, sockets.",
    )
    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on; 0.0.0.0 means every network this machine is in.",
    )
    port: int = Field(
        default=8012, ge=0, le=65535, description="Port to listen on; 0 means any free one."
    )
    config: Path = Field(
        default=Path("<home>/providers.yaml"),
        description="The document that describes providers, models, chains and routing.",
    )
    database_url: str = Field(
        default="sqlite:///<home>/laird.db",
        repr=False,
        description="Database, as sqlite:///file or postgresql://user:password@host/name.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much is logged: debug, info, warning or error."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto",
        description="Form of the log: json, text, or auto (text on a terminal, else json).",
    )
    max_body_bytes: ByteSize = Field(
        default=ByteSize(20 * 1024 * 1024),
        ge=1024,
        description="Largest request body, in bytes or as 20MB or 20MiB.",
    )
    fetch_images: bool = Field(
        default=True,
        description="Fetch images and files that requests name by URL, for providers that do not.",
    )
    fetch_allow: str = Field(
        default="none",
        description="Hosts, addresses and networks that may be fetched from beside the internet.",
    )
    library_memory: ByteSize | None = Field(
        default=None,
        ge=1024 * 1024,
        description="Memory that models run by Laird may have, as 12GiB; else what is free.",
    )
    library_idle_s: float = Field(
        default=600.0,
        gt=0,
        le=365 * 86_400,
        description="A model run by Laird is unloaded when nobody used it for so long, seconds.",
    )
    discovery_hosts: str = Field(
        default="none",
        description="Hosts beside this machine where running model servers are looked for.",
    )
    drain_seconds: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="How long running requests may go on after a stop signal.",
    )
    smtp_url: str = Field(
        default="none",
        repr=False,
        description="Mail server for alerts, as smtp://user:password@host:587 or smtps://….",
    )
    alert_from: str = Field(default="none", description="Sender of alerts by mail.")
    alert_to: str = Field(
        default="none", description="Recipients of alerts by mail, with commas between."
    )
    allowed_hosts: str = Field(
        default="none",
        description="Names by which people reach this Laird, beside those of this machine.",
    )
    trusted_proxies: str = Field(
        default="none",
        description="Addresses of reverse proxies whose X-Forwarded-For and -Proto are believed.",
    )
    public_url: str = Field(
        default="none",
        description="Where people reach this Laird, for links, such as https://laird.example.",
    )
    cors_origins: str = Field(
        default="none",
        description="Origins of other web pages that may use the inference routes; * is all.",
    )
    max_connections: int = Field(
        default=4096, ge=1, le=1_000_000, description="Clients that may be connected at once."
    )
    credential_store: Literal["auto", "keyring", "vault"] = Field(
        default="auto",
        description="Where new credentials go: keyring, vault, or auto (keyring, else vault).",
    )
    responses_retention_days: int = Field(
        default=30,
        ge=1,
        le=36500,
        description="Days that a stored response is kept after it was last gone on from.",
    )
    keep_requests: bool = Field(
        default=False, description="Keep requests and answers of all keys for a while."
    )
    keep_days: int = Field(
        default=7, ge=1, le=3650, description="Days that requests and answers are kept."
    )
    keep_max_bytes: ByteSize = Field(
        default=ByteSize(1024**3),
        ge=0,
        description="What kept requests and answers may take, in bytes or as 2GiB.",
    )
    keep_local: bool = Field(
        default=False, description="Keep also requests that must stay local, and their answers."
    )

    _sources: dict[str, SettingSource] = PrivateAttr(default_factory=dict)

    @field_validator("library_memory", mode="before")
    @classmethod
    def _none(cls, value: object) -> object:
        return None if isinstance(value, str) and value.strip().lower() == "none" else value

    @field_validator("log_level", "log_format", "credential_store", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if not value.startswith(("sqlite:", "sqlite+", "postgresql:", "postgresql+", "postgres:")):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return value

    @model_validator(mode="after")
    def _in_home(self) -> Self:
        """Make paths absolute, and put what is not set into the home directory."""
        home = self.home.expanduser().absolute()
        config = self.config if "config" in self.model_fields_set else home / "providers.yaml"
        # A frozen model is completed here, before anybody has seen it.
        object.__setattr__(self, "home", home)
        object.__setattr__(self, "config", config.expanduser().absolute())
        if "database_url" not in self.model_fields_set:
            url = f"sqlite:///{(home / 'laird.db').as_posix()}"
            object.__setattr__(self, "database_url", url)
        return self

    @classmethod
    def load(cls, flags: Mapping[str, Any] | None = None) -> Settings:
        """Read the settings. `flags` are by field name; None in one means that it was not given.

        Raises `StartError` with one line that names the variable and says what to do.
        """
        given = {name: value for name, value in (flags or {}).items() if value is not None}
        try:
            loaded = cls(**given)
        except ValidationError as error:
            raise StartError(_one_line(error, given)) from None
        except UnicodeDecodeError:
            raise StartError(f"{DOTENV} is not UTF-8 text: save it as UTF-8.") from None
        loaded._sources.update(loaded._told_sources(given))
        return loaded

    def _told_sources(self, given: Mapping[str, Any]) -> Iterator[tuple[str, SettingSource]]:
        """Yield where each value that is no default is from, as long as that can still be told."""
        set_there = {name.upper() for name, value in os.environ.items() if value}
        for name in self.model_fields_set:
            if name in given:
                yield name, SettingSource.FLAG
            elif f"{PREFIX}{name.upper()}" in set_there:
                yield name, SettingSource.ENVIRONMENT
            else:
                yield name, SettingSource.FILE

    def in_force(self) -> tuple[SettingInForce, ...]:
        """Return all settings with their sources, in the order of `SETTINGS`, without secrets."""
        return tuple(
            SettingInForce(
                row=row,
                value=self._shown(row.field),
                source=self._sources.get(row.field, SettingSource.DEFAULT),
            )
            for row in SETTINGS
        )

    def _shown(self, field: str) -> str:
        value = _in_words(getattr(self, field))
        return value if type(self).model_fields[field].repr else without_secrets(value)

    def prepare_home(self) -> None:
        """Create the home directory (mode 0700) and make sure that it can be written.

        Raises `StartError` with one line that says what to do.
        """
        advice = "Set LAIRD_HOME to a directory you may write."
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StartError(f"{self.home} can't be created ({error.strerror}). {advice}") from None
        if not os.access(self.home, os.W_OK | os.X_OK):
            raise StartError(f"{self.home} can't be written. {advice}")


def without_secrets(url: str) -> str:
    """Return a URL with `«redacted»` in place of user, password and query."""
    scheme, separator, rest = url.partition("://")
    if scheme.startswith("sqlite"):
        return url
    if not separator:
        return _REDACTED if "@" in url else url
    # A password may have any character in it: nothing before the last @ is shown.
    _, at, place = rest.rpartition("@")
    shown = re.split("[?#]", place, maxsplit=1)[0]
    user = f"{_REDACTED}@" if at else ""
    rest_of_it = f"?{_REDACTED}" if shown != place else ""
    return f"{scheme}://{user}{shown}{rest_of_it}"


def _one_line(error: ValidationError, flags: Mapping[str, Any]) -> str:
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    place = f"--{field.replace('_', '-')}" if field in flags else f"{PREFIX}{field.upper()}"
    reason = first["msg"].removeprefix("Value error, ")
    row = next((row for row in SETTINGS if row.field == field), None)
    meaning = f" {row.meaning} Default: {row.default}." if row else ""
    return f"{place} is wrong: {reason[0].lower()}{reason[1:]}.{meaning}"


def _in_words(value: object) -> str:
    """Return a value as it is written into the environment: `none` for nothing, 30 for 30.0."""
    if isinstance(value, float):
        return str(value).removesuffix(".0")
    return "none" if value is None else str(value)


def _rows() -> tuple[SettingRow, ...]:
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default is PydanticUndefined else _in_words(field.default)
        rows.append(
            SettingRow(
                name=f"{PREFIX}{name.upper()}",
                field=name,
                default=default,
                meaning=field.description or "",
            )
        )
    return tuple(rows)


SETTINGS = _rows()
"""All settings, in the order in which help shows them."""


def read_environment(directory: Path | None = None) -> dict[str, str]:
    """Return the environment with the values of `.env` beneath it: where `env:NAME` is looked up.

    Raises `StartError` when `.env` can't be read.
    """
    path = (directory or Path.cwd()) / DOTENV
    try:
        written = dotenv_values(path, encoding="utf-8") if path.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{path} can't be read: {error}.") from None
    return {name: value for name, value in written.items() if value is not None} | dict(os.environ)


def mistyped_settings(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return a warning for each variable that looks like a mistyped setting (`LAIRD_PROT`)."""
    known = [row.name for row in SETTINGS]
    warnings = []
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.88)
            if near:
                warnings.append(f"{name} is not a setting. Did you mean {near[0]}?")
    return tuple(warnings)
