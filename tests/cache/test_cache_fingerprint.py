"""Two requests are the same when only the order of their fields differs."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laird.cache.fingerprint import DIGEST_BYTES, Fingerprints

MEANING = bytes(DIGEST_BYTES)
PRINTS = Fingerprints()

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcd", max_size=3), inner),
    max_leaves=8,
)
bodies = st.dictionaries(st.text("model", min_size=1, max_size=4), values, max_size=5)


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def name(body: dict[str, Any], **over: Any) -> bytes:
    asked: dict[str, Any] = {"owner": "k", "dialect": "openai.chat", "meaning": MEANING}
    return PRINTS.of(**{**asked, "headers": None, **over}, body=body)


def shuffled(value: Any, draw: random.Random) -> Any:
    if isinstance(value, dict):
        fields = list(value)
        draw.shuffle(fields)
        return {field: shuffled(value[field], draw) for field in fields}
    if isinstance(value, list):
        return [shuffled(each, draw) for each in value]
    return value


@unhurried
@given(body=bodies, seed=st.integers())
def test_the_order_of_fields_does_not_matter_at_any_depth(body: dict[str, Any], seed: int) -> None:
    assert name(body) == name(shuffled(body, random.Random(seed)))


@unhurried
@given(body=bodies, other=bodies)
def test_everything_else_does(body: dict[str, Any], other: dict[str, Any]) -> None:
    # In Python 1 == 1.0 == True; on the wire they are three things.
    assert (name(body) == name(other)) == (_told(body) == _told(other))


def _told(value: Any) -> Any:
    if isinstance(value, dict):
        return {field: _told(each) for field, each in value.items()}
    if isinstance(value, list):
        return [_told(each) for each in value]
    return (type(value).__name__, repr(value))


def test_the_order_of_messages_matters() -> None:
    assert name({"messages": [1, 2]}) != name({"messages": [2, 1]})


def test_who_asks_how_and_what_the_name_means_matter() -> None:
    body = {"model": "m"}
    others = [
        name(body, owner="other"),
        name(body, owner=""),
        name(body, dialect="openai.responses"),
        name(body, meaning=bytes([1] * DIGEST_BYTES)),
        name(body, headers={"anthropic-beta": "x"}),
    ]
    assert len({name(body), *others}) == len(others) + 1


def test_nobody_can_work_one_out_without_the_secret_of_the_process() -> None:
    one, other = (
        Fingerprints().of(owner="k", dialect="d", meaning=MEANING, headers=None, body={})
        for _ in range(2)
    )
    assert one != other
