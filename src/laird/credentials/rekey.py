"""Changing the master key: every record's key is wrapped anew, and none is ever without one.

The order is what makes it safe. New wrapped keys are written beside the old ones and read back;
only then the new master key takes the old one's place, in one step; only then what the old one
has wrapped is forgotten. Whenever it is cut off, the master key that is in place opens everything,
and running it again goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from laird.credentials import rows
from laird.credentials.master import MasterKey, MasterKeys
from laird.credentials.seal import Binding, rewrap, unseal
from laird.domain.errors import VaultLocked
from laird.storage.engine import Database

Reached = Callable[[str], None]
"""Hears of each step when it is done: `made`, `wrapped`, `checked`, `switched`, `cleaned`."""


def _nobody(step: str) -> None:
    del step


def rekey(database: Database, masters: MasterKeys, reached: Reached = _nobody) -> int:
    """Change the master key and return how many values were wrapped anew. Blocks.

    Raises:
        VaultLocked: a value can't be opened; then nothing is lost, and the old key stays.
        StorageUnavailable: the database is away.
    """
    target = masters.next()
    reached("made")
    wrapped = _wrap_all(database, masters, target, reached)
    _check_all(database, target)
    reached("checked")
    masters.switch()
    reached("switched")
    database.write_now(partial(rows.drop_other_wraps, master_id=target.id))
    masters.forget_others()
    reached("cleaned")
    return wrapped


def binding_of(value: rows.ValueRow) -> Binding:
    """Return what a value's encryption is bound to."""
    return Binding(value.id, value.name, value.version)


def _sealed(book: rows.Book) -> list[rows.ValueRow]:
    slots = (value for slots in book.values.values() for value in slots.values())
    return [value for value in slots if value.sealed is not None]


def _wrap_all(database: Database, masters: MasterKeys, target: MasterKey, reached: Reached) -> int:
    book = database.read_now(rows.read)
    known = masters.known()
    count = 0
    for value in _sealed(book):
        wraps = book.wraps.get(value.id, {})
        if target.id in wraps:
            continue
        wrapped = rewrap(wraps, binding_of(value), known, target)
        database.write_now(
            partial(rows.add_wrap, value_id=value.id, master_id=target.id, wrapped=wrapped)
        )
        count += 1
        reached("wrapped")
    return count


def _check_all(database: Database, target: MasterKey) -> None:
    """Make sure that the new key alone opens everything. Raises `VaultLocked`."""
    book = database.read_now(rows.read)
    for value in _sealed(book):
        if value.sealed is None:
            raise VaultLocked(f"The credential '{value.name}' has no value.")
        wraps = {target.id: book.wraps.get(value.id, {}).get(target.id, b"")}
        unseal(value.sealed, wraps, binding_of(value), {target.id: target})
