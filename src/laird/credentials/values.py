"""Values of credentials on their way to the vault and from it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from laird.domain.credential import Slot, StoreKind
from laird.domain.secret import Secret


class NewValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value to be kept."""

    id: str
    secret: Secret
    store: StoreKind
    slot: Slot
    expires_us: int | None = None


class Opened(msgspec.Struct, frozen=True):
    """What could be opened of all values, and why the rest could not, by value id."""

    secrets: Mapping[str, Secret]
    locked: Mapping[str, str]
