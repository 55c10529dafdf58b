"""Who is asking: keys looked up in memory."""

from __future__ import annotations

import msgspec
import pytest

from laird.domain.errors import InvalidKey, MissingKey
from laird.keys.draft import KeyDraft, NewKey, make_key
from laird.keys.key_text import new_key
from laird.keys.table import KeyTable, default_priority

NOW_US = 1_800_000_000_000_000
HOUR_US = 3_600_000_000


def make(name: str = "laptop", **fields: int | bool) -> NewKey:
    made = make_key(KeyDraft(name=name), NOW_US)
    return msgspec.structs.replace(made, key=msgspec.structs.replace(made.key, **fields))


def table_of(*made: NewKey) -> KeyTable:
    table = KeyTable()
    table.load([each.key for each in made], 1)
    return table


def test_a_good_key_is_recognised() -> None:
    laptop, phone = make("laptop"), make("phone", expires_us=NOW_US + HOUR_US)
    table = table_of(laptop, phone)
    assert table.authenticate(laptop.text.reveal(), NOW_US) is laptop.key
    assert table.authenticate(phone.text.reveal(), NOW_US) is phone.key
    assert len(table) == 2


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_request_without_a_key_is_told_how_to_send_one(nothing: str | None) -> None:
    with pytest.raises(MissingKey, match=r"Authorization: Bearer lai_"):
        table_of().authenticate(nothing, NOW_US)


def test_unknown_disabled_and_expired_keys_are_told_apart() -> None:
    disabled, expired = make("d", enabled=False), make("e", expires_us=NOW_US)
    table = table_of(disabled, expired)
    with pytest.raises(InvalidKey, match="mistyped or has been revoked"):
        table.authenticate(new_key(), NOW_US)
    with pytest.raises(InvalidKey, match="'d' is disabled"):
        table.authenticate(disabled.text.reveal(), NOW_US)
    with pytest.raises(InvalidKey, match=r"'e' expired on 2027-01-15 at 08:00 UTC"):
        table.authenticate(expired.text.reveal(), NOW_US)
    assert table.authenticate(expired.text.reveal(), NOW_US - 1) is expired.key


@pytest.mark.parametrize("text", ["lai_", "sk-abc", "\udcff", "\0", "ü" * 5000])
def test_no_error_repeats_what_was_presented(text: str) -> None:
    with pytest.raises(InvalidKey) as refused:
        table_of(make()).authenticate(text + "canary", NOW_US)
    assert "canary" not in refused.value.message
    assert refused.value.code == "invalid_api_key"


def test_loading_replaces_all_keys() -> None:
    old, new = make("old"), make("new")
    table = table_of(old)
    table.load([new.key], 2)
    assert table.version == 2
    assert table.authenticate(new.text.reveal(), NOW_US) is new.key
    with pytest.raises(InvalidKey):
        table.authenticate(old.text.reveal(), NOW_US)


def test_uses_are_collected_for_one_batch() -> None:
    table = table_of()
    table.used("a", 1)
    table.used("b", 2)
    table.used("a", 3)
    taken = table.take_used()
    assert taken == {"a": 3, "b": 2}
    assert table.take_used() == {}
    table.used("a", 4)
    table.give_back_used(taken)
    assert table.take_used() == {"a": 4, "b": 2}


def test_agents_go_first_unless_their_key_says_otherwise() -> None:
    person, agent = make("laptop").key, make("agent-ci").key
    assert default_priority(agent, "agent-") < default_priority(person, "agent-")
    assert default_priority(agent, "bot-") == default_priority(person, "bot-")
    assert default_priority(agent, "") == default_priority(person, "")
    assert default_priority(make("agent-x", priority=500).key, "agent-") == 500
    assert default_priority(make("laptop", priority=-1).key, "agent-") == -1
