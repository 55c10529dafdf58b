"""The master key: where it is from, and what is refused."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest

from laird.credentials.master import FILE, NEXT_FILE, MasterKeys
from laird.domain.errors import VaultLocked

KEY = bytes(range(32))
FORMS = {
    "hex": KEY.hex(),
    "capital hex": KEY.hex().upper(),
    "base64": base64.b64encode(KEY).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(KEY).decode().rstrip("="),
    "with blanks": f"  {KEY.hex()}\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_it_is_read_from_the_environment(text: str, tmp_path: Path) -> None:
    key = MasterKeys(tmp_path, {"LAIRD_MASTER_KEY": text}).current
    assert key is not None
    assert key.reveal() == KEY
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("text", ["secret", "00" * 31, "00" * 33, "x" * 64, "=" * 44])
@pytest.mark.parametrize("name", ["LAIRD_MASTER_KEY", "LAIRD_MASTER_KEY_OLD"])
def test_what_is_no_key_is_refused_and_not_repeated(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(VaultLocked, match="openssl rand -hex 32") as caught:
        MasterKeys(tmp_path, {name: text})
    assert text not in caught.value.message


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    assert MasterKeys(tmp_path, {"LAIRD_MASTER_KEY": " "}).current is None


def test_a_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    masters = MasterKeys(tmp_path, {})
    before = os.umask(0)
    try:
        made = masters.make()
    finally:
        os.umask(before)
    file = tmp_path / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert bytes.fromhex(file.read_text()) == made.reveal()
    assert masters.make().reveal() == made.reveal()
    assert [each.name for each in tmp_path.iterdir()] == [FILE]


def test_two_homes_have_two_keys(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = (MasterKeys(tmp_path / name, {}).make() for name in "ab")
    assert one.reveal() != other.reveal()
    assert one.id != other.id


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o777])
def test_a_file_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    masters = MasterKeys(tmp_path, {})
    masters.make()
    (tmp_path / FILE).chmod(mode)
    with pytest.raises(VaultLocked, match="by others") as caught:
        _ = masters.current
    assert f"{mode:04o}" in caught.value.message


def test_a_file_without_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("not a key")
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(VaultLocked, match="does not hold a key") as caught:
        _ = MasterKeys(tmp_path, {}).current
    assert "not a key" not in caught.value.message


def test_a_directory_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir(mode=0o700)
    with pytest.raises(VaultLocked, match="is no file"):
        MasterKeys(tmp_path, {}).make()


def test_a_home_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(VaultLocked, match="can't be written"):
        MasterKeys(tmp_path / "gone", {}).make()


def test_the_file_may_be_a_link_to_where_secrets_are_mounted(tmp_path: Path) -> None:
    (tmp_path / "mounted").write_text(KEY.hex())
    (tmp_path / "mounted").chmod(0o400)
    (tmp_path / FILE).symlink_to(tmp_path / "mounted")
    key = MasterKeys(tmp_path, {}).current
    assert key is not None
    assert key.reveal() == KEY


def test_the_next_key_takes_the_place_in_one_step(tmp_path: Path) -> None:
    masters = MasterKeys(tmp_path, {})
    first = masters.make()
    following = masters.next()
    assert masters.next().id == following.id
    assert masters.known().keys() == {first.id, following.id}
    current = masters.current
    assert current is not None
    assert current.id == first.id
    masters.switch()
    current = masters.current
    assert current is not None
    assert current.id == following.id
    assert not (tmp_path / NEXT_FILE).exists()
    masters.forget_others()
    assert masters.known().keys() == {following.id}


def test_the_environment_wins_and_the_file_still_opens(tmp_path: Path) -> None:
    old = MasterKeys(tmp_path, {}).make()
    masters = MasterKeys(tmp_path, {"LAIRD_MASTER_KEY": KEY.hex()})
    current = masters.current
    assert current is not None
    assert current.reveal() == KEY
    assert masters.known().keys() == {current.id, old.id}
    masters.switch()
    masters.forget_others()
    assert masters.known().keys() == {current.id}
    assert list(tmp_path.iterdir()) == []
