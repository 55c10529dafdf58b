"""`GET /v1/models` and `/v1/models/{id}`: the names that a client may use as `model`.

The shape is OpenAI's, or Anthropic's for a client that sends `anthropic-version`, as Anthropic's
SDKs do. Both get fields beyond those shapes, which their SDKs pass on or leave out of account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import msgspec
import orjson

from laird.api.http import JSON, Scope, Send, write
from laird.api.inference import Inference
from laird.api.model_list import ListedModel, find_model, listed_models
from laird.domain.errors import InvalidRequest
from laird.gateway.gateway import Gateway

ANTHROPIC = b"anthropic-version"
"""The header that tells a client of Anthropic's format."""

_UNKNOWN_DATE = "1970-01-01T00:00:00Z"
_USUAL_PAGE, _LARGEST_PAGE = 20, 1000
"""Models on a page in Anthropic's format."""


class Models:
    """The listing of models."""

    def __init__(self, gateway: Gateway, inference: Inference) -> None:
        self._gateway = gateway
        self._inference = inference

    async def list(self, scope: Scope, send: Send) -> None:
        """List the names a client may use as `model`, those its key allows."""
        headers = dict(scope["headers"])
        caller = self._inference.caller(headers)
        names = self._gateway.runtime.names
        found = listed_models(names, caller)
        if ANTHROPIC in headers:
            body = _page(list(found), parse_qs(scope["query_string"].decode("latin-1")))
        else:
            body = {"object": "list", "data": [_openai(each) for each in found]}
        await write(send, 200, [JSON], orjson.dumps(body))

    async def show(self, scope: Scope, send: Send, name: str) -> None:
        """Show what one name means. Raises `ModelNotFound`."""
        headers = dict(scope["headers"])
        caller = self._inference.caller(headers)
        found = find_model(self._gateway.runtime.names, name, caller)
        body = _anthropic(found) if ANTHROPIC in headers else _openai(found)
        await write(send, 200, [JSON], orjson.dumps(body))


def _openai(listed: ListedModel) -> dict[str, Any]:
    """Return OpenAI's `Model`. When a model was made is not known, so `created` is 0."""
    return {
        "id": listed.id,
        "object": "model",
        "created": 0,
        "owned_by": listed.owner,
        "name": listed.title,
        "egress": listed.egress.value,
        **_sizes(listed, window="context_window"),
        **_abilities(listed),
    }


def _anthropic(listed: ListedModel) -> dict[str, Any]:
    """Return Anthropic's `ModelInfo`; an unknown date is the epoch, as its format says."""
    return {
        "type": "model",
        "id": listed.id,
        "display_name": listed.title,
        "created_at": _UNKNOWN_DATE,
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "capabilities": None,
        "max_input_tokens": None,
        "max_tokens": None,
        **_sizes(listed, window="max_input_tokens"),
        "egress": listed.egress.value,
        "provider": listed.owner,
    }


def _sizes(listed: ListedModel, *, window: str) -> dict[str, int]:
    """Return what is known of a model's sizes, in tokens."""
    model = listed.model
    if model is None:
        return {}
    sizes = {window: model.context_window, "max_tokens": model.max_tokens}
    return {name: size for name, size in sizes.items() if size is not None}


def _abilities(listed: ListedModel) -> dict[str, dict[str, bool]]:
    """Return what is known of a model's abilities."""
    if listed.model is None:
        return {}
    able = msgspec.structs.asdict(listed.model.capabilities)
    return {"capabilities": {name: can for name, can in able.items() if can is not None}}


def _page(listed: Sequence[ListedModel], query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return one page of Anthropic's list. Raises `InvalidRequest` for a wrong query."""
    stages = [*query.get("lifecycle", ()), *query.get("lifecycle[]", ())]
    if stages and "active" not in stages:
        listed = ()
    size = _page_size(query)
    begin, end = 0, len(listed)
    if "after_id" in query:
        begin = _place(listed, query, "after_id") + 1
    if "before_id" in query:
        end = _place(listed, query, "before_id")
    more = end - begin > size
    if "before_id" in query and "after_id" not in query:
        begin = max(begin, end - size)
    rows = listed[begin : min(end, begin + size)]
    return {
        "data": [_anthropic(each) for each in rows],
        "has_more": more,
        "first_id": rows[0].id if rows else None,
        "last_id": rows[-1].id if rows else None,
    }


def _page_size(query: Mapping[str, Sequence[str]]) -> int:
    text = query["limit"][-1] if "limit" in query else str(_USUAL_PAGE)
    if not text.isdecimal() or not 1 <= int(text) <= _LARGEST_PAGE:
        raise InvalidRequest(
            f"Invalid 'limit': it must be a whole number from 1 to {_LARGEST_PAGE}.", param="limit"
        )
    return int(text)


def _place(listed: Sequence[ListedModel], query: Mapping[str, Sequence[str]], field: str) -> int:
    wanted = query[field][-1]
    place = next((at for at, each in enumerate(listed) if each.id == wanted), None)
    if place is None:
        raise InvalidRequest(f"Invalid '{field}': no model in the list has this id.", param=field)
    return place
