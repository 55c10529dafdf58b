"""What answers about privacy look like."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class RuleConditions(TypedDict):
    """When a rule holds: all that it names, of each any one entry. Names are patterns with `*`."""

    keys: NotRequired[list[str]]
    workflows: NotRequired[list[str]]
    models: NotRequired[list[str]]
    contains: NotRequired[list[str]]
    detected: NotRequired[list[str]]


class RuleShown(TypedDict):
    """A rule in the document's words."""

    name: str
    when: RuleConditions
    then: Literal["any", "warn", "local", "refuse"]


class ReadingShown(TypedDict):
    """How much was looked at since the start of the server."""

    scanned: int
    """Messages."""
    known: int
    """Messages that had been looked at before."""
    failures: int
    """Requests that could not be looked at, and so counted as sensitive."""
    process: int | None
    """The id of the process that reads long texts; null while there is none."""


class PrivacyShown(TypedDict):
    """The rules in force."""

    active: bool
    """Whether the document asks for anything."""
    detect: dict[str, str]
    """By category: `off`, `any`, `warn`, `local` or `refuse`."""
    attachments: Literal["any", "warn", "local", "refuse"]
    """What follows from what can't be looked into."""
    regions: list[str]
    """Countries (ISO 3166) whose telephone numbers are known without their country code."""
    rules: list[RuleShown]
    detectors: dict[str, str]
    """Versions of the libraries that look."""
    state: ReadingShown


class FoundShown(TypedDict):
    """Something that was found; its text is nowhere."""

    category: str
    kind: str
    line: int
    """Counted from 1."""


class CheckShown(TypedDict):
    """What is in a text, and what the rules would make of it."""

    found: list[FoundShown]
    verdict: str
    """`any`, `local` or `refuse`."""
    reason: str | None
