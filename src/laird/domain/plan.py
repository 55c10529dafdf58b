"""The question that routing answers, and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from laird.domain.catalog import Model, Provider
from laird.domain.health import ProviderCondition


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
    """Estimated."""
    max_tokens: int | None = None
    """The output limit that the client asked for."""


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


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the world that planning reads. Mappings are live views and are only read.

    A provider without an entry is healthy, idle and unlimited.
    """

    health: Mapping[str, ProviderCondition] = {}
    active: Mapping[str, int] = {}
    """Requests under way, by provider id."""
    exhausted: frozenset[str] = frozenset()
    """Providers whose daily request limit is used up."""
    now: float = 0.0
    """Monotonic seconds, on the clock of `ProviderCondition.resting_until`."""
    draw: float = 0.0
    """A number in [0, 1) for the weighted strategy: chance is an argument, planning stays pure."""
