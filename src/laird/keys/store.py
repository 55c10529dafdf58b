"""Keys in the database. Each function takes a connection and is part of its transaction.

Every change raises the version named `keys`, which other processes watch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    RowMapping,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

from laird.domain.errors import InvalidRequest, NotFound, StorageUnavailable
from laird.domain.keys import ApiKey, PrivacyClass, RateLimit
from laird.keys.draft import KeyChange, KeyDraft, NewKey, changed_key, make_key
from laird.keys.key_text import contains_key, digest, looks_like_key
from laird.storage import versions
from laird.storage.tables import api_keys

VERSION = "keys"

_DIGEST_BYTES = 32
_names = msgspec.json.Decoder(frozenset[str])


class KeyList(msgspec.Struct, frozen=True):
    """All keys, oldest first, and the version of the table that they are of."""

    version: int
    keys: tuple[ApiKey, ...]


def create(connection: Connection, draft: KeyDraft, now_us: int) -> NewKey:
    """Make a key and store it, without its text. `now_us` is UTC microseconds.

    Raises:
        InvalidRequest: a field is wrong, or the name is taken; `param` names the field.
    """
    made = make_key(draft, now_us)
    _check_free(connection, made.key.name)
    connection.execute(insert(api_keys).values(_row_of(made.key)))
    versions.bump(connection, VERSION)
    return made


def list_keys(connection: Connection) -> KeyList:
    """Return all keys with the table's version, as of one moment.

    Raises:
        StorageUnavailable: a row can't be read as a key.
    """
    version = versions.current(connection, VERSION)
    rows = connection.execute(select(api_keys).order_by(api_keys.c.created_us, api_keys.c.id))
    return KeyList(version, tuple(_key_of(row) for row in rows.mappings()))


def current_version(connection: Connection) -> int:
    """Return the number that goes up with every change of a key."""
    return versions.current(connection, VERSION)


def get(connection: Connection, reference: str) -> ApiKey:
    """Return the key with this id or name, or the one whose own text this is.

    Raises:
        NotFound: there is none.
        StorageUnavailable: its row can't be read as a key.
    """
    row = connection.execute(select(api_keys).where(_is(reference))).mappings().first()
    if row is None:
        # A key's text is never repeated, not even that of a key that does not exist.
        named = "that text" if contains_key(reference) else f"the id or name '{reference}'"
        raise NotFound(f"No API key has {named}. `laird keys list` shows them all.", param="key")
    return _key_of(row)


def set_enabled(connection: Connection, reference: str, *, enabled: bool) -> ApiKey:
    """Switch a key on or off and return it as it is now. Raises what `get` raises."""
    key = get(connection, reference)
    connection.execute(update(api_keys).where(api_keys.c.id == key.id).values(enabled=enabled))
    versions.bump(connection, VERSION)
    return msgspec.structs.replace(key, enabled=enabled)


def change(connection: Connection, reference: str, wanted: KeyChange, now_us: int) -> ApiKey:
    """Change some fields of a key and return it as it is now. `now_us` is UTC microseconds.

    Raises:
        InvalidRequest: a field is wrong, or the name is taken; `param` names the field.
        NotFound: there is no such key.
        StorageUnavailable: its row can't be read as a key.
    """
    key = get(connection, reference)
    changed = changed_key(key, wanted, now_us)
    if changed.name != key.name:
        _check_free(connection, changed.name)
    row = _row_of(changed)
    # Only this may have been written by somebody else meanwhile.
    del row["last_used_us"]
    connection.execute(update(api_keys).where(api_keys.c.id == key.id).values(row))
    versions.bump(connection, VERSION)
    return changed


def revoke(connection: Connection, reference: str) -> ApiKey:
    """Delete a key for good and return what it was; its name may be used again.

    The ledger keeps the id of the key in its rows. Raises what `get` raises.
    """
    key = get(connection, reference)
    connection.execute(delete(api_keys).where(api_keys.c.id == key.id))
    versions.bump(connection, VERSION)
    return key


def touch_last_used(connection: Connection, stamps: Mapping[str, int]) -> None:
    """Note when keys were last used: UTC microseconds by key id; an older stamp changes nothing.

    This alone leaves the version as it is: it happens all the time and changes no right.
    """
    if not stamps:
        return
    stamp: BindParameter[int] = bindparam("stamp")
    older = or_(api_keys.c.last_used_us.is_(None), api_keys.c.last_used_us < stamp)
    connection.execute(
        update(api_keys)
        .where(api_keys.c.id == bindparam("key_id"), older)
        .values(last_used_us=stamp),
        [{"key_id": key_id, "stamp": at_us} for key_id, at_us in stamps.items()],
    )


def _check_free(connection: Connection, name: str) -> None:
    # A name that is another key's id would make commands that take either mean two keys.
    if connection.execute(select(api_keys.c.id).where(_is(name))).first() is not None:
        raise InvalidRequest(
            f"There is a key called '{name}' already. Choose another name, or revoke that key"
            " first.",
            param="name",
        )


def _is(reference: str) -> ColumnElement[bool]:
    if looks_like_key(reference):
        return api_keys.c.digest == digest(reference)
    return or_(api_keys.c.id == reference, api_keys.c.name == reference)


def _row_of(key: ApiKey) -> dict[str, Any]:
    row = msgspec.structs.asdict(key)
    rate = row.pop("rate")
    for name in ("scopes", "allowed_models", "allowed_providers"):
        row[name] = msgspec.json.encode(sorted(row[name])).decode()
    row["privacy"] = key.privacy.value
    row["requests_per_minute"] = rate.requests_per_minute
    row["tokens_per_minute"] = rate.tokens_per_minute
    return row


def _key_of(row: RowMapping) -> ApiKey:
    try:
        return ApiKey(
            id=row["id"],
            name=row["name"],
            digest=_checked_digest(row["digest"]),
            prefix=row["prefix"],
            created_us=row["created_us"],
            expires_us=row["expires_us"],
            enabled=row["enabled"],
            scopes=_names.decode(row["scopes"]),
            allowed_models=_names.decode(row["allowed_models"]),
            allowed_providers=_names.decode(row["allowed_providers"]),
            privacy=PrivacyClass(row["privacy"]),
            priority=row["priority"],
            rate=RateLimit(row["requests_per_minute"], row["tokens_per_minute"]),
            last_used_us=row["last_used_us"],
            cache=row["cache"],
            keep=row["keep"],
        )
    except (msgspec.DecodeError, ValueError) as error:
        raise StorageUnavailable(
            f"The row of the API key {row['id']} in the database is damaged ({error});"
            " restore a backup, or delete the row."
        ) from error


def _checked_digest(text: str) -> str:
    if len(bytes.fromhex(text)) != _DIGEST_BYTES:
        raise ValueError("the digest is not one of SHA-256")
    return text
