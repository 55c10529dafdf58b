"""Everything that is done leaves an entry, which nobody can change."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.people import credentials, sign_in, with_password

from laird.audit import store
from laird.audit.entry import AuditFilter, Via, way_of
from laird.domain.errors import NotFound, StorageUnavailable
from laird.domain.people import OWNER, Deed, Role
from laird.keys.draft import KeyDraft
from laird.storage import schema
from laird.storage.engine import Database, sqlite_url

DOCUMENT = document(provider("a", "http://127.0.0.1:9"))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(sqlite_url(tmp_path / "laird.db"))
    schema.prepare(made)
    return made


def deed(number: int, **fields: Any) -> Deed:
    plain: dict[str, Any] = {
        "at_us": number,
        "action": "key.create",
        "by": OWNER,
        "object_type": "key",
        "object_id": f"key_{number}",
        "object_name": f"name {number}",
        "address": "",
        "summary": f"number {number}",
    }
    return Deed(**{**plain, **fields})


def keep(database: Database, done: Deed) -> None:
    database.write_now(lambda connection: store.record(connection, done))


def ids(found: list[Any]) -> list[int]:
    return [one.at_us for one in found]


def test_entries_are_read_page_by_page_newest_first(database: Database) -> None:
    for number in range(5):
        keep(database, deed(number))
    first, after = database.read_now(lambda one: store.page(one, AuditFilter(), 3))
    assert ids(first) == [4, 3, 2]
    # What comes in between does not shift the pages.
    database.write_now(lambda one: store.record(one, deed(9)))
    rest, end = database.read_now(lambda one: store.page(one, AuditFilter(), 3, after))
    assert ids(rest) == [1, 0]
    assert end is None
    database.close()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AuditFilter(action="key"), [1, 2]),
        (AuditFilter(action="key.change"), [2]),
        (AuditFilter(action="ke"), []),
        (AuditFilter(actor="owner"), [1, 2, 3]),
        (AuditFilter(actor="ann"), []),
        (AuditFilter(object_type="budget"), [3]),
        (AuditFilter(object="key_2"), [2]),
        (AuditFilter(object="name 1"), [1]),
        (AuditFilter(via="cli"), [1, 2, 3]),
        (AuditFilter(via="file"), []),
        (AuditFilter(search="NUMBER 3"), [3]),
        (AuditFilter(search="%"), []),
        (AuditFilter(since_us=2, until_us=3), [2]),
    ],
)
def test_filters(database: Database, wanted: AuditFilter, found: list[int]) -> None:
    for one in (
        deed(1),
        deed(2, action="key.change"),
        deed(3, action="budget.create", object_type="budget"),
    ):
        keep(database, one)
    entries = database.read_now(lambda one: list(store.every(one, wanted, 2)))
    assert [each.at_us for part in entries for each in part] == found
    database.close()


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_events SET actor = 'x'", "DELETE FROM audit_events"]
)
def test_the_database_itself_refuses_changes(database: Database, statement: str) -> None:
    database.write_now(lambda one: store.record(one, deed(1)))
    with pytest.raises(Exception, match="can only be added to"):
        database.write_now(lambda one: one.execute(text(statement)))
    assert database.read_now(lambda one: store.get(one, 1)).actor == "owner"
    database.close()


def test_pruning_leaves_an_entry_and_the_log_closed(database: Database) -> None:
    for number in (10, 20, 30):
        keep(database, deed(number))
    assert database.write_now(lambda one: store.prune(one, 25, OWNER, 99)) == 2
    left, _ = database.read_now(lambda one: store.page(one, AuditFilter(), 9))
    assert [(one.at_us, one.action) for one in left] == [(99, "audit.prune"), (30, "key.create")]
    assert left[0].after == {"deleted": 2, "before_us": 25}
    with pytest.raises(Exception, match="can only be added to"):
        database.write_now(lambda one: one.execute(text("DELETE FROM audit_events")))
    assert database.write_now(lambda one: store.prune(one, 25, OWNER, 100)) == 0
    database.close()


def test_a_change_that_is_taken_back_leaves_no_entry(database: Database) -> None:
    def work(connection: Any) -> None:
        store.record(connection, deed(1))
        raise StorageUnavailable("no")

    with pytest.raises(StorageUnavailable):
        database.write_now(work)
    with pytest.raises(NotFound):
        database.read_now(lambda one: store.get(one, 1))
    database.close()


def test_what_is_too_large_is_not_kept(database: Database) -> None:
    number = database.write_now(lambda one: store.record(one, deed(1, after={"a": "x" * 99_999})))
    assert database.read_now(lambda one: store.get(one, number)).after == {"cut": True}
    database.close()


def test_who_is_not_known_comes_by_the_dashboard() -> None:
    assert way_of(None) is Via.DASHBOARD
    assert way_of(OWNER) is Via.CLI


@pytest.fixture
async def laird(tmp_path: Path) -> AsyncIterator[RunningLaird]:
    async with running_laird(tmp_path, DOCUMENT) as running:
        yield running


async def events(laird: RunningLaird, query: str = "") -> list[dict[str, Any]]:
    answer = await laird.admin("GET", f"/api/audit{query}")
    found: list[dict[str, Any]] = answer["events"]
    return found


async def test_changes_of_keys_and_budgets_are_told_with_before_and_after(
    laird: RunningLaird,
) -> None:
    made = await laird.admin("POST", "/api/keys", {"name": "k", "budget": "5/month"})
    await laird.admin("PATCH", "/api/keys/k", {"priority": 3})
    await laird.admin("DELETE", "/api/keys/k")
    await laird.admin("POST", "/api/budgets", {"name": "b", "limit_usd": "5"})
    await laird.admin("PATCH", "/api/budgets/b", {"limit_usd": "6"})
    await laird.admin("DELETE", "/api/budgets/b")
    await laird.admin("DELETE", "/api/cache")
    found = await events(laird, "?via=api")
    assert [one["action"] for one in found] == [
        "cache.clear",
        "budget.remove",
        "budget.change",
        "budget.create",
        "key.revoke",
        "key.change",
        "key.create",
    ]
    change = found[5]
    assert (change["actor"], change["role"]) == ("key test-administrator", "admin")
    assert change["address"] == "127.0.0.1"
    assert change["summary"] == "the key k was changed: priority"
    detail = await laird.admin("GET", f"/api/audit/{change['id']}")
    assert detail["changes"] == [{"field": "priority", "before": None, "after": 3}]
    assert not detail["can_roll_back"]
    assert made["key"] not in json.dumps(found)
    assert found[2]["after"]["limit_usd"] == "6"


async def test_an_entry_names_its_request(laird: RunningLaird) -> None:
    await laird.admin("GET", "/api/system")
    key = await laird.make_key(KeyDraft(name="a", scopes=frozenset({"admin"})))
    reply = await laird.client(key).request("POST", "/api/keys", {"name": "x"})
    newest = (await events(laird))[0]
    assert newest["request_id"] == reply.headers["x-laird-request-id"]


async def test_a_refused_change_leaves_no_entry(laird: RunningLaird) -> None:
    key = await laird.make_key(KeyDraft(name="a", scopes=frozenset({"admin"})))
    reply = await laird.client(key).request("POST", "/api/keys", {"name": "x", "budget": "much"})
    assert reply.status == 400
    assert [one for one in await events(laird) if one["action"].startswith("key")] == []


async def test_signing_in_and_failing_to_are_told(laird: RunningLaird) -> None:
    await with_password(laird, "ann", Role.ADMIN)
    client = laird.client("")
    for password in ("wrong", credentials("ann")["password"]):
        body = credentials("ann", password)
        await client.request("POST", "/api/session", body, {"authorization": ""})
    found = [one for one in await events(laird) if one["action"].startswith("session")]
    assert [one["action"] for one in found] == ["session.begin", "session.refused"]
    assert (found[0]["actor"], found[0]["via"], found[1]["actor"]) == ("ann", "dashboard", None)
    assert found[1]["address"] == "127.0.0.1"


async def test_changes_of_the_document_by_every_way(laird: RunningLaird) -> None:
    person = await with_password(laird, "ann", Role.ADMIN)
    ann = await sign_in(laird, person)
    reply = await ann.request("PATCH", "/api/providers/a", {"priority": 7})
    assert reply.status == 200, reply.body
    await laird.write_document(laird.document.read_text() + "# a remark\n")
    found: list[Any] = []
    for _ in range(200):
        found = await events(laird, "?object_type=configuration")
        if len(found) == 3:
            break
    by_file, by_ann, first = found
    assert (by_file["actor"], by_file["via"], by_file["role"]) == ("file", "file", None)
    assert (by_ann["actor"], by_ann["via"], by_ann["role"]) == ("ann", "dashboard", "admin")
    assert by_ann["request_id"] == reply.headers["x-laird-request-id"]
    assert "priority" in by_ann["summary"]
    assert first["before"] is None
    detail = await laird.admin("GET", f"/api/audit/{by_ann['id']}")
    assert "+    priority: 7" in detail["diff"]
    assert detail["before_document"] == DOCUMENT
    assert detail["can_roll_back"]


async def test_a_change_is_taken_back(laird: RunningLaird) -> None:
    await laird.admin("PATCH", "/api/providers/a", {"priority": 7})
    entry = (await events(laird, "?action=configuration"))[0]
    answer = await laird.admin("POST", f"/api/audit/{entry['id']}/rollback")
    assert answer["revision"] == entry["before"]["revision"]
    assert laird.document.read_text() == DOCUMENT
    newest = (await events(laird))[0]
    assert newest["action"] == "configuration.rollback"
    assert newest["actor"] == "key test-administrator"


async def test_taking_back_would_lose_a_later_change(laird: RunningLaird) -> None:
    await laird.admin("PATCH", "/api/providers/a", {"priority": 7})
    entry = (await events(laird, "?action=configuration"))[0]
    await laird.admin("PATCH", "/api/providers/a", {"priority": 8})
    key = await laird.make_key(KeyDraft(name="a", scopes=frozenset({"admin"})))
    client = laird.client(key)
    refused = await client.request("POST", f"/api/audit/{entry['id']}/rollback")
    assert refused.status == 409
    assert "priority: 8" in refused.error["current_document"]
    body = {"revision": refused.error["current"]}
    accepted = await client.request("POST", f"/api/audit/{entry['id']}/rollback", body)
    assert accepted.status == 200
    assert laird.document.read_text() == DOCUMENT


async def test_what_can_not_be_taken_back(laird: RunningLaird) -> None:
    await laird.admin("POST", "/api/keys", {"name": "k"})
    key = await laird.make_key(KeyDraft(name="a", scopes=frozenset({"admin"})))
    client = laird.client(key)
    found = await events(laird)
    answers = [await client.request("POST", f"/api/audit/{one['id']}/rollback") for one in found]
    assert [answer.status for answer in answers] == [400, 400]
    assert (await client.request("POST", "/api/audit/999/rollback")).status == 404


async def test_exports_have_every_entry(laird: RunningLaird) -> None:
    for number in range(4):
        await laird.admin("POST", "/api/keys", {"name": f"=k{number}"})
    key = await laird.make_key(KeyDraft(name="a", scopes=frozenset({"admin"})))
    client = laird.client(key)
    reply = await client.request("GET", "/api/audit/export?action=key")
    rows = list(csv.DictReader(io.StringIO(reply.body.decode())))
    assert [row["object_name"] for row in rows] == [f"'=k{number}" for number in range(4)]
    reply = await client.request("GET", "/api/audit/export?format=jsonl&action=key")
    lines = [json.loads(line) for line in reply.body.splitlines()]
    assert lines == list(reversed(await events(laird, "?action=key")))


async def test_only_the_owner_prunes(laird: RunningLaird) -> None:
    key = await laird.make_key(KeyDraft(name="a", scopes=frozenset({"admin"})))
    body = {"older_than_days": 1}
    reply = await laird.client(key).request("POST", "/api/audit/prune", body)
    assert (reply.status, reply.error["code"]) == (403, "not_allowed")


async def test_credentials_are_told_without_their_values(laird: RunningLaird) -> None:
    await laird.admin("PUT", "/api/credentials/c", {"value": "sk-secret-of-the-test"})
    await laird.admin("DELETE", "/api/credentials/c")
    found = await events(laird, "?action=credential")
    assert [one["action"] for one in found] == ["credential.remove", "credential.set"]
    assert found[1]["actor"] == "key test-administrator"
    assert "secret-of-the-test" not in json.dumps(found)
