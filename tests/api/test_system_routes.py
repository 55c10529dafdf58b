"""What the server tells of itself, and of its document."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.people import signed_in

from laird import __version__
from laird.config.settings import SETTINGS
from laird.domain.people import Role

PASSWORD = "canary-heron-lantern"
TEXT = document(provider("a", "http://127.0.0.1:9"))


@pytest.fixture
async def laird(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningLaird]:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / ".env").write_text("LAIRD_KEEP_DAYS=3\n")
    monkeypatch.setenv("LAIRD_SMTP_URL", f"smtp://ann%40example.org:{PASSWORD}@127.0.0.1:9")
    monkeypatch.setenv("LAIRD_ALERT_TO", "ann@example.org")
    monkeypatch.setenv("LAIRD_KEEP_DAY", "4")
    async with running_laird(tmp_path / "home", TEXT) as running:
        yield running


async def test_it_tells_of_itself(laird: RunningLaird) -> None:
    found = await laird.admin("GET", "/api/system")
    assert (found["version"], found["process"]) == (__version__, os.getpid())
    assert found["uptime_s"] >= 0
    assert found["home"]["path"] == str(laird.home)
    assert found["home"]["free_bytes"] > 0
    assert found["database"]["file"] == str(laird.home / "laird.db")
    assert found["database"]["bytes"] > 0
    assert (found["configuration"]["providers"], found["configuration"]["error"]) == (1, None)
    assert (found["ledger"]["failures"], found["ledger"]["last_error"]) == (0, None)


async def test_a_size_that_nobody_can_tell_is_null(laird: RunningLaird) -> None:
    administrator = await signed_in(laird, "boss", Role.ADMIN)
    file = laird.home / "laird.db"
    file.rename(laird.home / "elsewhere")
    try:
        found = (await administrator.request("GET", "/api/system")).json()
    finally:
        (laird.home / "elsewhere").rename(file)
    assert found["database"]["bytes"] is None


async def test_each_setting_in_force_tells_where_it_is_from(laird: RunningLaird) -> None:
    found = await laird.admin("GET", "/api/system")
    settings = {one["name"]: one for one in found["settings"]}
    assert list(settings) == [row.name for row in SETTINGS]
    assert settings["LAIRD_HOME"]["value"] == str(laird.home)
    sources = {name: one["source"] for name, one in settings.items()}
    assert sources["LAIRD_PORT"] == "flag"
    assert sources["LAIRD_ALERT_TO"] == "environment"
    assert (sources["LAIRD_KEEP_DAYS"], settings["LAIRD_KEEP_DAYS"]["value"]) == ("file", "3")
    assert (sources["LAIRD_HOST"], settings["LAIRD_HOST"]["value"]) == ("default", "127.0.0.1")
    assert settings["LAIRD_SMTP_URL"]["value"] == "smtp://«redacted»@127.0.0.1:9"
    assert PASSWORD not in str(found)
    (mistyped,) = found["settings_warnings"]
    assert "LAIRD_KEEP_DAY is not a setting" in mistyped


async def test_an_environment_file_that_breaks_later_is_told(laird: RunningLaird) -> None:
    Path(".env").write_bytes(b"\xff\xfe\xff")
    (warning,) = (await laird.admin("GET", "/api/system"))["settings_warnings"]
    assert ".env can't be read" in warning


async def test_viewers_see_the_state_and_no_settings(laird: RunningLaird) -> None:
    viewer = await signed_in(laird, "vic", Role.VIEWER)
    found = (await viewer.request("GET", "/api/system")).json()
    assert (found["settings"], found["settings_warnings"]) == (None, [])
    assert found["version"] == __version__
    operator = await signed_in(laird, "olga", Role.OPERATOR)
    assert (await operator.request("GET", "/api/system")).json()["settings"]


async def test_a_check_tells_what_would_change(laird: RunningLaird) -> None:
    shown = await laird.admin("GET", "/api/config")
    assert (shown["error"], shown["problems"]) == (None, [])

    async def changes(text: str) -> Any:
        checked = await laird.admin("POST", "/api/config/check", {"document": text})
        return checked["changes"]

    assert await changes(shown["document"]) == []
    assert await changes("# words\n" + TEXT) == ["comments, order or spelling"]
    (line,) = await changes(document(provider("a", "http://127.0.0.1:9", priority=7)))
    assert line.startswith("provider a: priority")
    assert (await laird.admin("GET", "/api/config"))["revision"] == shown["revision"]


async def test_a_broken_file_is_told_line_by_line(laird: RunningLaird) -> None:
    laird.document.write_text(TEXT + "routing:\n  stratgy: cheapest\n")
    await laird.program.configuration.reload()
    shown = await laird.admin("GET", "/api/config")
    (problem,) = shown["problems"]
    assert problem["line"] == TEXT.count("\n") + 2
    assert problem["message"] in shown["error"]
    assert "stratgy" not in shown["document"]


async def test_a_rollback_that_expects_another_revision_is_refused_with_the_document(
    laird: RunningLaird,
) -> None:
    first = await laird.admin("GET", "/api/config")
    await laird.admin("PUT", "/api/config", {"document": "# one\n" + TEXT})
    (_, oldest) = (await laird.admin("GET", "/api/config/history"))["changes"]
    path = f"/api/config/history/{oldest['id']}/rollback"
    boss = await signed_in(laird, "boss", Role.ADMIN)
    refused = await boss.request("POST", path, {"revision": first["revision"]})
    assert (refused.status, refused.error["code"]) == (409, "stale_revision")
    assert refused.error["current_document"].startswith("# one\n")
    done = await boss.request("POST", path, {"revision": refused.error["current"]})
    assert done.json()["revision"] == first["revision"]
    assert laird.document.read_text() == TEXT
