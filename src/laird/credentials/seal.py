"""Encrypting one value: AES-256-GCM under a key of its own, which the master key wraps.

What a value belongs to (its id, its credential's name, its version) is authenticated with it and
with its wrapped key, so that no row opens in the place of another.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from laird.credentials.master import MasterKey
from laird.domain.errors import VaultLocked
from laird.domain.secret import Secret

NONCE_BYTES = 12
_DATA_KEY_BYTES = 32
_FINGERPRINT = 6


class Binding(msgspec.Struct, frozen=True, array_like=True):
    """What a value belongs to."""

    value_id: str
    name: str
    version: int


def seal(value: Secret, binding: Binding, master: MasterKey) -> tuple[bytes, bytes]:
    """Encrypt a value under a new key; return it and that key, wrapped."""
    data_key = os.urandom(_DATA_KEY_BYTES)
    sealed = _encrypt(data_key, value.reveal().encode(), _told("value", binding))
    return sealed, _wrap(data_key, binding, master)


def unseal(
    sealed: bytes, wraps: Mapping[str, bytes], binding: Binding, masters: Mapping[str, MasterKey]
) -> Secret:
    """Decrypt a value; `wraps` are its wrapped keys by the id of the master key.

    Raises:
        VaultLocked: no master key that is here has wrapped it, or something was changed.
    """
    data_key = _unwrap(wraps, binding, masters)
    return Secret(_decrypt(data_key, sealed, _told("value", binding), binding).decode())


def rewrap(
    wraps: Mapping[str, bytes],
    binding: Binding,
    masters: Mapping[str, MasterKey],
    target: MasterKey,
) -> bytes:
    """Return a value's key, wrapped by another master key. Raises `VaultLocked`."""
    return _wrap(_unwrap(wraps, binding, masters), binding, target)


def fingerprint(value: Secret, key: Secret) -> str:
    """Return six hex characters by which two values can be told apart, and no more."""
    told = hmac.new(key.reveal().encode(), value.reveal().encode(), hashlib.sha256)
    return told.hexdigest()[:_FINGERPRINT]


def _told(purpose: str, *parts: object) -> bytes:
    # JSON keeps the parts apart whatever is in them.
    return msgspec.json.encode(["laird credential", purpose, *parts])


def _wrap(data_key: bytes, binding: Binding, master: MasterKey) -> bytes:
    return _encrypt(master.reveal(), data_key, _told("key", binding, master.id))


def _unwrap(
    wraps: Mapping[str, bytes], binding: Binding, masters: Mapping[str, MasterKey]
) -> bytes:
    for master_id, wrapped in wraps.items():
        master = masters.get(master_id)
        if master is not None:
            told = _told("key", binding, master_id)
            return _decrypt(master.reveal(), wrapped, told, binding)
    wanted = " or ".join(sorted(wraps)) or "none"
    raise VaultLocked(
        f"The credential '{binding.name}' can't be opened: its master key ({wanted}) is not here."
        " Bring back master.key or LAIRD_MASTER_KEY, or remove the credential and set it anew."
    )


def _encrypt(key: bytes, plain: bytes, told: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, told)


def _decrypt(key: bytes, sealed: bytes, told: bytes, binding: Binding) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], told)
    except (InvalidTag, ValueError):
        raise VaultLocked(
            f"The credential '{binding.name}' can't be opened: its row in the database was"
            " damaged or exchanged. Remove it and set it anew."
        ) from None
