"""Asks the hub for a file from some byte on, and looks hard at what is answered.

What the hub answers to a request for a file is in huggingface_hub's `file_download`: a redirect to
where the bytes are, with `X-Linked-Etag` (the SHA-256) and `X-Linked-Size`, or the bytes
themselves; refusals have an `X-Error-Code`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, urljoin

import msgspec

from laird.domain.catalog import Timeouts
from laird.domain.errors import (
    ConnectionLost,
    LairdError,
    Unreachable,
    UpstreamGarbled,
    UpstreamTimeout,
)
from laird.domain.local_models import ModelFile
from laird.library.destinations import Destinations
from laird.library.downloads.values import DownloadSettings
from laird.library.faults import HubAway, HubChanged, HubGated, HubLimited, HubMissing
from laird.library.hub_address import HubAddress
from laird.library.names import is_sha256
from laird.transport.addresses import Target, read_target
from laird.transport.base import RequestHead, UpstreamRequest, UpstreamResponse
from laird.wire.faults import retry_after_s

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_WEEK_S = 7 * 86_400.0
_DISABLED = "is disabled"
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class StartAgain(Exception):
    """The bytes that are here belong to another version, or can't be gone on from."""


class Body(msgspec.Struct, frozen=True):
    """Bytes on their way. Whoever got it closes the response."""

    response: UpstreamResponse
    start: int
    """The place of the first of them in the file; 0 although more was asked for where the server
    can't do ranges."""
    identity: str
    """The ETag; the hub's own where it told one."""


class _Told(msgspec.Struct):
    """What the hub told on the way to the bytes."""

    etag: str = ""
    size: str = ""


class Source:
    """Where the bytes of files come from."""

    def __init__(
        self,
        destinations: Destinations,
        address: Callable[[], HubAddress],
        settings: DownloadSettings,
    ) -> None:
        self._destinations = destinations
        self._address = address
        self._timeouts = Timeouts(
            connect=settings.connect_s,
            first_byte=settings.first_byte_s,
            idle=settings.stall_s,
            total=_WEEK_S,
        )

    async def open(self, file: ModelFile, start: int, identity: str) -> Body:
        """Ask for a file from byte `start` on, of the version that `identity` names, if any.

        The hub is asked where the bytes are each time, since such places expire. Raises
        `HubGated`, `HubMissing`, `HubChanged`, `HubLimited`, `HubAway`, `StartAgain`, another
        `UpstreamError` where it can't be reached, and `UpstreamGarbled`.
        """
        address = self._address()
        url = (
            f"{address.endpoint}/{file.repository}/resolve/{quote(file.revision, safe='')}"
            f"/{quote(file.file)}"
        )
        told = _Told()
        for _ in range(_MOST_REDIRECTS + 1):
            target = _target(url, address)
            at_hub = target.origin == address.origin
            response = await self._send(target, start, address, at_hub=at_hub)
            try:
                if at_hub:
                    _listen(told, response.headers, file)
                if response.status not in _REDIRECTS:
                    return _body(response, file, start, identity, told, address, at_hub=at_hub)
                url = urljoin(url, response.headers.get("location", ""))
            except BaseException:
                response.close()
                raise
            response.close()
        raise UpstreamGarbled(f"The hub redirects the request for {file.file} in a circle.")

    async def _send(
        self, target: Target, start: int, hub: HubAddress, *, at_hub: bool
    ) -> UpstreamResponse:
        headers = [("accept-encoding", "identity"), ("user-agent", "Laird")]
        if start:
            headers.append(("range", f"bytes={start}-"))
        if at_hub and hub.token is not None:
            headers.append(("authorization", f"Bearer {hub.token}"))
        head = RequestHead("GET", target.origin, target.path, tuple(headers))
        way = await self._destinations.way_to(target.origin, hub.origin)
        try:
            return await way.send(UpstreamRequest(head), self._timeouts)
        except (Unreachable, ConnectionLost, UpstreamTimeout) as problem:
            raise HubAway(target.origin.host, _away(problem)) from None


def _away(problem: LairdError) -> str:
    if isinstance(problem, UpstreamTimeout):
        return "does not answer in time"
    if isinstance(problem, ConnectionLost):
        return "closed the connection without an answer"
    return f"can't be reached ({problem.message.rstrip('.')})"


