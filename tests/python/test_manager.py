"""Providers, routing and costs, administered by a program."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.answers import failing, json_answer
from tests.support.openai_wire import completion
from tests.support.upstream import ScriptedUpstream

import laird
from laird.domain.errors import ConfigError, InvalidRequest, ModelNotFound, NotFound, UpstreamError

TEXT = """# mine
providers:
  - id: demo
    kind: demo
    models: [demo]   # the only one
"""


def entry(upstream: ScriptedUpstream, **more: Any) -> dict[str, Any]:
    model = {"id": "m", "pricing": {"input": 1000, "output": 3000}}
    base = {"id": "own", "kind": "custom", "type": "external", "endpoint": upstream.url}
    return {**base, "models": [model], **more}


async def test_a_provider_is_added_used_and_removed(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    file = tmp_path / "laird.yaml"
    file.write_text(TEXT)
    async with laird.open(file, temporary=True) as gateway:
        manager = laird.ProviderManager(gateway)
        status = await manager.add_provider(entry(upstream, maxConcurrent=3))
        assert (status.id, status.kind, status.egress) == ("own", "custom", "external")
        assert (status.status, status.error, status.models) == ("healthy", None, ("m",))
        assert (status.active, status.max_concurrent, status.enabled) == (0, 3, True)
        assert (await gateway.chat("Hello", model="m")).provider == "own"
        assert [one.id for one in manager.providers()] == ["demo", "own"]
        assert "# the only one" in file.read_text()
        assert "own" in file.read_text()
        assert await manager.remove_provider("own") is True
        assert await manager.remove_provider("own") is False
        assert file.read_text() == TEXT
        with pytest.raises(ModelNotFound):
            await gateway.chat("Hello", model="m")


async def test_what_can_not_be_added_changes_nothing(gateway: laird.Gateway) -> None:
    manager = laird.ProviderManager(gateway)
    for wrong in ({"id": "demo", "kind": "demo"}, {"id": "x", "kind": "nope"}, {"kind": "demo"}):
        with pytest.raises((ConfigError, InvalidRequest)):
            await manager.add_provider(wrong)
    assert [one.id for one in manager.providers()] == ["demo"]
    off = await manager.add_provider({"id": "off", "kind": "demo", "enabled": False})
    assert off.status == "disabled"


async def test_one_that_is_in_use_is_removed_with_what_uses_it(gateway: laird.Gateway) -> None:
    manager = laird.ProviderManager(gateway)
    await manager.add_provider({"id": "b", "kind": "demo", "models": ["demo"]})
    assert await manager.update_routing_rules({"fallback": None}) is False
    live = gateway.program.configuration
    chain = "chains:\n  - id: c\n    models: [{providerId: b, modelId: demo}]\n"
    await live.apply(live.document_text + chain, live.snapshot.revision, "test")
    with pytest.raises(ConfigError):
        await manager.remove_provider("b")
    assert await manager.remove_provider("b", cascade=True) is True


async def test_a_provider_is_tested(upstream: ScriptedUpstream) -> None:
    async with laird.open({"providers": [entry(upstream)]}, temporary=True) as gateway:
        manager = laird.ProviderManager(gateway)
        report = await manager.test_provider("own")
        assert (report.ok, report.models, report.error) == (True, ("m",), None)
        assert report.latency_ms > 0
        upstream.on("/v1/models", failing(401, "bad key"))
        report = await manager.test_provider("own")
        assert not report.ok
        assert report.error is not None
        assert "own" in report.error
        with pytest.raises(NotFound, match="own"):
            await manager.test_provider("nope")


async def test_routing_rules_are_changed(gateway: laird.Gateway) -> None:
    manager = laird.ProviderManager(gateway)
    assert await manager.update_routing_rules({"strategy": "cheapest"}) is True
    assert await manager.update_routing_rules({"strategy": "cheapest"}) is False
    assert (await gateway.explain()).strategy == "cheapest"
    with pytest.raises(ConfigError):
        await manager.update_routing_rules({"strategy": "luck"})
    assert await manager.update_routing_rules({"strategy": None}) is True
    assert (await gateway.explain()).strategy == "default"


async def test_a_broken_document_is_not_edited(tmp_path: Path) -> None:
    file = tmp_path / "laird.yaml"
    file.write_text(TEXT)
    async with laird.open(file, temporary=True) as gateway:
        file.write_text("providers: [")
        await gateway.program.configuration.reload()
        with pytest.raises(ConfigError):
            await laird.ProviderManager(gateway).update_routing_rules({"strategy": "cheapest"})
        assert (await gateway.chat("Hello", model="demo")).text


async def test_costs_are_those_of_the_ledger(upstream: ScriptedUpstream) -> None:
    document = {"providers": [entry(upstream), {"id": "demo", "kind": "demo", "models": ["demo"]}]}
    async with laird.open(document, temporary=True) as gateway:
        manager = laird.ProviderManager(gateway)
        assert (await manager.get_cost_summary()).total.calls == 0
        costs = []
        for number in range(3):
            answer = await gateway.chat("Hello", model="own/m", workflow=f"w{number}")
            costs.append(answer.cost_usd)
        await gateway.chat("Hello", model="demo", caller="other")
        upstream.script(failing(400, "no"))
        with pytest.raises(laird.LairdError):
            await gateway.chat("Hello", model="own/m")
        found = await manager.get_cost_summary(days=1)
        assert found.complete
        assert found.cost_usd == sum(cost for cost in costs if cost is not None)
        assert found.cost_usd > 0
        assert (found.total.calls, found.total.errors, found.total.unpriced_calls) == (5, 1, 0)
        assert [(one.group, one.calls) for one in found.by_provider] == [("own", 4), ("demo", 1)]
        assert [one.group for one in found.by_model] == ["own/m", "demo/demo"]
        assert {one.group for one in found.by_key} == {"caller:python", "caller:other"}
        assert {"w0", "w1", "w2"} <= {one.group for one in found.by_workflow}
        assert sum(one.calls for one in found.by_day) == 5
        assert found.by_provider[1].cost_usd == Decimal(0)
        assert (found.until - found.since).days == 1
        with pytest.raises(InvalidRequest):
            await manager.get_cost_summary(days=0)


class TestOneProvider:
    async def test_it_answers_what_the_contract_asks(self, gateway: laird.Gateway) -> None:
        demo = laird.Provider(gateway, "demo")
        assert await demo.authenticate() is True
        assert "demo" in {model.id for model in await demo.list_models()}
        report = await demo.health_check()
        assert (report.ok, report.status, report.provider) == (True, "healthy", "demo")
        assert (await demo.chat("Hello")).provider == "demo"
        assert (await demo.chat("Hello", model="demo-thinking")).reasoning
        stream = demo.stream("Hello", model="demo")
        assert "".join([delta.text async for delta in stream]) == stream.answer.text
        with pytest.raises(ModelNotFound, match="demo/nope"):
            await demo.chat("Hello", model="nope")

    async def test_a_bad_credential_is_told_from_a_provider_that_is_away(
        self, upstream: ScriptedUpstream
    ) -> None:
        async with laird.open({"providers": [entry(upstream)]}, temporary=True) as gateway:
            own = laird.Provider(gateway, "own")
            upstream.on("/v1/models", failing(401, "bad key"))
            assert await own.authenticate() is False
            upstream.on("/v1/models", failing(500, "broken"))
            with pytest.raises(UpstreamError, match="broken"):
                await own.authenticate()
            with pytest.raises(UpstreamError, match="broken"):
                await own.list_models()

    async def test_costs_are_estimated_by_the_prices_in_force(
        self, upstream: ScriptedUpstream
    ) -> None:
        upstream.always(json_answer(completion("Hi.")))
        unpriced = entry(upstream, id="unpriced", models=["m2"])
        untracked = entry(upstream, id="untracked", costTracking=False)
        document = {"providers": [entry(upstream), unpriced, untracked]}
        async with laird.open(document, temporary=True) as gateway:
            own = laird.Provider(gateway, "own")
            estimate = own.estimate_cost(prompt_tokens=1_000_000, max_tokens=1000)
            assert estimate.cost_usd == Decimal(1003)
            assert (estimate.model, estimate.completion_tokens) == ("m", 1000)
            by_text = own.estimate_cost("x" * 400, max_tokens=0)
            assert by_text.prompt_tokens >= 100
            assert own.estimate_cost("x", model="m").completion_tokens == 500
            assert laird.Provider(gateway, "unpriced").estimate_cost("x").cost_usd is None
            assert laird.Provider(gateway, "untracked").estimate_cost("x").cost_nano is None
            with pytest.raises(InvalidRequest):
                own.estimate_cost(prompt_tokens=-1)
            with pytest.raises(ModelNotFound):
                own.estimate_cost("x", model="nope")

    async def test_one_that_is_gone_says_so(self, gateway: laird.Gateway) -> None:
        with pytest.raises(NotFound, match="demo"):
            laird.Provider(gateway, "nope")
        manager = laird.ProviderManager(gateway)
        await manager.add_provider({"id": "b", "kind": "demo", "models": ["demo"]})
        gone = laird.Provider(gateway, "b")
        await manager.remove_provider("b")
        with pytest.raises(NotFound):
            await gone.health_check()
