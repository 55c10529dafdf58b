"""A log tells what was chosen for it: known fields, no keys, one event in one place."""

from __future__ import annotations

import ast
import json
import logging
from pathlib import Path

import pytest

import laird
from laird.telemetry.logs import FIELDS, LogFormat, configure_logging, get_logger

SOURCES = sorted(Path(laird.__file__).parent.rglob("*.py"))
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
KEYS = [
    "lai_0123456789abcdef0123456789abcdef",
    "sk-proj-abcdefghijklmnopqrstuvwx",
    "gsk_abcdefghijklmnopqrstuvwx",
    "xai-abcdefghijklmnopqrstuvwxyz012345",
    "AIzaSyA0123456789abcdefghij",
    "Bearer 0123456789abcdef",
]


def fields_of(source: Path) -> dict[str, int]:
    """Return the fields of all events that a module logs, each with a line."""
    found: dict[str, int] = {}
    for node in ast.walk(ast.parse(source.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        logger = node.func.value
        if node.func.attr in LEVELS and isinstance(logger, ast.Name) and logger.id == "_log":
            found |= {word.arg: node.lineno for word in node.keywords if word.arg}
    return found


def test_every_field_that_is_logged_is_one_that_may_be() -> None:
    used = {
        name: f"{source.name}:{line}"
        for source in SOURCES
        for name, line in fields_of(source).items()
    }
    strange = {name: place for name, place in used.items() if name not in FIELDS | {"exc_info"}}
    assert not strange, "Add to FIELDS in src/laird/telemetry/logs.py, or leave it out of the log"


def logged(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_field_that_nobody_thought_of_is_left_out(
    style: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("info", style)
    get_logger("test").info("hello", request_id="req_1", prompt="the secret", body=b"secret")
    told = logged(capsys)
    assert "req_1" in told
    assert "secret" not in told
    assert "prompt" not in told


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("style", ["json", "text"])
def test_no_key_that_slips_into_words_is_told(
    style: LogFormat, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("info", style)
    get_logger("test").info(f"refused {key}", reason=f"wrong key '{key}'.")
    logging.getLogger("some.library").warning("sent %s", key)
    try:
        raise ValueError(f"header {key}")
    except ValueError:
        get_logger("test").error("defect", exc_info=True)
    told = logged(capsys)
    assert key not in told
    assert key.removeprefix("Bearer ") not in told
    assert told.count("«redacted»") == 4


@pytest.mark.parametrize(
    "words", ["qwen2.5-coder:32b", "sk-8 is a road", "task-force-of-many-words", "pplx-70b-online"]
)
def test_words_that_are_no_keys_stay(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    get_logger("test").info("hello", model=words)
    assert json.loads(logged(capsys))["model"] == words


FORGED = "fine\n2026-11-22T00:00:00Z [error] forged\r\x1b[2J\x1b]0;title\x07\u2028end"


def test_nobody_writes_a_line_of_their_own_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    get_logger("test").info(FORGED, reason=FORGED)
    logging.getLogger("some.library").warning(FORGED)
    lines = logged(capsys).split("\n")
    assert len(lines) == 3
    assert not lines[-1]
    assert json.loads(lines[0])["reason"] == FORGED
    assert "\x1b" not in "".join(lines)


def test_nobody_writes_a_line_of_their_own_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "text")
    get_logger("test").info(FORGED, reason=FORGED)
    logging.getLogger("some.library").warning(FORGED)
    told = logged(capsys)
    assert not any(control in told for control in "\r\x1b\x07\u2028")
    starts = [line for line in told.split("\n") if line and not line.startswith("    | ")]
    assert len(starts) == 2
    assert not any(line.startswith("2026-11-22T00:00:00Z") for line in starts)


def test_what_is_long_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    get_logger("test").info("hello", reason="x" * 100_000)
    assert len(logged(capsys)) < 5000
