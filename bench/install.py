"""Getting what the comparison needs: system programs, and the other gateways in a throwaway folder.

Nothing is installed twice, and what can't be installed is left out of the comparison.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
WORKSHOP = ROOT / ".bench"
"""Everything a run leaves behind but its results; delete it at will."""

LITELLM_VERSION = "1.106.2"
PORTKEY_VERSION = "1.15.2"
_PORTKEY_PACKAGE = "@portkey-ai/gateway"


class UnavailableError(Exception):
    """Something can't be had here; the text says what to do about it."""


class _PackageFile(msgspec.Struct):
    version: str


def ensure_program(name: str, package: str) -> Path:
    """The path of a system program, installed with apt-get when it is missing.

    Raises:
        UnavailableError: it is missing and can't be installed from here.
    """
    path = _which(name)
    if path is None:
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise UnavailableError(f"{name} is missing: install it (Debian: {package})")
        print(f"installing {package} ...", flush=True)
        _call(["apt-get", "update", "-q"])
        _call(["apt-get", "install", "-q", "-y", "--no-install-recommends", package])
        _switch_off_service(name)
        path = _which(name)
    if path is None:
        raise UnavailableError(f"{package} was installed but has no {name}")
    return path


def _which(name: str) -> Path | None:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def _switch_off_service(name: str) -> None:
    """Debian starts a server when its package arrives; only the program was wanted."""
    if shutil.which("systemctl"):
        subprocess.run(["systemctl", "disable", "--now", name], check=False, capture_output=True)


def ensure_litellm() -> Path:
    """The path of LiteLLM's command in an environment of its own.

    Raises:
        UnavailableError: pip could not install it.
    """
    folder = WORKSHOP / "litellm"
    command = folder / "bin" / "litellm"
    if not list(folder.glob(f"lib/*/site-packages/litellm-{LITELLM_VERSION}.dist-info")):
        print(f"installing LiteLLM {LITELLM_VERSION} (a few minutes, once) ...", flush=True)
        _fresh_environment(folder)
        _pip(folder, [f"litellm[proxy]=={LITELLM_VERSION}"])
    return command


def ensure_portkey() -> Path:
    """The path of the script that Portkey's package starts its gateway with.

    Raises:
        UnavailableError: Node.js is missing, or npm could not install it.
    """
    if not shutil.which("node") or not shutil.which("npm"):
        raise UnavailableError("Node.js is missing: install it (Debian: nodejs npm)")
    folder = WORKSHOP / "portkey"
    package = folder / "node_modules" / _PORTKEY_PACKAGE
    if _package_version(package) != PORTKEY_VERSION:
        print(f"installing Portkey's gateway {PORTKEY_VERSION} ...", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        _call(
            [
                *("npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund"),
                *("--ignore-scripts", f"{_PORTKEY_PACKAGE}@{PORTKEY_VERSION}"),
            ]
        )
    return package / "build" / "start-server.js"


def _package_version(package: Path) -> str | None:
    file = package / "package.json"
    if not file.exists():
        return None
    return msgspec.json.decode(file.read_bytes(), type=_PackageFile).version


def ensure_chart_python() -> Path:
    """An interpreter with the packages of requirements/bench.lock, in an environment of its own.

    Raises:
        UnavailableError: pip could not install them.
    """
    folder = WORKSHOP / "chart"
    if not list(folder.glob("lib/*/site-packages/matplotlib-*.dist-info")):
        print("installing matplotlib for the chart ...", flush=True)
        _fresh_environment(folder)
        lock = ROOT / "requirements" / "bench.lock"
        _pip(folder, ["--require-hashes", "-r", str(lock)])
    return folder / "bin" / "python"


def _fresh_environment(folder: Path) -> None:
    _call([sys.executable, "-m", "venv", "--clear", str(folder)])


def _pip(folder: Path, arguments: Sequence[str]) -> None:
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check"]
    _call([str(folder / "bin" / "python"), "-m", "pip", "install", *quiet, *arguments])


def _call(command: Sequence[str]) -> None:
    """Run an installer, and show the end of what it said when it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-600:]
        raise UnavailableError(f"`{' '.join(command[:4])} ...` failed: {said}")
