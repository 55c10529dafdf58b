"""Signing in by a browser: the cookie, which pages may use it, and one's own account."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.documents import document
from tests.support.laird import RunningLaird, running_laird
from tests.support.people import (
    PASSWORD,
    add_person,
    browser,
    credentials,
    sign_in,
    signed_in,
    with_password,
)

from laird.api.site import Site
from laird.domain.people import OWNER, Role
from laird.domain.secret import Secret
from laird.people import store
from laird.people.passwords import Passwords

OTHER = "gravel teapot monsoon"


@pytest.fixture
async def laird(tmp_path: Path) -> AsyncIterator[RunningLaird]:
    async with running_laird(tmp_path, document("  []\n")) as running:
        yield running


async def test_from_the_first_link_to_the_last_session(laird: RunningLaird) -> None:
    page = browser(laird)
    assert (await page.request("GET", "/api/session")).json() == {
        "kind": None,
        "name": None,
        "role": None,
        "person": None,
        "setup_needed": True,
    }
    link = await laird.program.reception.links.setup(OWNER)
    token = {"token": link.token.reveal()}
    looked = (await page.request("POST", "/api/invitations/look", token)).json()
    assert (looked["kind"], looked["role"], looked["name"]) == ("setup", "admin", None)
    weak = {**token, "name": "Ann", "password": "short"}
    assert (await page.request("POST", "/api/invitations/accept", weak)).error["param"] == (
        "password"
    )
    made = await page.request(
        "POST", "/api/invitations/accept", {**token, "name": "Ann", "password": PASSWORD}
    )
    assert made.status == 201
    cookie = page.keep_cookie(made)
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=2592000"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert made.headers["cache-control"] == "no-store"
    me = (await page.request("GET", "/api/session")).json()
    assert (me["kind"], me["name"], me["role"], me["setup_needed"]) == (
        "person",
        "Ann",
        "admin",
        False,
    )
    again = await browser(laird).request(
        "POST", "/api/invitations/accept", {**token, "name": "Eve", "password": PASSWORD}
    )
    assert again.status == 404
    assert (await page.request("POST", "/api/setup-link")).status == 400
    # Names are alike in any case; the session before ends with a new one.
    former = page.cookie
    page.keep_cookie(await page.request("POST", "/api/session", credentials("ANN")))
    assert page.cookie != former
    assert (await browser(laird, former).request("GET", "/api/sessions")).status == 401
    (only,) = (await page.request("GET", "/api/sessions")).json()["sessions"]
    assert only["current"]
    assert only["address"] == "127.0.0.1"
    gone = await page.request("DELETE", "/api/session")
    assert gone.json() == {"ended": 1}
    assert 'laird_session=""' in gone.headers["set-cookie"]
    assert (await page.request("GET", "/api/sessions")).error["code"] == "not_signed_in"


async def test_the_password_is_nowhere_to_be_read(laird: RunningLaird, tmp_path: Path) -> None:
    await with_password(laird, "ann", Role.ADMIN)
    page = browser(laird)
    reply = await page.request("POST", "/api/session", credentials("ann"))
    page.keep_cookie(reply)
    wrong = await page.request("POST", "/api/session", {"name": "ann", "password": [PASSWORD]})
    people = await page.request("GET", "/api/people")
    for answer in (reply, wrong, people):
        assert PASSWORD.encode() not in answer.body
        assert b"argon2" not in answer.body
    for file in tmp_path.rglob("*"):
        if file.is_file():
            kept = file.read_bytes()
            assert PASSWORD.encode() not in kept
            assert page.cookie.encode() not in kept


async def test_a_wrong_name_and_a_wrong_password_are_told_alike(laird: RunningLaird) -> None:
    ann = await with_password(laird, "ann")
    await add_person(laird, "boss", Role.ADMIN)
    page = browser(laird)
    said = []
    for body in (credentials("ann", OTHER), credentials("nobody", OTHER), credentials(ann.id)):
        reply = await page.request("POST", "/api/session", body)
        said.append((reply.status, reply.body))
        assert "set-cookie" not in reply.headers
    assert len(set(said)) == 1
    assert said[0][0] == 401
    await laird.program.reception.directory.change("ann", OWNER, enabled=False)
    off = await page.request("POST", "/api/session", credentials("ann"))
    assert (off.status, off.body) == said[0]


async def test_guessing_becomes_slow(laird: RunningLaird) -> None:
    await with_password(laird, "ann")
    page = browser(laird)
    for _ in range(5):
        reply = await page.request("POST", "/api/session", credentials("ann", OTHER))
        assert reply.status == 401
    reply = await page.request("POST", "/api/session", credentials("ann"))
    assert (reply.status, reply.error["code"]) == (429, "rate_limit_exceeded")
    assert reply.headers["retry-after"] == "1"


FOREIGN: list[dict[str, str]] = [
    {"origin": "https://evil.example", "sec_fetch_site": "cross-site"},
    {"origin": "http://127.0.0.1:1", "sec_fetch_site": "same-site"},
    {"origin": "https://evil.example", "sec_fetch_site": ""},
    {"origin": "", "sec_fetch_site": "cross-site"},
    {"origin": "", "sec_fetch_site": "none"},
    {"origin": "null", "sec_fetch_site": ""},
    {"origin": "", "sec_fetch_site": ""},
    {"content_type": "text/plain"},
    {"content_type": "application/x-www-form-urlencoded"},
    {"content_type": "multipart/form-data; boundary=x"},
    {"content_type": ""},
    {"host": "evil.example"},
    {"host": "evil.example:8012", "origin": "http://evil.example:8012"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_another_websites_page_changes_nothing(
    laird: RunningLaird, headers: dict[str, str]
) -> None:
    ann = await signed_in(laird, "ann", Role.ADMIN)
    body = {"role": "viewer", "hours": 1}
    reply = await ann.request("POST", "/api/invitations", body, **headers)
    assert (reply.status, reply.error["code"]) == (403, "foreign_request")
    assert (await ann.request("GET", "/api/invitations")).json()["invitations"] == []


async def test_a_page_of_ours_and_programs_change_what_they_may(laird: RunningLaird) -> None:
    ann = await signed_in(laird, "ann", Role.ADMIN)
    body = {"role": "viewer"}
    for headers in ({}, {"origin": ""}, {"sec_fetch_site": ""}):
        assert (await ann.request("POST", "/api/invitations", body, **headers)).status == 201
    # A key is sent by nobody unasked, so that the page does not matter.
    await laird.admin("POST", "/api/invitations", body)


async def test_a_foreign_page_signs_nobody_in(laird: RunningLaird) -> None:
    await with_password(laird, "ann")
    page = browser(laird)
    reply = await page.request(
        "POST", "/api/session", credentials("ann"), origin="https://evil.example"
    )
    assert reply.error["code"] == "foreign_request"
    assert (
        await page.request("POST", "/api/session", credentials("ann"), host="evil.example")
    ).error["code"] == "foreign_request"
    # A program without a browser's headers may.
    alone = await laird.client("").request("POST", "/api/session", credentials("ann"))
    assert alone.status == 200


async def test_by_a_name_that_is_not_ours_nothing_is_read_with_a_session(
    laird: RunningLaird,
) -> None:
    ann = await signed_in(laird, "ann", Role.ADMIN)
    for host, status in (("evil.example", 403), ("localhost:1", 200), ("192.168.0.9", 200)):
        assert (await ann.request("GET", "/api/people", host=host)).status == status


async def test_behind_a_proxy_that_is_trusted(laird: RunningLaird) -> None:
    await with_password(laird, "ann")
    administration = await laird.program.app._admin.loaded()  # type: ignore[attr-defined]
    guard = next(one for one in administration.user_middleware if "gate" in one.kwargs)
    guard.kwargs["gate"].site = Site(proxies="127.0.0.1", public_url="https://laird.example")
    page = browser(laird)
    proxied = {
        "host": "127.0.0.1:8012",
        "origin": "https://laird.example",
        "x_forwarded_proto": "https",
        "x_forwarded_for": "6.6.6.6, 203.0.113.7",
    }
    reply = await page.request("POST", "/api/session", credentials("ann"), **proxied)
    assert "Secure" in page.keep_cookie(reply)
    (session,) = (await page.request("GET", "/api/sessions")).json()["sessions"]
    assert session["address"] == "203.0.113.7"
    # Each proxy may write a line of its own.
    lines = b"".join(
        f"{name}: {value}\r\n".encode()
        for name, value in (
            *page.headers(host="127.0.0.1:8012", origin="https://laird.example").items(),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "203.0.113.8"),
        )
        if value
    )
    raw = json.dumps(credentials("ann")).encode()
    length = b"content-length: %d\r\n" % len(raw)
    exchange = await page.client.send_raw(
        b"POST /api/session HTTP/1.1\r\n%b%b\r\n%b" % (lines, length, raw)
    )
    await exchange.head()
    assert exchange.status == 200
    listed = await laird.program.reception.directory.sessions("ann")
    assert {one.address for one in listed} == {"203.0.113.8"}


async def test_another_password_ends_the_other_sessions(laird: RunningLaird) -> None:
    ann = await with_password(laird, "ann")
    here, there = await sign_in(laird, ann), await sign_in(laird, ann)
    path = "/api/session/password"
    wrong = {"current": OTHER, "password": OTHER}
    assert (await here.request("PUT", path, wrong)).error["param"] == "current"
    same = {"current": PASSWORD, "password": PASSWORD}
    assert (await here.request("PUT", path, same)).error["param"] == "password"
    weak = {"current": PASSWORD, "password": "qwertyuiop12"}
    assert (await here.request("PUT", path, weak)).error["param"] == "password"
    assert (await there.request("GET", "/api/sessions")).status == 200
    right = {"current": PASSWORD, "password": OTHER}
    assert (await here.request("PUT", path, right)).json()["name"] == "ann"
    assert (await there.request("GET", "/api/sessions")).status == 401
    assert (await here.request("GET", "/api/sessions")).status == 200
    assert (await browser(laird).request("POST", "/api/session", credentials("ann"))).status == 401
    fresh = await browser(laird).request("POST", "/api/session", credentials("ann", OTHER))
    assert fresh.status == 200


async def test_sessions_are_listed_and_ended_by_their_owner_alone(laird: RunningLaird) -> None:
    ann, ben = await add_person(laird, "ann"), await signed_in(laird, "ben", Role.ADMIN)
    here, there = await sign_in(laird, ann), await sign_in(laird, ann)
    listed = (await here.request("GET", "/api/sessions")).json()["sessions"]
    assert [one["current"] for one in listed] in ([True, False], [False, True])
    other = next(one["id"] for one in listed if not one["current"])
    assert (await ben.request("DELETE", f"/api/sessions/{other}")).status == 404
    assert (await here.request("DELETE", f"/api/sessions/{other}")).json() == {"ended": 1}
    assert (await there.request("GET", "/api/sessions")).status == 401
    third = await sign_in(laird, ann)
    assert (await here.request("DELETE", "/api/sessions?others=true")).json() == {"ended": 1}
    assert (await third.request("GET", "/api/sessions")).status == 401
    assert (await here.request("DELETE", "/api/sessions")).json() == {"ended": 1}
    assert (await here.request("GET", "/api/sessions")).status == 401


async def test_administrators_see_and_end_the_sessions_of_others(laird: RunningLaird) -> None:
    boss, ann = (
        await signed_in(laird, "boss", Role.ADMIN),
        await signed_in(laird, "ann", Role.VIEWER),
    )
    listed = (await boss.request("GET", "/api/people/ann/sessions")).json()["sessions"]
    assert [one["current"] for one in listed] == [False]
    assert (await boss.request("DELETE", "/api/people/ann/sessions")).json() == {"ended": 1}
    assert (await ann.request("GET", "/api/sessions")).status == 401


async def test_a_role_and_a_switch_are_in_force_at_once(laird: RunningLaird) -> None:
    boss = await signed_in(laird, "boss", Role.ADMIN)
    ann = await signed_in(laird, "ann", Role.VIEWER)
    assert (await ann.request("GET", "/api/people")).status == 403
    await boss.request("PATCH", "/api/people/ann", {"role": "admin"})
    assert (await ann.request("GET", "/api/people")).status == 200
    assert (await ann.request("PATCH", "/api/people/boss", {"role": "viewer"})).status == 200
    assert (await boss.request("GET", "/api/people")).status == 403
    for change in ({"role": "viewer"}, {"enabled": False}):
        last = await ann.request("PATCH", "/api/people/ann", change)
        assert "last administrator" in last.error["message"]
    assert "last" in (await ann.request("DELETE", "/api/people/ann")).error["message"]
    await ann.request("PATCH", "/api/people/boss", {"enabled": False})
    assert (await boss.request("GET", "/api/session")).json()["kind"] is None
    await ann.request("PATCH", "/api/people/boss", {"enabled": True})
    # The session that was ended does not come back with the switch.
    assert (await boss.request("GET", "/api/sessions")).status == 401
    assert (await ann.request("DELETE", "/api/people/boss")).json()["name"] == "boss"
    assert (await ann.request("PATCH", "/api/people/ann", {})).status == 400
    assert (await ann.request("PATCH", "/api/people/ann", {"role": "king"})).status == 400


async def test_invited_reset_and_taken_back(laird: RunningLaird) -> None:
    boss = await signed_in(laird, "boss", Role.ADMIN)
    made = (
        await boss.request("POST", "/api/invitations", {"role": "operator", "name": "ann"})
    ).json()
    assert made["url"].endswith(made["path"])
    assert made["path"] == f"/invite?token={made['token']}"
    listed = (await boss.request("GET", "/api/invitations")).json()["invitations"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert made["token"] not in str(listed)
    ann = browser(laird)
    # The name and the role are the link's, whatever its bearer says.
    body = {"token": made["token"], "name": "king", "password": PASSWORD}
    ann.keep_cookie(await ann.request("POST", "/api/invitations/accept", body))
    me = (await ann.request("GET", "/api/session")).json()
    assert (me["name"], me["role"]) == ("ann", "operator")
    reset = (await boss.request("POST", "/api/people/ann/reset")).json()
    second = (await boss.request("POST", "/api/people/ann/reset")).json()
    body = {"token": reset["token"], "password": OTHER}
    assert (await browser(laird).request("POST", "/api/invitations/accept", body)).status == 404
    body = {"token": second["token"], "password": OTHER}
    done = await browser(laird).request("POST", "/api/invitations/accept", body)
    assert done.json()["name"] == "ann"
    assert (await ann.request("GET", "/api/sessions")).status == 401
    third = (await boss.request("POST", "/api/invitations", {"role": "viewer"})).json()
    assert (await boss.request("DELETE", f"/api/invitations/{third['id']}")).status == 200
    body = {"token": third["token"], "name": "x", "password": PASSWORD}
    assert (await browser(laird).request("POST", "/api/invitations/accept", body)).status == 404
    assert (await boss.request("DELETE", f"/api/invitations/{third['id']}")).status == 404


async def test_a_person_is_added_with_a_password(laird: RunningLaird) -> None:
    boss = await signed_in(laird, "boss", Role.ADMIN)
    wanted = {"name": "ann", "role": "viewer", "password": PASSWORD}
    assert (await boss.request("POST", "/api/people", wanted)).status == 201
    assert (await boss.request("POST", "/api/people", {**wanted, "name": "ANN"})).error[
        "param"
    ] == "name"
    for name in ("owner", "a b", "", "key x", "ü" * 65):
        reply = await boss.request("POST", "/api/people", {**wanted, "name": name})
        assert reply.error["param"] == "name", name
    page = browser(laird)
    assert (await page.request("POST", "/api/session", credentials("ann"))).status == 200
    people = (await boss.request("GET", "/api/people")).json()["people"]
    assert [one["name"] for one in people] == ["boss", "ann"]


async def test_a_hash_with_older_parameters_is_made_anew(laird: RunningLaird) -> None:
    weak = Passwords(time_cost=1, memory_kib=64)
    hashed = await weak.hash(Secret(PASSWORD))
    weak.close()
    person = await with_password(laird, "ann")
    database = laird.program.database
    await database.write(lambda one: store.set_password(one, person.id, hashed))
    for _ in range(2):
        reply = await browser(laird).request("POST", "/api/session", credentials("ann"))
        assert reply.status == 200
    kept = (await database.read(lambda one: store.find(one, person.id))).password
    assert "m=47104,t=2,p=1" in kept


async def test_who_a_key_is(laird: RunningLaird) -> None:
    assert (await laird.admin("GET", "/api/session"))["kind"] == "key"
    refused = await laird.client(laird._admin_key).request("GET", "/api/sessions")
    assert "not a person" in refused.error["message"]
