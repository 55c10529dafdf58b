"""A budget's total survives kill -9, and so does its limit."""

from __future__ import annotations

import random
import sqlite3
import threading
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.support import openai_wire
from tests.support.answers import Answer, json_answer
from tests.support.chat_upstream import prepared
from tests.support.documents import document, provider
from tests.support.laird import LairdProcess, post
from tests.support.upstream import Received, ScriptedUpstream, threaded_upstream

from laird.cli.channel import Channel
from laird.domain.money import NANO

KILLS = 3
CLIENTS = 5
LIMIT = 3000
"""So many calls that no kill comes after the last of them, however fast the machine is."""
SOME = 50
CALL = NANO // 1000
PRICED = "[{id: m, pricing: {input: 0, output: 10}, maxTokens: 100}]"


def answer(_request: Received) -> Answer:
    usage = {"prompt_tokens": 0, "completion_tokens": 100, "total_tokens": 100}
    return json_answer(openai_wire.completion(usage=usage))


class Load:
    """Clients that ask until they are refused or the server is gone."""

    def __init__(self, laird: LairdProcess, key: str) -> None:
        self._port = int(laird.url.rpartition(":")[2])
        self._key = key
        self.served = 0
        self.refused = threading.Event()
        self.some = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(30)

    def _ask(self) -> None:
        body = {"model": "a/m", "messages": [{"role": "user", "content": "Hello"}]}
        with (
            closing(HTTPConnection("127.0.0.1", self._port, timeout=10)) as connection,
            suppress(OSError, HTTPException),
        ):
            while True:
                reply = post(connection, "/v1/chat/completions", body, self._key)
                reply.read()
                if reply.status == 200:
                    self.served += 1
                    if self.served > SOME:
                        self.some.set()
                elif int(reply.headers["retry-after"]) > 1:
                    self.refused.set()
                    return


def test_a_budget_is_neither_forgotten_nor_overshot_by_kill_9(tmp_path: Path) -> None:
    chance = random.Random(11)
    with threaded_upstream() as upstream:
        prepare(upstream)
        home = tmp_path / "home"
        home.mkdir()
        (home / "providers.yaml").write_text(document(provider("a", upstream.url, models=PRICED)))
        key = ""
        served = 0
        for _ in range(KILLS):
            laird = LairdProcess(home).start()
            if not key:
                key = laird.key
                wanted = {"name": "team", "limit_usd": f"{LIMIT * CALL / NANO:.3f}"}
                Channel({}, home).call("POST", "/api/budgets", wanted)
            assert spent(home) == of_ledger(home)
            load = Load(laird, key)
            assert load.some.wait(20)
            threading.Event().wait(chance.random() / 20)
            laird.kill()
            load.join()
            served += load.served
        laird = LairdProcess(home).start()
        # All that was under way is in the ledger by now, with what it may have cost.
        before = spent(home)
        assert before == of_ledger(home)
        assert served * CALL <= before <= LIMIT * CALL
        load = Load(laird, key)
        load.join()
        assert load.refused.is_set()
        served += load.served
        # To the last unit: not one call more would fit, and not one less was served.
        assert spent(home) == LIMIT * CALL
        asked = sum(one.path.endswith("/chat/completions") for one in upstream.requests)
        assert served <= asked <= LIMIT
        assert laird.stop() == 0
        assert of_ledger(home) == LIMIT * CALL


def prepare(upstream: ScriptedUpstream) -> None:
    prepared(upstream).always(answer)


def spent(home: Path) -> int:
    """Return what the server says was spent."""
    (team,) = Channel({}, home).get("/api/budgets")["budgets"]
    return int(team["spent_nano"])


def of_ledger(home: Path) -> int:
    with closing(sqlite3.connect(home / "laird.db")) as connection:
        return int(connection.execute("SELECT total(cost_nano) FROM attempts").fetchone()[0])
