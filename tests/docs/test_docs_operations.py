"""Metrics, strategies and kinds of providers each have their row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.docs.pages import page, rows, section
from tests.support.answers import failing
from tests.support.chat_upstream import chat_upstream
from tests.support.documents import pair
from tests.support.laird import running_laird

from laird.domain.catalog import Strategy
from laird.providers.registry import KINDS

METRICS = rows(section(page("operations.md"), "Metrics"))


async def test_every_metric_has_a_row_with_its_type_and_labels(tmp_path: Path) -> None:
    async with chat_upstream() as first, chat_upstream() as second:
        first.script(failing(500))
        async with running_laird(tmp_path, pair(first, second)) as running:
            await running.admin("POST", "/api/budgets", {"name": "team", "limit_usd": "1"})
            body = {"model": "both", "messages": [{"role": "user", "content": "Hello"}]}
            assert (
                await running.client().request("POST", "/v1/chat/completions", body)
            ).status == 200
            scraped = (await running.client().request("GET", "/metrics")).body.decode()
    exposed = {}
    for family in text_string_to_metric_families(scraped):
        assert family.samples, f"{family.name} has no sample to read its labels from"
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = set().union(*(sample.labels for sample in family.samples)) - {"le"}
        exposed[name] = (family.type, labels)
    told = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, (kind, labels, _) in METRICS.items()
    }
    assert told == exposed


@pytest.mark.parametrize("strategy", Strategy)
def test_every_strategy_has_a_row(strategy: Strategy) -> None:
    assert strategy.value in rows(section(page("routing.md"), "In which order"))


def test_every_kind_of_provider_has_a_row_and_no_other() -> None:
    assert rows(section(page("providers.md"), "Kinds")).keys() >= KINDS.keys()


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.id)
def test_the_usual_endpoint_of_a_kind_is_told(kind: object) -> None:
    row = next(one for one in KINDS.values() if one is kind)
    assert (row.endpoint or "none") in rows(section(page("providers.md"), "Kinds"))[row.id][1]
