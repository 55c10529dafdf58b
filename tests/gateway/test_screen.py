"""What passes the screen without being read, and what must not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.routing.catalogs import CALLER

from laird.dialects.openai_chat import OpenAIChat
from laird.domain.plan import RequestFacts
from laird.domain.privacy import Action, Category, PrivacyPolicy
from laird.gateway.call import Call
from laird.gateway.screen import Screen
from laird.telemetry.metrics import Metrics


def screen() -> Screen:
    """Return one that looks for addresses, and knows that there is none in the model's name."""
    made = Screen(Metrics())
    made.use(PrivacyPolicy(detect={Category.EMAIL: Action.LOCAL}), {})
    assert made.policy is not None
    made.policy.standing(CALLER.key, CALLER.workflow, "m").plain = True
    return made


def call(text: str = "Tell me about apples.", size: int = 100, **caller: Any) -> Call:
    return Call(
        request_id="r",
        dialect=OpenAIChat(),
        body={"model": "m", "messages": [{"role": "user", "content": text}]},
        facts=RequestFacts(model="m"),
        caller=msgspec.structs.replace(CALLER, **caller),
        began=0.0,
        size=size,
    )


def test_short_prose_passes_with_the_policy_that_it_passed() -> None:
    one = screen()
    passed = one.passed(call())
    assert passed is not None
    assert passed.screened is one.policy


@pytest.mark.parametrize(
    "doubtful",
    [
        call("write to ada@example.org"),
        call(local_only=True),
        call(privacy_reason="header"),
        # Of a long body, each message is looked at by itself, up to the first doubtful one.
        call(size=20 * 1024),
        call(size=0),
    ],
)
def test_all_else_is_judged(doubtful: Call) -> None:
    assert screen().passed(doubtful) is None


def test_another_meaning_of_a_name_is_another_policy_that_knows_what_was_found() -> None:
    one = screen()
    before = one.policy
    assert before is not None
    one.use(before.policy, {})
    assert one.policy is before
    one.use(before.policy, {"m": "cloud/m"})
    assert one.policy is not None
    assert one.policy is not before
    assert one.policy.known is before.known
