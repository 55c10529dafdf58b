"""Downloads in tests: what they need, and a process of their own that can be killed.

    python -m tests.library.pulling HOME ENDPOINT REPOSITORY

downloads all files of a repository, or goes on with what is under way, and says on its output how
that stands, a line of JSON for each change.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from laird.domain.local_models import ModelFile
from laird.library.downloads.engine import Downloads
from laird.library.downloads.values import DownloadProgress, DownloadSettings, DownloadState
from laird.library.hub_address import HubAddress, hub_address
from laird.library.shelf import Shelf
from laird.transport.client import HttpTransport
from laird.transport.proxies import Proxies

REPOSITORY = "maker/tiny-GGUF"
QUICK = DownloadSettings(
    backoff_s=0.01, longest_backoff_s=0.05, tick_s=0.05, keep_free_bytes=0, batch_bytes=32 * 1024
)


def described(
    data: bytes, file: str = "tiny.Q4_K_M.gguf", repository: str = REPOSITORY
) -> ModelFile:
    """Return the file as a hub would list it."""
    return ModelFile(
        repository=repository,
        file=file,
        revision="main",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def at(url: str, token: str | None = None) -> Callable[[], HubAddress]:
    """Return the address of a hub in a test."""
    environ = {"HF_ENDPOINT": url} | ({"HF_TOKEN": token} if token else {})
    return lambda: hub_address(environ)


@asynccontextmanager
async def downloading(
    home: Path,
    url: str,
    *,
    token: str | None = None,
    settings: DownloadSettings = QUICK,
    **about: Any,
) -> AsyncIterator[Downloads]:
    """Run downloads into a home, begun and closed properly."""
    transport = HttpTransport(proxies=Proxies({}))
    downloads = Downloads(
        Shelf(home), transport, address=at(url, token), settings=settings, **about
    )
    await downloads.start()
    try:
        yield downloads
    finally:
        await downloads.close()
        await transport.close()


async def until_state(
    downloads: Downloads, download_id: str, *states: DownloadState
) -> DownloadProgress:
    """Wait until a download is in one of these states."""
    async for progress in downloads.follow(download_id):
        if progress.state in states:
            return progress
    return downloads.get(download_id)


async def _pull(home: Path, url: str, wanted: bytes) -> None:
    files = msgspec.json.decode(wanted, type=tuple[ModelFile, ...])
    async with downloading(home, url) as downloads:
        begun = downloads.list()
        progress = begun[0] if begun else await downloads.add(files)
        async for told in downloads.follow(progress.id):
            sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_pull(Path(sys.argv[1]), sys.argv[2], sys.argv[3].encode()))
