"""What may leave the house: the policy as the document says it, and the verdict on one request."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum

import msgspec


class Category(StrEnum):
    """What detectors look for; the values are the words of the document."""

    SECRETS = "secrets"
    """API keys, tokens, private keys, passwords."""
    CARDS = "cards"
    IBAN = "iban"
    NATIONAL_IDS = "nationalIds"
    EMAIL = "email"
    PHONE = "phone"

    @property
    def word(self) -> str:
        """What one of its kind is called in reasons: `detected:card`."""
        return _WORDS[self]

    @property
    def bit(self) -> int:
        """Its place in a set of categories that is kept as one number."""
        return _BITS[self]


_WORDS: Mapping[Category, str] = {
    Category.SECRETS: "secret",
    Category.CARDS: "card",
    Category.IBAN: "iban",
    Category.NATIONAL_IDS: "national-id",
    Category.EMAIL: "email",
    Category.PHONE: "phone",
}
_BITS: Mapping[Category, int] = {each: 1 << place for place, each in enumerate(Category)}


def bits_of(categories: frozenset[Category]) -> int:
    """Return a set of categories as one number."""
    return sum(each.bit for each in categories)


class Action(IntEnum):
    """What follows for a request; of several the highest holds."""

    ANY = 0
    """It may go anywhere."""
    WARN = 1
    """It may go anywhere, and that is written down."""
    LOCAL = 2
    """It stays on our machines."""
    REFUSE = 3
    """It is not answered at all."""


class PrivacyRule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: all conditions that it names must hold, of each any one entry.

    `keys`, `workflows` and `models` are patterns in which `*` stands for anything. A rule whose
    `then` is `ANY` is an exemption: for its keys, what is detected of its categories does not
    count.
    """

    name: str
    keys: tuple[str, ...] = ()
    """Names or ids of keys."""
    workflows: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    """What the client wrote as model, or what an alias makes of it."""
    contains: tuple[str, ...] = ()
    """Words in the text, in capitals or not."""
    detected: frozenset[Category] = frozenset()
    then: Action = Action.LOCAL


class PrivacyPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The document's section `privacy`, where it asks for anything."""

    detect: Mapping[Category, Action] = {}
    """What follows when a category is found; one that is not here is not looked for."""
    attachments: Action = Action.LOCAL
    """What follows from what can't be looked into, where something is looked for."""
    regions: tuple[str, ...] = ()
    """Countries (ISO 3166) whose telephone numbers are known without `+` and country code."""
    rules: tuple[PrivacyRule, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """What a policy says of one request, and in one word why. Never what was found."""

    action: Action
    reason: str | None = None
    """`detected:card`, `rule:NAME`, `attachment` or `detector_failed`."""


FREE_TO_GO = Verdict(Action.ANY)
