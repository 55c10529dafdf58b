"""SIGTERM drains: what runs may finish, what does not is ended in good form, nothing is lost."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from http.client import HTTPResponse
from pathlib import Path

import pytest
from tests.support import openai_wire
from tests.support.answers import json_answer, sse_answer
from tests.support.chat_upstream import chats, prepared
from tests.support.documents import document, provider
from tests.support.gates import Gate
from tests.support.laird import LairdProcess, laird_process, post
from tests.support.upstream import threaded_upstream
from tests.support.waiting import MACHINE_S

CHAT = {"model": "a/m", "messages": [{"role": "user", "content": "Hello"}]}


def stream_of(laird: LairdProcess) -> HTTPResponse:
    """Begin a stream and read its first event."""
    reply = post(laird.connection(), "/v1/chat/completions", {**CHAT, "stream": True}, laird.key)
    assert reply.status == 200
    assert reply.readline().startswith(b"data: ")
    return reply


def rows(home: Path) -> list[tuple[str]]:
    connection = sqlite3.connect(home / "laird.db")
    try:
        return connection.execute("SELECT status FROM attempts ORDER BY id").fetchall()
    finally:
        connection.close()


def test_a_stream_that_ends_in_time_is_whole(tmp_path: Path) -> None:
    gate = Gate()
    with threaded_upstream() as upstream:
        prepared(upstream).always(sse_answer(openai_wire.STREAM).held(gate, at=3))
        text = document(provider("a", upstream.url))
        with laird_process(tmp_path, text, "--drain-seconds", "10") as laird:
            reply = stream_of(laird)
            laird.signal(signal.SIGTERM)
            refused(laird)
            gate.open()
            assert reply.read().endswith(b"data: [DONE]\n\n")
            assert laird.wait() == 0
            assert rows(tmp_path) == [("ok",)]


def refused(laird: LairdProcess) -> None:
    """Wait until the server takes no new connections."""
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        connection = laird.connection()
        try:
            connection.request("GET", "/health")
            connection.getresponse().read()
        except OSError:
            return
        finally:
            connection.close()
    pytest.fail("the server goes on taking connections")


def test_a_stream_that_does_not_end_gets_an_error_event_at_the_deadline(tmp_path: Path) -> None:
    with threaded_upstream() as upstream:
        prepared(upstream).always(sse_answer(openai_wire.STREAM).stalled(at=3))
        text = document(provider("a", upstream.url))
        with laird_process(tmp_path, text, "--drain-seconds", "1") as laird:
            reply = stream_of(laird)
            began = time.monotonic()
            laird.signal(signal.SIGTERM)
            events = reply.read().decode().strip().split("\n\n")
            assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == (
                "shutting_down"
            )
            assert laird.wait() == 0
            assert time.monotonic() - began < 1 + 2 + MACHINE_S
            assert rows(tmp_path) == [("cancelled",)]


def test_a_whole_answer_under_way_is_waited_for(tmp_path: Path) -> None:
    gate = Gate()
    with threaded_upstream() as upstream:
        prepared(upstream).always(json_answer(openai_wire.COMPLETION).held(gate))
        with laird_process(tmp_path, document(provider("a", upstream.url))) as laird:
            connection = laird.connection()
            sent = {"authorization": f"Bearer {laird.key}"}
            connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), sent)
            upstream.block_until(lambda: chats(upstream))
            laird.signal(signal.SIGTERM)
            refused(laird)
            gate.open()
            reply = connection.getresponse()
            assert reply.status == 200
            assert json.loads(reply.read())["choices"]
            assert laird.wait() == 0


def test_what_is_cut_before_its_first_byte_is_told_to_come_again(tmp_path: Path) -> None:
    with threaded_upstream() as upstream:
        prepared(upstream).always(json_answer(openai_wire.COMPLETION).stalled(byte=0))
        text = document(provider("a", upstream.url))
        with laird_process(tmp_path, text, "--drain-seconds", "0") as laird:
            connection = laird.connection()
            sent = {"authorization": f"Bearer {laird.key}"}
            connection.request("POST", "/v1/chat/completions", json.dumps(CHAT), sent)
            upstream.block_until(lambda: chats(upstream))
            laird.signal(signal.SIGTERM)
            reply = connection.getresponse()
            assert reply.status == 503
            assert reply.headers["retry-after"] == "1"
            assert json.loads(reply.read())["error"]["code"] == "shutting_down"
            assert laird.wait() == 0


def test_an_idle_server_stops_at_once(tmp_path: Path) -> None:
    with laird_process(tmp_path, None) as laird:
        laird.post("/v1/chat/completions", {**CHAT, "model": "demo"})
        kept_alive = laird.connection()
        kept_alive.request("GET", "/health")
        kept_alive.getresponse().read()
        began = time.monotonic()
        assert laird.stop() == 0
        assert time.monotonic() - began < 2 + MACHINE_S
        kept_alive.close()
