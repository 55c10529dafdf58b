"""What makes two requests the same."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

DIGEST_BYTES = 32


class Fingerprints:
    """Makes the names under which answers are kept.

    They are hashes keyed with a secret of this process, so that nobody can tell from one, or find
    by trying, what was asked.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(DIGEST_BYTES)

    def of(
        self,
        *,
        owner: str,
        dialect: str,
        meaning: bytes,
        headers: Mapping[str, str] | None,
        body: Mapping[str, Any],
    ) -> bytes:
        """Return the fingerprint of a request, 32 bytes.

        Everything matters but the order of fields. `owner` is the id of the key, or empty where
        answers are shared; `meaning` (32 bytes) stands for what the model's name means now;
        `headers` are those of the client that belong to the dialect.
        """
        canonical = orjson.dumps((owner, dialect, headers or {}, body), option=orjson.OPT_SORT_KEYS)
        found = blake2b(meaning, key=self._secret, digest_size=DIGEST_BYTES)
        found.update(canonical)
        return found.digest()
