"""Stored responses: `GET` and `DELETE /v1/responses/{id}`, and `…/input_items`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import orjson

from laird.api.http import JSON, Scope, Send, write
from laird.api.inference import Inference
from laird.dialects.responses_kept import listed
from laird.domain.errors import InvalidRequest, NotAllowed
from laird.domain.keys import Scope as KeyScope
from laird.memory import store
from laird.memory.store import KeptItem
from laird.storage.engine import Database

ROOT = "/v1/responses/"
ONE = "/v1/responses/{id}"
INPUT = "/v1/responses/{id}/input_items"
_INPUT_END = "/input_items"
_USUAL_PAGE, _LARGEST_PAGE = 20, 100


def pattern(path: str) -> str | None:
    """Return which of the routes here a path is one of, or None."""
    rest = path.removeprefix(ROOT)
    if rest == path or not rest:
        return None
    name = rest.removesuffix(_INPUT_END)
    if not name or "/" in name:
        return None
    return ONE if name == rest else INPUT


class StoredResponses:
    """The routes of stored responses. A key sees its own alone."""

    def __init__(self, database: Database, inference: Inference) -> None:
        self._database = database
        self._inference = inference

    async def answer(self, scope: Scope, send: Send) -> None:
        """Answer one request. Raises `NotFound`, `StorageUnavailable` and an `AccessError`."""
        key = self._inference.caller(dict(scope["headers"])).key
        if KeyScope.INFERENCE not in key.scopes:
            raise NotAllowed(f"The key '{key.name}' is not for inference.")
        path: str = scope["path"]
        query = parse_qs(scope["query_string"].decode("latin-1"))
        name = path.removeprefix(ROOT)
        if pattern(path) == INPUT:
            body = await self._input_items(key.id, name.removesuffix(_INPUT_END), query)
        elif scope["method"] == "DELETE":
            body = await self._delete(key.id, name)
        else:
            body = await self._get(key.id, name, query)
        await write(send, 200, [JSON], orjson.dumps(body))

    async def _get(self, key_id: str, name: str, query: dict[str, list[str]]) -> dict[str, Any]:
        if query.get("stream", ["false"])[-1] == "true":
            raise InvalidRequest(
                "A stored response can't be streamed: leave 'stream' out.", param="stream"
            )
        return await self._database.read(lambda connection: store.get(connection, key_id, name))

    async def _delete(self, key_id: str, name: str) -> dict[str, Any]:
        await self._database.write(lambda connection: store.remove(connection, key_id, name))
        return {"id": name, "object": "response", "deleted": True}

    async def _input_items(
        self, key_id: str, name: str, query: dict[str, list[str]]
    ) -> dict[str, Any]:
        limit = _limit(query)
        order = query.get("order", ["desc"])[-1]
        if order not in {"asc", "desc"}:
            raise InvalidRequest("Invalid 'order': expected 'asc' or 'desc'.", param="order")
        found = await self._database.read(
            lambda connection: store.input_items(connection, key_id, name)
        )
        items = list(found if order == "asc" else reversed(found))
        if "after" in query:
            items = _after(items, query["after"][-1])
        page = items[:limit]
        return {
            "object": "list",
            "data": [listed(item.body, item.id) for item in page],
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
            "has_more": len(items) > limit,
        }


def _limit(query: dict[str, list[str]]) -> int:
    text = query.get("limit", [str(_USUAL_PAGE)])[-1]
    if not text.isdecimal() or not 1 <= int(text) <= _LARGEST_PAGE:
        raise InvalidRequest(
            f"Invalid 'limit': expected a whole number from 1 to {_LARGEST_PAGE}.", param="limit"
        )
    return int(text)


def _after(items: Sequence[KeptItem], item_id: str) -> list[KeptItem]:
    for place, item in enumerate(items):
        if item.id == item_id:
            return list(items[place + 1 :])
    raise InvalidRequest(
        f"Invalid 'after': there is no item '{item_id[:80]}' in this list.", param="after"
    )
