"""The rules of routing and of the cache, as the dashboard shows them."""

from __future__ import annotations

from pathlib import Path

from tests.support.documents import document, provider
from tests.support.laird import running_laird

RULES = """
aliases: {quick: box/m, quicker: quick}
chains:
  - id: careful
    models: [{providerId: box, modelId: m}]
routing: {strategy: cheapest, fallback: careful, queueTimeout: 5}
cache:
  rules:
    - {keys: [eval-*], models: [quick]}
"""


async def test_the_rules_in_force_are_shown(tmp_path: Path) -> None:
    text = document(provider("box", "http://127.0.0.1:9")) + RULES
    async with running_laird(tmp_path, text) as laird:
        rules = await laird.admin("GET", "/api/routing")
        cache = await laird.admin("GET", "/api/cache")
        held = laird.program.configuration.snapshot.revision
    assert rules == {
        "revision": held,
        "strategy": "cheapest",
        "fallback": "careful",
        "aliases": [
            {"name": "quick", "stands_for": "box/m"},
            {"name": "quicker", "stands_for": "box/m"},
        ],
        "queue_length": 256,
        "queue_timeout_s": 5.0,
        "agent_prefix": "agent-",
    }
    assert cache["applies_to"] == [{"models": ["quick"], "keys": ["eval-*"], "workflows": []}]
    assert cache["rules"] == 1
