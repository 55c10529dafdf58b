"""Opening Laird in a program: which home, which document, and what stands in the way."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.support.laird import laird_process

import laird
from laird.domain.errors import ConfigError, StartError

DEMO = "providers:\n  - id: demo\n    kind: demo\n    models: [demo]\n"


async def asked(gateway: laird.Gateway) -> int:
    """Make a call and return how many the ledger has."""
    await gateway.chat("Hello", model="demo")
    return (await laird.ProviderManager(gateway).get_cost_summary()).total.calls


async def test_a_home_keeps_its_ledger(tmp_path: Path) -> None:
    home = tmp_path / "own"
    file = tmp_path / "laird.yaml"
    file.write_text(DEMO)
    async with laird.open(file, home=home) as gateway:
        assert await asked(gateway) == 1
    async with laird.open(str(file), home=str(home)) as gateway:
        assert await asked(gateway) == 2
    assert not (home / "providers.yaml").exists()


async def test_without_anything_it_is_the_home_of_the_environment(tmp_path: Path) -> None:
    home = tmp_path / "default-home"
    home.mkdir()
    (home / "providers.yaml").write_text(DEMO)
    async with laird.open() as gateway:
        assert await asked(gateway) == 1
        assert gateway.program.settings.home == home
    assert (home / "laird.db").exists()


async def test_a_temporary_home_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    document = {"providers": [{"id": "demo", "kind": "demo", "models": ["demo"]}]}
    async with laird.open(document, temporary=True) as gateway:
        assert await asked(gateway) == 1
        (made,) = (tmp_path / "temporary").iterdir()
        assert made.stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not (tmp_path / "default-home").exists()


async def test_two_temporary_ones_know_nothing_of_each_other() -> None:
    document = {"providers": [{"id": "demo", "kind": "demo", "models": ["demo"]}]}
    async with (
        laird.open(document, temporary=True) as first,
        laird.open(document, temporary=True) as second,
    ):
        await first.chat("Hello", model="demo")
        assert await asked(second) == 1


async def test_a_home_is_opened_once(tmp_path: Path) -> None:
    async with laird.open({"providers": []}, home=tmp_path / "own"):
        with pytest.raises(StartError, match=r"already running.*HTTP.*temporary=True"):
            async with laird.open({"providers": []}, home=tmp_path / "own"):
                raise AssertionError
    async with laird.open({"providers": []}, home=tmp_path / "own") as gateway:
        assert gateway.models() is not None


async def test_a_home_with_a_server_is_not_opened(tmp_path: Path) -> None:
    with laird_process(tmp_path / "own", DEMO) as server:
        with pytest.raises(StartError, match=f"process {server.pid}.*HTTP"):
            async with laird.open(home=tmp_path / "own"):
                raise AssertionError
        assert server.running


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"config": {"providers": [{"id": "a"}]}}, ConfigError, "kind"),
        ({"config": {"providers": [], "colour": 1}}, ConfigError, "colour"),
        ({"config": "nowhere.yaml"}, StartError, "no document nowhere.yaml"),
        ({"config": {"providers": []}, "home": "x"}, StartError, "temporary"),
        ({"config": {"providers": []}, "settings": {"port": "x"}}, StartError, "port"),
    ],
)
async def test_what_is_wrong_is_said(
    arguments: dict[str, object], error: type[laird.LairdError], words: str
) -> None:
    with pytest.raises(error, match=words):
        async with laird.open(temporary=True, **arguments):  # type: ignore[arg-type]
            raise AssertionError


async def test_a_document_in_memory_can_be_changed(tmp_path: Path) -> None:
    home = tmp_path / "own"
    async with laird.open({"providers": []}, home=home) as gateway:
        manager = laird.ProviderManager(gateway)
        await manager.add_provider({"id": "demo", "kind": "demo", "models": ["demo"]})
        assert await asked(gateway) == 1
    assert not (home / "providers.yaml").exists()
    async with laird.open({"providers": []}, home=home) as gateway:
        assert laird.ProviderManager(gateway).providers() == ()


async def test_nothing_is_printed_and_logs_go_where_the_program_wants(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    document = {"providers": [{"id": "demo", "kind": "demo", "models": ["demo"]}]}
    with caplog.at_level(logging.WARNING, logger="laird"):
        async with laird.open(document, temporary=True) as gateway:
            with pytest.raises(laird.LairdError):
                await gateway.chat("/demo status=503\nHello", model="demo")
    assert "attempt failed" in caplog.text
    assert capfd.readouterr() == ("", "")


def loaded_after(code: str) -> set[str]:
    """Return the modules that a new process has after some code."""
    program = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_loads_nothing() -> None:
    loaded = loaded_after("import laird; laird.__version__; dir(laird)")
    assert not {name for name in loaded if name.startswith("laird.")}
    assert not loaded & {"asyncio", "sqlalchemy", "pydantic", "msgspec"}


def test_opening_needs_no_web_framework() -> None:
    code = (
        "import asyncio, laird\n"
        "async def main():\n"
        "    async with laird.open({'providers': []}, temporary=True): pass\n"
        "asyncio.run(main())"
    )
    assert not loaded_after(code) & {"fastapi", "typer"}


def test_it_works_in_any_loop_one_after_the_other() -> None:
    document = {"providers": [{"id": "demo", "kind": "demo", "models": ["demo"]}]}

    async def main() -> int:
        async with laird.open(document, temporary=True) as gateway:
            return await asked(gateway)

    assert [asyncio.run(main()) for _ in range(2)] == [1, 1]


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = laird.nothing  # type: ignore[attr-defined]
