"""A provider's key reaches its own origin and nothing else, whatever goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support import openai_wire
from tests.support.answers import (
    Answer,
    error_event,
    failing,
    json_answer,
    rate_limited,
    sse_answer,
    text_answer,
    truncated_json,
)
from tests.support.chat_upstream import prepared
from tests.support.documents import chain, document, provider
from tests.support.laird import UNMEASURED, LairdProcess, laird_process, post
from tests.support.upstream import Received, threaded_upstream

FIRST = "sk-canary-first-0123456789abcdef"
SECOND = "sk-canary-second-fedcba9876543210"


def echoing(status: int) -> Answer:
    """Answer with an error that repeats the key, as some providers do."""
    return failing(status, f"Incorrect API key provided: {FIRST}. Authorization: Bearer {FIRST}")


def faults(other: str) -> list[Answer]:
    stream = sse_answer(openai_wire.STREAM)
    location = [("Location", f"{other}/v1/chat/completions")]
    return [
        *(echoing(status) for status in (400, 401, 403, 404, 422, 429, 500, 503)),
        rate_limited(1),
        json_answer({}, status=302, headers=location),
        json_answer({}, status=307, headers=location),
        text_answer(f"<html>{FIRST}</html>".encode(), content_type="text/html"),
        truncated_json({"error": FIRST}),
        json_answer(openai_wire.COMPLETION).reset(byte=30),
        error_event(f"bad key {FIRST}", after=openai_wire.STREAM[:3]),
        error_event(f"bad key {FIRST}"),
        stream.cut(at=3),
        stream.reset(at=1),
        sse_answer([b"data: {nonsense " + FIRST.encode() + b"\n\n"]),
    ]


def test_keys_stay_where_they_belong(tmp_path: Path) -> None:
    with threaded_upstream() as first, threaded_upstream() as second:
        prepared(first)
        prepared(second)
        text = document(
            provider("a", first.url, authType="bearer", authSecret="env:FIRST_KEY"),
            provider("b", second.url, authType="bearer", authSecret="env:SECOND_KEY"),
            rest=chain("both", "a/m", "b/m"),
        )
        keys = {"FIRST_KEY": FIRST, "SECOND_KEY": SECOND}
        seen: list[str] = []
        with laird_process(
            tmp_path, text, "--log-level", "debug", environment={**keys, **UNMEASURED}
        ) as laird:
            for fault in faults(second.url):
                for body in chats():
                    first.always(fault)
                    status, answer = ask(laird, body)
                    seen.append(f"{status} {answer}")
            for command in (
                ("providers", "list"),
                ("config", "show"),
                ("config", "history"),
                ("doctor",),
                ("usage", "list"),
                ("providers", "test", "a"),
            ):
                done = laird.command(*command, "--json", check=False)
                seen += [done.stdout, done.stderr]
            assert laird.stop() == 0
            seen += laird.printed + laird.logged
        assert any("attempt failed" in line for line in laird.logged)
        for canary in (FIRST, SECOND):
            assert not [text for text in seen if canary in text]
            for file in tmp_path.rglob("*"):
                if file.is_file():
                    assert canary.encode() not in file.read_bytes(), file
        assert all(FIRST not in told(one) for one in second.requests)
        assert all(SECOND not in told(one) for one in first.requests)
        assert all(laird.key not in told(one) for one in [*first.requests, *second.requests])
        assert any(FIRST in told(one) for one in first.requests)


def chats() -> list[dict[str, Any]]:
    messages = [{"role": "user", "content": "Hello"}]
    return [
        {"model": model, "messages": messages, "stream": stream}
        for model in ("a/m", "both")
        for stream in (False, True)
    ]


def ask(laird: LairdProcess, body: dict[str, Any]) -> tuple[int, str]:
    connection = laird.connection()
    reply = post(connection, "/v1/chat/completions", body, laird.key)
    return reply.status, f"{reply.headers} {reply.read()!r}"


def told(request: Received) -> str:
    return f"{request.target} {request.headers} {request.body!r}"
