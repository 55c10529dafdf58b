"""How huggingface_hub speaks to the hub when Laird asks: not for long, not twice, not to others.

By itself it waits for an answer without end, tries again for up to half a minute while nobody can
tell it to stop, and asks huggingface.co for names of tools to put into each request. Its client for
HTTP is the place where it lets others decide.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from typing import Any

import httpx2
from huggingface_hub import constants, is_offline_mode, set_client_factory
from huggingface_hub.errors import OfflineModeIsEnabled

from laird.domain.errors import UpstreamGarbled
from laird.library.destinations import refuse_question
from laird.library.faults import HubAway, HubLimited
from laird.library.hub_address import HubAddress
from laird.transport.base import Origin
from laird.wire.faults import retry_after_s

TIMEOUT_S = 15.0
"""Without a byte for so long, the hub is away."""
_LONGEST_S = 60.0
"""For a whole answer."""
_MOST_BYTES = 32 * 1024 * 1024
"""Of an answer, unpacked."""
_OF_BODY = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers that say how the body was sent, which does not hold for one that was read."""
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
            response = super().send(request, **{**about, "stream": True})
            return self._heard(response, host)
        except httpx2.TimeoutException:
            raise HubAway(host, "does not answer in time") from None
        except httpx2.RequestError as problem:
            raise HubAway(host, f"can't be reached ({problem})") from None

    def _heard(self, response: httpx2.Response, host: str) -> httpx2.Response:
        """Return the answer with its body, which is no longer and takes no longer than it should.

        Of a refusal the head is enough.
        """
        with closing(response):
            status = response.status_code
            if status == 429 or status >= 500:
                wait = retry_after_s(response.headers)
                if status == 429 or wait is not None:
                    raise HubLimited(host, wait)
                raise HubAway(host, f"is out of order (it answered {status})")
            until = time.monotonic() + _LONGEST_S
            pieces, size = [], 0
            for piece in response.iter_bytes():
                pieces.append(piece)
                size += len(piece)
                if size > _MOST_BYTES:
                    raise UpstreamGarbled(
                        f"The answer of the hub at {host} is longer than any list of models."
                        " Check HF_ENDPOINT."
                    )
                if time.monotonic() > until:
                    raise HubAway(host, "answers too slowly")
        headers = [pair for pair in response.headers.multi_items() if pair[0] not in _OF_BODY]
        return httpx2.Response(
            status, headers=headers, content=b"".join(pieces), request=response.request
        )


def _origin(url: httpx2.URL) -> Origin:
    return Origin(url.scheme, url.host, url.port or {"http": 80}.get(url.scheme, 443))


def _check(request: httpx2.Request) -> None:
    """Look at each place to which a question of ours goes, those of redirects included."""
    address = _asking.get()
    if address is not None:
        refuse_question(_origin(request.url), address.origin)


def _client() -> httpx2.Client:
    return _Client(follow_redirects=True, timeout=None, event_hooks={"request": [_check]})


constants.HF_HUB_DISABLE_TELEMETRY = True
set_client_factory(_client)
