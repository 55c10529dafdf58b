"""Who may use the administration API: the owner of the home by socket, or a key with that scope."""

from __future__ import annotations

import time

from fastapi import Request

from laird.domain.errors import NotAllowed
from laird.domain.keys import Scope
from laird.keys.key_text import key_from_headers
from laird.keys.table import KeyTable

OWNER = "owner"
"""The actor of a request that came by the control socket, which only the home's owner can open."""


class Gate:
    """Lets administrators in and tells who they are."""

    def __init__(self, keys: KeyTable) -> None:
        self._keys = keys

    def actor(self, request: Request) -> str:
        """Return who makes this request, for the history.

        Raises:
            AccessError: there is no key, or it is not a good one, or not for administration.
        """
        if came_by_socket(request):
            return OWNER
        text = key_from_headers(
            _raw(request, "authorization"),
            _raw(request, "x-api-key"),
        )
        now_us = time.time_ns() // 1000
        key = self._keys.authenticate(text, now_us)
        if Scope.ADMIN not in key.scopes:
            raise NotAllowed(
                f"The key '{key.name}' may not administer. Make one that may with"
                " laird keys create NAME --scope admin."
            )
        self._keys.used(key.id, now_us)
        return f"key {key.name}"


def came_by_socket(request: Request) -> bool:
    """Tell whether a request came by the control socket: its address has a path and no port."""
    server = request.scope.get("server")
    return server is not None and server[1] is None


def _raw(request: Request, name: str) -> bytes | None:
    value = request.headers.get(name)
    return value.encode("latin-1") if value is not None else None
