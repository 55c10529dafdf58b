"""Every route of the administration API has a row in the policy, and does what the row says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from sqlalchemy import update
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.people import Browser, add_person, sign_in

from laird.api.admin.policy import POLICY, Rule, Write, may
from laird.config.schema import ProviderEntry
from laird.domain.errors import NotAllowed
from laird.domain.people import OWNER, Person, Role
from laird.keys import store
from laird.keys.draft import KeyDraft
from laird.keys.follow import refresh
from laird.people.follow import refresh as refresh_people
from laird.storage.tables import sessions

DOCUMENT = document(provider("hidden", "http://127.0.0.1:9"))
REFUSALS = {"missing_api_key", "invalid_api_key", "not_signed_in", "not_allowed", "foreign_request"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class World:
    """A Laird with somebody of each role, and who is none any more."""

    laird: RunningLaird
    keys: dict[str, str] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    browsers: dict[str, Browser] = field(default_factory=dict)

    async def ask(self, who: str, method: str, path: str) -> tuple[int, str | None]:
        """Make a request that goes wrong if it is let in; return status and code of a refusal."""
        body = b"{" if method in {"POST", "PUT", "PATCH"} else b""
        if who in self.people:
            # Some routes end the sessions of who asks.
            browser = await sign_in(self.laird, self.people[who])
            exchange = await browser.open(method, path, body)
        elif who in self.browsers:
            exchange = await self.browsers[who].open(method, path, body)
        else:
            exchange = await self.laird.client(self.keys[who]).open(method, path, body)
        try:
            await exchange.head()
            if exchange.status not in {401, 403}:
                return exchange.status, None
            answer = (await exchange.body()).decode()
            return exchange.status, str(re.findall(r'"code":"(\w+)"', answer)[0])
        finally:
            exchange.leave()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_laird(tmp_path_factory.mktemp("home"), DOCUMENT) as laird:
        made = World(laird)
        made.keys["nobody"] = ""
        for scope in ("admin", "operator", "viewer", "inference"):
            draft = KeyDraft(name=f"{scope} key", scopes=frozenset({scope}))
            made.keys[f"{scope} key"] = await laird.make_key(draft)
        revoked = KeyDraft(name="revoked key", scopes=frozenset({"admin"}))
        made.keys["revoked key"] = await laird.make_key(revoked)
        await laird.program.database.write(lambda one: store.revoke(one, "revoked key"))
        await refresh(laird.program.keys, laird.program.database)
        for role in Role:
            made.people[role.value] = await add_person(laird, f"a-{role}", role)
        gone = await add_person(laird, "gone", Role.ADMIN)
        made.browsers["disabled"] = await sign_in(laird, gone)
        directory = laird.program.reception.directory
        await directory.change("gone", OWNER, enabled=False)
        made.browsers["expired"] = await expired(laird)
        yield made


async def expired(laird: RunningLaird) -> Browser:
    """Return a browser whose session has run out."""
    person = await add_person(laird, "slow", Role.ADMIN)
    browser = await sign_in(laird, person)
    database = laird.program.database
    ended = update(sessions).where(sessions.c.person_id == person.id).values(expires_us=1)
    await database.write(lambda connection: connection.execute(ended))
    await refresh_people(laird.program.reception.table, database, always=True)
    return browser


KEYS = {"admin key": Role.ADMIN, "operator key": Role.OPERATOR, "viewer key": Role.VIEWER}
UNKNOWN = {
    "nobody": (401, "missing_api_key"),
    "revoked key": (401, "invalid_api_key"),
    "inference key": (403, "not_allowed"),
    "disabled": (401, "not_signed_in"),
    "expired": (401, "not_signed_in"),
}
WHO = [*KEYS, *(role.value for role in Role), *UNKNOWN]


def refusal(who: str, rule: Rule) -> tuple[int, str] | None:
    """Return what the policy says to somebody, None for a welcome."""
    if rule.is_open:
        return None
    if who in UNKNOWN:
        return UNKNOWN[who]
    if rule.person and who in KEYS:
        return 403, "not_allowed"
    role = KEYS[who] if who in KEYS else Role(who)
    return None if may(role, rule) else (403, "not_allowed")


async def described(laird: RunningLaird) -> set[str]:
    """Return all routes of the administration, as the API describes itself."""
    paths = (await laird.client("").request("GET", "/api/openapi.json")).json()["paths"]
    found = {
        f"{method.upper()} {path}"
        for path, methods in paths.items()
        for method in methods
        if path.startswith("/api")
    }
    return found | {"GET /api/openapi.json"}


async def test_every_route_has_a_row(world: World) -> None:
    missing = sorted(await described(world.laird) - POLICY.keys())
    rows = "".join(f'\n    "{name}": VIEWER,  # or OPERATOR, ADMIN, …' for name in missing)
    assert not missing, f"Add to POLICY in src/laird/api/admin/policy.py:{rows}"


async def test_every_row_has_a_route(world: World) -> None:
    stray = sorted(POLICY.keys() - await described(world.laird))
    assert not stray, f"Remove from POLICY in src/laird/api/admin/policy.py: {stray}"


@pytest.mark.parametrize("who", WHO)
async def test_each_gets_what_the_policy_says(world: World, who: str) -> None:
    wrong = []
    for name, rule in POLICY.items():
        method, _, path = name.partition(" ")
        status, code = await world.ask(who, method, re.sub(r"\{[^}]*\}", "nothing", path))
        wanted = refusal(who, rule)
        right = code not in REFUSALS if wanted is None else (status, code) == wanted
        if not right:
            wrong.append((name, wanted, status, code))
    assert wrong == []


@pytest.mark.parametrize("who", WHO)
async def test_what_has_no_row_is_for_administrators_alone(world: World, who: str) -> None:
    status, code = await world.ask(who, "GET", "/api/nowhere")
    if KEYS.get(who, who) == "admin":
        assert status == 404
    else:
        assert (status, code) == UNKNOWN.get(who, (403, "not_allowed"))


def fields_of(name: str, schema: dict[str, dict[str, dict[str, object]]]) -> set[str]:
    """Return all fields that a route's body may have."""
    if "/api/providers" in name:
        return {one.alias or key for key, one in ProviderEntry.model_fields.items()}
    model = "KeyWanted" if name.startswith("POST") else "KeyChanges"
    return set(schema[model]["properties"])


