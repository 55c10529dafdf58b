"""Ledgers and models for tests of advice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.usage.cases import finished, started

from laird.advice.findings import Advice, Candidate, MayUse
from laird.advice.recommend import advise, thresholds
from laird.advice.replay import Slice, replay
from laird.domain.catalog import Capabilities, Egress, Model, Pricing, Rate
from laird.domain.money import NANO
from laird.domain.usage import AttemptFinished
from laird.pricing.cost import totals_nano
from laird.storage.engine import Database
from laird.usage.ledger import insert_finished

GOLDEN = Path(__file__).parent / "golden"
NOON_US = 1_790_000_000_000_000
"""2026-09-21, a little after noon in UTC."""
DAY_US = 86_400_000_000


def usd(*prices: float, **more: Any) -> Pricing:
    """Return prices of input and output, USD per million tokens."""
    into, out = (Rate(round(each * NANO)) for each in prices)
    return Pricing(input=into, output=out, **more)


def model(key: str, pricing: Pricing | None = None, **changes: Any) -> Model:
    """Return a model that is called `key`, can chat with tools and is external."""
    provider, _, name = key.partition("/")
    values: dict[str, Any] = {
        "id": name,
        "name": name,
        "provider_id": provider,
        "upstream_model": name,
        "egress": Egress.EXTERNAL,
        "pricing": pricing,
        "capabilities": Capabilities(
            streaming=True, function_calling=True, json_mode=True, vision=False, reasoning=False
        ),
    }
    return Model(**{**values, **changes})


def candidates(*models: Model, window: int | None = 1_000_000) -> dict[str, Candidate]:
    """Return models as candidates, all with one context window."""
    return {each.key: Candidate(model=each, context_window=window) for each in models}


def call(place: int = 0, key: str = "cloud/big", **changes: Any) -> AttemptFinished:
    """Return an answered call; `changes` are fields of either record."""
    provider, _, name = key.partition("/")
    begun: dict[str, Any] = {
        "at_us": NOON_US + place,
        "provider": provider,
        "model": name,
        "upstream_model": name,
        "dialect": "openai.chat",
    }
    ended: dict[str, Any] = {
        "prompt_tokens": 1_000,
        "completion_tokens": 100,
        "cached_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "cost_nano": 13_000_000,
    }
    fields = AttemptFinished.__struct_fields__
    begun |= {name: value for name, value in changes.items() if name not in fields}
    ended |= {name: value for name, value in changes.items() if name in fields}
    # Both records have the two estimates; here they are always those of the finished one.
    return finished(started(f"req_{place}", **begun), **ended)


def write(database: Database, *calls: AttemptFinished) -> None:
    """Put calls into the ledger."""
    database.write_now(lambda connection: insert_finished(connection, calls))


def replayed(database: Database, known: dict[str, Candidate]) -> list[Slice]:
    """Return the whole ledger in slices."""
    sizes = thresholds(known.values())
    return database.read_now(
        lambda connection: replay(connection, since_us=0, until_us=2**62, thresholds=sizes)
    )


def everybody(_key_id: str, _model: Model) -> bool:
    """Let all keys use all models."""
    return True


def advice(database: Database, known: dict[str, Candidate], may_use: MayUse = everybody) -> Advice:
    """Return the advice for the whole ledger."""
    return advise(replayed(database, known), known, cost=totals_nano, may_use=may_use)
