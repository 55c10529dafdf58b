"""Whatever the document, whoever fails, however it is asked: sensitive text never leaves.

Documents, failures, health and ways to ask are drawn at random. Two servers stand outside the
house; of a request that says nothing they may hear, of a sensitive one they must hear nothing, and
nothing that they said may be its answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.gateway.privacy_world import INSIDE, MARK, OUTSIDE, answering, provider, saw
from tests.routing.catalogs import LOCAL_CALLER, conditions, names, requests, snapshots
from tests.support import openai_wire
from tests.support.answers import failing, rate_limited, sse_answer
from tests.support.chat_upstream import chat_upstream
from tests.support.client import Client, Reply
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import Behaviour, ScriptedUpstream

from laird.config.compile import compile_snapshot
from laird.config.document import read_document
from laird.domain.catalog import Egress, Snapshot
from laird.domain.errors import LairdError, Unreachable
from laird.domain.keys import PrivacyClass
from laird.domain.plan import Conditions, RequestFacts
from laird.gateway.gateway import build_runtime
from laird.keys.draft import KeyDraft
from laird.providers.registry import KINDS, build_adapter
from laird.routing.names import Names
from laird.routing.plan import plan, weigh

PLACES = ("out0", "out1", "in0", "in1")
CUT = sse_answer([openai_wire.chunk({"role": "assistant", "content": "Half of it "})])
FAILURES: dict[str, Behaviour] = {
    "missing": failing(404),
    "refused": failing(401),
    "limited": rate_limited(),
    "garbled": sse_answer([b"data: {}\n\n"]),
    "cut": CUT,
}
WELL = dict.fromkeys(PLACES, "ok")
REASONS = ("header", "key", "word", "detected", "memory")
_numbers = count(1)


class Scene(msgspec.Struct, frozen=True):
    """One example."""

    chain: tuple[str, ...]
    """Steps, as places; `in1` serves a model that runs outside, too."""
    fallback: bool
    strategy: str
    behaviours: dict[str, str]
    offline: frozenset[str]
    model: str
    route: str
    stream: bool
    carry_on: bool
    cached: bool
    reason: str


scenes = st.builds(
    Scene,
    chain=st.lists(st.sampled_from([*PLACES, "in1-cloud"]), min_size=1, max_size=5).map(tuple),
    fallback=st.booleans(),
    strategy=st.sampled_from(["default", "priority", "cheapest", "fastest", "least-busy"]),
    behaviours=st.fixed_dictionaries(
        {place: st.sampled_from(["ok"] * 5 + list(FAILURES)) for place in PLACES}
    ),
    offline=st.frozensets(st.sampled_from(PLACES), max_size=2),
    model=st.sampled_from(["c", "c", "alias", "auto", "out0", "in1"]),
    route=st.sampled_from(["chat", "messages", "responses", "completions"]),
    stream=st.booleans(),
    carry_on=st.booleans(),
    cached=st.booleans(),
    reason=st.sampled_from(REASONS),
)


PLAIN = Scene(
    chain=("out0", "in0"),
    fallback=False,
    strategy="default",
    behaviours=WELL,
    offline=frozenset(),
    model="c",
    route="chat",
    stream=False,
    carry_on=False,
    cached=False,
    reason="detected",
)


class House:
    """A running Laird between two servers outside and two inside."""

    def __init__(self, laird: RunningLaird, servers: dict[str, ScriptedUpstream]) -> None:
        self.laird, self.servers = laird, servers
        self.inner: Client | None = None
        self.reached = self.refused = self.answered = 0

    @property
    def outside(self) -> list[ScriptedUpstream]:
        return [self.servers["out0"], self.servers["out1"]]

    def furnish(self, scene: Scene) -> None:
        """Put a scene's document in force, under new names, so that all are well again."""
        mark = next(_numbers)
        gateway = self.laird.program.gateway
        gateway.use(build_runtime(self._snapshot(scene, mark), build_adapter))
        for place in PLACES:
            self.servers[place].requests.clear()
            said = OUTSIDE if place.startswith("out") else INSIDE
            word = scene.behaviours[place]
            self.servers[place].always(answering(said) if word == "ok" else FAILURES[word])
        for place in scene.offline:
            for _ in range(3):
                gateway._means.board.record_failure(f"{place}-{mark}", Unreachable("down"))

    def _snapshot(self, scene: Scene, mark: int) -> Snapshot:
        models = "[m, {id: far, egress: external}]"
        providers = "".join(
            provider(
                f"{place}-{mark}",
                self.servers[place].url,
                outside=place.startswith("out"),
                models=models if place == "in1" else "[m]",
            )
            for place in PLACES
        )
        steps = "".join(
            f"      - {{providerId: {step.removesuffix('-cloud')}-{mark},"
            f" modelId: {'far' if step.endswith('-cloud') else 'm'}, maxRetries: 0}}\n"
            for step in scene.chain
        )
        back = "".join(
            f"      - {{providerId: {place}-{mark}, modelId: m, maxRetries: 0}}\n"
            for place in PLACES
        )
        text = (
            f"providers:\n{providers}chains:\n  - id: c\n    models:\n{steps}  - id: back\n"
            f"    models:\n{back}aliases: {{alias: c, out0: out0-{mark}, in1: in1-{mark}}}\n"
            f"routing: {{strategy: {scene.strategy}{', fallback: back' * scene.fallback}}}\n"
            "privacy:\n  detect: {cards: local}\n"
            "  rules: [{name: words, when: {contains: [Sesame]}, then: local}]\n"
        )
        return compile_snapshot(
            read_document(text), kinds=KINDS, environment={}, price=lambda _kind, _name: None
        )

    async def ask(self, scene: Scene, *, sensitive: bool) -> Reply:
        """Ask as the scene says, for the second time where it is a cached one."""
        if scene.cached:
            # Somebody has had the same words answered before, and by anybody.
            await self._ask(scene, sensitive=False, text=f"{MARK} again")
            for server in self.servers.values():
                server.requests.clear()
            return await self._ask(scene, sensitive=sensitive, text=f"{MARK} again")
        return await self._ask(scene, sensitive=sensitive, text=MARK)

    async def _ask(self, scene: Scene, *, sensitive: bool, text: str) -> Reply:
        headers = {"x-laird-continue": "true"} if scene.carry_on else {}
        if scene.cached:
            headers["x-laird-cache"] = "use"
        client, reason = self.laird.client(), scene.reason if sensitive else ""
        more: dict[str, Any] = {}
        if reason == "header" or (reason == "memory" and scene.route != "responses"):
            headers["x-laird-privacy"] = "local"
        elif reason == "key":
            client = await self._inner()
        elif reason == "word":
            text += " open SESAME"
        elif reason == "detected":
            text += " 4111 1111 1111 1111"
        elif reason == "memory":
            before = {"model": scene.model, "input": text, "store": True}
            private = {"x-laird-privacy": "local"}
            kept = await client.request("POST", "/v1/responses", before, private)
            if kept.status == 200:
                more["previous_response_id"] = kept.json()["id"]
            else:
                headers |= private
        path, body = _request(scene, text)
        return await client.request("POST", path, {**body, **more}, headers)

    async def _inner(self) -> Client:
        if self.inner is None:
            draft = KeyDraft(name="inner", privacy=PrivacyClass.LOCAL_ONLY)
            self.inner = self.laird.client(await self.laird.make_key(draft))
        return self.inner


