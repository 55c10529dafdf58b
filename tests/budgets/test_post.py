"""Alerts reach the mail server once each, in order, however often it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from tests.budgets.money import NOW, budget
from tests.budgets.smtp_server import MailServer, mail_server
from tests.support.waiting import until

from laird.budgets import alerts
from laird.budgets.account import Crossing
from laird.budgets.mail import Mailer, read_mailbox
from laird.budgets.post import GIVE_UP_US, MailFailed, Post
from laird.domain.budget import window_at
from laird.domain.events import Alert
from laird.storage.engine import Database

LATELY = NOW + 10**15
"""Later than any clock that runs these tests."""


def record(database: Database, mark: int, at_us: int = LATELY) -> Alert:
    of = budget(limit=100)
    reached = Crossing(budget=of, window=window_at(of, NOW), mark=mark, spent=90, at_us=at_us)
    made = database.write_now(partial(alerts.record, crossing=reached, mail=True))
    assert made is not None
    return made


@asynccontextmanager
async def running(database: Database, server: MailServer) -> AsyncIterator[Post]:
    box = read_mailbox(f"smtp://127.0.0.1:{server.port}", "laird@example.org", "ann@example.org")
    post = Post(database, Mailer(box).send, first_pause_s=0.001, longest_pause_s=0.01)
    task = asyncio.create_task(post.run())
    try:
        yield post
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def all_sent(database: Database, post: Post, count: int) -> None:
    async with asyncio.timeout(20):
        while True:
            listed = await database.read(partial(alerts.newest, limit=10))
            if [one.mail for one in listed] == ["sent"] * count and not post.waiting:
                return
            await asyncio.sleep(0.01)


async def test_a_server_that_fails_at_first_gets_each_alert_once(database: Database) -> None:
    with mail_server() as server:
        server.drop = 3
        async with running(database, server) as post:
            for mark in (50, 80, 100):
                post.add(record(database, mark))
            await all_sent(database, post, 3)
        subjects = [message["Subject"] for message in server.messages]
        assert subjects == [f"[Laird] Budget 'team' has reached {mark}%" for mark in (50, 80, 100)]
        body = server.messages[0].get_payload(decode=True)
        assert isinstance(body, bytes)
        assert b"has reached 50%" in body
        assert b"laird budgets acknowledge 1" in body


async def test_what_an_earlier_process_left_is_sent_first(database: Database) -> None:
    for mark in (50, 80):
        record(database, mark)
    with mail_server() as server:
        async with running(database, server) as post:
            post.add(record(database, 100))
            await all_sent(database, post, 3)
        marks = [str(message["Subject"]).rpartition(" ")[2] for message in server.messages]
        assert marks == ["50%", "80%", "100%"]


async def test_what_is_too_old_is_given_up(database: Database) -> None:
    tried: list[str] = []

    async def never(subject: str, text: str) -> None:
        tried.append(subject)
        raise MailFailed("no")

    post = Post(database, never, first_pause_s=0.001)
    task = asyncio.create_task(post.run())
    post.add(record(database, 80, at_us=NOW - GIVE_UP_US - 10**15))
    await until(lambda: tried and not post.waiting)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(tried) == 1
