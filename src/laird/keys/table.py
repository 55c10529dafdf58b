"""All keys in memory: who is asking, without a question to the database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import NoReturn

from laird.domain.errors import InvalidKey, MissingKey
from laird.domain.keys import ApiKey

_AGENT_PRIORITY = 0
_USUAL_PRIORITY = 100


class KeyTable:
    """The keys of one moment, by digest. `follow` keeps a table up to date."""

    def __init__(self) -> None:
        self._keys: dict[bytes, ApiKey] = {}
        self._used: dict[str, int] = {}
        self.version: int | None = None
        """Of the keys loaded; None before the first load."""

    def __len__(self) -> int:
        return len(self._keys)

    def load(self, keys: Iterable[ApiKey], version: int) -> None:
        """Replace all keys."""
        self._keys = {bytes.fromhex(key.digest): key for key in keys}
        self.version = version

    def authenticate(self, text: str | None, now_us: int) -> ApiKey:
        """Return the key with this text. `now_us` is UTC microseconds since the epoch.

        No message says anything of the text that was presented.

        Raises:
            MissingKey: there is no text.
            InvalidKey: the key is unknown, disabled or expired.
        """
        if not text:
            raise MissingKey(
                "No API key came with the request. Send one as 'Authorization: Bearer lai_…' or"
                " 'x-api-key: lai_…'; `laird keys create` makes one."
            )
        key = self._keys.get(sha256(text.encode(errors="replace")).digest())
        if key is None:
            raise InvalidKey(
                "The API key is not one of this server's: it is mistyped or has been revoked."
                " Keys begin with 'lai_'; `laird keys list` shows which exist."
            )
        if not key.enabled or (key.expires_us is not None and key.expires_us <= now_us):
            _refuse(key)
        return key

    def used(self, key_id: str, now_us: int) -> None:
        """Note that a key was used, to be written with the next batch."""
        self._used[key_id] = now_us

    def take_used(self) -> dict[str, int]:
        """Return and forget when keys were last used: UTC microseconds by key id."""
        taken, self._used = self._used, {}
        return taken

    def give_back_used(self, stamps: dict[str, int]) -> None:
        """Take back stamps that could not be written; later ones stay."""
        self._used = {**stamps, **self._used}


def default_priority(key: ApiKey, agent_prefix: str) -> int:
    """Return a key's place in a queue, lower first: its own, else agents before all others."""
    if key.priority is not None:
        return key.priority
    is_agent = bool(agent_prefix) and key.name.startswith(agent_prefix)
    return _AGENT_PRIORITY if is_agent else _USUAL_PRIORITY


def _refuse(key: ApiKey) -> NoReturn:
    if not key.enabled:
        raise InvalidKey(
            f"The API key '{key.name}' is disabled. An administrator can enable it again."
        )
    expired = datetime.fromtimestamp((key.expires_us or 0) / 1_000_000, UTC)
    raise InvalidKey(
        f"The API key '{key.name}' expired on {expired:%Y-%m-%d at %H:%M} UTC. Create a new one."
    )
