"""Another credential for a request whose provider refused the one it was sent with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from laird.domain.catalog import Provider
from laird.domain.errors import LairdError
from laird.domain.secret import Secret
from laird.providers.base import Adapter
from laird.telemetry.logs import get_logger

Renew = Callable[[Provider], Awaitable[Secret | None]]
"""Returns another credential for a provider that refused the one it has, None without any."""

BuildAdapter = Callable[[Provider], Adapter]

_log = get_logger("renewal")


class Renewal:
    """Finds out whether a refused request may be tried again, and with what."""

    def __init__(self, renew: Renew, build_adapter: BuildAdapter) -> None:
        self._renew = renew
        self._build_adapter = build_adapter

    async def adapter(self, provider: Provider, patience_s: float) -> Adapter | None:
        """Return an adapter to the same place with another credential; None where there is none.

        Waits at most `patience_s`, for instance for a command that prints it.
        """
        try:
            async with asyncio.timeout(max(0.0, patience_s)):
                secret = await self._renew(provider)
        except TimeoutError:
            return None
        except LairdError as error:
            _log.warning("no other credential", provider=provider.id, reason=error.message)
            return None
        if secret is None:
            return None
        _log.info("tried with another credential", provider=provider.id)
        return self._build_adapter(msgspec.structs.replace(provider, secret=secret))
