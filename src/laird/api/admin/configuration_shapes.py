"""What the routes of the document return."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict


class ProblemShown(TypedDict):
    """One thing that is wrong in a document."""

    message: str
    path: str
    """Such as `providers[0].kind`; empty for the whole."""
    line: int | None
    """Counted from 1."""
    fix: str | None


class ConfigurationShown(TypedDict):
    """The document in force."""

    revision: str
    file: str
    document: str
    """Its text, with `«redacted»` in place of secrets."""
    error: str | None
    """Why the file as it is now is not in force; null when it is."""
    problems: list[ProblemShown]
    """The same, one by one: lines are those of the file."""
    warnings: list[str]


class InForce(TypedDict):
    """What is in force after a change."""

    revision: str
    warnings: list[str]


class Checked(TypedDict):
    """What a document would mean."""

    revision: str
    providers: int
    models: int
    chains: int
    warnings: list[str]
    changes: list[str]
    """What it would change, in lines such as `provider a: priority 1 -> 2`; empty for nothing."""


class ConfigurationChange(TypedDict):
    """A change of the document."""

    id: str
    at_us: int
    """UTC, microseconds since 1970."""
    actor: str
    source: Literal["file", "cli", "api", "rollback"]
    revision: str
    """After the change."""
    before: str | None
    """The revision before it; null for the first document."""
    summary: list[str]


class ConfigurationChanges(TypedDict):
    """Changes, newest first."""

    changes: list[ConfigurationChange]


class ConfigurationChangeWithDocument(ConfigurationChange):
    """A change with the document after it."""

    document: str
    """With `«redacted»` in place of secrets."""
