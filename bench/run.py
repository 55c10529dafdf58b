"""The run itself: rounds over the subjects, one started at a time, all before one upstream."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import msgspec

from bench import client, load
from bench.client import BadAnswerError, Target
from bench.figures import Measurement, Start, SubjectFigures, Turn, fill, side_by_side
from bench.install import WORKSHOP, UnavailableError
from bench.load import Case, LoadResult
from bench.machine import Cores, resident_bytes, settle
from bench.process import Process, free_port
from bench.subjects import Direct, Subject

_SAMPLED_STREAMS = 8
_WARM_UP_SECONDS = 1
_SIDE_BY_SIDE = ("priced", "guarded")
"""Subjects whose difference is less than that between one minute of a machine and the next."""
_STARTS = 3
"""In each round: how fast a process is depends by some percent on how its memory came to lie."""
_TURNS = 4
_TURN_SECONDS = 2
_TURN = Case(32)


class Plan(msgspec.Struct, frozen=True):
    """How much is measured."""

    cases: tuple[Case, ...]
    rounds: int
    seconds: float
    """Of one measurement of completions; streams get one second more, for they are fewer."""
    long_seconds: float
    """Of a measurement done again, since not every connection had one answer in `seconds`."""


class Bench:
    """One run: what it measures on, and what it has found so far."""

    def __init__(self, plan: Plan, cores: Cores) -> None:
        self.plan = plan
        self.cores = cores
        self.figures: dict[str, SubjectFigures] = {}
        self.measurements: list[Measurement] = []
        self.starts: list[Start] = []
        self.turns: list[Turn] = []
        self._folder = WORKSHOP / "run"
        self._upstream_port = free_port()
        self._once: set[tuple[str, Case]] = set()
        """What is not measured again in later rounds: it is too slow, or doesn't work."""

    def run(self, subjects: Sequence[Subject]) -> None:
        """Install, then measure, round after round."""
        ready = [subject for subject in subjects if self._install(subject)]
        shutil.rmtree(self._folder, ignore_errors=True)
        upstream = Process(
            [sys.executable, "-m", "bench.upstream", "--port", str(self._upstream_port)],
            core=self.cores.load,
            log=self._folder / "upstream.log",
        )
        try:
            for number in range(1, self.plan.rounds + 1):
                for subject in ready:
                    self._round(subject, number, upstream)
                pair = [subject for subject in ready if subject.name in _SIDE_BY_SIDE]
                if len(pair) == len(_SIDE_BY_SIDE):
                    for start in range(1, _STARTS + 1):
                        self._side_by_side(pair, number, start)
        finally:
            upstream.stop()
        for name, figures in self.figures.items():
            fill(
                figures,
                [m for m in self.measurements if m.subject == name],
                [s for s in self.starts if s.subject == name],
            )

    def _install(self, subject: Subject) -> bool:
        figures = SubjectFigures(title=subject.title, version="")
        self.figures[subject.name] = figures
        try:
            figures.version = subject.version()
        except UnavailableError as error:
            figures.notes.append(f"not measured: {error}")
            return False
        return True

    def _round(self, subject: Subject, number: int, upstream: Process) -> None:
        if isinstance(subject, Direct):
            target: Target | None = Target(port=self._upstream_port, headers={})
            target = client.first_answer(lambda: target, upstream.running, limit=10)
            process, start_ms = upstream, None
        else:
            process, target, start_ms = self._start(subject, number)
        try:
            if target is None:
                self._note(subject, f"never answered; see {process.log}")
                return
            self._measure_all(subject, number, target, process)
            if start_ms is not None:
                resident = resident_bytes(process.pid) / 1e6
                self.starts.append(Start(subject.name, number, start_ms, round(resident, 1)))
        finally:
            if process is not upstream:
                process.stop()

    def _side_by_side(self, pair: Sequence[Subject], number: int, start: int) -> None:
        """Run two subjects at once on the same core, and load one, then the other, again and again.

        Who is first in one turn is second in the next.
        """
        with ExitStack() as running:
            targets: list[tuple[str, Target, Process]] = []
            for subject in pair:
                process, target, _ = self._start(subject, number, f"beside-{start}-")
                running.callback(process.stop)
                if target is None:
                    self._note(subject, f"never answered; see {process.log}")
                    return
                targets.append((subject.name, target, process))
                self._warm_up(_TURN, target)
            for _ in range(_TURNS):
                for name, target, process in targets:
                    settle(process.pid)
                    result = load.run(target, _TURN, seconds=_TURN_SECONDS, cores=self.cores)
                    self.turns.append(Turn(name, number, start, result))
                targets.reverse()
        base, own = _SIDE_BY_SIDE
        turns = [turn for turn in self.turns if (turn.round, turn.start) == (number, start)]
        for ratio in side_by_side(turns, own, base):
            print(f"round {number}  {own} of {base}, side by side: {ratio:.1%}", flush=True)

    def _start(
        self, subject: Subject, number: int, kind: str = ""
    ) -> tuple[Process, Target | None, float]:
        folder = self._folder / f"{kind}{subject.name}-{number}"
        folder.mkdir(parents=True)
        launch = subject.launch(folder, port=free_port(), upstream=self._upstream_port)
        log = folder.with_suffix(".log")
        began = time.monotonic()
        process = Process(launch.command, core=self.cores.gateway, log=log, env=launch.env)
        target = client.first_answer(lambda: launch.target(process.output()), process.running)
        return process, target, (time.monotonic() - began) * 1000

    def _measure_all(self, subject: Subject, number: int, target: Target, process: Process) -> None:
        try:
            client.check_completion(target)
        except BadAnswerError as error:
            self._note(subject, f"completions fail: {error}")
            return
        for case in self.plan.cases:
            if (subject.name, case) in self._once:
                continue
            try:
                result = self._measure(subject, case, target, process)
            except BadAnswerError as error:
                self._note(subject, f"streams fail: {error}")
                self._once.update((subject.name, c) for c in self.plan.cases if c.stream)
                continue
            self.measurements.append(Measurement(subject.name, number, case, result))
            print(
                f"round {number}  {subject.name:8} {case.name:16} {result.per_second:9,.1f}/s  "
                f"p50 {result.p50_us / 1000:9.3f} ms  p99 {result.p99_us / 1000:9.3f} ms  "
                f"failed {result.failures}",
                flush=True,
            )

    def _measure(
        self, subject: Subject, case: Case, target: Target, process: Process
    ) -> LoadResult:
        self._warm_up(case, target)
        settle(process.pid)
        seconds = self.plan.seconds + case.stream
        result = load.run(target, case, seconds=seconds, cores=self.cores)
        if result.requests < case.connections:
            self._once.add((subject.name, case))
            settle(process.pid)
            result = load.run(target, case, seconds=self.plan.long_seconds, cores=self.cores)
        settle(process.pid)
        return result

    def _warm_up(self, case: Case, target: Target) -> None:
        """Load for a moment; of the streams among it, a few are read and checked whole.

        Raises:
            BadAnswerError: a stream was not what the upstream sent.
        """
        if case.stream:
            client.check_streams(target, 1)
        with ThreadPoolExecutor(1) as pool:
            warm_up = pool.submit(
                load.run, target, case, seconds=_WARM_UP_SECONDS, cores=self.cores
            )
            if case.stream:
                client.check_streams(target, _SAMPLED_STREAMS)
            warm_up.result()

    def _note(self, subject: Subject, text: str) -> None:
        notes = self.figures[subject.name].notes
        if text not in notes:
            notes.append(text)
