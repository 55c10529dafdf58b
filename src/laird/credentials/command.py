"""Credentials that a command prints, such as `gcloud auth print-access-token`."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from laird.credentials.master import OLD_VARIABLE, VARIABLE
from laird.domain.credential import check_value
from laird.domain.errors import InvalidRequest, LairdError
from laird.domain.secret import Secret
from laird.transport.processes import end

LONGEST_OUTPUT = 64 * 1024
MOST_ARGUMENTS = 64
_MILLISECONDS = 100_000_000_000
"""Numbers above this are milliseconds since 1970, those below it seconds."""


class CommandFailed(LairdError):
    """The command did not print a credential. The message has nothing of what it did print."""


class CommandSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. It is kept encrypted, so that nobody who can write the database can change it.

    Its representation shows the program and no argument, since those may be secret.
    """

    argv: tuple[str, ...]
    timeout_s: float = 10.0
    lifetime_s: float | None = None
    """How long what it prints is good for; None where it says so itself, or nobody knows."""

    def __repr__(self) -> str:
        return f"CommandSpec({self.program})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("program", self.program)]

    @property
    def program(self) -> str:
        """The name of the program, without its directory."""
        return self.argv[0].rpartition("/")[2] if self.argv else ""


class _Object(msgspec.Struct):
    """What a command may print as JSON."""

    token: str
    expires_at: str | float | None = None

    def __repr__(self) -> str:
        return "_Object(***)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class Printed(msgspec.Struct, frozen=True):
    """What a command printed."""

    secret: Secret
    expires_s: float | None
    """Unix seconds; None where nobody said."""


def check_spec(spec: CommandSpec) -> CommandSpec:
    """Refuse what can't be run. Raises `InvalidRequest`."""
    if not spec.argv or not spec.argv[0].strip():
        raise InvalidRequest("The command is empty.", param="command")
    if len(spec.argv) > MOST_ARGUMENTS or any("\0" in part for part in spec.argv):
        raise InvalidRequest("The command has too many or wrong arguments.", param="command")
    if not 0 < spec.timeout_s <= 120:
        raise InvalidRequest("A command may take up to 120 seconds.", param="timeout_s")
    if spec.lifetime_s is not None and not 10 <= spec.lifetime_s <= 31_536_000:
        raise InvalidRequest("A lifetime is 10 seconds to a year.", param="lifetime_s")
    return spec


def encode(spec: CommandSpec) -> Secret:
    """Return a command as the secret that is kept."""
    return Secret(msgspec.json.encode(spec).decode())


def decode(kept: Secret) -> CommandSpec:
    """Return a command from what was kept."""
    return msgspec.json.decode(kept.reveal(), type=CommandSpec)


async def run(spec: CommandSpec, environment: Mapping[str, str]) -> Printed:
    """Run a command without a shell and return the credential that it prints.

    It has no input, its errors go nowhere, and it does not get the master key. At its time limit it
    is killed with all that it has started.

    Raises:
        CommandFailed: it can't be started, takes too long, ends with another code than 0, or
            prints nothing that could be a credential.
    """
    inherited = {
        name: value for name, value in environment.items() if name not in {VARIABLE, OLD_VARIABLE}
    }
    try:
        process = await asyncio.create_subprocess_exec(
            *spec.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=inherited,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise CommandFailed(f"The command {spec.program} can't be started: {why}.") from None
    try:
        async with asyncio.timeout(spec.timeout_s):
            output = await _output(process, spec)
            code = await process.wait()
    except TimeoutError:
        # What it has started may be what did not end.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        raise CommandFailed(
            f"The command {spec.program} did not end within {spec.timeout_s:g} s."
        ) from None
    finally:
        await _end(process)
    if code != 0:
        raise CommandFailed(
            f"The command {spec.program} ended with code {code}. Run it by hand to see why."
        )
    return _read(output, spec)


async def _output(process: asyncio.subprocess.Process, spec: CommandSpec) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    parts: list[bytes] = []
    size = 0
    while part := await process.stdout.read(4096):
        size += len(part)
        if size > LONGEST_OUTPUT:
            raise CommandFailed(
                f"The command {spec.program} printed over {LONGEST_OUTPUT // 1024} KiB."
            )
        parts.append(part)
    return b"".join(parts)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill a command that still runs, with all that it has started."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await end(process)


def _read(output: bytes, spec: CommandSpec) -> Printed:
    text = output.decode("utf-8", "replace").strip()
    expires_s = None if spec.lifetime_s is None else time.time() + spec.lifetime_s
    if text.startswith("{"):
        text, said = _read_object(text, spec)
        expires_s = said if said is not None else expires_s
    try:
        secret = check_value(text)
    except InvalidRequest:
        raise CommandFailed(
            f"What the command {spec.program} printed is no credential: print it alone on one line,"
            ' or as {"token": "…", "expires_at": "…"}.'
        ) from None
    return Printed(secret, expires_s)


def _read_object(text: str, spec: CommandSpec) -> tuple[str, float | None]:
    try:
        found = msgspec.json.decode(text, type=_Object)
        return found.token, _unix_seconds(found.expires_at)
    except (msgspec.DecodeError, ValueError, OverflowError):
        raise CommandFailed(
            f"The command {spec.program} printed JSON that has no token, or an expires_at that is"
            " neither a time in ISO 8601 nor Unix seconds."
        ) from None


def _unix_seconds(moment: str | float | None) -> float | None:
    if isinstance(moment, str):
        parsed = datetime.fromisoformat(moment)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    if moment is None:
        return None
    return moment / 1000 if moment > _MILLISECONDS else float(moment)
