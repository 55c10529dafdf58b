"""Usage as a small company has it, for measuring and testing reports: made up, and always the same.

`python -m bench.usage_data FILE --rows 1000000` fills a new ledger with it.

People work from Monday to Friday, agents day and night. A key has its workflows and its models;
prompts are long-tailed and mostly cached where a conversation goes on; some calls fail and another
model takes over, some are cancelled, and one provider has no price list.
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from sqlalchemy import StaticPool, create_engine
from sqlalchemy.event import listen

from laird.domain.usage import AttemptFinished, AttemptStarted, AttemptStatus
from laird.storage.engine import Database, sqlite_url
from laird.storage.schema import prepare
from laird.usage import rebuild
from laird.usage.ledger import Posting
from laird.usage.rollup import DAY_US, HOUR_US

UNTIL_US = 1_795_219_200_000_000
"""2026-11-21T00:00Z: where the usage ends unless told otherwise."""

_SAMPLES = 8192
_AT_ONCE = 10_000


class Model(NamedTuple):
    """A model with its prices in nano-dollars per token; no prices where they are unknown."""

    provider: str
    name: str
    speed: float
    """Tokens a second."""
    prices: tuple[int, int, int] | None
    """Input, cached input, output."""
    weight: int
    dialect: str = "openai"


MODELS = (
    Model("openai", "gpt-5", 70, (1250, 125, 10_000), 14),
    Model("openai", "gpt-5-mini", 120, (250, 25, 2000), 22),
    Model("openai", "gpt-5-nano", 180, (50, 5, 400), 9),
    Model("anthropic", "claude-opus-4-5", 55, (5000, 500, 25_000), 7, "anthropic"),
    Model("anthropic", "claude-sonnet-4-5", 75, (3000, 300, 15_000), 16, "anthropic"),
    Model("anthropic", "claude-haiku-4-5", 140, (1000, 100, 5000), 8, "anthropic"),
    Model("gemini", "gemini-2.5-pro", 90, (1250, 310, 10_000), 6),
    Model("gemini", "gemini-2.5-flash", 200, (300, 75, 2500), 10),
    Model("groq", "llama-3.3-70b", 280, (590, 590, 790), 4),
    Model("ollama", "qwen3:32b", 35, (0, 0, 0), 9),
    Model("ollama", "llama3.2:3b", 110, (0, 0, 0), 8),
    Model("vllm", "qwen3-coder", 95, (0, 0, 0), 7),
    Model("lab", "experimental-1", 40, None, 2),
)

_WORKFLOWS = {
    "support-triage": ("classify", "summarise", "draft"),
    "nightly-report": ("collect", "write"),
    "code-review": ("read", "comment", "verify"),
    "invoices": ("extract", "check"),
    "research": ("search", "read", "synthesise", "critique"),
    "translation": ("translate",),
    "onboarding": ("answer",),
}

_DAY_WEIGHTS = (1.0, 1.08, 1.1, 1.05, 0.9, 0.3, 0.25)
_PEOPLE = (1, 1, 1, 1, 1, 2, 4, 14, 40, 62, 70, 66, 42, 58, 68, 64, 52, 34, 16, 10, 8, 6, 4, 2)
_AGENTS = (
    30,
    60,
    55,
    30,
    22,
    20,
    20,
    24,
    30,
    34,
    34,
    34,
    30,
    34,
    34,
    34,
    32,
    28,
    24,
    22,
    22,
    24,
    9,
    9,
)
"""How many calls of a working day fall into each hour."""


class _Caller(NamedTuple):
    key_id: str
    workflow: str | None
    node: str | None
    models: tuple[Model, ...]
    """What it asks for, and what takes over."""
    local_only: bool


class Traffic:
    """Attempts, one after the other; the same seed makes the same ones."""

    def __init__(self, seed: int = 1) -> None:
        self._random = Random(seed)
        self._number = 0
        self._process = f"{self._random.getrandbits(64):016x}"
        self._callers = self._make_callers()
        sample = self._random.lognormvariate
        self._prompts = [int(sample(6.9, 1.1)) + 8 for _ in range(_SAMPLES)]
        self._answers = [int(sample(5.2, 0.9)) + 1 for _ in range(_SAMPLES)]
        self._waits_ms = [sample(5.8, 0.5) for _ in range(_SAMPLES)]

    def _make_callers(self) -> list[_Caller]:
        """Return callers, each as often as it is heard of."""
        random = self._random
        callers: list[_Caller] = []
        weights = [model.weight for model in MODELS]
        for number in range(24):
            key_id = f"key_{random.getrandbits(64):016x}"
            heard = int(400 / (number + 1) ** 0.8) + 4
            local_only = number % 8 == 7
            known = [model for model in MODELS if not local_only or model.prices == (0, 0, 0)]
            liked = (
                random.choices(known, k=3) if local_only else random.choices(known, weights, k=3)
            )
            places = self._places(number)
            for _ in range(heard):
                workflow, node = random.choice(places)
                first = random.choices(liked, (6, 2, 1))[0]
                others = tuple(model for model in known if model is not first)
                models = (first, random.choice(others), random.choice(others))
                callers.append(_Caller(key_id, workflow, node, models, local_only))
        return callers

    def _places(self, number: int) -> list[tuple[str | None, str | None]]:
        if number % 3 == 0:
            return [(None, None)]
        names = self._random.sample(sorted(_WORKFLOWS), 1 + number % 3)
        return [(name, node) for name in names for node in _WORKFLOWS[name]]

    def day(self, day: int, rows: int) -> Iterator[AttemptFinished]:
        """Yield so many attempts of a day since the epoch, in order of time."""
        random = self._random
        busy = [
            people * (1 if day % 7 not in {2, 3} else 0.2) + agents
            for people, agents in zip(_PEOPLE, _AGENTS, strict=True)
        ]
        begin_us = day * DAY_US
        hours = random.choices(range(24), busy, k=rows)
        moments = sorted([begin_us + int((hour + random.random()) * HOUR_US) for hour in hours])
        made = 0
        while made < rows:
            for attempt in self._request(moments[made]):
                yield attempt
                made += 1
                if made == rows:
                    return

    def _request(self, at_us: int) -> Iterator[AttemptFinished]:
        random = self._random.random
        caller = self._callers[int(random() * len(self._callers))]
        self._number += 1
        request_id = f"req_{self._process}{self._number:08x}"
        origin = None
        luck = random()
        for number, model in enumerate(caller.models, 1):
            last = number == len(caller.models)
            status = _status(luck, last=last)
            yield self._attempt(request_id, number, at_us, caller, model, origin, status)
            if status is not AttemptStatus.ERROR or last or luck > 0.99:
                return
            origin = f"{model.provider}/{model.name}"
            at_us += int(random() * 2_000_000)
            luck = random()

    def _attempt(
        self,
        request_id: str,
        number: int,
        at_us: int,
        caller: _Caller,
        model: Model,
        origin: str | None,
        status: AttemptStatus,
    ) -> AttemptFinished:
        bits = self._random.getrandbits(48)
        prompt = self._prompts[bits & 8191]
        answer = self._answers[(bits >> 13) & 8191]
        wait_ms = self._waits_ms[(bits >> 26) & 8191]
        dice = bits >> 39
        hit = dice < 10 and number == 1 and status is AttemptStatus.OK
        failed = status is AttemptStatus.ERROR
        if failed or hit:
            answer = 0
        elif status is not AttemptStatus.OK:
            answer //= 2
        cached = prompt * (dice & 7) // 8 if dice & 1 and prompt > 1024 else 0
        if failed or hit:
            prompt = cached = 0
        cost = _cost(model, prompt, cached, answer)
        latency_ms = 0.4 if hit else wait_ms + (0 if failed else answer / model.speed * 1000)
        return AttemptFinished(
            started=AttemptStarted(
                request_id=request_id,
                attempt=number,
                at_us=at_us,
                key_id=caller.key_id,
                provider=model.provider,
                model=model.name,
                upstream_model=model.name,
                dialect=model.dialect,
                stream=bool(dice & 2),
                prompt_tokens=prompt,
                cost_nano=cost,
                price_version=None if cost is None else "catalogue 2026-11-01",
                failover_from=origin,
                privacy="local" if caller.local_only else "any",
                privacy_reason="key" if caller.local_only else None,
                workflow=caller.workflow,
                node=caller.node,
            ),
            status=status,
            error="provider_error" if failed else None,
            http_status=503 if failed else 200,
            prompt_tokens=prompt,
            completion_tokens=answer,
            cached_tokens=cached,
            cache_write_tokens=cached // 4 if model.dialect == "anthropic" else 0,
            reasoning_tokens=answer // 3 if model.speed < 80 else 0,
            estimated=status is not AttemptStatus.OK and not failed,
            cost_nano=cost,
            latency_ms=latency_ms,
            ttft_ms=wait_ms if dice & 2 and not failed and not hit else None,
            cache_hit=hit,
        )


def _status(luck: float, *, last: bool) -> AttemptStatus:
    if luck < 0.95:
        return AttemptStatus.OK
    if luck < 0.965:
        return AttemptStatus.CANCELLED
    if luck < 0.968:
        return AttemptStatus.CUT
    if luck < 0.97:
        return AttemptStatus.INTERRUPTED
    return AttemptStatus.ERROR if not last or luck > 0.99 else AttemptStatus.OK


def _cost(model: Model, prompt: int, cached: int, answer: int) -> int | None:
    if model.prices is None:
        return None
    full, less, out = model.prices
    return (prompt - cached) * full + cached * less + answer * out


def attempts(
    rows: int, *, days: int = 365, until_us: int = UNTIL_US, seed: int = 1
) -> Iterator[tuple[int, Iterator[AttemptFinished]]]:
    """Yield each day with its attempts; business grows by half over the time."""
    last = until_us // DAY_US
    weights = [
        _DAY_WEIGHTS[(day + 3) % 7] * (1 + 0.5 * (day - last + days) / days)
        for day in range(last - days, last)
    ]
    traffic = Traffic(seed)
    total, so_far, made = sum(weights), 0.0, 0
    for day, weight in zip(range(last - days, last), weights, strict=True):
        so_far += weight
        wanted = round(rows * so_far / total) - made
        made += wanted
        yield day, traffic.day(day, wanted)


def fill(
    file: Path, rows: int, *, days: int = 365, until_us: int = UNTIL_US, seed: int = 1
) -> None:
    """Write a new ledger with its rollups; not safe against a crash, but fast."""
    database = Database(sqlite_url(file))
    prepare(database)
    database.write_now(rebuild.rebuild)
    database.close()
    raw = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000"):
        raw.execute(f"PRAGMA {pragma}").fetchall()
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_attempts_at_us")
        for _, made in attempts(rows, days=days, until_us=until_us, seed=seed):
            posting = Posting(connection)
            while part := list(islice(made, _AT_ONCE)):
                posting.finished(part)
            posting.close()
        connection.exec_driver_sql("CREATE INDEX ix_attempts_at_us ON attempts (at_us)")
    engine.dispose()
    raw.close()


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.usage_data", description=__doc__)
    parser.add_argument("file", type=Path, help="the database to make")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    if arguments.file.exists():
        parser.error(f"{arguments.file} is there already")
    begun = time.perf_counter()
    fill(arguments.file, arguments.rows, days=arguments.days, seed=arguments.seed)
    size = arguments.file.stat().st_size / 1e6
    seconds = time.perf_counter() - begun
    print(f"{arguments.rows:,} rows in {seconds:.1f} s, {size:,.0f} MB: {arguments.file}")


if __name__ == "__main__":
    main()
