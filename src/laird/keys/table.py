"""All keys in memory: who is asking, without a question to the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256

from msgspec.structs import replace

from laird.domain.errors import InvalidKey, MissingKey, NotFound
from laird.domain.keys import ApiKey

_AGENT_PRIORITY = 0
_USUAL_PRIORITY = 100


Listener = Callable[[tuple[ApiKey, ...]], None]
"""Called after keys have changed, with those that are new, other than before, or gone."""


class KeyTable:
    """The keys of one moment, by digest. `follow` keeps a table up to date."""

    def __init__(self) -> None:
        self._keys: dict[bytes, ApiKey] = {}
        self._used: dict[str, int] = {}
        self._listeners: list[Listener] = []
        self.version: int | None = None
        """Of the keys loaded; None before the first load."""

    def __len__(self) -> int:
        return len(self._keys)

    def load(self, keys: Iterable[ApiKey], version: int) -> None:
        """Replace all keys."""
        before, self._keys = self._keys, {bytes.fromhex(key.digest): key for key in keys}
        self.version = version
        if self._listeners:
            changed = _changed(before, self._keys)
            for listener in self._listeners if changed else ():
                listener(changed)

    def listen(self, listener: Listener) -> None:
        """Call `listener` after each change of keys, whoever made it."""
        self._listeners.append(listener)

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
            raise _refusal(key)
        return key

    def refusal(self, key: ApiKey, now_us: int) -> InvalidKey | None:
        """Return why a key that was good when a request began is not any more, or None.

        `now_us` is UTC microseconds since the epoch.
        """
        current = self._keys.get(bytes.fromhex(key.digest))
        if current is None:
            return InvalidKey(f"The API key '{key.name}' has been revoked.")
        if not current.enabled or (current.expires_us is not None and current.expires_us <= now_us):
            return _refusal(current)
        return None

    def named(self, name: str, now_us: int) -> ApiKey:
        """Return the key with this name or id, for a program that needs no text of one.

        `now_us` is UTC microseconds since the epoch.

        Raises:
            NotFound: there is none.
            InvalidKey: the key is disabled or expired.
        """
        for key in self._keys.values():
            if name in {key.name, key.id}:
                if not key.enabled or (key.expires_us is not None and key.expires_us <= now_us):
                    raise _refusal(key)
                self.used(key.id, now_us)
                return key
        raise NotFound(f"No API key has the id or name '{name}'.", param="caller")

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


def _changed(before: Mapping[bytes, ApiKey], after: Mapping[bytes, ApiKey]) -> tuple[ApiKey, ...]:
    """Return the keys that differ; when a key was last used makes no difference."""
    different = [key for digest, key in after.items() if not _same(before.get(digest), key)]
    return (*different, *(key for digest, key in before.items() if digest not in after))


def _same(one: ApiKey | None, other: ApiKey) -> bool:
    return one is not None and replace(one, last_used_us=None) == replace(other, last_used_us=None)


def _refusal(key: ApiKey) -> InvalidKey:
    if not key.enabled:
        return InvalidKey(
            f"The API key '{key.name}' is disabled. An administrator can enable it again."
        )
    expired = datetime.fromtimestamp((key.expires_us or 0) / 1_000_000, UTC)
    return InvalidKey(
        f"The API key '{key.name}' expired on {expired:%Y-%m-%d at %H:%M} UTC. Create a new one."
    )
