"""What may be seen in the answer to `GET /v1/models`: each function returns true where it is."""

from __future__ import annotations

from collections.abc import Callable

from laird.gateway.discovery.answers import Answer

Seen = Callable[[Answer], bool]


def never(_answer: Answer) -> bool:
    """Nothing is a mark."""
    return False


def either(*marks: Seen) -> Seen:
    """One of these marks is there."""
    return lambda answer: any(mark(answer) for mark in marks)


def owned_by(owner: str) -> Seen:
    """All listed models are owned by this one."""
    return lambda answer: answer.owners == {owner}


def unowned(answer: Answer) -> bool:
    """Models are listed, and none says who owns it."""
    rows = answer.rows
    return bool(rows) and not any("owned_by" in row for row in rows or ())


def owned_by_themselves(answer: Answer) -> bool:
    """Models are listed, and each is its own owner."""
    rows = answer.rows
    return bool(rows) and all(row.get("id") == row.get("owned_by") for row in rows or ())


def owned_by_namespace(answer: Answer) -> bool:
    """Models are owned by the part of their name before the last slash, or by the library.

    So it is with Ollama, which says null where it has none.
    """
    rows = answer.rows
    if rows is None:
        return False
    if not rows:
        return answer.get("data") is None
    return all(
        isinstance(name := row.get("id"), str) and row.get("owned_by") == _namespace(name)
        for row in rows
    )


def _namespace(name: str) -> str:
    parts = name.split("/")
    return parts[-2] if len(parts) > 1 else "library"


def made_at_one(answer: Answer) -> bool:
    """Models are listed, and each was created at second 1, as Jan says."""
    rows = answer.rows
    return bool(rows) and all(row.get("created") == 1 and "owned_by" in row for row in rows or ())


def lists_nothing(answer: Answer) -> bool:
    """It is a list of models without one."""
    return answer.rows == []


def no_list(answer: Answer) -> bool:
    """It is no list of models."""
    return answer.rows is None


def served_by(software: str) -> Seen:
    """The Server header names this software, and the body is JSON."""
    return lambda answer: answer.body is not None and answer.server.lower().startswith(software)


def says(*phrases: str) -> Seen:
    """The words of its error hold one of these."""
    return lambda answer: any(phrase in answer.complaint for phrase in phrases)


def says_only(words: str) -> Seen:
    """Its body is an error of just these words."""
    return lambda answer: bool(answer.body == {"error": words})
