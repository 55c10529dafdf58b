"""What is sealed opens in its own place alone."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.credentials.master import MasterKey
from laird.credentials.seal import Binding, fingerprint, rewrap, seal, unseal
from laird.domain.errors import VaultLocked
from laird.domain.secret import Secret

MASTER, OTHER = MasterKey(b"m" * 32), MasterKey(b"o" * 32)
KNOWN = {MASTER.id: MASTER}
BINDING = Binding("cred_1", "openai", 3)

values = st.text(st.characters(codec="utf-8"), max_size=300)
names = st.text(st.characters(codec="utf-8"), max_size=20)
bindings = st.builds(Binding, names, names, st.integers(0, 10**9))


@given(values, bindings)
def test_what_was_sealed_opens_again(value: str, binding: Binding) -> None:
    sealed, wrapped = seal(Secret(value), binding, MASTER)
    assert unseal(sealed, {MASTER.id: wrapped}, binding, KNOWN).reveal() == value


@given(bindings, bindings)
def test_it_does_not_open_as_something_else(binding: Binding, other: Binding) -> None:
    sealed, wrapped = seal(Secret("value"), binding, MASTER)
    if binding != other:
        with pytest.raises(VaultLocked, match="damaged or exchanged"):
            unseal(sealed, {MASTER.id: wrapped}, other, KNOWN)


@pytest.mark.parametrize(
    "changed", [{"value_id": "cred_2"}, {"name": "opena"}, {"version": 2}], ids=str
)
def test_each_part_of_the_binding_counts(changed: dict[str, object]) -> None:
    sealed, wrapped = seal(Secret("value"), BINDING, MASTER)
    other = msgspec.structs.replace(BINDING, **changed)
    with pytest.raises(VaultLocked):
        unseal(sealed, {MASTER.id: wrapped}, other, KNOWN)


def test_values_of_two_rows_can_not_be_exchanged() -> None:
    """Neither the values alone nor together with their keys."""
    other = Binding("cred_2", "openai", 3)
    mine, my_key = seal(Secret("mine"), BINDING, MASTER)
    theirs, their_key = seal(Secret("theirs"), other, MASTER)
    for sealed, wrapped in ((theirs, my_key), (mine, their_key), (theirs, their_key)):
        with pytest.raises(VaultLocked):
            unseal(sealed, {MASTER.id: wrapped}, BINDING, KNOWN)


@given(st.data())
def test_one_changed_bit_is_noticed(data: st.DataObject) -> None:
    sealed, wrapped = seal(Secret("value"), BINDING, MASTER)
    for whole in (True, False):
        target = bytearray(sealed if whole else wrapped)
        bit = data.draw(st.integers(0, len(target) * 8 - 1))
        target[bit // 8] ^= 1 << bit % 8
        parts = (bytes(target), wrapped) if whole else (sealed, bytes(target))
        with pytest.raises(VaultLocked):
            unseal(parts[0], {MASTER.id: parts[1]}, BINDING, KNOWN)


@pytest.mark.parametrize("torn", [b"", b"short", b"x" * 12])
def test_a_torn_row_is_told_as_such(torn: bytes) -> None:
    _, wrapped = seal(Secret("value"), BINDING, MASTER)
    with pytest.raises(VaultLocked, match="openai"):
        unseal(torn, {MASTER.id: wrapped}, BINDING, KNOWN)


def test_without_its_master_key_it_says_which_one_is_missing() -> None:
    sealed, wrapped = seal(Secret("value"), BINDING, MASTER)
    with pytest.raises(VaultLocked, match=MASTER.id):
        unseal(sealed, {MASTER.id: wrapped}, BINDING, {OTHER.id: OTHER})
    with pytest.raises(VaultLocked, match="none"):
        unseal(sealed, {}, BINDING, KNOWN)


def test_a_key_is_not_taken_for_another_master_keys_work() -> None:
    sealed, wrapped = seal(Secret("value"), BINDING, MASTER)
    with pytest.raises(VaultLocked):
        unseal(sealed, {OTHER.id: wrapped}, BINDING, {OTHER.id: OTHER})


def test_wrapped_anew_it_opens_with_the_other_key() -> None:
    sealed, wrapped = seal(Secret("value"), BINDING, MASTER)
    again = rewrap({MASTER.id: wrapped}, BINDING, KNOWN, OTHER)
    assert unseal(sealed, {OTHER.id: again}, BINDING, {OTHER.id: OTHER}).reveal() == "value"


def test_nothing_is_sealed_alike_twice() -> None:
    one, other = (seal(Secret("value"), BINDING, MASTER) for _ in range(2))
    assert not {*one} & {*other}


def test_a_fingerprint_tells_values_apart_and_depends_on_its_key() -> None:
    key = Secret("key")
    assert fingerprint(Secret("a"), key) == fingerprint(Secret("a"), key)
    assert len(fingerprint(Secret("a"), key)) == 6
    assert len({fingerprint(Secret(str(one)), key) for one in range(100)}) == 100
    assert fingerprint(Secret("a"), Secret("other")) != fingerprint(Secret("a"), key)
