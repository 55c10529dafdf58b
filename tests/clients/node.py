"""Where the JavaScript clients are that `make test` installs, and how node is run."""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "js"
"""Holds `node_modules`."""
_INSTALL = "Run `make test` once, or `npm ci --ignore-scripts` in tests/js; it needs Node.js 20."
_PACKAGES = {
    ("Linux", "x86_64"): "opencode-linux-x64-baseline",
    ("Linux", "aarch64"): "opencode-linux-arm64",
}


def node() -> str:
    """Return the path of node; fails with what to do where it or the packages are missing."""
    found = shutil.which("node")
    assert found, f"There is no node. {_INSTALL}"
    assert (FOLDER / "node_modules" / "openai").is_dir(), f"No SDK in {FOLDER}. {_INSTALL}"
    return found


def opencode() -> str | None:
    """Return the path of OpenCode, pinned where its package is installed; None without any."""
    package = _PACKAGES.get((platform.system(), platform.machine()))
    if package is None:
        return shutil.which("opencode")
    installed = FOLDER / "node_modules" / package / "bin" / "opencode"
    assert installed.exists(), f"OpenCode is not in {FOLDER}. {_INSTALL}"
    return str(installed)


async def run_script(name: str, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run a script of `tests/js` over some cases and return its results."""
    process = await asyncio.create_subprocess_exec(
        node(),
        str(FOLDER / name),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=FOLDER,
    )
    async with asyncio.timeout(60):
        out, errors = await process.communicate(json.dumps(cases).encode())
    assert process.returncode == 0, errors.decode()
    results: list[dict[str, Any]] = json.loads(out)
    assert len(results) == len(cases)
    return results
