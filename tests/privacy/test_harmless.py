"""What is passed by at a glance is what detectors find nothing in, and it need not be known."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.privacy.labelled import samples

from laird.domain.privacy import Category, bits_of
from laird.privacy.detectors.accounts import _BEGUN
from laird.privacy.detectors.cards import _WRITTEN
from laird.privacy.detectors.contacts import _ABROAD, _AT_HOME
from laird.privacy.detectors.national_ids import NATIONAL_IDS
from laird.privacy.harmless import is_harmless, is_plain
from laird.privacy.known import Known
from laird.privacy.reader import Reader, units
from laird.privacy.scan import scan
from laird.privacy.sought import Sought, comparable

EVERYTHING = Sought(categories=bits_of(frozenset(Category)), regions=("DE", "US"))

PIECES = st.sampled_from(
    [
        "tell me of apples", "a", " ", "\n", "@", ":", "=", "://", "\\", "{", "[", '"', "'", "----",
        "password", "secret", "api key", "BEGIN RSA PRIVATE KEY", "eyJhbGciOiJIUzI1NiJ9", "AKIA",
        "sk-proj-", "Authorization", "Bearer", "someone@mail.com", "4111 1111 1111 1111", "64", "7",
        "DE89 3704 0044 0532 0130 00", "+49 30 901820", "Xk9#mQ2-vL7p", "aG7-kP2-xQ9z", "data:",
        "\u0664\u0661", "\uff20", "\u200b", "ü", "QWxsZXMgR3V0ZSB6dW0gR2VidXJ0c3RhZyE", "\x1c",
        "\xa0", "12", "2026", "in 3 days", "pan", "ABCPE1234F", "GI75 NWBK", "MALT", "1a2", "tin",
        "\uff1a", "\uff1d", "\u017fecret", "\u212aey", "pwd", "token", "hunter2", "aB3$", "\u2028",
    ]
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(PIECES, max_size=7).map("".join),
    st.text(max_size=60),
    st.text(alphabet="abc XYZ.-_/+\n\t", max_size=80),
)
ROLES = st.sampled_from(["user", "system", "assistant", "tool", "someone", 7, ["user"]])
MESSAGES = st.one_of(
    st.builds(lambda role, content: {"role": role, "content": content}, ROLES, TEXTS),
    st.builds(lambda text: {"role": "user", "content": text, "name": text}, TEXTS),
    st.builds(lambda text: {"type": "text", "text": text}, TEXTS),
    st.builds(lambda text: {"role": "user", "content": [{"type": "text", "text": text}]}, TEXTS),
    st.just({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}),
    TEXTS,
)
VALUES = st.one_of(TEXTS, st.integers(-(10**17), 10**17), st.floats(), st.booleans(), st.none())
BODIES = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGES, max_size=4)},
    optional={
        "model": st.one_of(st.sampled_from(["gpt-5.4-mini", "demo", "me@mail.com"]), VALUES),
        "max_tokens": VALUES,
        "temperature": VALUES,
        "stream": VALUES,
        "user": VALUES,
        "input": st.one_of(TEXTS, st.lists(st.integers(0, 9), max_size=3)),
        "me@mail.com": st.sampled_from([1, [], [{"role": "user", "content": "hi"}]]),
        "image_url": st.just([]),
        "max_completion_tokens": st.just(64),
        "=Xk9mQ2vL7pAbcd": st.just(1),
        "tools": st.sampled_from([[], [{"type": "function", "function": {"name": "me@mail.com"}}]]),
    },
)


@given(text=TEXTS)
@settings(max_examples=1000, deadline=None)
def test_no_detector_finds_anything_in_what_is_harmless(text: str) -> None:
    message = {"role": "user", "content": text}
    if is_harmless(message):
        assert scan(orjson.dumps(message), EVERYTHING) == 0


def test_nothing_that_is_found_in_the_labelled_set_is_harmless() -> None:
    found = 0
    for one in samples():
        message = {"role": "user", "content": one.text}
        sought = Sought(categories=EVERYTHING.categories, regions=one.regions)
        if scan(orjson.dumps(message), sought):
            found += 1
            assert not is_harmless(message), one
    assert found > 500


@given(bodies=st.lists(BODIES, min_size=1, max_size=2))
@example(bodies=[{"messages": [], "model": "demo"}, {"messages": [], "model": "demo", "user": "7"}])
@settings(max_examples=300, deadline=None)
async def test_a_glance_finds_what_reading_finds(bodies: list[dict[str, Any]]) -> None:
    reader = Reader()
    known, other = Known(), Known()
    for body in [*bodies, *bodies]:
        found = await reader.read(other, body, EVERYTHING)
        assert reader.glance(known, body, EVERYTHING) == found
        model = body.get("model")
        if isinstance(model, str) and not scan(orjson.dumps({"model": model}), EVERYTHING):
            assert found == 0 or not is_plain(body, model)


@pytest.mark.parametrize(
    "form",
    [
        *dict.fromkeys(row.form for row in NATIONAL_IDS),
        *(each.pattern for each in (_WRITTEN, _BEGUN, _ABROAD, _AT_HOME)),
    ],
)
@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_has_the_form_of_a_number_is_never_harmless(form: str, data: st.DataObject) -> None:
    number = data.draw(st.from_regex(re.compile(form, re.ASCII), fullmatch=True))
    assert not is_harmless({"role": "user", "content": f"the tin, pan or ssn is {number} today"})


@pytest.mark.parametrize(
    "text",
    [
        "Tell me in 3 steps, by 2026.",
        "The top 10 of 100?",
        "Answer: yes, for a = b.",
        "Viele Gr\u00fc\u00dfe aus M\u00fcnchen \u2013 bis bald!",
        "",
        "Tell me about apples, please.",
        "Why?\nBecause (so they say) it is!",
        "naïve"[:2],
    ],
)
def test_plain_prose_is_harmless(text: str) -> None:
    assert is_harmless({"role": "user", "content": text})


def test_what_is_harmless_is_not_even_looked_up() -> None:
    body = {
        "model": "demo-4",
        "messages": [{"role": "user", "content": "Tell me about apples, please."}],
        "max_tokens": 64,
        "temperature": 0.7,
        "stream": True,
    }
    assert is_plain(body, "demo-4")
    assert not is_plain(body, "demo")
    rest = {field: value for field, value in body.items() if field != "messages"}
    assert list(units(body, harmless_too=False)) == [orjson.dumps(rest)]
    body["max_tokens"] = 4_111_111_111_111_111
    assert not is_plain(body, "demo-4")


@pytest.mark.parametrize("field", ["me@mail.com", "4111 1111 1111 1111", "image_url", "stop"])
@pytest.mark.parametrize("value", [[], [{"role": "user", "content": "hi"}]])
def test_no_field_hides_behind_an_empty_or_a_harmless_list(field: str, value: object) -> None:
    body = {"model": "demo", "messages": [{"role": "user", "content": "hi"}], field: value}
    assert not is_plain(body, "demo")
    found = 0
    for piece in units(body):
        found |= scan(piece, EVERYTHING)
    assert (found != 0) == (field != "stop")


async def test_words_of_rules_are_looked_for_in_harmless_texts_too() -> None:
    reader, known = Reader(), Known()
    body = {"model": "demo", "messages": [{"role": "user", "content": "of project Heron"}]}
    sought = Sought(categories=0, words=(comparable("project heron"),))
    found = await reader.read(known, body, sought)
    assert found != 0
    assert reader.glance(Known(), body, sought) == found
