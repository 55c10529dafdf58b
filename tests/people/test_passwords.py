"""Passwords: which are taken, how they are kept, and that nobody can have too many hashed."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laird.domain.errors import InvalidRequest, RateLimited
from laird.domain.secret import Secret
from laird.people.passwords import AT_ONCE, MOST_WAITING, SHORTEST, Passwords, check_password

RIGHT = Secret("heron lantern quarry")


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(time_cost=1, memory_kib=64)
    yield made
    made.close()


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "elevenchars",
        "aaaaaaaaaaaaaaaa",
        "abcdabcdabcdabcd",
        "hunter2hunter2hunter2",
        "password123456",
        "PASSWORD123456",
        "Password2024!!",
        "123456789012",
        "987654321098",
        "qwertyuiop123",
        "correct horse battery staple",
        "welcomewelcome1",
        "ann.miller@example.org1",
        "laird-laird-1",
        "x" * 1025,
    ],
)
def test_what_is_easily_guessed_is_refused(password: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_password(password, "ann.miller@example.org")
    assert refused.value.param == "password"
    assert password not in refused.value.message


@pytest.mark.parametrize(
    "password",
    [
        "heron lantern quarry",
        "correct lantern battery heron",
        "zwölf Boxkämpfer jagen",
        "kX9#mQ2$vL7!",
        "ann likes her long walks",
        "我们今天去山上看日落吃晚饭",
    ],
)
def test_what_is_not_is_taken_whatever_its_characters(password: str) -> None:
    check_password(password, "ann")


@given(st.text(max_size=40), st.text(max_size=20))
def test_any_text_is_taken_or_refused(password: str, name: str) -> None:
    try:
        check_password(password, name)
    except InvalidRequest:
        return
    assert len(password) >= SHORTEST


async def test_a_hash_knows_its_password_and_no_other(passwords: Passwords) -> None:
    kept = await passwords.hash(RIGHT)
    assert kept.startswith("$argon2id$")
    assert RIGHT.reveal() not in kept
    assert kept != await passwords.hash(RIGHT)
    assert await passwords.verify(kept, RIGHT)
    assert not await passwords.verify(kept, Secret("heron lantern quarrY"))
    assert not await passwords.verify("none", RIGHT)


async def test_the_same_characters_are_the_same_password(passwords: Passwords) -> None:
    kept = await passwords.hash(Secret("zw\u00f6lf Kämpfer"))
    assert await passwords.verify(kept, Secret("zwo\u0308lf Ka\u0308mpfer"))


@settings(max_examples=20, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_any_password_is_kept(password: str) -> None:
    made = Passwords(time_cost=1, memory_kib=64)
    try:
        kept = made._hasher.hash(password.encode("utf-8", "replace"))
        assert kept.startswith("$argon2id$")
    finally:
        made.close()


async def test_nobody_takes_as_long_as_somebody() -> None:
    passwords = Passwords(time_cost=2, memory_kib=16_384)
    kept = await passwords.hash(RIGHT)
    wrong = Secret("gravel teapot monsoon")

    async def seconds(one: str | None) -> float:
        began = time.perf_counter()
        assert not await passwords.verify(one, wrong)
        return time.perf_counter() - began

    # The fastest of each, in turns: what else the machine does only makes one of them slower.
    somebody = nobody = math.inf
    for _ in range(25):
        somebody = min(somebody, await seconds(kept))
        nobody = min(nobody, await seconds(None))
    passwords.close()
    assert 0.6 < nobody / somebody < 1.6


async def test_without_a_hash_no_password_is_right(passwords: Passwords) -> None:
    assert not await passwords.verify(None, RIGHT)


async def test_a_hash_with_other_parameters_is_outdated(passwords: Passwords) -> None:
    kept = await passwords.hash(RIGHT)
    assert not passwords.is_outdated(kept)
    newer = Passwords(time_cost=2, memory_kib=64)
    assert newer.is_outdated(kept)
    assert await newer.verify(kept, RIGHT)
    newer.close()


async def test_many_at_once_wait_and_too_many_are_refused(passwords: Passwords) -> None:
    results = await asyncio.gather(
        *(passwords.hash(RIGHT) for _ in range(MOST_WAITING + 5)), return_exceptions=True
    )
    refused = [one for one in results if isinstance(one, RateLimited)]
    assert len(refused) == 5
    assert passwords._threads._max_workers == AT_ONCE
    assert await passwords.hash(RIGHT)


async def test_the_loop_goes_on_while_a_password_is_hashed() -> None:
    passwords = Passwords()
    turns = 0
    work = asyncio.ensure_future(passwords.hash(RIGHT))
    while not work.done():
        turns += 1
        await asyncio.sleep(0)
    passwords.close()
    assert turns > 10
