"""Trying to sign in becomes ever slower, by name and by address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.domain.errors import RateLimited
from laird.people.throttle import (
    FREE_TRIES,
    LONGEST_WAIT_OF_ADDRESS_S,
    LONGEST_WAIT_OF_NAME_S,
    Throttle,
)


def wait(throttle: Throttle, name: str, address: str, now: float) -> float:
    """Try, and return how long one has to wait; 0 when the try counts."""
    try:
        throttle.begin(name, address, now)
    except RateLimited as early:
        return early.retry_after_s
    return 0.0


def test_a_few_tries_are_free_and_each_after_takes_twice_as_long() -> None:
    throttle = Throttle()
    now = 100.0
    waits = []
    for place in range(FREE_TRIES + 4):
        waits.append(wait(throttle, "ann", f"10.0.0.{place}", now))
        if waits[-1]:
            now += waits[-1]
            assert wait(throttle, "ann", f"10.0.0.{place}", now) == 0
    assert waits == [0] * FREE_TRIES + [1, 2, 4, 8]


def test_tries_count_from_their_beginning() -> None:
    throttle = Throttle()
    assert [bool(wait(throttle, "ann", "10.0.0.1", 0.0)) for _ in range(20)].count(False) == 5


def test_a_name_makes_its_owner_wait_only_a_little() -> None:
    throttle = Throttle()
    now = 0.0
    for place in range(200):
        early = wait(throttle, "ann", f"10.1.{place}.1", now)
        assert early <= LONGEST_WAIT_OF_NAME_S
        now += early
        throttle.begin("ann", f"10.1.{place}.1", now) if early else None
    assert wait(throttle, "ann", "10.2.0.1", now) == LONGEST_WAIT_OF_NAME_S


def test_an_address_waits_long_whichever_names_it_tries() -> None:
    throttle = Throttle()
    now = 0.0
    longest = 0.0
    for place in range(40):
        early = wait(throttle, f"name{place}", "10.0.0.1", now)
        longest = max(longest, early)
        now += early
        if early:
            throttle.begin(f"name{place}", "10.0.0.1", now)
    assert longest == LONGEST_WAIT_OF_ADDRESS_S
    assert wait(throttle, "other", "10.0.0.2", now) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("", "", True),
    ],
)
def test_which_addresses_count_as_one(one: str, other: str, same: bool) -> None:
    throttle = Throttle()
    for place in range(FREE_TRIES):
        throttle.begin(f"n{place}", one, 0.0)
    assert bool(wait(throttle, "x", other, 0.0)) is same


def test_a_right_password_clears_the_name_and_not_the_address() -> None:
    throttle = Throttle()
    for _ in range(4):
        throttle.begin("ann", "10.0.0.1", 0.0)
    throttle.begin("ann", "10.0.0.1", 0.0)
    throttle.succeeded("ann", "10.0.0.1")
    # Four failures are left at the address; the name begins anew.
    assert wait(throttle, "ben", "10.0.0.1", 0.0) == 0
    assert wait(throttle, "ben", "10.0.0.1", 0.0) == 1
    assert wait(throttle, "ann", "10.0.0.2", 0.0) == 0


def test_what_is_long_ago_is_forgotten() -> None:
    throttle = Throttle()
    for _ in range(FREE_TRIES):
        throttle.begin("ann", "10.0.0.1", 0.0)
    assert wait(throttle, "ann", "10.0.0.1", 0.5) > 0
    assert wait(throttle, "ann", "10.0.0.1", 4000.0) == 0


def test_memory_is_bounded() -> None:
    throttle = Throttle()
    for place in range(12_000):
        throttle.begin(f"n{place}", f"10.{place >> 16}.{place >> 8 & 255}.{place & 255}", 0.0)
    assert len(throttle._tries) <= 10_000


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 100), st.booleans()), max_size=60))
def test_no_wait_is_longer_than_the_longest(steps: list[tuple[str, float, bool]]) -> None:
    throttle = Throttle()
    now = 0.0
    for name, pause, right in steps:
        now += pause
        early = wait(throttle, name, "10.0.0.1", now)
        assert 0 <= early <= LONGEST_WAIT_OF_ADDRESS_S
        if not early and right:
            throttle.succeeded(name, "10.0.0.1")
