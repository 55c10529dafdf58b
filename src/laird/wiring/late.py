"""An application that is loaded after the server answers, or when it is first asked."""

from __future__ import annotations

import asyncio
import gc
import importlib
from collections.abc import Callable
from typing import Any

from laird.api.asgi import AsgiApp
from laird.api.http import Receive, Scope, Send
from laird.wiring.large_pages import gather

_AFTER_S = 1.0
_COLLECT_AFTER = (20_000, 20, 50)


class LateApp:
    """Stands for an application whose code is not loaded yet.

    Loading FastAPI takes a third of Laird's start, and no inference request needs it. So it is
    loaded off the loop a moment after the start, or when the first administration request comes.
    """

    def __init__(self, module: str, function: str, **parts: object) -> None:
        self._module = module
        self._function = function
        self._parts = parts
        self._app: AsgiApp | None = None
        self._lock = asyncio.Lock()

    async def loaded(self) -> Any:
        """Return the application, loaded now if it is not yet."""
        async with self._lock:
            if self._app is None:
                self._app = await asyncio.to_thread(self._load)
            return self._app

    def _load(self) -> AsgiApp:
        build: Callable[..., AsgiApp] = getattr(
            importlib.import_module(self._module), self._function
        )
        return build(**self._parts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._app if self._app is not None else await self.loaded()
        await app(scope, receive, send)

    async def load_soon(self) -> None:
        """Load it once the server has had its first moments to itself."""
        await asyncio.sleep(_AFTER_S)
        await self.loaded()
        calm_collector()
        await asyncio.to_thread(gather)


def calm_collector() -> None:
    """Keep the garbage collector from walking through what will live as long as the server.

    Imported code and the configuration are hundreds of thousands of objects; looking at them again
    and again stops the loop for tens of milliseconds. Requests make few cycles, so that the young
    generation may grow larger before it is looked at.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
