"""laird people and laird setup-link: with a server and without."""

from __future__ import annotations

import http.client
import json
import re
from typing import Any

import pytest
from tests.cli.conftest import Shell, serving
from tests.support.people import PASSWORD

OTHER = "gravel teapot monsoon"


def added(shell: Shell, name: str, role: str = "admin") -> None:
    shell.run("people", "add", name, "--role", role, "--stdin", stdin=f"{PASSWORD}\n")


def post(url: str, path: str, body: object) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        sent = {"content-type": "application/json"}
        connection.request("POST", path, json.dumps(body), sent)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


def test_the_link_alone_is_on_standard_output(shell: Shell) -> None:
    made = shell.run("setup-link")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/setup\?token=[\w-]{43}\n", made.stdout)
    assert "only its hash is kept" in made.stderr
    invited = shell.run("people", "invite", "--role", "operator", "--name", "ben")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/invite\?token=[\w-]{43}\n", invited.stdout)


def test_people_are_added_listed_and_changed(shell: Shell) -> None:
    assert "laird setup-link" in shell.out("people", "list")
    added(shell, "ann")
    added(shell, "ben", "viewer")
    assert re.search(
        r"^ben\s+person_\w+\s+viewer\s+yes\s+-", shell.out("people", "list"), re.MULTILINE
    )
    assert "ben is operator now" in shell.out("people", "role", "ben", "operator")
    assert re.search(r"enabled\s+no", shell.out("people", "disable", "ben"))
    assert shell.json("people", "enable", "BEN")["enabled"] is True
    assert "last administrator" in shell.fails("people", "remove", "ann", code=2)
    assert shell.out("people", "remove", "ben") == "ben is removed.\n"
    assert [one["name"] for one in shell.json("people", "list")["people"]] == ["ann"]
    assert "administrator already" in shell.fails("setup-link", code=2)
    assert "'nobody'" in shell.fails("people", "sign-out", "nobody")
    assert "role" in shell.fails("people", "role", "ann", "king", code=2)


def test_a_password_is_asked_for_and_never_shown(shell: Shell) -> None:
    typed = shell.run("people", "add", "ann", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert PASSWORD not in typed.stdout + typed.stderr
    assert "Password" in typed.stderr
    short = shell.run("people", "add", "ben", "--stdin", stdin="short\n", code=2)
    assert "12 are the fewest" in short.stderr


def test_links_are_listed_without_their_text_and_taken_back(shell: Shell) -> None:
    made = shell.json("people", "invite", "--hours", "2")
    listed = shell.json("people", "list", "--invitations")
    assert [one["id"] for one in listed["invitations"]] == [made["id"]]
    assert made["token"] not in str(listed)
    assert made["id"] in shell.out("people", "list", "--invitations")
    assert made["id"] in shell.out("people", "uninvite", made["id"])
    assert "There are no links" in shell.out("people", "list", "--invitations")
    assert "hours" in shell.fails("people", "invite", "--hours", "0", code=2)


def test_a_link_made_by_a_command_lets_somebody_in(served: Shell) -> None:
    assert served.url is not None
    token = served.json("setup-link")["token"]
    body = {"token": token, "name": "ann", "password": PASSWORD}
    status, me = post(served.url, "/api/invitations/accept", body)
    assert (status, me["role"]) == (201, "admin")
    assert re.search(r"127\.0\.0\.1", served.out("people", "sessions", "ann"))
    assert served.out("people", "sign-out", "ann") == "1 sessions ended.\n"
    assert "Signed in nowhere" in served.out("people", "sessions", "ann")
    body = {"token": served.json("people", "reset", "ann")["token"], "password": OTHER}
    assert post(served.url, "/api/invitations/accept", body)[0] == 201
    assert post(served.url, "/api/session", {"name": "ann", "password": PASSWORD})[0] == 401
    served.run("people", "sign-out", "ann")
    assert post(served.url, "/api/session", {"name": "ann", "password": OTHER})[0] == 200


@pytest.mark.parametrize("scope", ["viewer", "operator"])
def test_a_key_has_a_role_by_its_scope(offline: Shell, scope: str) -> None:
    offline.run("keys", "create", "k", "--scope", scope)
    assert offline.json("keys", "list")["keys"][0]["scopes"] == [scope]


def test_what_is_done_without_a_server_is_there_when_it_runs(offline: Shell) -> None:
    added(offline, "ann")
    with serving(offline.home) as url:
        assert post(url, "/api/session", {"name": "ann", "password": PASSWORD})[0] == 200
