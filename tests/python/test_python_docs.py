"""docs/python.md: its programs run, and it tells of everything that is there."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from decimal import Decimal
from pathlib import Path
from typing import assert_type

import pytest
from tests.docs.pages import page

import laird

PAGE = page("python.md")
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PACKAGE = Path(laird.__file__).parent


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_the_programs_run(number: int, capfd: pytest.CaptureFixture[str]) -> None:
    exec(compile(PROGRAMS[number], f"python.md, program {number + 1}", "exec"), {})
    printed = capfd.readouterr()
    assert printed.err == ""
    assert len(printed.out.splitlines()) >= 2


@pytest.mark.parametrize("kind", [laird.Gateway, laird.ProviderManager, laird.Provider])
def test_every_method_is_told_of(kind: type[object]) -> None:
    for name, member in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_"):
            assert re.search(rf"\b{name}\(", PAGE), name
            assert member.__doc__


@pytest.mark.parametrize("name", [n for n in dir(laird) if n[0].isupper()])
def test_every_name_is_told_of_or_its_fields_are(name: str) -> None:
    assert re.search(rf"\b{name}\b", PAGE) or name in {"ToolCall", "ModelInfo", "Delta"}


def test_type_checkers_know_the_same_names() -> None:
    assert (PACKAGE / "py.typed").read_text() == ""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    told = {
        alias.asname
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert told == set(laird.__all__) - {"__version__"}
    for node in stub.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert getattr(laird, alias.name).__module__ == node.module


def test_answers_have_types() -> None:
    """The type checker reads this; that it also runs shows that the types are true."""
    asyncio.run(_typed())


async def _typed() -> None:
    document = {"providers": [{"id": "demo", "kind": "demo", "models": ["demo"]}]}
    async with laird.open(document, temporary=True) as gateway:
        assert_type(gateway, laird.Gateway)
        answer = await gateway.chat("Hello", model="demo")
        assert_type(answer, laird.Answer)
        assert_type(answer.text, str)
        assert_type(answer.cost_usd, Decimal | None)
        assert_type(answer.tool_calls, tuple[laird.ToolCall, ...])
        async for delta in gateway.stream("Hello", model="demo"):
            assert_type(delta, laird.Delta)
            assert_type(delta.text, str)
        assert_type(await gateway.embed("x", model="demo"), laird.Vectors)
        assert_type(await gateway.explain(), laird.Explanation)
        assert_type(gateway.models(), tuple[laird.ModelInfo, ...])
        manager = laird.ProviderManager(gateway)
        assert_type(await manager.get_cost_summary(1), laird.CostSummary)
        assert_type(await manager.test_provider("demo"), laird.HealthReport)
        assert_type(manager.providers(), tuple[laird.ProviderStatus, ...])
        assert_type(await manager.remove_provider("x"), bool)
        provider = laird.Provider(gateway, "demo")
        assert_type(provider.estimate_cost("x"), laird.CostEstimate)
        assert_type(provider.stream("x"), laird.ChatStream)
        assert_type(await provider.authenticate(), bool)
