"""A document that lives in memory alone: Laird's, when it is part of a program."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from laird.config.document import revision_of
from laird.domain.errors import StaleRevision


class MemoryHome:
    """See `laird.config.home.Home`."""

    def __init__(self, text: str, name: str = "the document of this program") -> None:
        self._text = text
        self._name = name

    @property
    def name(self) -> str:
        """How messages call it."""
        return self._name

    def load(self) -> tuple[str, str]:
        """Return the text and its revision."""
        return self._text, revision_of(self._text)

    def save(self, text: str, expected_revision: str) -> str:
        """Replace the text. See `Home.save`."""
        current, revision = self.load()
        if revision != expected_revision:
            raise StaleRevision(
                expected=expected_revision, current=revision, current_document=current
            )
        self._text = text
        return revision_of(text)

    async def watch(self) -> AsyncIterator[None]:
        """Yield once: nobody but Laird itself can change it."""
        yield
        await asyncio.get_running_loop().create_future()
