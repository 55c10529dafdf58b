"""Prices that change while the server runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.config.compile import compile_snapshot
from laird.config.history import MemoryHistory
from laird.config.home import YamlHome
from laird.config.live import LiveConfiguration
from laird.domain.catalog import Kind, Pricing, Snapshot
from laird.pricing.catalogue import Catalogue
from laird.pricing.follow import follow_prices
from laird.providers.registry import KINDS

DEAR = datetime(2026, 6, 1, 12, 45, tzinfo=UTC)
"""When deepseek-chat has its price of the day; the cheap hours begin at 16:30."""


class Stopped(Exception):
    """Ends the loop that never ends."""


class Clock:
    """A clock that only sleeping moves, up to an end."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.now = start
        self.end = end
        self.asleep: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.asleep.append(seconds)
        self.now += timedelta(seconds=seconds)
        if self.now >= self.end:
            raise Stopped


async def followed(catalogue: Catalogue, clock: Clock) -> list[datetime]:
    """Return when prices were looked up again until the clock's end."""
    refreshed: list[datetime] = []

    async def refresh() -> None:
        refreshed.append(clock.now)

    with pytest.raises(Stopped):
        await follow_prices(catalogue, refresh, clock=clock, sleep=clock.sleep)
    return refreshed


async def test_prices_are_looked_up_again_when_one_changes_and_hourly() -> None:
    catalogue = Catalogue()
    catalogue.price("deepseek", "deepseek-chat", DEAR)
    clock = Clock(DEAR, DEAR + timedelta(hours=4))
    times = [at.strftime("%H:%M:%S") for at in await followed(catalogue, clock)]
    assert times == ["13:45:00", "14:45:00", "15:45:00", "16:30:00"]
    assert max(clock.asleep) <= 60


async def test_without_such_prices_they_are_looked_up_hourly() -> None:
    catalogue = Catalogue()
    catalogue.price("openai", "gpt-4o-mini", DEAR)
    assert catalogue.next_change(DEAR) is None
    refreshed = await followed(catalogue, Clock(DEAR, DEAR + timedelta(hours=2, seconds=30)))
    assert refreshed == [DEAR + timedelta(hours=1), DEAR + timedelta(hours=2)]


async def test_a_clock_that_is_set_back_does_no_harm() -> None:
    catalogue = Catalogue()
    clock = Clock(DEAR, DEAR + timedelta(minutes=30))
    refreshed: list[datetime] = []

    async def refresh() -> None:
        refreshed.append(clock.now)

    async def sleep(seconds: float) -> None:
        if not refreshed:
            clock.now -= timedelta(hours=5)
            clock.end -= timedelta(hours=5)
        await clock.sleep(seconds)

    with pytest.raises(Stopped):
        await follow_prices(catalogue, refresh, clock=clock, sleep=sleep)
    assert len(refreshed) == 1


def test_the_next_change_is_a_date_or_a_time_of_day() -> None:
    catalogue = Catalogue()
    at = datetime(2025, 11, 1, 12, tzinfo=UTC)
    claude = ("anthropic", "claude-opus-4-6")
    assert catalogue.next_change(at, model=claude) == datetime(2026, 3, 13, tzinfo=UTC)
    assert catalogue.next_change(datetime(2026, 3, 13, tzinfo=UTC), model=claude) is None
    chat = ("deepseek", "deepseek-chat")
    assert catalogue.next_change(at, model=chat) == at.replace(hour=16, minute=30)
    night = at.replace(hour=23)
    assert catalogue.next_change(night, model=chat) == datetime(2025, 11, 2, 0, 30, tzinfo=UTC)
    assert catalogue.next_change(at, model=(None, "x")) is None
    assert catalogue.next_change(at, model=("openai", "no-such-model")) is None


def test_a_price_names_for_when_it_holds() -> None:
    catalogue = Catalogue()

    def version(prices_as: str, model: str, at: datetime) -> str:
        pricing = catalogue.price(prices_as, model, at)
        assert pricing is not None
        return pricing.version.removeprefix(catalogue.version)

    assert version("deepseek", "deepseek-chat", DEAR) == " (00:30-16:30 UTC)"
    assert version("deepseek", "deepseek-chat", DEAR.replace(hour=20)) == ""
    assert version("anthropic", "claude-opus-4-6", DEAR) == " (since 2026-03-13)"
    assert version("openai", "gpt-4o-mini", DEAR) == ""


@given(
    hours=st.floats(0, 35_000),
    share=st.floats(0, 1, exclude_max=True),
)
def test_between_two_changes_prices_stay(hours: float, share: float) -> None:
    for name in CHANGING:
        begins = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
        ends = CATALOGUE.next_change(begins, model=name) or begins + timedelta(days=400)
        assert ends > begins
        between = begins + (ends - begins) * share
        if between < ends:
            assert CATALOGUE.price(*name, begins) == CATALOGUE.price(*name, between)


CATALOGUE = Catalogue()
CHANGING = [
    ("deepseek", "deepseek-chat"),
    ("deepseek", "deepseek-v4-pro"),
    ("deepseek", "deepseek-v4-flash"),
    ("anthropic", "claude-opus-4-6"),
]


async def test_a_new_price_is_in_force_and_is_no_change_of_the_document(tmp_path: Path) -> None:
    catalogue = Catalogue()
    now = DEAR

    def price(kind: Kind, upstream_model: str) -> Pricing | None:
        return catalogue.price(kind.prices_as, upstream_model, now)

    home = YamlHome(tmp_path / "providers.yaml", poll_s=60)
    home.create("providers: [{id: deep, kind: deepseek, models: [deepseek-chat]}]\n")
    history = MemoryHistory()
    compiler = partial(compile_snapshot, kinds=KINDS, environment={}, price=price)
    live = LiveConfiguration(home, compiler, history)
    assert not await live.recompile(), "there is no document yet"
    await live.start()
    heard: list[tuple[Snapshot, Snapshot]] = []
    live.subscribe(lambda old, new: heard.append((old, new)))
    before = live.snapshot
    assert not await live.recompile(), "nothing has changed"
    assert live.snapshot is before
    now = DEAR.replace(hour=20)
    assert await live.recompile()
    await live.stop()
    dear, cheap = (each.models["deep/deepseek-chat"].pricing for each in (before, live.snapshot))
    assert dear is not None
    assert cheap is not None
    assert cheap.input.nano_per_mtok < dear.input.nano_per_mtok
    assert cheap.version != dear.version
    assert heard == [(before, live.snapshot)]
    assert live.snapshot.revision == before.revision
    assert len(await history.list(10)) == 1
