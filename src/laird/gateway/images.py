"""Fetches what a request only points at, for providers that don't fetch for themselves.

Images and documents by URL become inline ones, once for all candidates of a request.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable, Iterator

import msgspec

from laird.domain.chat import ChatRequest, Document, Image, Message, Part, ToolResult
from laird.domain.errors import InvalidRequest, UnsupportedField
from laird.providers.base import Adapter
from laird.transport.guard import DOCUMENTS, IMAGES, Fetched, Guard

MOST_ADDRESSES = 20
"""URLs that are fetched for one request."""
MOST_TOGETHER = 40 * 1024 * 1024
"""Bytes of all that is fetched for one request."""

Pointer = Image | Document


class Inliner:
    """Fetches for one request; what was fetched serves every later candidate."""

    __slots__ = ("_found", "_guard", "_local_only")

    def __init__(self, guard: Guard | None, *, local_only: bool) -> None:
        """Take the way out, or None where nothing may be fetched.

        `local_only` says that the request must stay on our own machines.
        """
        self._guard = guard
        self._local_only = local_only
        self._found: dict[tuple[type, str], Fetched] = {}

    async def inlined(self, request: ChatRequest, adapter: Adapter) -> ChatRequest:
        """Return the request with inline data where the adapter's provider needs that.

        Raises `InvalidRequest` or `UnsupportedField`, naming the field with the URL.
        """
        wanted = tuple(_wanted(request.messages, adapter))
        if not wanted:
            return request
        places: dict[tuple[type, str], str] = {}
        for place, part in wanted:
            places.setdefault((type(part), part.url or ""), place)
        missing = {key: place for key, place in places.items() if key not in self._found}
        if missing:
            await self._fetch(missing, adapter.provider.id)
        messages = tuple(self._message(message, adapter) for message in request.messages)
        return msgspec.structs.replace(request, messages=messages)

    async def _fetch(self, missing: dict[tuple[type, str], str], provider: str) -> None:
        guard, first = self._guard, next(iter(missing.values()))
        if self._local_only:
            raise InvalidRequest(
                f"This request must stay local, and fetching the address in '{first}' would tell"
                " the outside about it. Send the data inline as a data: URL.",
                param=first,
            )
        if guard is None:
            raise UnsupportedField(
                f"{provider} does not fetch the address in '{first}', and Laird may not"
                " (LAIRD_FETCH_IMAGES is off). Send the data inline as a data: URL.",
                param=first,
            )
        if len(missing) > MOST_ADDRESSES:
            raise InvalidRequest(
                f"The request points at {len(missing)} addresses; Laird fetches {MOST_ADDRESSES}"
                " at most. Send the data inline as data: URLs.",
                param="messages",
            )
        async with asyncio.TaskGroup() as tasks:
            fetches = {
                key: tasks.create_task(_settled(guard, key, place))
                for key, place in missing.items()
            }
        found = {key: fetch.result() for key, fetch in fetches.items()}
        for answer in found.values():
            if isinstance(answer, InvalidRequest):
                raise answer
            if sum(len(one.data) for one in found.values() if isinstance(one, Fetched)) > (
                MOST_TOGETHER
            ):
                raise InvalidRequest(
                    f"What the request points at is larger than {MOST_TOGETHER} bytes together.",
                    param="messages",
                )
        self._found.update({key: one for key, one in found.items() if isinstance(one, Fetched)})

    def _message(self, message: Message, adapter: Adapter) -> Message:
        if not any(isinstance(part, Image | Document | ToolResult) for part in message.parts):
            return message
        parts = tuple(self._part(part, adapter) for part in message.parts)
        return msgspec.structs.replace(message, parts=parts)

    def _part(self, part: Part, adapter: Adapter) -> Part:
        if isinstance(part, ToolResult):
            inner = tuple(
                self._inline(each) if isinstance(each, Pointer) and _lacks(adapter, each) else each
                for each in part.parts
            )
            return msgspec.structs.replace(part, parts=inner)
        if isinstance(part, Pointer) and _lacks(adapter, part):
            return self._inline(part)
        return part

    def _inline(self, part: Pointer) -> Pointer:
        found = self._found[type(part), part.url or ""]
        data = base64.b64encode(found.data).decode("ascii")
        return msgspec.structs.replace(part, media_type=found.media_type, data=data, url=None)


async def _settled(guard: Guard, key: tuple[type, str], place: str) -> Fetched | InvalidRequest:
    """Fetch one URL. A refusal is returned: of several, the first in the request is to be told."""
    kind, url = key
    try:
        return await guard.fetch(url, param=place, types=IMAGES if kind is Image else DOCUMENTS)
    except InvalidRequest as refusal:
        return refusal


def _lacks(adapter: Adapter, part: Pointer) -> bool:
    """Tell whether a part is a URL that the provider does not fetch."""
    if part.data is not None or part.url is None:
        return False
    takes = adapter.takes_image_urls if type(part) is Image else adapter.takes_document_urls
    return not takes


def _wanted(messages: Iterable[Message], adapter: Adapter) -> Iterator[tuple[str, Pointer]]:
    """Yield what is to be fetched, with the place of each in the request."""
    if adapter.takes_image_urls and adapter.takes_document_urls:
        return
    for number, message in enumerate(messages):
        for place, part in enumerate(message.parts):
            inner = part.parts if isinstance(part, ToolResult) else (part,)
            for each in inner:
                if isinstance(each, Pointer) and _lacks(adapter, each):
                    yield f"messages[{number}].content[{place}]", each
