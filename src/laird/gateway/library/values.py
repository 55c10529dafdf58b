"""What the local library tells of its models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from laird.domain.local_models import MemoryNeed, Running, RunSettings, Verdict
from laird.library.curated import CuratedModel
from laird.library.gguf import GgufHeader
from laird.library.shelf import Installed

if TYPE_CHECKING:
    from laird.library.hub import HubFile


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An installed model, and what is known of it here."""

    installed: Installed
    header: GgufHeader | None
    """None for a file that can't be read as a model's."""
    provider_id: str | None
    """The provider that offers it; None while the document offers it nowhere."""
    name: str | None
    """What it is called there."""
    settings: RunSettings
    need: MemoryNeed | None
    verdict: Verdict | None
    running: Running | None
    problem: str | None
    """Why it can't be run, with what to do."""


class Offered(msgspec.Struct, frozen=True):
    """A file at the hub, and whether it would fit here."""

    file: HubFile
    verdict: Verdict


class Recommended(msgspec.Struct, frozen=True):
    """A model that is offered by name, whether it would fit, and whether it is here."""

    model: CuratedModel
    verdict: Verdict
    installed: str | None
