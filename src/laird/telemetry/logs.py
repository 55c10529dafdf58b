"""Structured logs: one line per event, as JSON for machines or coloured text for a terminal.

What is logged is chosen, never dumped: no prompt, no answer, no header and no key reaches a log. An
event has fields of `FIELDS` alone, and of a request its id. What others have written, such as a
provider's error, can't begin a line of its own, and can't speak to the terminal.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, Literal

import structlog

LogFormat = Literal["auto", "json", "text"]

FIELDS = frozenset(
    {
        "about", "action", "actor", "address", "after", "again_in_s", "alert", "attempt",
        "attempts", "budget", "cause", "code", "component", "count", "credential", "days",
        "delay_s", "drain_seconds", "expires_us", "file", "key", "limit_usd", "model", "path",
        "percent", "pid", "provider", "reason", "request_id", "spent_usd", "then", "under_way",
        "url", "verdict", "version",
    }
)  # fmt: skip
"""The fields that an event may have. Another is left out, whoever wrote it: what a field is for is
thought about once, here."""
_STRUCTURE = frozenset({"event", "level", "timestamp", "exc_info", "exception", "stack_info"})
_LONGEST = 4000
"""Characters of one value."""
_KEYS = re.compile(
    r"lai_[0-9a-f]{32}|\bsk-[A-Za-z0-9_-]{12,}|\b(?:gsk|ghp|hf|sk|pk|rk)_[A-Za-z0-9_]{16,}"
    r"|\b(?:xai|nvapi|pplx)-[A-Za-z0-9_-]{24,}|\bAIza[A-Za-z0-9_-]{16,}"
    r"|(?i:\bbearer\s+)(?!«)[^\s'\",;«]{8,}"
)
_REDACTED = "«redacted»"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def configure_logging(level: str, style: LogFormat = "auto") -> None:
    """Send our logs and those of libraries to standard error, from `level` up.

    `auto` writes text to a terminal and JSON anywhere else.
    """
    as_json = style == "json" or (style == "auto" and not sys.stderr.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _chosen,
    ]
    if not as_json:
        shared.append(_in_one_place)
    renderer = _Renderer(as_json=as_json)
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer]
        if as_json
        else [*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries speak up only when something is wrong; our own events carry the story.
    root.setLevel(max(number, logging.WARNING))
    logging.getLogger("laird").setLevel(number)


class _Renderer:
    """Writes an event as one text, without what looks like a key."""

    def __init__(self, *, as_json: bool) -> None:
        self._write: structlog.typing.Processor = (
            structlog.processors.JSONRenderer()
            if as_json
            else structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # The default shows the values of local variables: prompts and keys among them.
                exception_formatter=structlog.dev.plain_traceback,
            )
        )

    def __call__(self, logger: Any, method: str, event: structlog.typing.EventDict) -> str:
        return without_keys(str(self._write(logger, method, event)))


def without_keys(text: str) -> str:
    """Return a text with `«redacted»` in place of what looks like a key."""
    return _KEYS.sub(_REDACTED, text)


def _chosen(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Leave out the fields that are not to be logged, and shorten what is long."""
    return {
        name: value[:_LONGEST] if isinstance(value, str) else value
        for name, value in event.items()
        if name in FIELDS or name in _STRUCTURE or name.startswith("_")
    }


def _in_one_place(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Keep an event's words from looking like another event, or from moving a terminal's cursor.

    Values of fields are written with quotes and escapes by the renderer.
    """
    words = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", str(event.get("event", "")))
    return {**event, "event": words.replace("\n", "\n    | ")}


def log_like_a_library() -> None:
    """Leave it to the program around us what is logged: our events go to the logger `laird`.

    Where the program has set up structlog, its ways hold for ours too.
    """
    logging.getLogger("laird").addHandler(logging.NullHandler())
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, _chosen, _as_message],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=_library_logger,
        cache_logger_on_first_use=False,
    )


def _as_message(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> tuple[tuple[str], dict[str, object]]:
    """Turn an event into a message of `logging`, with its fields behind it."""
    defect = event.pop("exc_info", None)
    words = [str(event.pop("event")), *(f"{name}={value}" for name, value in event.items())]
    return (without_keys(" ".join(words)),), {"exc_info": defect}


def _library_logger(*_: object) -> logging.Logger:
    return logging.getLogger("laird")


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger whose events carry `name` as their component."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(component=name)
    return logger