def _request(scene: Scene, text: str) -> tuple[str, dict[str, Any]]:
    common: dict[str, Any] = {"model": scene.model, "stream": scene.stream}
    messages = [{"role": "user", "content": text}]
    match scene.route:
        case "chat":
            return "/v1/chat/completions", {**common, "messages": messages}
        case "messages":
            return "/v1/messages", {**common, "messages": messages, "max_tokens": 50}
        case "responses":
            return "/v1/responses", {**common, "input": text}
    return "/v1/completions", {**common, "prompt": text}


@asynccontextmanager
async def furnished(home: Path) -> AsyncIterator[House]:
    async with (
        chat_upstream() as out0,
        chat_upstream() as out1,
        chat_upstream() as in0,
        chat_upstream() as in1,
    ):
        servers = dict(zip(PLACES, (out0, out1, in0, in1), strict=True))
        async with running_laird(home, "providers: []\n") as laird:
            yield House(laird, servers)


async def play(house: House, scene: Scene) -> None:
    house.furnish(scene)
    reply = await house.ask(scene, sensitive=True)
    for server in house.outside:
        assert not saw(server, MARK)
    # A model that a server at home runs elsewhere is outside, too.
    assert not saw(house.servers["in1"], '"far"')
    assert OUTSIDE.split()[3].encode() not in reply.body
    assert reply.headers["x-laird-privacy"].startswith("local; reason=")
    house.refused += b"no_local_provider" in reply.body
    house.answered += b"home" in reply.body
    house.furnish(scene)
    await house.ask(scene, sensitive=False)
    house.reached += any(saw(server, MARK) for server in house.outside)


@pytest.mark.slow
def test_sensitive_text_never_leaves(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        entered = furnished(tmp_path)
        house = runner.run(entered.__aenter__())

        @settings(
            max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None
        )
        @example(PLAIN)
        @example(msgspec.structs.replace(PLAIN, chain=("out0",)))
        @given(scenes)
        def law(scene: Scene) -> None:
            runner.run(play(house, scene))

        try:
            law()
        finally:
            runner.run(entered.__aexit__(None, None, None))
    # The same scenes do reach the outside when nothing is sensitive, and do get answers at home.
    assert min(house.reached, house.answered, house.refused) > 0


@settings(deadline=None)
@given(snapshots(), names, requests, conditions)
def test_no_plan_has_a_place_outside(
    snapshot: Snapshot, name: str, facts: RequestFacts, state: Conditions
) -> None:
    try:
        target = Names(snapshot).resolve(name)
    except LairdError:
        return
    for planned in (weigh, plan):
        try:
            found = planned(facts, target, LOCAL_CALLER, state)
        except LairdError:
            continue
        for attempt in (*found.attempts, *found.stand_ins):
            assert attempt.model.egress is Egress.LOCAL
            assert attempt.provider.egress is Egress.LOCAL
