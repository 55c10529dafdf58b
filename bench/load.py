"""The load: wrk with a fixed body, on one core and one thread.

wrk counts a response when its last byte is there, chunked ones too, so its latency for a stream is
the duration of the stream.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import msgspec

from bench.client import PATH, Target
from bench.client import body as body_of
from bench.machine import Cores, core_times

_SCRIPT = Path(__file__).with_name("load.lua")
_MARK = "result "
_RESPONSE_TIMEOUT = 60
"""Seconds after which wrk calls an answer a timeout; it still waits for it."""


class Case(msgspec.Struct, frozen=True):
    """One kind of load: how many connections, and whether each of them streams."""

    connections: int
    stream: bool = False

    @property
    def name(self) -> str:
        """How the case is called in tables and results."""
        return f"{self.connections} {'streams' if self.stream else 'connections'}"


class LoadResult(msgspec.Struct, frozen=True):
    """What wrk saw. Times in microseconds, from the request's first byte to the answer's last."""

    requests: int
    duration_us: int
    bytes: int
    p50_us: int
    p90_us: int
    p99_us: int
    max_us: int
    mean_us: float
    connect_errors: int
    read_errors: int
    write_errors: int
    status_errors: int
    timeouts: int
    gateway_busy: float = 0.0
    """Share of the time in which the gateway's core was not idle, 0 to 1."""
    load_busy: float = 0.0
    """The same of the core of upstream and wrk: near 1, it was they that set the limit."""

    @property
    def per_second(self) -> float:
        """Good answers a second; wrk counts the bad ones among its requests."""
        good = self.requests - self.status_errors
        return good * 1e6 / self.duration_us if self.duration_us else 0.0

    @property
    def failures(self) -> int:
        """Answers that were none. What wrk calls timeouts are late answers, not lost ones."""
        return self.connect_errors + self.read_errors + self.write_errors + self.status_errors


def parse(output: str) -> LoadResult:
    """The result line among what wrk printed.

    Raises:
        ValueError: there is none, or it is not the script's.
    """
    for line in reversed(output.splitlines()):
        if line.startswith(_MARK):
            return msgspec.json.decode(line[len(_MARK) :], type=LoadResult)
    raise ValueError(f"wrk printed no result: {output.strip()[-400:]!r}")


def run(target: Target, case: Case, *, seconds: float, cores: Cores) -> LoadResult:
    """Put one case on a target for some seconds (wrk knows whole ones only: they are rounded)."""
    with tempfile.NamedTemporaryFile(suffix=".json") as body:
        body.write(body_of(target, stream=case.stream))
        body.flush()
        command = _command(target, case, seconds=seconds, core=cores.load, body=Path(body.name))
        gateway, load = core_times(cores.gateway), core_times(cores.load)
        output = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=seconds + 120
        )
        result = parse(output.stdout + output.stderr)
    return msgspec.structs.replace(
        result,
        gateway_busy=round(gateway.busy_share(core_times(cores.gateway)), 3),
        load_busy=round(load.busy_share(core_times(cores.load)), 3),
    )


def _command(target: Target, case: Case, *, seconds: float, core: int, body: Path) -> list[str]:
    return [
        *("taskset", "-c", str(core), "wrk", "--threads", "1"),
        *("--connections", str(case.connections), "--duration", str(max(1, round(seconds)))),
        *("--timeout", str(_RESPONSE_TIMEOUT), "--script", str(_SCRIPT)),
        f"http://127.0.0.1:{target.port}{PATH}",
        *("--", str(body)),
        *(f"{name}: {value}" for name, value in target.headers.items()),
    ]
