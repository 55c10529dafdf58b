"""What was found before, so that a conversation that grows is not read again from its beginning.

A message is known by a keyed hash of its bytes. Its text is not kept, nor a hash that could be
compared with anybody else's: the key is this process's own.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from hashlib import blake2b

MOST = 20_000
"""Messages that are remembered, some 5 MB."""

_KEY_BYTES, _DIGEST_BYTES = 32, 16


class Known:
    """What is known of messages, the latest ones used."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._key = secrets.token_bytes(_KEY_BYTES)
        self._known: OrderedDict[bytes, tuple[int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def digest(self, raw: bytes) -> bytes:
        """Return what a message is known by."""
        return blake2b(raw, key=self._key, digest_size=_DIGEST_BYTES).digest()

    def get(self, digest: bytes, sought: int) -> int | None:
        """Return what was found, or None where not all that is sought has been looked for."""
        entry = self._known.get(digest)
        if entry is None or sought & ~entry[0]:
            return None
        self._known.move_to_end(digest)
        return entry[1]

    def put(self, digest: bytes, sought: int, found: int) -> None:
        """Keep what was found, beside what was known before."""
        known = self._known
        before = known.get(digest)
        if before is None:
            known[digest] = (sought, found)
            if len(known) > self._most:
                known.popitem(last=False)
        else:
            known[digest] = (sought | before[0], found | before[1])
            known.move_to_end(digest)
