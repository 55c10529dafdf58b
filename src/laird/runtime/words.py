"""What is said when a local model can't serve: the model, the cause, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from laird.domain.errors import (
    ConnectionLost,
    Unreachable,
    UpstreamError,
    UpstreamModelDown,
    UpstreamModelMissing,
    UpstreamTimeout,
)
from laird.runtime.schedule import Load, Phase

E = TypeVar("E", bound=UpstreamError)


def missing(model_id: str) -> UpstreamModelMissing:
    """Say that there is no such model."""
    return UpstreamModelMissing(
        f"The library has no model '{model_id}'. Install it, or ask for one that is installed."
    )


def unusable(model_id: str, reason: str) -> UpstreamModelDown:
    """Say why a model that is there can't be run at all."""
    return UpstreamModelDown(f"The local model '{model_id}' can't be run: {reason}")


def closing(model_id: str) -> UpstreamModelDown:
    """Say that no model is started any more."""
    return UpstreamModelDown(f"Laird is shutting down; the local model '{model_id}' was not asked.")


def too_big(model_id: str, need: int, limit: int) -> UpstreamModelDown:
    """Say that a model needs more memory than all models together may take."""
    return UpstreamModelDown(
        f"The local model '{model_id}' needs {size(need)} of memory, and all local models together"
        f" may take {size(limit)} now. Give it a smaller context or fewer slots, take a smaller"
        " quantization of it, or free memory."
    )


def failed(model_id: str, problem: str | None, again_in_s: float, log: Path) -> UpstreamModelDown:
    """Say why a model was not started, and when it is tried again."""
    return UpstreamModelDown(
        f"The local model '{model_id}' can't be started: {problem}. It is tried again at the first"
        f" request after {max(again_in_s, 1):.0f} s. Its log is {log}.",
        retry_after_s=again_in_s,
    )


def late(load: Load, deadline_s: float, loads: Mapping[str, Load]) -> UpstreamTimeout:
    """Say what a request has waited for in vain."""
    return _of_model(
        UpstreamTimeout(
            f"The local model '{load.id}' was not free within {round(deadline_s, 1):g} s:"
            f" {_obstacle(load, loads)}",
            phase="total",
        )
    )


def _obstacle(load: Load, loads: Mapping[str, Load]) -> str:
    if load.phase is Phase.LOADING:
        return "it is still being loaded. Wait longer, or take a smaller model or a faster disk."
    if load.phase is Phase.WARM and load.active:
        return (
            f"it answers {load.active} of {load.slots} requests that it can at the same time, and"
            f" {len(load.queue)} wait. Give it more slots, or send fewer requests."
        )
    others = [f"'{each.id}'" for each in loads.values() if each.phase is not Phase.COLD]
    if not others:
        return "it has ended and is about to be started again."
    return (
        f"it waits for memory that {', '.join(others)} {'has' if len(others) == 1 else 'have'}."
        " Allow local models more memory, or use fewer of them at the same time."
    )


def retold(problem: UpstreamError, model_id: str, log: Path) -> UpstreamError:
    """Say what went wrong on the way to a model's process, of which nobody knows the address."""
    name = f"The local model '{model_id}'"
    told = problem
    if isinstance(problem, ConnectionLost):
        told = ConnectionLost(
            f"{name} broke off: its process has most likely crashed. It is started again at the"
            f" next request. Its log is {log}.",
            stale=problem.stale,
        )
    elif isinstance(problem, Unreachable):
        told = Unreachable(
            f"{name} runs, but takes no connection. Unload it, and look at its log, {log}."
        )
    elif isinstance(problem, UpstreamTimeout):
        told = UpstreamTimeout(
            f"{name} was slower than the provider's {problem.phase} timeout allows. Allow it more"
            " time, or take a smaller model.",
            phase=problem.phase,
        )
    return _of_model(told)


def _of_model(problem: E) -> E:
    """Return an error, marked as one that says nothing of the library's other models."""
    problem.of_model = True
    return problem


def size(count: int) -> str:
    """Write a number of bytes for people."""
    if count < 1_000_000:
        return f"{count} bytes"
    if count < 1_000_000_000:
        return f"{count / 1e6:.0f} MB"
    return f"{count / 1e9:.1f} GB"