def _target(url: str, address: HubAddress) -> Target:
    try:
        target = read_target(url)
    except ValueError as problem:
        raise UpstreamGarbled(
            f"The hub leads to an address that can't be used: {problem}."
        ) from None
    if address.origin.scheme == "https" and target.origin.scheme != "https":
        raise UpstreamGarbled(f"The hub leads to {target.origin.host} without TLS.")
    return target


def _listen(told: _Told, headers: Mapping[str, str], file: ModelFile) -> None:
    """Note what the hub tells of the file. Raises `HubChanged` when it is another one."""
    told.etag = _bare(headers.get("x-linked-etag", "")) or told.etag
    told.size = headers.get("x-linked-size", "") or told.size
    if (told.size.isdigit() and int(told.size) != file.size) or (
        is_sha256(told.etag) and told.etag != file.sha256
    ):
        raise HubChanged(file.repository, file.file)


def _body(
    response: UpstreamResponse,
    file: ModelFile,
    start: int,
    identity: str,
    told: _Told,
    address: HubAddress,
    *,
    at_hub: bool,
) -> Body:
    if response.status not in {200, 206}:
        raise _refusal(response, file, address, at_hub=at_hub)
    found = told.etag or _bare(response.headers.get("etag", ""))
    if start and identity and found and found != identity:
        raise StartAgain(f"{file.file} has changed at the hub")
    if response.status == 206:
        _check_range(response.headers, file, start)
        return Body(response, start, found)
    length = response.headers.get("content-length", "")
    if length.isdigit() and int(length) != file.size:
        raise UpstreamGarbled(
            f"{length} bytes came for {file.file}, which has {file.size}. Something between Laird"
            " and the hub answers in its place, such as a network's log-in page."
        )
    return Body(response, 0, found)


def _check_range(headers: Mapping[str, str], file: ModelFile, start: int) -> None:
    found = _RANGE.fullmatch(headers.get("content-range", "").strip())
    if found is None or int(found[1]) != start or found[3] not in {str(file.size), "*"}:
        raise StartAgain(f"other bytes of {file.file} came than those asked for")


def _refusal(
    response: UpstreamResponse, file: ModelFile, address: HubAddress, *, at_hub: bool
) -> Exception:
    status, headers = response.status, response.headers
    host = address.origin.host
    if status == 416:
        return StartAgain(f"{file.file} is shorter than what is here")
    if status == 429:
        return HubLimited(host, retry_after_s(headers))
    if status >= 500 or status == 408:
        if (wait := retry_after_s(headers)) is not None:
            return HubLimited(host, wait)
        return HubAway(host, f"is out of order (it answered {status})")
    if not at_hub:
        return UpstreamGarbled(
            f"The place of {file.file} that the hub named refused it ({status}).", status=status
        )
    code = headers.get("x-error-code", "")
    if status == 403 and _DISABLED in headers.get("x-error-message", "").lower():
        return disabled(file.repository)
    if code == "GatedRepo" or (status == 403 and not code):
        return HubGated(file.repository, address.endpoint, with_token=address.token is not None)
    if code in {"RepoNotFound", "RevisionNotFound", "EntryNotFound"} or status in {401, 404}:
        return missing(file.repository, file.file, code, address)
    return UpstreamGarbled(f"The hub at {host} refused {file.file} ({status}).", status=status)


def missing(repository: str, file: str, code: str, address: HubAddress) -> HubMissing:
    """Return the error for what the hub does not have, or does not show."""
    if code == "EntryNotFound":
        return HubMissing(f"{repository} has no file {file} at the hub. List its files again.")
    if code == "RevisionNotFound":
        return HubMissing(f"{repository} has no such revision at the hub. List its files again.")
    if address.token is not None:
        return HubMissing(
            f"The hub has no repository {repository}, or the token in HF_TOKEN may not see it."
            " Check its name."
        )
    return HubMissing(
        f"The hub has no repository {repository}, or does not show it without a token. Check its"
        " name; for a private one set HF_TOKEN."
    )


def disabled(repository: str) -> HubMissing:
    """Return the error for what the hub has closed to everybody."""
    return HubMissing(f"{repository} is disabled at the hub. Choose another repository.")


def _bare(etag: str) -> str:
    return etag.strip().removeprefix("W/").strip('"')
