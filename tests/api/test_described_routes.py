"""What Schemathesis makes of the API's own description: no fault of ours, and nobody let in.

It sends what the description allows and what it does not, to every route, in each role. That is
drawn from fixed seeds: the same each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from tests.support.documents import document
from tests.support.laird import RunningLaird, running_laird

from laird.api.admin.policy import POLICY, may, rule_of
from laird.domain.people import Role
from laird.keys.draft import KeyDraft

DEMO = document("  - {id: demo, kind: demo, endpoint: 'demo://', models: [demo]}\n")
ENDLESS = {"GET /api/events"}
LOOKS_AROUND = {"POST /api/providers/discover"}
"""It asks whatever hosts it is told."""
ROLES = {"nobody": None, "viewer": Role.VIEWER, "operator": Role.OPERATOR}
EXAMPLES = 2
WITHIN_S = 60.0
REFUSED = {400, 401, 403, 404, 405, 414, 431}
"""404: what was made up for a path may be the path of no route."""


@dataclass(frozen=True)
class World:
    """A server, and a key for each role."""

    url: str
    keys: dict[str, str]

    def headers(self, who: str) -> dict[str, str]:
        """Return what a client of this role sends."""
        return {"authorization": f"Bearer {self.keys[who]}"} if who in self.keys else {}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Serve in a thread, since Schemathesis waits for each answer."""
    home = tmp_path_factory.mktemp("home")
    ready: threading.Event = threading.Event()
    made: list[World] = []
    ends: list[Any] = []

    async def serve() -> None:
        end = asyncio.Event()
        async with running_laird(home, DEMO) as laird:
            made.append(World(laird.url, await keys_of(laird)))
            ends.append((asyncio.get_running_loop(), end))
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(20)
    yield made[0]
    for loop, end in ends:
        loop.call_soon_threadsafe(end.set)
    thread.join()


async def keys_of(laird: RunningLaird) -> dict[str, str]:
    scopes = ("viewer", "operator", "admin")
    return {
        scope: await laird.make_key(KeyDraft(name=f"the {scope}", scopes=frozenset({scope})))
        for scope in scopes
    }


def operations(world: World) -> dict[str, Any]:
    schema = schemathesis.openapi.from_url(f"{world.url}/api/openapi.json", timeout=WITHIN_S)
    schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    found: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
    named = {f"{one.method.upper()} {one.path}": one for one in found}
    left_out = ENDLESS | LOOKS_AROUND
    return {
        name: one
        for name, one in named.items()
        if one.path.startswith("/api") and name not in left_out
    }


def replies(
    world: World, who: str, operation: Any, modes: tuple[GenerationMode, ...]
) -> list[tuple[int, str]]:
    """Return how requests to a route are answered, and how to repeat each."""
    found: list[tuple[int, str]] = []

    def ask(case: Any) -> None:
        reply = case.call(headers=world.headers(who), timeout=WITHIN_S)
        found.append((reply.status_code, f"{operation.label} {case.as_curl_command()}"))

    for mode in modes:
        # Some operations have nothing that could be wrong: no parameter, no body.
        with contextlib.suppress(Unsatisfiable):
            bounded = settings(
                max_examples=EXAMPLES,
                derandomize=True,
                deadline=None,
                database=None,
                phases=(Phase.explicit, Phase.generate),
                suppress_health_check=list(HealthCheck),
            )
            bounded(given(case=operation.as_strategy(generation_mode=mode))(ask))()
    return found


# Schemathesis draws some wrong values with `random`, and the server, a thread of this process,
# spreads its probes with it: Hypothesis seeds it, which is all that matters here.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the .random. module")

BOTH = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def test_an_administrator_meets_no_fault_of_ours(world: World) -> None:
    answers = [
        answer
        for operation in operations(world).values()
        for answer in replies(world, "admin", operation, BOTH)
    ]
    # 502 to 504 tell of something that is away, which is no fault of ours.
    assert [answer for answer in answers if answer[0] in {500, 501, 505}] == []
    assert len(answers) > 200


@pytest.mark.parametrize("who", ROLES)
def test_nobody_is_let_in_by_what_they_send(world: World, who: str) -> None:
    role = ROLES[who]
    answers = []
    for operation in operations(world).values():
        rule = rule_of(operation.method.upper(), operation.path, POLICY)
        if rule.is_open or (role is not None and may(role, rule) and not rule.person):
            continue
        answers += replies(world, who, operation, (GenerationMode.POSITIVE,))
    assert [answer for answer in answers if answer[0] not in REFUSED] == []
    assert len(answers) > 20
