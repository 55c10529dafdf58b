"""What the document says of the library's models: which are offered, and under which names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from laird.config.history import ChangeSource
from laird.config.live import LiveConfiguration
from laird.domain.catalog import Model, Snapshot
from laird.domain.errors import StaleRevision
from laird.domain.local_models import LIBRARY

_TRIES = 5


class Offers:
    """The library's part of a document that is followed."""

    def __init__(self, configuration: LiveConfiguration) -> None:
        self._live = configuration

    @property
    def snapshot(self) -> Snapshot:
        """What the document means now."""
        return self._live.snapshot

    @property
    def providers(self) -> tuple[str, ...]:
        """The ids of the providers that offer models of the library."""
        providers = self.snapshot.providers.values()
        return tuple(provider.id for provider in providers if provider.kind == LIBRARY)

    def entries(self) -> Iterator[Model]:
        """Yield the document's models of the library."""
        snapshot = self.snapshot
        for model in snapshot.models.values():
            if snapshot.providers[model.provider_id].kind == LIBRARY:
                yield model

    def by_file(self) -> dict[str, Model]:
        """Return the same by the names of their files; of several for one file, the first."""
        offers: dict[str, Model] = {}
        for model in self.entries():
            offers.setdefault(model.upstream_model, model)
        return offers

    async def edit(self, change: Callable[[str], str], actor: str) -> None:
        """Change the document's text; again, where somebody else was quicker.

        Raises what `LiveConfiguration.apply` does, and what is wrong with a broken document.
        """
        live = self._live
        for left in reversed(range(_TRIES)):
            if live.error is not None:
                raise live.error
            revision = live.snapshot.revision
            text = await asyncio.to_thread(change, live.document_text)
            try:
                await live.apply(text, revision, actor, ChangeSource.API)
            except StaleRevision:
                if not left:
                    raise
                await live.reload()
            else:
                break
