"""Stored credentials: set, stage, promote, fall back, remove, and what becomes of their names."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.credentials.vault_world import ONE, THREE, TWO, credentials, database, files_with

from laird.credentials import rows
from laird.credentials.command import CommandSpec
from laird.credentials.master import FILE
from laird.credentials.stored import Credentials
from laird.domain.credential import (
    Slot,
    StoreKind,
    WrittenSecret,
    check_name,
    check_value,
    looks_like_a_key,
)
from laird.domain.errors import InvalidRequest, NotFound, VaultLocked
from laird.domain.secret import Secret
from laird.storage.engine import Database


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Database]:
    with database(tmp_path) as found:
        yield found


@pytest.fixture
async def stored(opened: Database, tmp_path: Path) -> Credentials:
    found = credentials(opened, tmp_path)
    await found.refresh()
    return found


def now(stored: Credentials, name: str = "openai") -> Secret | None:
    found = stored.find(name)
    assert found is not None
    return found.secret


async def test_it_is_there_for_every_process_and_in_no_file(
    stored: Credentials, opened: Database, tmp_path: Path
) -> None:
    await stored.set("openai", Secret(ONE))
    assert now(stored) == Secret(ONE)
    other = credentials(opened, tmp_path)
    assert await other.refresh()
    assert now(other) == Secret(ONE)
    assert not await other.refresh()
    await stored.set("openai", Secret(TWO))
    assert await other.refresh()
    assert now(other) == Secret(TWO)
    assert files_with(tmp_path, ONE, TWO) == []


async def test_nothing_is_made_before_something_is_stored(
    stored: Credentials, tmp_path: Path
) -> None:
    assert list(stored.names) == []
    assert stored.find("openai") is None
    assert stored.fingerprint(Secret(ONE)) is None
    assert not (tmp_path / FILE).exists()


async def test_a_staged_value_changes_nothing_until_it_is_promoted(stored: Credentials) -> None:
    await stored.set("openai", Secret(ONE))
    await stored.stage("openai", Secret(TWO), expires_us=5)
    assert now(stored) == Secret(ONE)
    row, value = stored.held.value("openai", Slot.STAGED)
    assert (value, row.expires_us) == (Secret(TWO), 5)
    await stored.promote("openai")
    assert now(stored) == Secret(TWO)
    assert stored.held.value("openai", Slot.PREVIOUS)[1] == Secret(ONE)
    assert stored.held.slot("openai", Slot.STAGED) is None
    with pytest.raises(NotFound, match="no staged value"):
        await stored.promote("openai")


async def test_a_discarded_value_is_gone(stored: Credentials) -> None:
    await stored.set("openai", Secret(ONE))
    await stored.stage("openai", Secret(TWO))
    await stored.stage("openai", Secret(THREE))
    assert stored.held.value("openai", Slot.STAGED)[1] == Secret(THREE)
    await stored.discard("openai")
    with pytest.raises(NotFound):
        await stored.discard("openai")
    with pytest.raises(NotFound):
        await stored.promote("openai")


@pytest.mark.parametrize("by_promotion", [True, False])
async def test_without_a_fallback_nothing_older_stays(
    stored: Credentials, *, by_promotion: bool
) -> None:
    await stored.set("openai", Secret(ONE))
    await stored.set("openai", Secret(TWO))
    if by_promotion:
        await stored.stage("openai", Secret(THREE))
        await stored.promote("openai", 0)
    else:
        await stored.set("openai", Secret(THREE), fallback_s=0)
    assert now(stored) == Secret(THREE)
    assert stored.held.slot("openai", Slot.PREVIOUS) is None
    assert await stored.renew("openai", Secret(THREE)) is None


async def test_a_refused_value_gives_way_to_the_one_before_once(
    stored: Credentials, opened: Database, tmp_path: Path
) -> None:
    await stored.set("openai", Secret(ONE))
    await stored.set("openai", Secret(TWO))
    assert await stored.renew("openai", Secret(TWO)) == Secret(ONE)
    assert now(stored) == Secret(ONE)
    # Who was refused together with the first gets the same, and it is no second fallback.
    assert await stored.renew("openai", Secret(TWO)) == Secret(ONE)
    assert await stored.renew("openai", Secret(ONE)) is None
    assert now(stored) == Secret(ONE)
    other = credentials(opened, tmp_path)
    await other.refresh()
    assert now(other) == Secret(ONE)
    refused, value = other.held.value("openai", Slot.PREVIOUS)
    assert value == Secret(TWO)
    assert refused.refused_us is not None


async def test_many_refused_at_once_fall_back_once(stored: Credentials) -> None:
    await stored.set("openai", Secret(ONE))
    await stored.set("openai", Secret(TWO))
    found = await asyncio.gather(*(stored.renew("openai", Secret(TWO)) for _ in range(50)))
    assert set(found) == {Secret(ONE)}


async def test_a_fallback_works_while_the_database_is_away(
    stored: Credentials, opened: Database
) -> None:
    await stored.set("openai", Secret(ONE))
    await stored.set("openai", Secret(TWO))
    opened.file.rename(opened.file.with_name("away"))
    assert await stored.renew("openai", Secret(TWO)) == Secret(ONE)
    assert now(stored) == Secret(ONE)
    opened.file.with_name("away").rename(opened.file)


async def test_a_value_steps_in_only_for_its_time(stored: Credentials) -> None:
    await stored.set("openai", Secret(ONE))
    await stored.set("openai", Secret(TWO), fallback_s=3600)
    now_us = time.time_ns() // 1000
    assert not await stored.forget_old(now_us)
    assert await stored.forget_old(now_us + 3_600_000_001)
    assert stored.held.slot("openai", Slot.PREVIOUS) is None
    assert await stored.renew("openai", Secret(TWO)) is None


async def test_a_value_past_its_time_does_not_step_in(stored: Credentials) -> None:
    await stored.set("openai", Secret(ONE))
    await stored.set("openai", Secret(TWO), fallback_s=0.000_001)
    assert await stored.renew("openai", Secret(TWO)) is None


async def test_there_is_nothing_else_for_what_is_not_stored(stored: Credentials) -> None:
    assert await stored.renew("openai", Secret(ONE)) is None
    await stored.set("openai", Secret(ONE))
    assert await stored.renew("openai", Secret(ONE)) is None
    # It was refused with what is in force no more.
    assert await stored.renew("openai", Secret(TWO)) == Secret(ONE)


async def test_a_removed_one_leaves_its_name_and_nothing_else(
    stored: Credentials, opened: Database
) -> None:
    await stored.set("openai", Secret(ONE))
    await stored.stage("openai", Secret(TWO))
    await stored.remove("openai")
    assert now(stored) is None
    assert "openai" in stored.names
    book = await opened.read(rows.read)
    assert [name for name in book.values if not name.startswith(".")] == []
    assert len(book.wraps) == 1
    for call in (
        stored.remove("openai"),
        stored.stage("openai", Secret(ONE)),
        stored.promote("openai"),
        stored.discard("openai"),
    ):
        with pytest.raises(NotFound):
            await call
    await stored.set("openai", Secret(THREE))
    assert now(stored) == Secret(THREE)
    assert stored.held.row("openai").version == 3


async def test_our_own_record_can_not_be_touched(stored: Credentials) -> None:
    await stored.set("openai", Secret(ONE))
    assert list(stored.names) == ["openai"]
    with pytest.raises(NotFound):
        await stored.remove(".fingerprints")
    with pytest.raises(InvalidRequest):
        await stored.set(".fingerprints", Secret(ONE))


async def test_fingerprints_are_equal_where_values_are(
    stored: Credentials, opened: Database, tmp_path: Path
) -> None:
    await stored.set("a", Secret(ONE))
    await stored.set("b", Secret(ONE))
    await stored.set("c", Secret(TWO))
    told = {name: stored.held.value(name, Slot.ACTIVE)[0].fingerprint for name in "abc"}
    assert told["a"] == told["b"] == stored.fingerprint(Secret(ONE))
    assert told["c"] != told["a"]
    await stored.rekey()
    again = credentials(opened, tmp_path)
    await again.refresh()
    assert again.fingerprint(Secret(TWO)) == told["c"]


async def test_what_is_kept_is_taken_out_of_texts(stored: Credentials) -> None:
    await stored.set("openai", Secret(ONE))
    await stored.stage("openai", Secret(TWO))
    await stored.set("short", Secret("abc"))
    assert stored.scrub(f"a {ONE} b {TWO} abc") == "a «redacted» b «redacted» abc"


async def test_without_the_master_key_nothing_opens_and_nothing_is_lost(
    stored: Credentials, opened: Database, tmp_path: Path
) -> None:
    await stored.set("openai", Secret(ONE))
    key = tmp_path / FILE
    key.rename(tmp_path / "elsewhere")
    locked = credentials(opened, tmp_path)
    await locked.refresh()
    assert now(locked) is None
    assert "master key" in locked.held.problems()[0]
    with pytest.raises(VaultLocked, match="not here"):
        await locked.set("other", Secret(TWO))
    with pytest.raises(VaultLocked):
        locked.held.value("openai", Slot.ACTIVE)
    assert not key.exists()
    (tmp_path / "elsewhere").rename(key)
    await locked.refresh(always=True)
    assert now(locked) == Secret(ONE)


async def test_after_all_is_removed_a_lost_master_key_is_no_obstacle(
    stored: Credentials, opened: Database, tmp_path: Path
) -> None:
    await stored.set("openai", Secret(ONE))
    (tmp_path / FILE).unlink()
    fresh = credentials(opened, tmp_path)
    await fresh.refresh()
    await fresh.remove("openai")
    await fresh.set("openai", Secret(TWO))
    assert now(fresh) == Secret(TWO)
    assert fresh.fingerprint(Secret(TWO)) is not None


async def test_a_master_key_that_others_can_read_opens_nothing(
    stored: Credentials, opened: Database, tmp_path: Path
) -> None:
    await stored.set("openai", Secret(ONE))
    (tmp_path / FILE).chmod(0o644)
    locked = credentials(opened, tmp_path)
    await locked.refresh()
    assert now(locked) is None
    assert "by others" in locked.held.problems()[0]


async def test_exchanged_rows_do_not_open(
    stored: Credentials, opened: Database, tmp_path: Path
) -> None:
    await stored.set("cheap", Secret(ONE))
    await stored.set("dear", Secret(TWO))
    for statement in (
        "UPDATE credential_values SET name = 'swap' WHERE name = 'cheap'",
        "UPDATE credential_values SET name = 'cheap' WHERE name = 'dear'",
        "UPDATE credential_values SET name = 'dear' WHERE name = 'swap'",
    ):
        opened.write_now(lambda connection, run=statement: connection.exec_driver_sql(run))  # type: ignore[misc]
    again = credentials(opened, tmp_path)
    await again.refresh()
    assert now(again, "cheap") is None
    assert now(again, "dear") is None
    assert len(again.held.problems()) == 2


async def test_variables_are_not_ours_to_set(stored: Credentials) -> None:
    with pytest.raises(InvalidRequest):
        await stored.set("openai", Secret(ONE), store=StoreKind.ENVIRONMENT)


async def test_a_command_may_follow_a_value_and_a_value_a_command(stored: Credentials) -> None:
    await stored.set("openai", Secret(ONE))
    await stored.stage("openai", Secret(TWO))
    await stored.set_command("openai", CommandSpec(argv=("echo", THREE)))
    assert now(stored) == Secret(THREE)
    assert stored.held.slot("openai", Slot.STAGED) is None
    assert stored.held.slot("openai", Slot.PREVIOUS) is None
    assert THREE in "".join(secret.reveal() for secret in stored.held.commands.tokens())
    with pytest.raises(InvalidRequest, match="by a command"):
        await stored.stage("openai", Secret(TWO))
    await stored.set("openai", Secret(TWO))
    assert now(stored) == Secret(TWO)
    assert stored.held.row("openai").store is StoreKind.VAULT
    assert stored.held.slot("openai", Slot.PREVIOUS) is None
    assert stored.held.commands.tokens() == []


class TestAdopting:
    async def test_the_name_is_the_providers(self, stored: Credentials) -> None:
        named = await stored.adopt(
            [WrittenSecret("a", Secret(ONE)), WrittenSecret("b", Secret(TWO))]
        )
        assert named == {"a": "a", "b": "b"}
        assert now(stored, "a") == Secret(ONE)
        assert now(stored, "b") == Secret(TWO)

    async def test_the_same_again_changes_nothing(self, stored: Credentials) -> None:
        await stored.adopt([WrittenSecret("a", Secret(ONE))])
        assert await stored.adopt([WrittenSecret("a", Secret(ONE))]) == {"a": "a"}
        assert stored.held.row("a").version == 1

    async def test_nothing_of_others_is_written_over(self, stored: Credentials) -> None:
        await stored.set("a", Secret(ONE))
        assert await stored.adopt([WrittenSecret("a", Secret(TWO))]) == {"a": "a-2"}
        assert await stored.adopt([WrittenSecret("a", Secret(THREE))]) == {"a": "a-3"}
        assert now(stored, "a") == Secret(ONE)
        assert await stored.adopt([WrittenSecret("a", Secret(THREE))]) == {"a": "a-3"}

    async def test_its_own_next_value_follows_with_a_fallback(self, stored: Credentials) -> None:
        await stored.set("a", Secret(ONE))
        assert await stored.adopt([WrittenSecret("a", Secret(TWO), "a")]) == {"a": "a"}
        assert now(stored, "a") == Secret(TWO)
        assert stored.held.value("a", Slot.PREVIOUS)[1] == Secret(ONE)

    async def test_a_command_is_not_written_over(self, stored: Credentials) -> None:
        await stored.set_command("a", CommandSpec(argv=("echo", ONE)))
        assert await stored.adopt([WrittenSecret("a", Secret(TWO), "a")]) == {"a": "a-2"}


@pytest.mark.parametrize(
    "name",
    ["openai", "a", "team-1.prod_eu", "0", "a" * 32, "the-one-of-the-team-in-the-other-house"],
)
def test_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "OpenAI",
        "a/b",
        ".a",
        "ä",
        "a b",
        "a" * 65,
        "sk-0123456789abcdef",
        "sk_live_0123456789ab",
        "gsk_abcdefghijklmnop",
        "lai_0123456789abcdef0123456789abcdef",
        "aizasyabcdefghijklmnopqrst",
        "x-0123456789abcdef0",
    ],
)
def test_what_is_no_name_or_may_be_a_key_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_name(name)
    assert len(name) < 3 or name not in caught.value.message


def test_a_key_is_known_as_one() -> None:
    assert looks_like_a_key(ONE)
    assert not looks_like_a_key("openai")


def test_blanks_around_a_value_are_no_part_of_it() -> None:
    assert check_value(f" {ONE}\n") == Secret(ONE)


@pytest.mark.parametrize(
    "value", ["", " \n", "a\nb", "a\r\nx-evil: 1", "kä", "a\0", "a\tb", "x" * 8193]
)
def test_what_no_header_can_carry_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_value(value)
    assert len(value.strip()) < 2 or value.strip() not in caught.value.message
