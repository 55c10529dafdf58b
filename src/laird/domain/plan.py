"""The question that routing answers, and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from laird.domain.catalog import FREE, Model, Provider
from laird.domain.health import ProviderCondition
from laird.domain.money import MTOK
from laird.domain.spending import UNSEEN_TOKENS, UNSEEN_TOOL_TOKENS, Ceiling, Extent, Spending


class RequestFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a request needs, extracted once by its dialect."""

    model: str
    stream: bool = False
    tools: bool = False
    vision: bool = False
    json_mode: bool = False
    embeddings: bool = False
    reasoning: bool = False
    prompt_tokens: int = 0
    """Estimated, of all inputs together."""
    max_tokens: int | None = None
    """The output limit that the client asked for."""
    longest_input: int | None = None
    """Estimated tokens of the longest input, where there may be several and each has the context
    window to itself: texts to embed, prompts to complete."""
    answers: int = 1
    """Answers that it asks for, each as long as `max_tokens` allows."""

    @property
    def window_tokens(self) -> int:
        """Tokens that a context window must hold, of input and output."""
        prompt = self.prompt_tokens if self.longest_input is None else self.longest_input
        return prompt + (self.max_tokens or 0)

    def extent(self, body_bytes: int) -> Extent:
        """Return the most tokens that it may take; `body_bytes` is the size of its body."""
        prompt = self._longest_prompt(body_bytes)
        return Extent(prompt, self.max_tokens, self.answers, self.longest_input is not None)

    def at_most(self, body_bytes: int, ceiling: Ceiling) -> int:
        """Return nano-dollars that no model under a ceiling makes an attempt cost more than."""
        output = self.max_tokens
        if output is None:
            output = ceiling.output
        tokens = self._longest_prompt(body_bytes) + output * self.answers
        return tokens * ceiling.rate // MTOK + 1 + ceiling.per_request

    def _longest_prompt(self, body_bytes: int) -> int:
        """Return the most tokens of the prompt.

        Its estimate is a quarter of its characters, and a character is at most four bytes: sixteen
        times the estimate is no less than the text's bytes. That is taken where there are images,
        whose data says nothing of their tokens.
        """
        estimate = self.prompt_tokens
        prompt = 16 * estimate if self.vision else max(body_bytes, 4 * estimate)
        return prompt + (UNSEEN_TOOL_TOKENS if self.tools else UNSEEN_TOKENS)


class DropReason(StrEnum):
    """Why a candidate is not in the plan."""

    PRIVACY = "privacy"
    CAPABILITY = "capability"
    CONTEXT_WINDOW = "context_window"
    HEALTH = "health"
    CAPACITY = "capacity"
    BUDGET = "budget"
    KEY_POLICY = "key_policy"
    DISABLED = "disabled"
    LIMIT = "limit"
    STANDBY = "standby"
    """It only steps in when nothing else can serve."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate of a plan, in the order of trial."""

    provider: Provider
    model: Model
    max_retries: int = 1
    timeout_s: float | None = None
    """Limit of the wait for the first byte, seconds; None means the provider's own."""
    reason: str = ""
    """Why it stands where it stands, for people."""

    @property
    def for_nothing(self) -> bool:
        """True where it costs nothing that budgets count."""
        pricing = self.model.pricing
        return pricing is None or pricing is FREE or not self.provider.cost_tracking


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate that was left out, and why."""

    provider_id: str
    model_id: str
    reason: DropReason
    detail: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The ordered attempts for one request and everything that was left out."""

    requested: str
    """The name the client used."""
    resolved: str
    """What that name meant: `auto`, `model:…`, `provider:…`, `chain:…`."""
    strategy: str
    attempts: tuple[Attempt, ...]
    dropped: tuple[Dropped, ...] = ()
    stand_ins: tuple[Attempt, ...] = ()
    """Local candidates that the name alone does not offer, for when a budget that goes local has
    no room for the others."""
    over_budget: bool = False
    """Such a budget has no room already."""


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the world that planning reads. Mappings are live views and are only read.

    A provider without an entry is healthy, idle and unlimited.
    """

    health: Mapping[str, ProviderCondition] = {}
    active: Mapping[str, int] = {}
    """Requests under way, by provider id."""
    exhausted: frozenset[str] = frozenset()
    """Providers whose daily request limit is used up."""
    day_left_s: float = 86_400.0
    """Seconds until they may be asked again: until the day ends, in UTC."""
    now: float = 0.0
    """Monotonic seconds, on the clock of `ProviderCondition.resting_until`."""
    draw: float = 0.0
    """A number in [0, 1) for the weighted strategy: chance is an argument, planning stays pure."""
    spending: Spending | None = None
    """What budgets leave room for; None where none holds for this request."""
