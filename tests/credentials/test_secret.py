"""A secret does not show itself, whatever is done with what holds it."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import sys
import traceback
from typing import Any

import msgspec
import orjson
import pytest
import structlog
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from laird.credentials.command import CommandSpec
from laird.credentials.master import MasterKey
from laird.domain.catalog import Egress, Provider
from laird.domain.secret import Secret
from laird.transport.base import Origin, RequestHead, UpstreamRequest

CANARY = "sk-canary-of-the-secret-4711"


def holders() -> list[Any]:
    head = RequestHead(
        "GET", Origin("http", "h", 80), f"/v1?key={CANARY}", (("authorization", CANARY),)
    )
    provider = Provider(
        id="p", name="P", kind="k", egress=Egress.LOCAL, endpoint="", secret=Secret(CANARY)
    )
    spec = CommandSpec(argv=("/bin/echo", CANARY))
    return [
        Secret(CANARY),
        [Secret(CANARY)],
        {Secret(CANARY): 1},
        head,
        UpstreamRequest(head),
        provider,
        spec,
        MasterKey(CANARY.encode()),
    ]


HOLDERS = [pytest.param(one, id=type(one).__name__) for one in holders()]


@pytest.mark.parametrize("holder", HOLDERS)
def test_it_is_not_printed(holder: Any) -> None:
    shown = [repr(holder), str(holder), f"{holder}", f"{holder!r}", "%s" % (holder,)]  # noqa: UP031
    shown += [format(holder), pretty_repr(holder), ascii(holder)]
    assert not [text for text in shown if CANARY in text]


def test_it_is_not_formatted() -> None:
    assert f"{Secret(CANARY):>100}" == "Secret(***)"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(Secret(CANARY), protocol)
    with pytest.raises(TypeError, match="can't be pickled"):
        Secret(CANARY).__getstate__()
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(MasterKey(b"k" * 32), protocol)


def test_it_is_not_serialised() -> None:
    for encode in (json.dumps, orjson.dumps, msgspec.json.encode, msgspec.to_builtins):
        with pytest.raises(TypeError):
            encode(Secret(CANARY))


def test_copies_are_the_same_secret() -> None:
    secret = Secret(CANARY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_it_has_no_attributes_to_look_at() -> None:
    with pytest.raises(TypeError):
        vars(Secret(CANARY))


def test_secrets_are_compared_with_secrets_alone() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret(CANARY[:-1])
    assert Secret("ä") != Secret("a")
    assert (Secret(CANARY) == CANARY) is False
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert not Secret("")


def crash(depth: int = 2) -> None:
    held = holders()
    if depth:
        crash(depth - 1)
    raise ValueError(len(held))


def test_a_traceback_with_local_variables_does_not_show_it() -> None:
    shown = io.StringIO()
    try:
        crash()
    except ValueError:
        kind, error, trace = sys.exc_info()
        assert kind is not None
        assert error is not None
        console = Console(file=shown, width=200)
        console.print(Traceback.from_exception(kind, error, trace, show_locals=True))
        told = traceback.TracebackException(kind, error, trace, capture_locals=True)
        shown.write("".join(told.format()))
        for formatter in (
            structlog.tracebacks.ExceptionDictTransformer(show_locals=True),
            structlog.tracebacks.ExceptionDictTransformer(show_locals=True, locals_max_string=9999),
        ):
            shown.write(repr(formatter((kind, error, trace))))
    text = shown.getvalue()
    assert "Secret(***)" in text
    assert "held" in text
    assert CANARY not in text


def test_a_log_does_not_show_it(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    logger = logging.getLogger("test of secrets")
    logger.addHandler(logging.StreamHandler(stream))
    for holder in holders():
        logger.error("%s %r", holder, holder)
    renderers: list[Any] = [
        structlog.processors.JSONRenderer(default=repr, skipkeys=True),
        structlog.dev.ConsoleRenderer(colors=False),
        structlog.processors.KeyValueRenderer(),
    ]
    for render in renderers:
        for holder in holders():
            stream.write(str(render(None, "info", {"event": "e", "holder": holder})))
    assert CANARY not in stream.getvalue()
    assert CANARY not in "".join(capsys.readouterr())
