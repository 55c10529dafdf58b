"""Keys in the database, and what is refused before they get there."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from laird.domain.errors import InvalidRequest, NotFound, StorageUnavailable
from laird.domain.keys import ApiKey, PrivacyClass, RateLimit, Scope
from laird.keys import store
from laird.keys.draft import KeyDraft, NewKey, make_key
from laird.keys.key_text import digest, looks_like_key
from laird.storage.engine import Database

NOW_US = 1_800_000_000_000_000
YEAR_US = 365 * 86_400_000_000
FULL = KeyDraft(
    name="agent-ci",
    expires_us=NOW_US + YEAR_US,
    enabled=False,
    scopes=frozenset({Scope.INFERENCE, Scope.ADMIN}),
    allowed_models=frozenset({"gpt-4o", "ollama/llama3", 'naïve, "quoted"'}),
    allowed_providers=frozenset({"ollama"}),
    privacy=PrivacyClass.LOCAL_ONLY,
    priority=-5,
    rate=RateLimit(60, 100_000),
)


def create(database: Database, name: str = "laptop", now_us: int = NOW_US) -> NewKey:
    draft = KeyDraft(name=name)
    return database.write_now(lambda connection: store.create(connection, draft, now_us))


def get(database: Database, reference: str) -> ApiKey:
    return database.read_now(lambda connection: store.get(connection, reference))


def version(database: Database) -> int:
    return database.read_now(store.current_version)


def test_a_key_is_read_as_it_was_made(database: Database) -> None:
    made = database.write_now(lambda connection: store.create(connection, FULL, NOW_US))
    assert get(database, made.key.id) == made.key
    assert get(database, "agent-ci") == made.key
    assert database.read_now(store.list_keys).keys == (made.key,)
    assert made.key.created_us == NOW_US
    assert made.key.rate == FULL.rate
    assert made.key.allowed_models == FULL.allowed_models
    assert made.key.privacy is PrivacyClass.LOCAL_ONLY


def test_the_text_of_a_key_is_nowhere_in_the_database(database: Database) -> None:
    made = create(database)
    text = made.text.reveal()
    assert looks_like_key(text)
    assert made.key.digest == digest(text)
    assert made.key.prefix == text[:8]
    assert text not in repr(made)
    raw = sqlite3.connect(database.file)
    assert text not in "\n".join(raw.iterdump())
    raw.close()


def test_keys_are_listed_oldest_first(database: Database) -> None:
    for name, age in (("c", 3), ("a", 1), ("b", 2)):
        create(database, name, NOW_US - age)
    assert [key.name for key in database.read_now(store.list_keys).keys] == ["c", "b", "a"]


def test_a_name_is_given_once(database: Database) -> None:
    made = create(database, "laptop")
    with pytest.raises(InvalidRequest, match=r"called 'laptop' already") as refused:
        create(database, "  laptop ")
    assert refused.value.param == "name"
    with pytest.raises(InvalidRequest):
        create(database, made.key.id)
    assert len(database.read_now(store.list_keys).keys) == 1


def test_a_key_is_disabled_and_enabled_by_id_or_name(database: Database) -> None:
    made = create(database)

    def switch(reference: str, *, enabled: bool) -> ApiKey:
        return database.write_now(
            lambda connection: store.set_enabled(connection, reference, enabled=enabled)
        )

    assert not switch(made.key.id, enabled=False).enabled
    assert not get(database, "laptop").enabled
    assert switch("laptop", enabled=True).enabled
    assert get(database, "laptop") == made.key


@pytest.mark.parametrize("by", ["id", "name", "text"])
def test_a_revoked_key_is_gone_and_its_name_is_free(database: Database, by: str) -> None:
    made = create(database)
    reference = {"id": made.key.id, "name": made.key.name, "text": made.text.reveal()}[by]
    assert database.write_now(lambda connection: store.revoke(connection, reference)) == made.key
    with pytest.raises(NotFound, match="laird keys list"):
        get(database, made.key.id)
    create(database)


def test_an_unknown_key_is_named_but_a_key_text_is_never_repeated(database: Database) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        get(database, "nobody")
    text = create(database, "other").text.reveal()
    with pytest.raises(NotFound) as refused:
        get(database, "x" + text)
    assert text not in refused.value.message


def test_every_change_of_a_right_raises_the_version_and_a_use_does_not(database: Database) -> None:
    seen = [version(database)]
    create(database)
    seen.append(version(database))
    database.write_now(lambda connection: store.set_enabled(connection, "laptop", enabled=False))
    seen.append(version(database))
    database.write_now(lambda connection: store.revoke(connection, "laptop"))
    seen.append(version(database))
    assert seen == sorted(set(seen))
    with pytest.raises(NotFound):
        database.write_now(lambda connection: store.revoke(connection, "laptop"))
    database.write_now(lambda connection: store.touch_last_used(connection, {"x": 1}))
    assert version(database) == seen[-1]


def test_the_last_use_only_moves_forward(database: Database) -> None:
    first, second = create(database, "a").key, create(database, "b").key

    def touch(stamps: dict[str, int]) -> None:
        database.write_now(lambda connection: store.touch_last_used(connection, stamps))

    touch({})
    touch({first.id: NOW_US + 5, second.id: NOW_US + 7, "revoked": NOW_US})
    touch({first.id: NOW_US + 3, second.id: NOW_US + 9})
    assert get(database, "a").last_used_us == NOW_US + 5
    assert get(database, "b").last_used_us == NOW_US + 9


@pytest.mark.parametrize(
    ("column", "value"),
    [("scopes", "inference"), ("privacy", "sometimes"), ("digest", "abcd"), ("digest", "xyz")],
)
def test_a_damaged_row_is_an_error_that_names_it(
    database: Database, column: str, value: str
) -> None:
    made = create(database)
    raw = sqlite3.connect(database.file)
    raw.execute(f"UPDATE api_keys SET {column} = ?", (value,))
    raw.commit()
    raw.close()
    with pytest.raises(StorageUnavailable, match=rf"{made.key.id}.*damaged"):
        database.read_now(store.list_keys)


@pytest.mark.parametrize(
    ("param", "wrong"),
    [
        ("name", {"name": ""}),
        ("name", {"name": " \t "}),
        ("name", {"name": "x" * 101}),
        ("name", {"name": "two\nlines"}),
        ("name", {"name": "half \ud800"}),
        ("name", {"name": "the lai_0123456789abcdef0123456789abcdef one"}),
        ("expires_us", {"expires_us": NOW_US}),
        ("expires_us", {"expires_us": -1}),
        ("expires_us", {"expires_us": NOW_US // 1000}),
        ("expires_us", {"expires_us": NOW_US * 1000}),
        ("scopes", {"scopes": frozenset[str]()}),
        ("scopes", {"scopes": frozenset({"root"})}),
        ("allowed_models", {"allowed_models": frozenset({""})}),
        ("allowed_models", {"allowed_models": frozenset(map(str, range(1001)))}),
        ("allowed_providers", {"allowed_providers": frozenset({"p" * 301})}),
        ("privacy", {"privacy": "secret"}),
        ("priority", {"priority": 1001}),
        ("priority", {"priority": -1001}),
        ("requests_per_minute", {"rate": RateLimit(requests_per_minute=-1)}),
        ("requests_per_minute", {"rate": RateLimit(requests_per_minute=0)}),
        ("tokens_per_minute", {"rate": RateLimit(tokens_per_minute=-10)}),
        ("tokens_per_minute", {"rate": RateLimit(tokens_per_minute=10**12)}),
    ],
)
def test_a_wrong_field_is_refused_by_name(param: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        make_key(KeyDraft(**{"name": "laptop", **wrong}), NOW_US)
    assert refused.value.param == param
    assert len(refused.value.message) < 250


def test_the_longest_name_and_the_latest_expiry_are_taken() -> None:
    draft = KeyDraft(name=" " + "ü" * 100, expires_us=NOW_US + 100 * YEAR_US, priority=0)
    assert make_key(draft, NOW_US).key.name == "ü" * 100
