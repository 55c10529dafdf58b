"""People, their sessions and links, in the database and in memory."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.people.conftest import House, somebody
from tests.support.waiting import until

from laird.domain.errors import (
    InvalidRequest,
    NotFound,
    NotSignedIn,
    RateLimited,
    SignInRefused,
    StorageUnavailable,
)
from laird.domain.people import OWNER, LinkKind, Principal, PrincipalKind, Role, Session
from laird.domain.secret import Secret
from laird.people import follow, session_store, store
from laird.people.names import checked_name, folded
from laird.people.sign_in import Begun, Visitor
from laird.people.table import IDLE_US, LIFETIME_US, PeopleTable
from laird.people.tokens import digest
from laird.storage.tables import links, sessions

RIGHT = Secret("heron lantern quarry")
OTHER = Secret("gravel teapot monsoon")
HERE = Visitor(address="10.0.0.1", agent="Fire\x1bfox")


async def add(house: House, name: str = "ann", role: Role = Role.ADMIN) -> Begun:
    """Add somebody and sign them in."""
    await house.directory.add(name, role, RIGHT, OWNER)
    return await house.sign_in.begin(name, RIGHT, HERE)


def principal(begun: Begun) -> Principal:
    return Principal(
        kind=PrincipalKind.PERSON,
        id=begun.person.id,
        name=begun.person.name,
        role=begun.person.role,
        session_id=begun.session.id,
        address=HERE.address,
    )


def now_us() -> int:
    return time.time_ns() // 1000


async def test_who_signs_in_is_known_by_the_cookie(house: House) -> None:
    begun = await add(house)
    found = house.table.authenticate(begun.cookie.reveal(), now_us())
    assert (found.person.name, found.session.id) == ("ann", begun.session.id)
    assert begun.session.agent == "Fire fox"
    assert begun.session.expires_us - begun.session.created_us == LIFETIME_US
    assert begun.cookie.reveal() not in str(begun)
    for cookie in ("", "x", begun.session.id, begun.session.digest, begun.cookie.reveal() + "x"):
        with pytest.raises(NotSignedIn):
            house.table.authenticate(cookie, now_us())
    assert house.actions() == ["person.add", "session.begin"]


async def test_a_failed_try_is_recorded_without_what_was_typed(house: House) -> None:
    await house.directory.add("ann", Role.ADMIN, RIGHT, OWNER)
    house.deeds.clear()
    for name, password in (("ann", OTHER), ("my secret word", OTHER)):
        with pytest.raises(SignInRefused):
            await house.sign_in.begin(name, password, HERE)
    assert house.actions() == ["session.refused"] * 2
    assert [deed.object_name for deed in house.deeds] == ["ann", ""]
    assert all(deed.by is None and deed.address == "10.0.0.1" for deed in house.deeds)
    assert "secret" not in str(house.deeds)


async def test_nothing_recorded_holds_a_secret(house: House) -> None:
    begun = await add(house)
    link = await house.links.invite(Role.VIEWER, OWNER)
    await house.links.use(link.token, "ben", RIGHT, HERE)
    reset = await house.links.reset("ann", OWNER)
    told = repr([str(deed) for deed in house.deeds])
    for secret in (RIGHT, begun.cookie, link.token, reset.token):
        assert secret.reveal() not in told
        assert digest(secret.reveal()) not in told
    assert "argon2" not in told


async def test_many_tries_are_slowed_down_before_they_cost_anything(house: House) -> None:
    await house.directory.add("ann", Role.ADMIN, RIGHT, OWNER)
    results = await asyncio.gather(
        *(house.sign_in.begin("ann", OTHER, HERE) for _ in range(30)), return_exceptions=True
    )
    assert sum(isinstance(one, SignInRefused) for one in results) == 5
    assert sum(isinstance(one, RateLimited) for one in results) == 25


async def test_a_session_ends_after_its_time_and_when_it_is_idle(house: House) -> None:
    begun = await add(house)
    cookie, start = begun.cookie.reveal(), begun.session.created_us
    house.table.authenticate(cookie, start + IDLE_US)
    # It was seen a moment ago, and so for another week.
    house.table.authenticate(cookie, start + 2 * IDLE_US)
    with pytest.raises(NotSignedIn):
        house.table.authenticate(cookie, start + 3 * IDLE_US + 1)
    for step in range(3, 5):
        house.table._stamp(begun.session, start + step * IDLE_US)
    with pytest.raises(NotSignedIn):
        house.table.authenticate(cookie, start + LIFETIME_US)
    assert house.table.still(begun.session.id, start + LIFETIME_US - 1) is not None


async def test_stamps_are_written_now_and_then_and_survive(house: House) -> None:
    begun = await add(house)
    cookie, start = begun.cookie.reveal(), begun.session.created_us
    house.table.authenticate(cookie, start + 1000)
    assert house.table.take_seen() == {}
    later = start + 60_000_000
    house.table.authenticate(cookie, later)
    house.table.authenticate(cookie, later + 1)
    await follow.flush_seen(house.table, house.database)
    assert house.table.take_seen() == {}
    fresh = PeopleTable()
    await follow.refresh(fresh, house.database)
    assert fresh.seen_us(fresh.still(begun.session.id, later).session) == later  # type: ignore[union-attr]


async def test_stamps_that_can_not_be_written_are_kept(house: House) -> None:
    begun = await add(house)
    house.table.authenticate(begun.cookie.reveal(), begun.session.created_us + 60_000_000)
    house.database.close()
    with pytest.raises(StorageUnavailable):
        await follow.flush_seen(house.table, house.database)
    assert list(house.table.take_seen()) == [begun.session.id]


async def test_another_process_hears_of_changes_and_not_of_stamps(house: House) -> None:
    begun = await add(house)
    other = PeopleTable()
    assert await follow.refresh(other, house.database)
    assert not await follow.refresh(other, house.database)
    await house.database.write(
        lambda one: session_store.seen(one, {begun.session.id: begun.session.seen_us + 5})
    )
    assert not await follow.refresh(other, house.database)
    assert await follow.refresh(other, house.database, always=True)
    await house.directory.end_session(begun.person, begun.session.id, OWNER)
    assert await follow.refresh(other, house.database)
    assert other.still(begun.session.id, now_us()) is None


async def test_following_goes_on_when_the_database_is_away(house: House, tmp_path: Path) -> None:
    begun = await add(house)
    other = PeopleTable()
    task = asyncio.create_task(follow.follow(other, house.database, interval_s=0.01))
    file = tmp_path / "laird.db"
    await until(lambda: other.version is not None)
    file.rename(tmp_path / "away.db")
    with pytest.raises(StorageUnavailable):
        await house.database.read(store.list_people)
    assert other.still(begun.session.id, now_us()) is not None
    (tmp_path / "away.db").rename(file)
    await house.directory.end_sessions(begun.person, OWNER)
    await until(lambda: other.still(begun.session.id, now_us()) is None)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_has_run_out_is_deleted(house: House) -> None:
    begun = await add(house)
    await house.links.invite(Role.VIEWER, OWNER)
    await follow.forget(house.database, now_us())
    assert len(await house.database.read(session_store.list_sessions)) == 1
    await follow.forget(house.database, begun.session.created_us + IDLE_US + 1_000_000)
    assert await house.database.read(session_store.list_sessions) == ()
    assert await house.links.list() == ()


async def test_somebody_has_a_bounded_number_of_sessions(house: House) -> None:
    person = somebody()
    await house.directory.write(lambda one: store.create(one, person, "x"))

    def begin(connection: object) -> None:
        for number in range(60):
            session = Session(
                id=f"s{number}",
                digest=f"d{number}",
                person_id=person.id,
                created_us=number,
                expires_us=now_us() + 10**9,
                seen_us=number,
                address="",
                agent="",
            )
            session_store.begin(connection, session)  # type: ignore[arg-type]

    await house.database.write(begin)
    kept = await house.database.read(session_store.list_sessions)
    assert {one.id for one in kept} == {f"s{number}" for number in range(10, 60)}


async def test_who_is_disabled_between_password_and_session_stays_out(house: House) -> None:
    begun = await add(house)
    await add(house, "boss")
    await house.directory.change("ann", OWNER, enabled=False)
    with pytest.raises(SignInRefused):
        await house.sign_in.begin_for(begun.person, HERE)
    with pytest.raises(SignInRefused):
        await house.sign_in.begin("ann", RIGHT, HERE)


async def test_the_last_administrator_stays_even_when_two_ask_at_once(house: House) -> None:
    await house.directory.add("ann", Role.ADMIN, RIGHT, OWNER)
    await house.directory.add("ben", Role.ADMIN, RIGHT, OWNER)
    results = await asyncio.gather(
        house.directory.remove("ann", OWNER),
        house.directory.change("ben", OWNER, role=Role.VIEWER),
        return_exceptions=True,
    )
    assert sum(isinstance(one, InvalidRequest) for one in results) == 1
    assert house.table.has_administrator


async def test_changes_are_recorded_with_before_and_after(house: House) -> None:
    await house.directory.add("boss", Role.ADMIN, RIGHT, OWNER)
    begun = await add(house, "ann", Role.VIEWER)
    by = principal(begun)
    house.deeds.clear()
    await house.directory.change("ANN", by, role=Role.OPERATOR)
    (deed,) = house.deeds
    assert deed.before == {"name": "ann", "role": "viewer", "enabled": True}
    assert deed.after == {"name": "ann", "role": "operator", "enabled": True}
    assert (deed.by, deed.address) == (by, "10.0.0.1")
    with pytest.raises(InvalidRequest):
        await house.directory.change("ann", OWNER)
    with pytest.raises(NotFound):
        await house.directory.change("nobody", OWNER, enabled=False)
    await house.directory.remove("ann", OWNER)
    assert house.table.still(begun.session.id, now_us()) is None
    assert house.actions()[-1] == "person.remove"


async def test_a_change_that_fails_records_nothing(house: House) -> None:
    await house.directory.add("ann", Role.ADMIN, RIGHT, OWNER)
    house.deeds.clear()
    with pytest.raises(InvalidRequest):
        await house.directory.remove("ann", OWNER)
    assert house.deeds == []


async def test_ones_own_password(house: House) -> None:
    begun = await add(house)
    other = await house.sign_in.begin("ann", RIGHT, HERE)
    for current, new, param in ((OTHER, OTHER, "current"), (RIGHT, RIGHT, "password")):
        with pytest.raises(InvalidRequest) as refused:
            await house.sign_in.change_password(principal(begun), current, new)
        assert refused.value.param == param
    await house.sign_in.change_password(principal(begun), RIGHT, OTHER)
    assert house.table.still(other.session.id, now_us()) is None
    assert house.table.still(begun.session.id, now_us()) is not None
    assert (await house.sign_in.begin("ann", OTHER, HERE)).person.name == "ann"


async def test_a_link_is_good_once_even_for_two_at_once(house: House) -> None:
    link = await house.links.setup(OWNER)
    results = await asyncio.gather(
        *(house.links.use(link.token, name, RIGHT, HERE) for name in ("ann", "eve")),
        return_exceptions=True,
    )
    assert sum(isinstance(one, NotFound) for one in results) == 1
    assert len(await house.directory.list()) == 1
    assert house.actions() == ["link.make", "person.join", "session.begin"]


async def test_there_is_one_link_to_set_up_and_none_after_it(house: House) -> None:
    first = await house.links.setup(OWNER)
    second = await house.links.setup(OWNER)
    with pytest.raises(NotFound):
        await house.links.look(first.token)
    assert (await house.links.look(second.token)).kind is LinkKind.SETUP
    await house.directory.add("ann", Role.ADMIN, RIGHT, OWNER)
    with pytest.raises(NotFound):
        await house.links.use(second.token, "eve", RIGHT, HERE)
    with pytest.raises(InvalidRequest, match="administrator already"):
        await house.links.setup(OWNER)


async def test_a_link_to_set_up_is_worthless_once_there_is_an_administrator(house: House) -> None:
    link = await house.links.setup(OWNER)
    await house.directory.write(lambda one: store.create(one, somebody(), "x"))
    with pytest.raises(InvalidRequest, match="administrator already"):
        await house.links.use(link.token, "eve", RIGHT, HERE)


async def test_a_link_runs_out(house: House) -> None:
    link = await house.links.setup(OWNER)
    assert link.link.expires_us - link.link.created_us == 24 * 3_600_000_000
    await house.database.write(lambda one: one.execute(update(links).values(expires_us=now_us())))
    with pytest.raises(NotFound):
        await house.links.use(link.token, "ann", RIGHT, HERE)
    assert await house.links.list() == ()


async def test_a_failed_use_leaves_a_link_good(house: House) -> None:
    link = await house.links.invite(Role.VIEWER, OWNER)
    for name, password in (("ann", Secret("short")), ("", RIGHT), ("owner", RIGHT)):
        with pytest.raises(InvalidRequest):
            await house.links.use(link.token, name, password, HERE)
    assert (await house.links.use(link.token, "ann", RIGHT, HERE)).person.role is Role.VIEWER


async def test_links_have_bounds(house: House) -> None:
    await house.directory.add("ann", Role.ADMIN, RIGHT, OWNER)
    for hours in (0.0, -1.0, 721.0):
        with pytest.raises(InvalidRequest) as refused:
            await house.links.invite(Role.VIEWER, OWNER, hours=hours)
        assert refused.value.param == "hours"
    with pytest.raises(InvalidRequest):
        await house.links.invite(Role.VIEWER, OWNER, name="Ann")
    with pytest.raises(NotFound):
        await house.links.take_back("link_0", OWNER)
    with pytest.raises(NotFound):
        await house.links.reset("nobody", OWNER)


async def test_a_reset_ends_all_sessions_and_is_not_for_who_is_disabled(house: House) -> None:
    await house.directory.add("boss", Role.ADMIN, RIGHT, OWNER)
    begun = await add(house)
    link = await house.links.reset("ann", OWNER)
    used = await house.links.use(link.token, None, OTHER, HERE)
    assert used.person.id == begun.person.id
    assert house.table.still(begun.session.id, now_us()) is None
    link = await house.links.reset("ann", OWNER)
    await house.directory.change("ann", OWNER, enabled=False)
    with pytest.raises(InvalidRequest, match="disabled"):
        await house.links.use(link.token, None, RIGHT, HERE)


async def test_sessions_that_are_over_are_not_listed(house: House) -> None:
    begun = await add(house)
    assert len(await house.directory.sessions("ann")) == 1
    await house.database.write(lambda one: one.execute(update(sessions).values(expires_us=1)))
    await follow.refresh(house.table, house.database, always=True)
    assert await house.directory.sessions("ann") == ()
    assert not await house.directory.end_session(begun.person, "other", OWNER)
    assert await house.directory.end_sessions(begun.person, OWNER, but=begun.session.id) == 0


@pytest.mark.parametrize(
    "name", ["ann", "Ann.Miller", "ann@example.org", "Ännchen", "安", "a_b-c+1"]
)
def test_names_that_are_taken(name: str) -> None:
    assert checked_name(f" {name} ") == name


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a\nb", "owner", "FILE", "key", "a/b", "x" * 65, "<b>"]
)
def test_names_that_are_not(name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        checked_name(name)
    assert refused.value.param == "name"


def test_names_mean_the_same_in_any_case_and_form() -> None:
    assert folded("ANN") == folded(" ann ") == folded("\uff41nn")
    assert folded("\u00e4") == folded("a\u0308")


def test_roles_cover_those_below() -> None:
    ranked = [Role.VIEWER, Role.OPERATOR, Role.ADMIN]
    for place, role in enumerate(ranked):
        assert [role.covers(other) for other in ranked] == [other <= place for other in range(3)]
