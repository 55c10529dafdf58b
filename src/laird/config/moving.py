"""Moves secrets that stand in a document to where they can't be read, and writes their names."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from laird.config.document import Document
from laird.config.home import Home
from laird.config.redact import redact, replace_secrets, written_out
from laird.domain.catalog import Snapshot
from laird.domain.credential import CredentialSource, WrittenSecret
from laird.domain.errors import LairdError, StaleRevision
from laird.domain.secret import Secret

Build = Callable[[str], tuple[Document, Snapshot]]
"""Reads and compiles a text. Raises `ConfigError`."""

log = logging.getLogger(__name__)


class SecretMover:
    """Moves secrets for one home. `current` is always the snapshot in force.

    Args:
        home: where the document is.
        credentials: where secrets go.
        build: makes a text into what it means.
    """

    def __init__(self, home: Home, credentials: CredentialSource, build: Build) -> None:
        self._home = home
        self._credentials = credentials
        self._build = build

    def redacted(self, text: str) -> str:
        """Return a document as it may be shown and kept."""
        return redact(self._credentials.scrub(text), self._credentials.names)

    async def kept(self, document: Document, current: Snapshot) -> dict[str, str]:
        """Keep what is written out in a document; return the names, by provider id."""
        found = written_out(document.text, self._credentials.names)
        if not found:
            return {}
        written = [
            WrittenSecret(provider_id, Secret(value), _own_credential(provider_id, current))
            for provider_id, value in found.items()
        ]
        return dict(await self._credentials.adopt(written))

    async def rewritten(
        self, document: Document, named: dict[str, str], revision: str
    ) -> tuple[Document, Snapshot]:
        """Write names in place of secrets; return what is in its home then."""
        text = replace_secrets(document.text, named)
        document, snapshot = await asyncio.to_thread(self._build, text)
        await asyncio.to_thread(self._home.save, text, revision)
        for provider_id, name in named.items():
            log.warning(
                "The secret of provider '%s' was written out in %s. It is the stored credential"
                " '%s' now, and the document has that name.",
                provider_id,
                self._home.name,
                name,
            )
        return document, snapshot

    async def saved(
        self, document: Document, snapshot: Snapshot, expected_revision: str, current: Snapshot
    ) -> tuple[Document, Snapshot]:
        """Write a document to its home, the secrets in it moved; return what is there then."""
        found = await asyncio.to_thread(written_out, document.text, self._credentials.names)
        if found:
            there, revision = await asyncio.to_thread(self._home.load)
            if revision != expected_revision:
                raise StaleRevision(
                    expected=expected_revision, current=revision, current_document=there
                )
            if named := await self.kept(document, current):
                return await self.rewritten(document, named, expected_revision)
        await asyncio.to_thread(self._home.save, document.text, expected_revision)
        return document, snapshot

    async def moved(
        self, document: Document, snapshot: Snapshot, revision: str, current: Snapshot
    ) -> tuple[Document, Snapshot]:
        """Move the secrets of a document that lies in its home; where that fails, it stays.

        Raises `StaleRevision` when the home holds another one by now.
        """
        try:
            named = await self.kept(document, current)
            return (
                await self.rewritten(document, named, revision) if named else (document, snapshot)
            )
        except StaleRevision:
            raise
        except LairdError as error:
            log.error(  # noqa: TRY400 - the message says all
                "Secrets are written out in %s, and can't be moved out of it: %s",
                self._home.name,
                error.message,
            )
            return document, snapshot


def _own_credential(provider_id: str, current: Snapshot) -> str | None:
    """Return the credential that this provider uses now, and no other does."""
    providers = current.providers
    name = providers[provider_id].credential if provider_id in providers else None
    users = [one.id for one in providers.values() if one.credential == name]
    return name if users == [provider_id] else None
