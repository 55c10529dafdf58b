"""The tables of kept responses: each by the key that asked for it, and visible to that key alone.

A response holds the input items of its own request and its output; what was said before it is held
by the responses before it. So deleting one deletes its text everywhere. All functions run in the
transaction of the `Connection` that they are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import orjson
from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from laird.domain.errors import InvalidRequest, NotFound, PreviousResponseNotFound
from laird.storage.tables import response_items, responses

LARGEST_HISTORY = 64 * 1024 * 1024
"""Bytes of kept items that may stand before a request's own."""

_MANY = 500
"""Ids in one statement; SQLite's limit of parameters is higher everywhere."""


class KeptItem(msgspec.Struct, frozen=True):
    """One item of input or output, in the client's own form."""

    id: str
    body: dict[str, Any]
    output: bool = False


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A response to keep."""

    id: str
    key_id: str
    created_us: int
    """UTC microseconds."""
    previous_id: str | None = None
    local_only: bool = False
    """It came of a request that had to stay local, and so must all that goes on from it."""
    response: dict[str, Any]
    """The response object, but for its output."""
    items: tuple[KeptItem, ...]
    """Input and output, in order."""


class Recalled(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of what a request goes on from."""

    items: tuple[KeptItem, ...] = ()
    """The conversation so far, oldest first."""
    referred: dict[str, dict[str, Any]] = {}
    """Items that were asked for by id."""
    response_ids: tuple[str, ...] = ()
    """The responses of the conversation, oldest first."""
    local_only: bool = False
    """Some of it came of a request that had to stay local."""


def save(connection: Connection, kept: Kept, conversation: Sequence[str] = ()) -> None:
    """Keep a response; the responses before it, in `conversation`, count as used again."""
    connection.execute(
        insert(responses).values(
            id=kept.id,
            key_id=kept.key_id,
            created_us=kept.created_us,
            used_us=kept.created_us,
            previous_id=kept.previous_id,
            local_only=kept.local_only,
            body=orjson.dumps(kept.response).decode(),
        )
    )
    rows = [
        {
            "response_id": kept.id,
            "place": place,
            "item_id": item.id,
            "output": item.output,
            "body": orjson.dumps(item.body).decode(),
        }
        for place, item in enumerate(kept.items)
    ]
    if rows:
        connection.execute(insert(response_items), rows)
    for ids in _portions(conversation):
        connection.execute(
            update(responses)
            .where(responses.c.id.in_(ids), responses.c.key_id == kept.key_id)
            .values(used_us=kept.created_us)
        )


def recall(
    connection: Connection, key_id: str, previous_id: str | None, references: Sequence[str] = ()
) -> Recalled:
    """Return the conversation that ends with a response, and the items that are referred to.

    Unknown references are left out. Raises `PreviousResponseNotFound`, and `InvalidRequest` when
    the conversation is too large.
    """
    chain = _chain(connection, key_id, previous_id) if previous_id is not None else []
    items: list[KeptItem] = []
    size = 0
    for row in chain:
        for item in _items(connection, row["id"]):
            size += len(item["body"])
            if size > LARGEST_HISTORY:
                raise InvalidRequest(
                    f"The conversation up to '{previous_id}' is larger than"
                    f" {LARGEST_HISTORY >> 20} MiB. Begin a new one.",
                    param="previous_response_id",
                )
            items.append(_item(item))
    referred, local = _referred(connection, key_id, references)
    return Recalled(
        items=tuple(items),
        referred=referred,
        response_ids=tuple(row["id"] for row in chain),
        local_only=local or any(row["local_only"] for row in chain),
    )


def get(connection: Connection, key_id: str, response_id: str) -> dict[str, Any]:
    """Return the response object with its output. Raises `NotFound`."""
    row = _find(connection, key_id, response_id)
    if row is None:
        raise _unknown(response_id)
    found: dict[str, Any] = orjson.loads(row["body"])
    items = _items(connection, response_id)
    found["output"] = [orjson.loads(item["body"]) for item in items if item["output"]]
    return found


def remove(connection: Connection, key_id: str, response_id: str) -> None:
    """Delete a response for good. Raises `NotFound`."""
    if _find(connection, key_id, response_id) is None:
        raise _unknown(response_id)
    _delete(connection, [response_id])


def input_items(connection: Connection, key_id: str, response_id: str) -> tuple[KeptItem, ...]:
    """Return what the model was given: the conversation before a response and its own input.

    Raises `NotFound`; parts of the conversation that were deleted are left out.
    """
    row = _find(connection, key_id, response_id)
    if row is None:
        raise _unknown(response_id)
    found = [_item(item) for item in _items(connection, response_id) if not item["output"]]
    while row["previous_id"] is not None:
        row = _find(connection, key_id, row["previous_id"])
        if row is None:
            break
        found = [*(_item(item) for item in _items(connection, row["id"])), *found]
    return tuple(found)


def purge(connection: Connection, before_us: int, limit: int = 1000) -> int:
    """Delete up to `limit` responses last used before a time, and return how many there were."""
    old = connection.execute(
        select(responses.c.id).where(responses.c.used_us < before_us).limit(limit)
    )
    ids = list(old.scalars())
    for portion in _portions(ids):
        _delete(connection, portion)
    return len(ids)


def _chain(connection: Connection, key_id: str, last_id: str) -> list[RowMapping]:
    """Return the responses up to the last one, oldest first."""
    chain: list[RowMapping] = []
    wanted: str | None = last_id
    while wanted is not None:
        row = _find(connection, key_id, wanted)
        if row is None:
            raise PreviousResponseNotFound(last_id, missing=wanted)
        chain.append(row)
        wanted = row["previous_id"]
    chain.reverse()
    return chain


def _find(connection: Connection, key_id: str, response_id: str) -> RowMapping | None:
    rows = connection.execute(
        select(responses).where(responses.c.id == response_id, responses.c.key_id == key_id)
    )
    return rows.mappings().first()


def _items(connection: Connection, response_id: str) -> Sequence[RowMapping]:
    rows = connection.execute(
        select(response_items)
        .where(response_items.c.response_id == response_id)
        .order_by(response_items.c.place)
    )
    return rows.mappings().all()


def _referred(
    connection: Connection, key_id: str, references: Sequence[str]
) -> tuple[dict[str, dict[str, Any]], bool]:
    """Return the items with these ids, and whether one of them must stay local."""
    found: dict[str, dict[str, Any]] = {}
    local = False
    for ids in _portions(references):
        rows = connection.execute(
            select(response_items.c.item_id, response_items.c.body, responses.c.local_only)
            .join(responses, responses.c.id == response_items.c.response_id)
            .where(response_items.c.item_id.in_(ids), responses.c.key_id == key_id)
        )
        for item_id, body, stays in rows:
            found[item_id] = orjson.loads(body)
            local = local or stays
    return found, local


def _delete(connection: Connection, ids: Sequence[str]) -> None:
    connection.execute(delete(response_items).where(response_items.c.response_id.in_(ids)))
    connection.execute(delete(responses).where(responses.c.id.in_(ids)))


def _item(row: RowMapping) -> KeptItem:
    return KeptItem(row["item_id"], orjson.loads(row["body"]), row["output"])


def _portions(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _MANY] for start in range(0, len(ids), _MANY))


def _unknown(response_id: str) -> NotFound:
    return NotFound(
        f"No response with the id '{response_id}' is kept for this key. Only those are that were"
        ' asked for with "store": true.'
    )
