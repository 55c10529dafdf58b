"""How huggingface_hub speaks to the hub when Laird asks: not for long, not twice, not to others.

By itself it waits for an answer without end, tries again for up to half a minute while nobody can
tell it to stop, and asks huggingface.co for names of tools to put into each request. Its client for
HTTP is the place where it lets others decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx2
from huggingface_hub import constants, is_offline_mode, set_client_factory
from huggingface_hub.errors import OfflineModeIsEnabled

from laird.library.faults import HubAway, HubLimited
from laird.library.hub_address import HubAddress
from laird.transport.base import Origin
from laird.wire.faults import retry_after_s

TIMEOUT_S = 15.0
"""Without a byte for so long, the hub is away."""
_LIMITS = httpx2.Timeout(TIMEOUT_S, connect=5.0).as_dict()
_asking: ContextVar[HubAddress | None] = ContextVar("asking", default=None)


@contextmanager
def asking(address: HubAddress) -> Iterator[None]:
    """Let huggingface_hub, inside it, raise our errors and give the token to nobody else."""
    mark = _asking.set(address)
    try:
        yield
    finally:
        _asking.reset(mark)


class _Client(httpx2.Client):
    """The client for all that huggingface_hub asks in this process."""

    def send(self, request: httpx2.Request, **about: Any) -> httpx2.Response:
        """Send a request, with limits where it is Laird that asks."""
        address = _asking.get()
        if address is None:
            if is_offline_mode():
                raise OfflineModeIsEnabled("HF_HUB_OFFLINE is set.")
            return super().send(request, **about)
        return self._asked(request, address, about)

    def _asked(
        self, request: httpx2.Request, address: HubAddress, about: dict[str, Any]
    ) -> httpx2.Response:
        """Raise `HubAway` and `HubLimited`, which huggingface_hub does not take for its own."""
        host = address.origin.host
        if is_offline_mode():
            raise HubAway(host, "is not asked, since HF_HUB_OFFLINE is set")
        if _origin(request.url) != address.origin:
            # The next page of a list is wherever the page before says that it is.
            request.headers.pop("authorization", None)
        request.extensions["timeout"] = _LIMITS
        try:
            response = super().send(request, **about)
        except httpx2.TimeoutException:
            raise HubAway(host, "does not answer in time") from None
        except httpx2.RequestError as problem:
            raise HubAway(host, f"can't be reached ({problem})") from None
        status = response.status_code
        if status == 429 or status >= 500:
            wait = retry_after_s(response.headers)
            response.close()
            if status == 429 or wait is not None:
                raise HubLimited(host, wait)
            raise HubAway(host, f"is out of order (it answered {status})")
        return response


def _origin(url: httpx2.URL) -> Origin:
    return Origin(url.scheme, url.host, url.port or {"http": 80}.get(url.scheme, 443))


def _client() -> httpx2.Client:
    return _Client(follow_redirects=True, timeout=None)


constants.HF_HUB_DISABLE_TELEMETRY = True
set_client_factory(_client)
