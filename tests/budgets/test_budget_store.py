"""Budgets and alerts in the database."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import text
from tests.budgets.money import NOW, budget

from laird.budgets import alerts, store
from laird.budgets.account import Crossing
from laird.budgets.draft import BudgetDraft
from laird.domain.budget import Budget, BudgetPeriod, BudgetScope, OnLimit, window_at
from laird.domain.errors import InvalidRequest, NotFound, StorageUnavailable
from laird.domain.money import NANO
from laird.storage.engine import Database


def draft(name: str = "team", **fields: Any) -> BudgetDraft:
    return BudgetDraft(name=name, limit_nano=fields.pop("limit", 20 * NANO), **fields)


def make(database: Database, *args: Any, **fields: Any) -> Budget:
    wanted = draft(*args, **fields)
    return database.write_now(lambda connection: store.create(connection, wanted, NOW))


def test_a_budget_is_kept_with_all_its_fields(database: Database) -> None:
    made = make(
        database, " ours ", scope=BudgetScope.WORKFLOW, subject=" night ",
        period=BudgetPeriod.DAILY, reset_day=31, zone="Europe/Berlin", on_limit=OnLimit.LOCAL,
        alerts=(90, 50, 90), enabled=False,
    )  # fmt: skip
    assert (made.name, made.subject, made.alerts) == ("ours", "night", (50, 90))
    assert database.read_now(store.list_budgets) == (made,)
    for reference in ("ours", made.id):
        assert database.read_now(partial(store.get, reference=reference)) == made


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"limit": -1}, "limit_usd"),
        ({"limit": 10**18 + 1}, "limit_usd"),
        ({"reset_day": 0}, "reset_day"),
        ({"reset_day": 32}, "reset_day"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"subject": "k"}, "subject"),
        ({"scope": BudgetScope.KEY}, "subject"),
        ({"scope": BudgetScope.WORKFLOW, "subject": "x" * 301}, "subject"),
        ({"alerts": (0,)}, "alerts"),
        ({"alerts": (1001,)}, "alerts"),
        ({"alerts": tuple(range(1, 12))}, "alerts"),
    ],
)
def test_what_is_wrong_is_named(database: Database, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        make(database, **fields)
    assert refused.value.param == param
    assert database.read_now(store.list_budgets) == ()


def test_a_name_is_taken_once(database: Database) -> None:
    first, second = make(database, "a"), make(database, "b")
    for name in ("a", first.id):
        with pytest.raises(InvalidRequest, match="already"):
            make(database, name)
        with pytest.raises(InvalidRequest, match="already"):
            database.write_now(
                partial(store.change, reference=second.id, fields={"name": name}, spent=None)
            )
    renamed = database.write_now(
        lambda connection: store.change(connection, "a", {"name": "a"}, None)
    )
    assert renamed == first


def test_a_budget_is_changed_and_removed(database: Database) -> None:
    made = make(database)
    fields = {"limit_nano": 5, "on_limit": OnLimit.WARN, "alerts": (10,)}
    changed = database.write_now(lambda connection: store.change(connection, "team", fields, 0))
    assert (changed.limit_nano, changed.on_limit, changed.alerts) == (5, OnLimit.WARN, (10,))
    with pytest.raises(InvalidRequest):
        database.write_now(
            lambda connection: store.change(connection, "team", {"reset_day": 40}, 0)
        )
    assert database.write_now(lambda connection: store.remove(connection, made.id)) == changed
    for work in (store.get, store.remove):
        with pytest.raises(NotFound, match="'team'"):
            database.write_now(partial(work, reference="team"))


def test_the_budgets_of_a_key_go_with_it(database: Database) -> None:
    make(database, "one", scope=BudgetScope.KEY, subject="key_1")
    make(database, "two", scope=BudgetScope.KEY, subject="key_1")
    make(database, "other", scope=BudgetScope.WORKFLOW, subject="key_1")
    gone = database.write_now(lambda connection: store.remove_of_key(connection, "key_1"))
    assert gone == 2
    assert [one.name for one in database.read_now(store.list_budgets)] == ["other"]


@pytest.mark.parametrize("damage", ["period = 'weekly'", "alerts = 'x'", "zone = 'Mars/Olympus'"])
def test_a_damaged_row_is_said(database: Database, damage: str) -> None:
    made = make(database)
    statement = text(f"UPDATE budgets SET {damage}")
    database.write_now(lambda connection: connection.execute(statement))
    with pytest.raises(StorageUnavailable, match=made.id):
        database.read_now(store.list_budgets)


def crossing(of: Budget, mark: int = 80, at_us: int = NOW) -> Crossing:
    return Crossing(budget=of, window=window_at(of, NOW), mark=mark, spent=85, at_us=at_us)


def record(database: Database, one: Crossing, *, mail: bool = False) -> bool:
    found = database.write_now(lambda connection: alerts.record(connection, one, mail=mail))
    return found is not None


def test_a_mark_is_kept_once_per_window(database: Database) -> None:
    of = budget(limit=100)
    assert record(database, crossing(of))
    assert not record(database, crossing(of, at_us=NOW + 5))
    assert record(database, crossing(of, mark=100))
    later = Crossing(
        budget=of, window=window_at(of, NOW + 40 * 86_400_000_000), mark=80, spent=85, at_us=NOW
    )
    assert record(database, later)
    window = window_at(of, NOW)
    fired = database.read_now(lambda connection: alerts.fired(connection, {of.id: window}))
    assert fired[of.id, window.start_us] == {80, 100}
    assert database.read_now(lambda connection: alerts.fired(connection, {})) == {}


def test_a_raised_limit_lets_the_marks_above_what_is_spent_be_told_again(
    database: Database,
) -> None:
    made = make(database, limit=100, alerts=(50, 80))
    for mark in (50, 80):
        record(database, crossing(made, mark))
    # At 130 the half is still behind us, the eighty percent are not.
    database.write_now(lambda c: store.change(c, "team", {"limit_nano": 130}, 85))
    assert not record(database, crossing(made, 50))
    assert record(database, crossing(made, 80))


def test_alerts_are_listed_newest_first_and_acknowledged_once(database: Database) -> None:
    of = budget(limit=100)
    for mark in (80, 100):
        record(database, crossing(of, mark))
    listed = database.read_now(lambda connection: alerts.newest(connection, 10))
    assert [one.mark for one in listed] == [100, 80]
    assert listed[0].data["limit_nano"] == 100
    seen = database.write_now(lambda c: alerts.acknowledge(c, listed[0].id, "owner", NOW))
    again = database.write_now(lambda c: alerts.acknowledge(c, listed[0].id, "key x", NOW + 1))
    assert (again.acknowledged_by, again.acknowledged_us) == ("owner", NOW)
    assert again == seen
    left = database.read_now(lambda connection: alerts.newest(connection, 10, unseen=True))
    assert [one.mark for one in left] == [80]
    with pytest.raises(NotFound):
        database.write_now(lambda connection: alerts.acknowledge(connection, 99, "owner", NOW))


def test_what_waits_for_the_mail_is_found_again(database: Database) -> None:
    of = budget(limit=100)
    record(database, crossing(of, 80), mail=True)
    record(database, crossing(of, 100, at_us=NOW + 9), mail=True)
    record(database, crossing(budget("other"), 80), mail=False)
    found = database.read_now(lambda connection: alerts.waiting(connection, NOW))
    assert [one.mark for one in found] == [80, 100]
    database.write_now(lambda connection: alerts.mark_sent(connection, found[0].id))
    found = database.read_now(lambda connection: alerts.waiting(connection, NOW))
    assert [one.mark for one in found] == [100]
    assert database.read_now(lambda connection: alerts.waiting(connection, NOW + 10)) == []
