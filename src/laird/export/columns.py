"""The columns of an export: their names, their order, and where in the ledger they come from."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from laird.domain.errors import InvalidRequest
from laird.storage.tables import attempts


class Form(StrEnum):
    """What has to be done to a value of the ledger before it is written."""

    TEXT = "text"
    """Somebody may have chosen it: in a spreadsheet it could act as a formula."""
    NUMBER = "number"
    TRUTH = "truth"
    TIME = "time"
    """Microseconds, written as a moment in UTC."""
    USD = "usd"
    """Nano-dollars, written as dollars with nine digits."""
    KEY = "key"
    """The id of a key, written as its name."""


class Column(msgspec.Struct, frozen=True):
    """One column of an export."""

    name: str
    source: str
    """The ledger's column that it is made of."""
    form: Form


_FIRST = (
    Column("timestamp", "at_us", Form.TIME),
    Column("workflow_id", "workflow", Form.TEXT),
    Column("workflow_name", "workflow", Form.TEXT),
    Column("node_id", "node", Form.TEXT),
    Column("provider", "provider", Form.TEXT),
    Column("model", "model", Form.TEXT),
    Column("prompt_tokens", "prompt_tokens", Form.NUMBER),
    Column("completion_tokens", "completion_tokens", Form.NUMBER),
    Column("cost_usd", "cost_nano", Form.USD),
    Column("request_id", "request_id", Form.TEXT),
    Column("attempt", "attempt", Form.NUMBER),
    Column("key_id", "key_id", Form.TEXT),
    Column("key_name", "key_id", Form.KEY),
)
"""What comes first in every export, in an order that others rely on."""

_LAST = ("at_us", "id")


def _rest() -> tuple[Column, ...]:
    """Return the ledger's other columns, in its own order; what is added to it comes with them."""
    told = {column.name for column in _FIRST} | {"workflow", "node"}
    names = [str(column.name) for column in attempts.columns if column.name not in {*told, *_LAST}]
    return tuple(Column(name, name, _form(name)) for name in (*names, *_LAST))


def _form(name: str) -> Form:
    kind = attempts.columns[name].type.python_type
    return {bool: Form.TRUTH, str: Form.TEXT}.get(kind, Form.NUMBER)


COLUMNS = (*_FIRST, *_rest())
"""All columns, in the order in which they are written where nobody chooses others."""

_BY_NAME = {column.name: column for column in COLUMNS}


def chosen(names: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns of these names, in this order; all of them for none.

    Raises `InvalidRequest` for a name that is unknown or there twice.
    """
    if not names:
        return COLUMNS
    for name in names:
        if name not in _BY_NAME:
            raise InvalidRequest(
                f"There is no column '{name[:40]}'. There are {', '.join(_BY_NAME)}.",
                param="columns",
            )
        if names.count(name) > 1:
            raise InvalidRequest(f"The column '{name}' is asked for twice.", param="columns")
    return tuple(_BY_NAME[name] for name in names)
