"""The browser of the system, and how it is started: no browser is ever downloaded."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ON_MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)


def find_chromium() -> Path:
    """Return the browser: the one that LAIRD_CHROMIUM names, or one of the system.

    Raises:
        LookupError: there is none; says how to get one.
    """
    if named := os.environ.get("LAIRD_CHROMIUM"):
        return Path(named)
    for name in _NAMES:
        if found := shutil.which(name):
            return Path(found)
    if _ON_MACOS.exists():
        return _ON_MACOS
    raise LookupError(
        "The tests of the dashboard need Chromium or Chrome (Debian: apt-get install chromium);"
        " LAIRD_CHROMIUM names one that is elsewhere."
    )


def start(playwright: Playwright) -> Browser:
    """Start it; LAIRD_HEADED=1 shows its windows."""
    return playwright.chromium.launch(
        executable_path=find_chromium(),
        headless=os.environ.get("LAIRD_HEADED") != "1",
        args=list(_FLAGS),
    )
