"""However often Laird is killed, no llama.cpp process of its stays behind."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

from tests.gateway.library_world import entries, model_file, put
from tests.support.laird import LairdProcess
from tests.support.processes import linux, lives, models_of
from tests.support.waiting import MACHINE_S

KILLS = 5
ASK = {"model": "library/one", "messages": [{"role": "user", "content": "Who?"}]}
ENDLESS = {**ASK, "stream": True, "ignore_eos": True, "max_tokens": 10_000}
CONTEXT = 16_384


def asked(laird: LairdProcess, body: object) -> None:
    """Ask, until the server is gone."""
    with suppress(OSError, HTTPException, ValueError):
        laird.post("/v1/chat/completions", body)


def child_of(laird: LairdProcess) -> int:
    """Return the process of the model, as soon as there is one."""
    give_up = time.monotonic() + 60
    while not (found := models_of(laird.pid)):
        assert time.monotonic() < give_up, "no model was started"
        time.sleep(0.005)
    (child,) = found
    return child


def survivors(home: Path, kills: int) -> set[int]:
    """Kill a server again and again with a model of its; return the processes that stay behind.

    In turn the model is idle, answers, or is just being started.
    """
    children: set[int] = set()
    key = ""
    for number in range(kills):
        laird = LairdProcess(home).start(60)
        key = laird.key = laird.key or key
        asking = threading.Thread(target=asked, args=(laird, ENDLESS))
        if number % 3 == 2:
            asking.start()
        else:
            status, answer = laird.post("/v1/chat/completions", ASK)
            assert status == 200, answer
            if number % 3:
                asking.start()
        child = child_of(laird)
        assert lives(child)
        laird.kill()
        children.add(child)
        if asking.ident is not None:
            asking.join(20)
    assert len(children) == kills
    give_up = time.monotonic() + 2 + MACHINE_S
    while any(map(lives, children)) and time.monotonic() < give_up:
        time.sleep(0.005)
    return set(filter(lives, children))


@linux
def test_a_killed_server_leaves_no_process_of_a_model(tmp_path: Path) -> None:
    put(tmp_path, model_file(tmp_path, "one", "the first speaks", context=CONTEXT))
    document = entries("one").replace("contextWindow: 512", f"contextWindow: {CONTEXT}")
    (tmp_path / "providers.yaml").write_text(document)
    assert survivors(tmp_path, KILLS) == set()
