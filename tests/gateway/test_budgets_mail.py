"""Alerts by mail, from the call that reached a mark to the mail server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete
from tests.budgets.smtp_server import MailServer, mail_server
from tests.support import openai_wire
from tests.support.answers import json_answer
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, laird_command, running_laird
from tests.support.upstream import ScriptedUpstream

from laird.storage.tables import api_keys

PASSWORD = "canary-of-the-mail-server"
PRICED = "[{id: m, pricing: {input: 0, output: 10}, maxTokens: 100}]"
USAGE = {"prompt_tokens": 0, "completion_tokens": 100, "total_tokens": 100}


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with mail_server(login=("laird@example.org", PASSWORD)) as server:
        url = f"smtp://laird%40example.org:{PASSWORD}@127.0.0.1:{server.port}"
        monkeypatch.setenv("LAIRD_SMTP_URL", url)
        monkeypatch.setenv("LAIRD_ALERT_TO", "ann@example.org")
        yield server


async def spend(laird: RunningLaird) -> None:
    assert (await laird.client().chat("a/m")).status == 200


async def forget_keys(laird: RunningLaird) -> None:
    """Let the next Laird of this home make the same ones."""
    await laird.program.database.write(lambda connection: connection.execute(delete(api_keys)))


async def test_a_mark_that_is_reached_is_in_the_mail(
    first: ScriptedUpstream,
    tmp_path: Path,
    mail: MailServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first.always(json_answer(openai_wire.completion(usage=USAGE)))
    text = document(provider("a", first.url, models=PRICED))
    async with running_laird(tmp_path, text) as laird:
        wanted = {"name": "team", "limit_usd": "0.002", "alerts": [50]}
        await laird.admin("POST", "/api/budgets", wanted)
        await spend(laird)
        await asyncio.to_thread(mail.wait_for, lambda: len(mail.messages) == 1)
        await spend(laird)
        await asyncio.to_thread(mail.wait_for, lambda: len(mail.messages) == 2)
    assert [message["Subject"] for message in mail.messages] == [
        "[Laird] Budget 'team' has reached 50%",
        "[Laird] Budget 'team' has reached 100%",
    ]
    assert {message["From"] for message in mail.messages} == {"laird@example.org"}
    body = mail.messages[1].get_payload(decode=True)
    assert isinstance(body, bytes)
    assert b"It is used up: requests that cost money are refused until" in body
    printed = capsys.readouterr()
    assert PASSWORD not in printed.out + printed.err
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert PASSWORD.encode() not in file.read_bytes(), file


async def test_mail_that_could_not_be_sent_is_sent_after_a_restart_and_then_no_more(
    first: ScriptedUpstream, tmp_path: Path, mail: MailServer
) -> None:
    first.always(json_answer(openai_wire.completion(usage=USAGE)))
    text = document(provider("a", first.url, models=PRICED))
    mail.refuse["MAIL"] = "451 not now"
    async with running_laird(tmp_path, text) as laird:
        await laird.admin("POST", "/api/budgets", {"name": "team", "limit_usd": "0.001"})
        await spend(laird)
        # It is tried, and nobody waits for it: the server stops as quickly as ever.
        await asyncio.to_thread(mail.wait_for, lambda: mail.sessions)
        await forget_keys(laird)
    assert mail.messages == []
    mail.refuse.clear()
    for _ in range(2):
        async with running_laird(tmp_path, text) as laird:
            await asyncio.to_thread(mail.wait_for, lambda: len(mail.messages) == 2)
            listed = (await laird.admin("GET", "/api/alerts"))["alerts"]
            async with asyncio.timeout(20):
                while {alert["mail"] for alert in listed} != {"sent"}:
                    await asyncio.sleep(0.01)
                    listed = (await laird.admin("GET", "/api/alerts"))["alerts"]
            await forget_keys(laird)
    assert len(mail.messages) == 2


def test_wrong_settings_stop_the_start_in_one_line_without_the_password(tmp_path: Path) -> None:
    (tmp_path / "providers.yaml").write_text(document("  []\n"))
    wrong = {"LAIRD_SMTP_URL": f"smtp://ann:{PASSWORD}@mail.example.org/x"}
    done = laird_command(tmp_path, "serve", "--port", "0", check=False, environment=wrong)
    assert done.returncode == 1
    assert "LAIRD_SMTP_URL is wrong" in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    lonely = {
        "LAIRD_SMTP_URL": f"smtp://ann:{PASSWORD}@mail.example.org",
        "PATH": os.environ["PATH"],
    }
    done = laird_command(tmp_path, "serve", "--port", "0", check=False, environment=lonely)
    assert done.returncode == 1
    assert "LAIRD_ALERT_TO" in done.stderr
