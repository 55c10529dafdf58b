"""Credentials of providers that are kept, as the configuration and people see them.

A credential has a name and up to three values: the one in force, one that is staged to follow it,
and the one before it, which steps in for a while if the new one is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from laird.domain.errors import InvalidRequest
from laird.domain.secret import Secret

LONGEST = 8192
"""Characters that a credential may have."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LIKE_A_KEY = re.compile(
    r"(sk|lai|gsk|xai|ghp|nvapi|pplx)[-_].{12,}|(pk|rk|hf|key)[-_](?=.*[0-9]).{12,}"
    r"|aiza.{16,}|[a-z0-9]{33,}"
)
_RUN = re.compile(r"(?=[a-z]*[0-9])(?=[0-9]*[a-z])[a-z0-9]{16,}")


class StoreKind(StrEnum):
    """Where a credential is from."""

    VAULT = "vault"
    """The database, encrypted."""
    KEYRING = "keyring"
    """The operating system's keyring."""
    COMMAND = "command"
    """A command that prints it."""
    ENVIRONMENT = "environment"
    """A variable of the environment; it is not ours to change."""


class Slot(StrEnum):
    """The place of a value in its credential."""

    ACTIVE = "active"
    STAGED = "staged"
    PREVIOUS = "previous"


class Stored(msgspec.Struct, frozen=True):
    """What the configuration needs of a stored credential."""

    name: str
    secret: Secret | None
    """None where there is none now: it was removed, its key is not here, its command failed."""


class WrittenSecret(msgspec.Struct, frozen=True):
    """A secret that stands in the document itself."""

    provider_id: str
    secret: Secret
    replaces: str | None = None
    """The credential that this provider alone has used until now: the secret is its next value."""


class CredentialSource(Protocol):
    """Stored credentials, as the configuration uses them. Safe to read from any thread."""

    @property
    def names(self) -> Collection[str]:
        """All names, those of removed credentials included: none of them is a secret."""
        ...

    def find(self, name: str) -> Stored | None:
        """Return the credential of that name; None where no such name was ever given."""
        ...

    def scrub(self, text: str) -> str:
        """Return a text with `«redacted»` in place of every value that is kept here."""
        ...

    async def adopt(self, written: Sequence[WrittenSecret]) -> Mapping[str, str]:
        """Keep secrets that were written out; return their names, by provider id.

        When it returns they are kept as safely as those given by hand. Raises a `LairdError` when
        that is not possible; then some may be kept, and nothing is lost.
        """
        ...


class NoCredentials:
    """Nothing is stored, and nothing can be: for tests and for Laird inside a program."""

    names: Collection[str] = frozenset()

    def find(self, name: str) -> Stored | None:
        """Return None."""
        del name
        return None

    def scrub(self, text: str) -> str:
        """Return the text."""
        return text

    async def adopt(self, written: Sequence[WrittenSecret]) -> Mapping[str, str]:
        """Keep nothing."""
        del written
        return {}


def check_name(name: str) -> None:
    """Refuse a name that can't be one, or that looks like a key.

    Raises:
        InvalidRequest: the message does not repeat it, since it may be a key in the wrong place.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            "A credential's name has 1 to 64 lower-case letters, digits, '-', '_' and '.', and"
            " begins with a letter or digit.",
            param="name",
        )
    if looks_like_a_key(name):
        raise InvalidRequest(
            "That name looks like a key. Names are shown to everybody: choose another one, and"
            " give the key where it is asked for.",
            param="name",
        )


def is_name(text: str) -> bool:
    """Tell whether a text can be a credential's name."""
    return _NAME.fullmatch(text) is not None and not looks_like_a_key(text)


def looks_like_a_key(text: str) -> bool:
    """Tell whether a text is more likely a key than a name."""
    folded = text.lower()
    return bool(_LIKE_A_KEY.match(folded) or _RUN.search(folded))


def check_value(value: str) -> Secret:
    """Return a credential without the blanks around it.

    Raises:
        InvalidRequest: it is empty, too long, or has characters that no header can carry.
    """
    trimmed = value.strip()
    if not trimmed:
        raise InvalidRequest("The credential is empty.", param="value")
    if len(trimmed) > LONGEST:
        raise InvalidRequest(f"The credential is over {LONGEST} characters.", param="value")
    if not (trimmed.isascii() and trimmed.isprintable()):
        raise InvalidRequest(
            "The credential has characters that can't be sent: give one line of plain ASCII.",
            param="value",
        )
    return Secret(trimmed)
