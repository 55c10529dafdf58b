"""Fields of a key that is in use are changed, each by itself."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest

from laird.domain.errors import InvalidRequest, NotFound
from laird.domain.keys import ApiKey, PrivacyClass, RateLimit
from laird.keys import store
from laird.keys.draft import KeyChange, KeyDraft, changed_key, make_key
from laird.storage import schema
from laird.storage.engine import Database, sqlite_url

NOW_US = 1_700_000_000_000_000
DAY_US = 86_400_000_000


def key(**fields: Any) -> ApiKey:
    return make_key(KeyDraft(name="k", **fields), NOW_US).key


FULL: dict[str, Any] = {
    "expires_us": NOW_US + DAY_US,
    "allowed_models": frozenset({"m"}),
    "allowed_providers": frozenset({"p"}),
    "privacy": PrivacyClass.LOCAL_ONLY,
    "priority": 5,
    "rate": RateLimit(10, 1000),
    "cache": True,
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "other"),
        ("enabled", False),
        ("expires_us", NOW_US + 2 * DAY_US),
        ("expires_us", None),
        ("allowed_models", frozenset[str]()),
        ("allowed_providers", frozenset({"p", "q"})),
        ("privacy", PrivacyClass.ANY),
        ("priority", None),
        ("cache", False),
    ],
)
def test_one_field_changes_and_all_others_stay(field: str, value: Any) -> None:
    before = key(**FULL)
    changed = changed_key(before, KeyChange(**{field: value}), NOW_US)
    assert changed == msgspec.structs.replace(before, **{field: value})


def test_each_limit_changes_by_itself_and_can_be_taken_away() -> None:
    before = key(**FULL)
    faster = changed_key(before, KeyChange(requests_per_minute=99), NOW_US)
    assert faster.rate == RateLimit(99, 1000)
    free = changed_key(before, KeyChange(tokens_per_minute=None), NOW_US)
    assert free.rate == RateLimit(10, None)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        (KeyChange(), None),
        (KeyChange(name=" "), "name"),
        (KeyChange(expires_us=NOW_US - 1), "expires_us"),
        (KeyChange(priority=5000), "priority"),
        (KeyChange(requests_per_minute=0), "requests_per_minute"),
        (KeyChange(tokens_per_minute=-1), "tokens_per_minute"),
        (KeyChange(allowed_models=frozenset({" "})), "allowed_models"),
    ],
)
def test_a_wrong_field_is_named(change: KeyChange, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        changed_key(key(), change, NOW_US)
    assert refused.value.param == param


def test_an_expired_key_may_be_changed_without_being_made_good_again() -> None:
    expired = key(expires_us=NOW_US + 1)
    changed = changed_key(expired, KeyChange(name="old"), NOW_US + DAY_US)
    assert changed.expires_us == NOW_US + 1


@pytest.fixture
def database(tmp_path: Any) -> Any:
    opened = Database(sqlite_url(tmp_path / "laird.db"))
    schema.prepare(opened)
    yield opened
    opened.close()


def test_a_change_is_stored_and_seen_by_other_processes(database: Database) -> None:
    made = database.write_now(lambda one: store.create(one, KeyDraft(name="k", **FULL), NOW_US))
    database.write_now(lambda one: store.touch_last_used(one, {made.key.id: NOW_US + 5}))
    before = database.read_now(store.current_version)
    wanted = KeyChange(name="renamed", cache=False, tokens_per_minute=None)
    changed = database.write_now(lambda one: store.change(one, "k", wanted, NOW_US))
    assert database.read_now(store.current_version) == before + 1
    stored = database.read_now(lambda one: store.get(one, "renamed"))
    assert stored == msgspec.structs.replace(changed, last_used_us=NOW_US + 5)
    assert (stored.digest, stored.rate, stored.cache) == (
        made.key.digest,
        RateLimit(10, None),
        False,
    )


def test_a_name_that_is_taken_is_refused(database: Database) -> None:
    for name in ("a", "b"):
        database.write_now(partial(store.create, draft=KeyDraft(name=name), now_us=NOW_US))
    with pytest.raises(InvalidRequest, match="called 'b' already"):
        database.write_now(lambda one: store.change(one, "a", KeyChange(name="b"), NOW_US))
    # Its own name is no other one.
    wanted = KeyChange(name="a", priority=1)
    assert database.write_now(lambda one: store.change(one, "a", wanted, NOW_US)).priority == 1
    with pytest.raises(NotFound):
        database.write_now(lambda one: store.change(one, "c", KeyChange(priority=1), NOW_US))
