"""The plan as data."""

from __future__ import annotations

import json

from tests.routing.catalogs import LOCAL_CALLER, chain, facts, model, provider, snapshot

from laird.domain.plan import Conditions
from laird.routing.explain import explain
from laird.routing.names import resolve
from laird.routing.plan import weigh


def test_a_plan_can_be_read_by_people_and_programs() -> None:
    home = snapshot(
        [provider("ollama"), provider("openai", external=True)],
        [model("ollama/m", upstream_model="m:8b"), model("openai/gpt", external=True)],
        chains=[chain("c", "openai/gpt", "ollama/m", max_retries=2, timeout_s=9.0)],
    )
    data = explain(weigh(facts("c"), resolve(home, "c"), LOCAL_CALLER, Conditions()))

    assert json.loads(json.dumps(data)) == {
        "requested": "c",
        "resolved": "chain:c",
        "strategy": "written",
        "attempts": [
            {
                "position": 1,
                "provider": "ollama",
                "model": "m",
                "upstream_model": "m:8b",
                "egress": "local",
                "max_retries": 2,
                "timeout_s": 9.0,
                "reason": "step 2 of chain 'c'",
            }
        ],
        "dropped": [
            {
                "provider": "openai",
                "model": "gpt",
                "reason": "privacy",
                "detail": "external, and this request must stay local",
            }
        ],
        "stand_ins": [],
    }
