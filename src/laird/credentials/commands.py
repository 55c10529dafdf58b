"""Credentials that commands print: renewed before they expire, and when they are refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from laird.credentials.command import CommandFailed, CommandSpec, Printed, run
from laird.domain.secret import Secret
from laird.telemetry.logs import get_logger

AHEAD_S = 60.0
"""A credential is renewed so long before it expires, or a tenth of its life where that is less."""
PAUSE_S = 5.0
"""A command that has failed, or whose credential was refused, is not run again sooner than this."""
LONGEST_PAUSE_S = 300.0

_log = get_logger("credentials")


class _State:
    __slots__ = (
        "failures",
        "held_until",
        "printed",
        "problem",
        "renew_at",
        "spec",
        "task",
        "value_id",
    )

    def __init__(self, value_id: str, spec: CommandSpec) -> None:
        self.value_id = value_id
        self.spec = spec
        self.printed: Printed | None = None
        self.problem: str | None = None
        self.task: asyncio.Task[None] | None = None
        self.held_until = 0.0
        """Monotonic seconds; a refusal does not have it run again before that."""
        self.renew_at: float | None = 0.0
        """Unix seconds; None where only a refusal says that it is time."""
        self.failures = 0


class Commands:
    """The commands and what they printed last. For one event loop; tokens are nowhere but here.

    Args:
        environment: what the commands get, but for the master key.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._states: dict[str, _State] = {}

    def configure(self, specs: Mapping[str, tuple[str, CommandSpec]]) -> None:
        """Follow what is stored: names with the id of the value and what to run."""
        for name in self._states.keys() - specs.keys():
            self._end(self._states.pop(name))
        for name, (value_id, spec) in specs.items():
            state = self._states.get(name)
            if state is None or state.value_id != value_id:
                if state is not None:
                    self._end(state)
                self._states[name] = _State(value_id, spec)

    def token(self, name: str) -> Secret | None:
        """Return what a command printed last; None before that, and once it has expired."""
        state = self._states.get(name)
        printed = state.printed if state is not None else None
        if printed is None or (printed.expires_s is not None and printed.expires_s <= time.time()):
            return None
        return printed.secret

    def tokens(self) -> list[Secret]:
        """Return all that was printed."""
        return [state.printed.secret for state in self._states.values() if state.printed]

    def spec(self, name: str) -> CommandSpec | None:
        """Return what is run for a credential."""
        state = self._states.get(name)
        return state.spec if state is not None else None

    def expires_us(self, name: str) -> int | None:
        """Return until when what was printed is good, UTC microseconds."""
        state = self._states.get(name)
        printed = state.printed if state is not None else None
        if printed is None or printed.expires_s is None:
            return None
        return round(printed.expires_s * 1_000_000)

    def problem(self, name: str) -> str | None:
        """Return why a command has printed nothing, or None where it has."""
        state = self._states.get(name)
        return state.problem if state is not None else None

    async def run(self, name: str, *, refused: bool = False) -> None:
        """Run a command, or wait for it where it runs already.

        When it is because of a refusal, it is left alone for a moment after that: one that prints
        the same again must not be run with every request.
        """
        state = self._states.get(name)
        if state is None:
            return
        if state.task is None:
            if refused:
                if time.monotonic() < state.held_until:
                    return
                state.held_until = time.monotonic() + PAUSE_S
            state.task = asyncio.create_task(self._run(name, state))
        # Whoever waits is not cancelled with the command, nor the command with them.
        await asyncio.wait((state.task,))

    @property
    def any(self) -> bool:
        """True where there are commands."""
        return bool(self._states)

    async def run_due(self) -> list[str]:
        """Run what is about to expire; return the names whose credential is another one now."""
        now = time.time()
        due = {
            name: self.token(name)
            for name, state in self._states.items()
            if state.renew_at is not None and state.renew_at <= now
        }
        await asyncio.gather(*(self.run(name) for name in due))
        return [name for name, before in due.items() if self.token(name) != before]

    async def close(self) -> None:
        """End what runs."""
        running = [state.task for state in self._states.values() if state.task is not None]
        for state in self._states.values():
            self._end(state)
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, name: str, state: _State) -> None:
        try:
            state.printed = await run(state.spec, self._environment)
        except CommandFailed as error:
            state.problem = error.message
            state.failures += 1
            pause = min(PAUSE_S * 2 ** (state.failures - 1), LONGEST_PAUSE_S)
            state.renew_at = time.time() + pause
            state.held_until = time.monotonic() + PAUSE_S
            if state.failures == 1:
                _log.error("a credential's command failed", credential=name, reason=error.message)
        else:
            if state.failures:
                _log.info("a credential's command works again", credential=name)
            state.problem, state.failures = None, 0
            state.renew_at = _renew_at(state.printed)
        finally:
            state.task = None

    @staticmethod
    def _end(state: _State) -> None:
        if state.task is not None:
            state.task.cancel()


def _renew_at(printed: Printed) -> float | None:
    if printed.expires_s is None:
        return None
    now = time.time()
    left = max(0.0, printed.expires_s - now)
    return now + max(left - AHEAD_S, left * 0.9 if left < AHEAD_S * 10 else 0.0, PAUSE_S)
