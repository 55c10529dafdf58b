"""What one request may cost at most, and what budgets leave room for, as planning reads it.

The most that a request may cost is worked out from the most tokens that it may take. Of a prompt
that is a token for each byte, since no tokenizer makes a token of less: the bytes of the body, and
what providers add unseen. Bytes say nothing of images, so these are taken at a multiple of the
usual estimate; and of an answer whose length nobody limits, `ASSUMED_OUTPUT` is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from laird.domain.budget import Budget, OnLimit, allowance_text, moment_text
from laird.domain.catalog import FREE, Egress, Model, Pricing, Provider
from laird.domain.money import usd_text

ASSUMED_OUTPUT = 4096
"""Tokens reserved for an answer that neither the request nor the model's configuration limits."""
UNSEEN_TOKENS = 200
"""What chat templates and providers put around a prompt."""
UNSEEN_TOOL_TOKENS = 1000
"""The same where tools are explained to the model."""

PriceOf = Callable[[Pricing, int, int], int]
"""Nano-dollars for at most so many tokens of input and of output."""


class Extent(msgspec.Struct, frozen=True, gc=False):
    """The most tokens that a request may take."""

    prompt: int
    output: int | None
    """Of one answer; None where the request sets no limit."""
    answers: int = 1
    several: bool = False
    """It has several inputs, each with the context window to itself."""

    def cost(self, provider: Provider, model: Model, price: PriceOf) -> int | None:
        """Return the most nano-dollars that one attempt may cost; None where nobody knows prices.

        A provider whose costs are not tracked costs nothing here.
        """
        pricing = model.pricing
        if pricing is FREE or not provider.cost_tracking:
            return 0
        if pricing is None:
            local = model.egress is Egress.LOCAL and provider.egress is Egress.LOCAL
            return 0 if local else None
        output = self.output
        if output is None:
            output = model.max_tokens or ASSUMED_OUTPUT
        prompt = self.prompt
        window = model.context_window
        if window is not None and prompt > window and not self.several:
            prompt = window
        return price(pricing, prompt, output * self.answers)


class Ceiling(msgspec.Struct, frozen=True, gc=False):
    """What no model of a document is dearer than."""

    rate: int
    """Nano-dollars for a million tokens of any kind."""
    per_request: int
    output: int
    """Tokens of the longest answer where a request sets no limit."""


def ceiling_of(candidates: Iterable[tuple[Provider, Model]]) -> Ceiling | None:
    """Return what no model is dearer than, None where a price is not known."""
    rate = per_request = 0
    output = ASSUMED_OUTPUT
    for provider, model in candidates:
        pricing = model.pricing
        if pricing is FREE or not provider.cost_tracking:
            continue
        if pricing is None:
            if model.egress is Egress.LOCAL and provider.egress is Egress.LOCAL:
                continue
            return None
        output = max(output, model.max_tokens or 0)
        per_request = max(per_request, pricing.per_request)
        rates = (pricing.input, pricing.output, pricing.cached_input, pricing.cache_write)
        for each in (*rates, pricing.cache_write_1h):
            if each is not None:
                rate = max(rate, each.nano_per_mtok, *(tier.nano_per_mtok for tier in each.tiers))
    return Ceiling(rate, per_request, output)


class Room(msgspec.Struct, frozen=True, gc=False):
    """What is left of one budget at this moment."""

    budget: Budget
    left: int
    """Nano-dollars; reserved ones are not left."""
    held: int
    """Nano-dollars reserved for requests under way: some of it comes back."""
    resets_us: int | None


class Objection(msgspec.Struct, frozen=True, gc=False):
    """A budget that has no room for a candidate."""

    room: Room
    need: int | None
    """The most nano-dollars that it may cost; None where its price is unknown."""

    @property
    def local(self) -> bool:
        """True when a local model may serve instead."""
        return self.room.budget.on_limit is OnLimit.LOCAL

    @property
    def passing(self) -> bool:
        """True when only requests under way hold what is needed."""
        room = self.room
        return self.need is not None and self.need <= room.left + room.held

    def words(self) -> str:
        """Say it for people, as the end of a sentence about the candidate."""
        room, need = self.room, self.need
        name = f"the budget '{room.budget.name}' ({allowance_text(room.budget)})"
        if need is None:
            return f"its price is unknown, so {name} can't hold it"
        left = f"{usd_text(max(0, room.left))} USD are left"
        if self.passing:
            left += f" while requests under way hold {usd_text(room.held)} USD"
        elif room.resets_us is not None:
            left += f" until {moment_text(room.budget, room.resets_us)}"
        return f"{name} has no room: it may cost up to {usd_text(need)} USD, and {left}"

    def retry_after_s(self, now_us: int) -> float | None:
        """Return after how many seconds the same request may fit; None when time is no cure."""
        room = self.room
        if self.need is None:
            return None
        if self.passing:
            return 1.0
        if room.resets_us is None or self.need > room.budget.limit_nano:
            return None
        return max(1.0, (room.resets_us - now_us) / 1_000_000)


class Spending(msgspec.Struct, frozen=True, gc=False):
    """What budgets say to one request: the budgets that refuse, each kind with the least room.

    Those of a provider hold for its candidates alone.
    """

    extent: Extent
    price: PriceOf
    now_us: int
    refuse: Room | None = None
    local: Room | None = None
    refuse_at: Mapping[str, Room] = {}
    local_at: Mapping[str, Room] = {}

    @property
    def may_go_local(self) -> bool:
        """True when a budget would have a local model serve what it has no room for."""
        return self.local is not None or bool(self.local_at)

    def objection(self, provider: Provider, model: Model) -> Objection | None:
        """Return what speaks against a candidate, budgets that refuse before those that go local.

        What costs nothing needs no room.
        """
        need = self.extent.cost(provider, model, self.price)
        if need == 0:
            return None
        room = self.refuse
        if self.refuse_at:
            room = _tighter(self.refuse_at.get(provider.id), room)
        if room is not None and (need is None or need > room.left):
            return Objection(room, need)
        room = self.local
        if self.local_at:
            room = _tighter(self.local_at.get(provider.id), room)
        if room is not None and (need is None or need > room.left):
            return Objection(room, need)
        return None


def _tighter(one: Room | None, other: Room | None) -> Room | None:
    if one is None or (other is not None and other.left < one.left):
        return other
    return one


class Slack(msgspec.Struct, frozen=True, kw_only=True):
    """By how much budgets may be overshot where the most that a request may cost is not known."""

    nano: int | None
    """The most that one request may cost beyond what is reserved for it, nano-dollars; None when
    nobody can tell."""
    models: tuple[str, ...]
    """The models whose answers nobody limits, as `provider/model`."""

    @property
    def bounded(self) -> bool:
        """True when every model's most is known."""
        return not self.models


def slack_of(candidates: Iterable[tuple[Provider, Model]], price: PriceOf) -> Slack:
    """Return the slack that these models leave to a budget, for requests that set no limit."""
    most: int | None = 0
    unlimited: list[str] = []
    for provider, model in candidates:
        pricing = model.pricing
        if pricing is None or model.max_tokens or not provider.cost_tracking:
            continue
        window = model.context_window
        if window is None:
            more = None if pricing.output.nano_per_mtok or pricing.output.tiers else 0
        else:
            longest = max(window, ASSUMED_OUTPUT)
            more = price(pricing, window, longest) - price(pricing, window, ASSUMED_OUTPUT)
        if more != 0:
            unlimited.append(model.key)
            most = None if more is None or most is None else max(most, more)
    return Slack(nano=most, models=tuple(unlimited))
