"""A small client: to see when a gateway first answers, and that its answers are whole."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import msgspec

from bench.upstream import CHUNKS, MODEL

PATH = "/v1/chat/completions"
_MESSAGES = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "What is a reverse proxy? Answer in one sentence."},
]
_REQUEST = {"model": MODEL, "messages": _MESSAGES, "temperature": 0.7, "max_tokens": 256}
COMPLETION_BODY = json.dumps(_REQUEST, separators=(",", ":")).encode()
STREAM_BODY = json.dumps(
    {**_REQUEST, "stream": True, "stream_options": {"include_usage": True}}, separators=(",", ":")
).encode()
_MARK = "@word@"
"""What the load writes another word in place of each time."""
_POLL_SECONDS = 0.005


class Target(msgspec.Struct, frozen=True):
    """Where requests go on loopback, and with which headers."""

    port: int
    headers: Mapping[str, str]
    varied: bool = False
    """Whether no two requests of the load have the same text."""


class BadAnswerError(Exception):
    """A gateway answered, but not with what the upstream said; the text says how."""


def body(target: Target, *, stream: bool) -> bytes:
    """The request of the load, as it is or with a mark where it differs from the next."""
    whole = STREAM_BODY if stream else COMPLETION_BODY
    return (
        whole.replace(b"one sentence.", f"one sentence, no. {_MARK}.".encode())
        if target.varied
        else whole
    )


def post(target: Target, body: bytes, *, timeout: float = 60.0) -> tuple[int, bytes]:
    """One request on a connection of its own: status and whole body.

    Raises:
        OSError: nobody listens, or the connection broke.
        http.client.HTTPException: the answer is not HTTP, or ends early.
    """
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=timeout)
    try:
        headers = {"Content-Type": "application/json", **target.headers}
        connection.request("POST", PATH, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def first_answer(
    find_target: Callable[[], Target | None], alive: Callable[[], bool], *, limit: float = 120.0
) -> Target | None:
    """Ask every 5 ms until a completion comes back; None when that never happens.

    Args:
        find_target: where to ask, or None while that is not known yet.
        alive: whether the program still runs; when not, there is no point in waiting.
        limit: seconds after which to give up.
    """
    end = time.monotonic() + limit
    while time.monotonic() < end and alive():
        target = find_target()
        if target is not None:
            with suppress(OSError, http.client.HTTPException):
                status, _ = post(target, COMPLETION_BODY)
                if status == 200:
                    return target
        time.sleep(_POLL_SECONDS)
    return None


def check_completion(target: Target) -> None:
    """See that a completion arrives with its text and usage.

    Raises:
        BadAnswerError: it does not.
    """
    status, body = _exchange(target, COMPLETION_BODY)
    if status != 200:
        raise BadAnswerError(f"status {status}")
    answer = json.loads(body)
    text = answer["choices"][0]["message"]["content"]
    if not text or answer["usage"]["completion_tokens"] != CHUNKS:
        raise BadAnswerError("text or usage is missing")


def check_streams(target: Target, count: int) -> None:
    """Read `count` streams at the same time and see that each is whole.

    Raises:
        BadAnswerError: one of them is not.
    """
    with ThreadPoolExecutor(count) as pool:
        for status, body in pool.map(lambda _: _exchange(target, STREAM_BODY), range(count)):
            if status != 200:
                raise BadAnswerError(f"status {status}")
            check_stream_body(body)


def check_stream_body(body: bytes) -> None:
    """See that the events of one stream are all there, in order, up to `[DONE]`.

    Raises:
        BadAnswerError: something is missing.
    """
    data = [line[5:].strip() for line in body.splitlines() if line.startswith(b"data:")]
    if not data or data[-1] != b"[DONE]":
        raise BadAnswerError("the stream has no [DONE]")
    events = [json.loads(line) for line in data[:-1]]
    text = "".join(_content(event) for event in events)
    words = [f"word{number:02d}" for number in range(CHUNKS)]
    if text.split() != words:
        raise BadAnswerError(f"the stream has {len(text.split())} of {CHUNKS} words")
    if not any(event.get("usage") for event in events):
        raise BadAnswerError("the stream has no usage")


def _content(event: dict[str, Any]) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in event["choices"])


def _exchange(target: Target, body: bytes) -> tuple[int, bytes]:
    try:
        return post(target, body)
    except (OSError, http.client.HTTPException) as error:
        raise BadAnswerError(f"the connection broke: {error!r}") from error
