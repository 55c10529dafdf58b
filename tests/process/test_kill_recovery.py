"""What a client was told has happened is in the ledger, whatever happens to the server."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.support import openai_wire
from tests.support.answers import json_answer, sse_answer
from tests.support.chat_upstream import prepared
from tests.support.documents import document, provider
from tests.support.laird import LairdProcess, post
from tests.support.upstream import Received, ScriptedUpstream, threaded_upstream

KILLS = 5
CLIENTS = 6
ANSWERS_BETWEEN_KILLS = 120


def answer(request: Received) -> object:
    body = request.json()
    if body.get("stream"):
        return sse_answer(openai_wire.STREAM)
    return json_answer(openai_wire.COMPLETION)


class Load:
    """Clients that ask without a pause and note what they were answered."""

    def __init__(self, laird: LairdProcess, key: str) -> None:
        self._port = int(laird.url.rpartition(":")[2])
        self._key = key
        self.acknowledged: list[str] = []
        self._stop = threading.Event()
        self.enough = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def _ask(self, number: int) -> None:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=10)) as connection:
            self._ask_on(connection, number)

    def _ask_on(self, connection: HTTPConnection, turn: int) -> None:
        while not self._stop.is_set():
            turn += 1
            stream = turn % 2 == 0
            messages = [{"role": "user", "content": "Hello"}]
            body = {"model": "a/m", "messages": messages, "stream": stream}
            try:
                reply = post(connection, "/v1/chat/completions", body, self._key)
                whole = reply.read()
            except (OSError, HTTPException):
                return  # the server is gone, and with it what it had not yet answered
            assert reply.status == 200, whole
            assert whole.endswith(b"data: [DONE]\n\n") if stream else json.loads(whole)["choices"]
            self.acknowledged.append(reply.headers["x-laird-request-id"])
            if len(self.acknowledged) >= ANSWERS_BETWEEN_KILLS:
                self.enough.set()


def test_no_acknowledged_request_is_missing_and_none_is_doubled_after_kill_9(
    tmp_path: Path,
) -> None:
    chance = random.Random(7)
    with threaded_upstream() as upstream:
        prepare(upstream)
        home = tmp_path / "home"
        home.mkdir()
        (home / "providers.yaml").write_text(document(provider("a", upstream.url)))
        acknowledged: list[str] = []
        key = ""
        for _ in range(KILLS):
            laird = LairdProcess(home).start()
            key = laird.key or key
            load = Load(laird, key)
            load.start()
            assert load.enough.wait(20)
            # Anywhere in the work of the journal, the drain and the answers.
            threading.Event().wait(chance.random())
            laird.kill()
            load.stop()
            acknowledged += load.acknowledged
        assert LairdProcess(home).start().stop() == 0

        rows = ledger(home)
        assert len(acknowledged) >= KILLS * ANSWERS_BETWEEN_KILLS
        assert len(set(acknowledged)) == len(acknowledged)
        assert set(acknowledged) - {request for request, _, _ in rows} == set()
        counted = Counter((request, attempt) for request, attempt, _ in rows)
        assert [row for row, times in counted.items() if times > 1] == []
        status = {request: state for request, _, state in rows}
        assert {status[request] for request in acknowledged} == {"ok"}
        # Each attempt that reached the upstream has its row, the killed ones included.
        chats = sum(one.path.endswith("/chat/completions") for one in upstream.requests)
        assert len(rows) >= chats


def prepare(upstream: ScriptedUpstream) -> None:
    prepared(upstream).always(answer)  # type: ignore[arg-type]


def ledger(home: Path) -> list[tuple[str, int, str]]:
    connection = sqlite3.connect(home / "laird.db")
    try:
        return connection.execute("SELECT request_id, attempt, status FROM attempts").fetchall()
    finally:
        connection.close()