BOUNDED = {name: rule.operator for name, rule in POLICY.items() if rule.operator is not None}


@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.parametrize("who", ["operator key", "admin key"])
async def test_an_operator_may_send_the_fields_of_the_policy_alone(
    world: World, name: str, who: str
) -> None:
    method, _, path = name.partition(" ")
    client = world.laird.client(world.keys[who])
    described = (await client.request("GET", "/api/openapi.json")).json()["components"]["schemas"]
    fields = fields_of(name, described)
    write = BOUNDED[name]
    assert write.fields <= fields
    assert fields - write.fields, "then the rule is just OPERATOR"
    for one in sorted(fields):
        # No field is an object with this in it: what is let through is a wrong request.
        body = {one: {"wrong": 1}}
        reply = await client.request(method, re.sub(r"\{[^}]*\}", "nothing", path), body)
        refused = who == "operator key" and (one not in write.fields or one in write.within)
        if refused:
            assert (reply.status, reply.error["code"]) == (403, "not_allowed"), one
            assert reply.error["param"] == one
        else:
            assert reply.status in {400, 404, 422}, (one, reply.body)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": "x", "scopes": ["admin"]}, "scopes"),
        ({"name": "x", "scopes": ["inference", "operator"]}, "scopes"),
        ({"name": "x", "scopes": "admin"}, "scopes"),
        ({"name": "x", "scopes": [["admin"]]}, "scopes"),
        ({"name": "x", "scopes": None}, "scopes"),
        ({"name": "x", "keep": True}, "keep"),
    ],
)
async def test_an_operator_gives_no_key_more_than_inference(
    world: World, body: dict[str, object], param: str
) -> None:
    client = world.laird.client(world.keys["operator key"])
    reply = await client.request("POST", "/api/keys", body)
    assert (reply.status, reply.error["param"]) == (403, param)


@pytest.mark.parametrize(
    "body",
    [
        '{"name": "x", "scopes": ["admin"]}'.encode("utf-16"),
        b'{"name": "x", "scopes": ["inference"], "scopes": ["admin"]}',
        b'{"name": "x", "\\u0073copes": ["admin"]}',
        b'\xef\xbb\xbf{"name": "x", "scopes": ["admin"]}',
    ],
    ids=["UTF-16", "twice", "escaped", "BOM"],
)
async def test_a_body_is_understood_once(world: World, body: bytes) -> None:
    client = world.laird.client(world.keys["operator key"])
    assert (await client.request("POST", "/api/keys", body)).status in {400, 403}
    listed = (await client.request("GET", "/api/keys")).json()["keys"]
    assert "x" not in {key["name"] for key in listed}


async def test_an_operator_makes_and_limits_keys_for_inference(world: World) -> None:
    client = world.laird.client(world.keys["operator key"])
    made = await client.request("POST", "/api/keys", {"name": "made", "scopes": ["inference"]})
    assert made.status == 201
    changed = await client.request("PATCH", "/api/keys/made", {"requests_per_minute": 5})
    assert changed.json()["requests_per_minute"] == 5
    assert (await client.request("DELETE", "/api/keys/made")).status == 200


@pytest.mark.parametrize("name", ["admin key", "operator key", "viewer key"])
async def test_an_operator_reaches_no_key_that_may_administer(world: World, name: str) -> None:
    client = world.laird.client(world.keys["operator key"])
    path = f"/api/keys/{name.replace(' ', '%20')}"
    for reply in (
        await client.request("PATCH", path, {"enabled": False}),
        await client.request("DELETE", path),
    ):
        assert (reply.status, reply.error["code"]) == (403, "not_allowed")


async def test_who_may_not_is_refused_before_the_body_is_read(world: World) -> None:
    client = world.laird.client(world.keys["viewer key"])
    exchange = await client.open(
        "POST", "/api/keys", b"", {"content-length": "1000000", "content-type": "application/json"}
    )
    await exchange.head()
    assert exchange.status == 403
    exchange.leave()


async def test_somebody_unknown_can_not_send_much(world: World) -> None:
    body = {"name": "x", "password": "y" * 20_000}
    reply = await world.laird.client("").request("POST", "/api/session", body)
    assert (reply.status, reply.error["code"]) == (413, "request_too_large")


async def test_a_write_names_what_it_refuses() -> None:
    write = Write(frozenset({"a", "b"}), {"b": frozenset({"x"})})
    write.check({"a": 1, "b": ["x"]})
    write.check({"a": 1})
    write.check([1, 2])
    with pytest.raises(NotAllowed) as refused:
        write.check({"c": 1})
    assert refused.value.param == "c"


async def test_who_leaves_before_the_body_is_whole_disturbs_nobody(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    client = world.laird.client(world.keys["operator key"])
    begun = {"content-length": "100"}
    exchange = await client.open("POST", "/api/keys", b'{"name"', begun)
    exchange.leave()
    assert (await client.request("GET", "/api/system")).status == 200
    told = capfd.readouterr()
    assert "a request failed" not in told.out + told.err
