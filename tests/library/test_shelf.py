"""The shelf: what is installed, what is put there by hand, and what leaves it."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest
from tests.library.pulling import REPOSITORY, described
from tests.support.hub_server import model_bytes

from laird.domain.errors import InvalidRequest, NotFound
from laird.domain.local_models import ModelFile
from laird.library.shelf import Installed, Shelf, update_available

DATA = model_bytes(1000)


def put(home: Path, repository: str, file: str, data: bytes = DATA) -> Path:
    """Put a file into the library, as a person does."""
    path = home / "library" / repository / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def install(home: Path, *files: ModelFile) -> str:
    """Install files as a download does."""
    model_id = Shelf(home).keep(files)
    for file in files:
        put(home, file.repository, file.file, bytes(file.size))
    return model_id


def ids(home: Path) -> list[str]:
    return [model.id for model in Shelf(home).list()]


def test_an_empty_home_has_no_models_and_gets_no_folders(tmp_path: Path) -> None:
    assert Shelf(tmp_path).list() == ()
    assert list(tmp_path.iterdir()) == []


def test_an_installed_model_is_told_with_all_that_is_known(tmp_path: Path) -> None:
    file = msgspec.structs.replace(
        described(DATA, "sub/Tiny v2.Q4_K_M.gguf"), quantization="Q4_K_M"
    )
    assert install(tmp_path, file) == "tiny-v2.q4_k_m"
    shelf = Shelf(tmp_path)
    shelf.describe("tiny-v2.q4_k_m", {"architecture": "llama", "context_length": 2048})
    model = shelf.get("tiny-v2.q4_k_m")
    assert (model.repository, model.files, model.size) == (REPOSITORY, (file,), 1000)
    assert (model.quantization, model.verified, model.projector) == ("Q4_K_M", True, False)
    assert model.facts == {"architecture": "llama", "context_length": 2048}
    assert Path(model.path).read_bytes() == bytes(1000)
    assert model.installed_us > 1_700_000_000_000_000
    assert shelf.has([file]) == model
    assert shelf.has([msgspec.structs.replace(file, sha256="0" * 64)]) is None


def test_a_file_that_somebody_put_there_is_adopted(tmp_path: Path) -> None:
    put(tmp_path, "me/mine", "My Own Model-Q8_0.GGUF")
    put(tmp_path, "me/mine", "mmproj-my-f16.gguf")
    model, projector = Shelf(tmp_path).list()[::-1]
    assert (model.id, model.size, model.verified) == ("my-own-model-q8_0", 1000, False)
    assert (model.files[0].sha256, model.files[0].revision) == ("", "")
    assert (model.quantization, model.projector) == ("Q8_0", False)
    assert (projector.id, projector.projector) == ("mmproj-my-f16", True)


def test_an_id_stays_when_others_of_the_same_name_come(tmp_path: Path) -> None:
    put(tmp_path, "late/model", "tiny.gguf")
    assert ids(tmp_path) == ["tiny"]
    put(tmp_path, "early/model", "tiny.gguf")
    put(tmp_path, "early/other", "tiny.gguf")
    put(tmp_path, "early/third", "tiny.gguf")
    put(tmp_path, "early/third", "***.gguf".replace("*", "\u2022"))
    assert ids(tmp_path) == ["model", "tiny", "tiny-early", "tiny-early-2", "tiny-early-3"]
    assert Shelf(tmp_path).get("tiny").repository == "late/model"
    assert ids(tmp_path) == ["model", "tiny", "tiny-early", "tiny-early-2", "tiny-early-3"]
    assert install(tmp_path, described(DATA, "tiny.gguf", "late/model")) == "tiny"


def test_a_copied_note_does_not_make_two_models_of_one_id(tmp_path: Path) -> None:
    first = put(tmp_path, "a/m", "one.gguf")
    assert ids(tmp_path) == ["one"]
    second = put(tmp_path, "b/m", "two.gguf")
    note = first.with_name("one.gguf.json").read_bytes()
    second.with_name("two.gguf.json").write_bytes(note)
    assert ids(tmp_path) == ["one", "two"]


@pytest.mark.parametrize(
    "note", [b"", b"[]", b"{}", b'{"id": "A/..", "files": [], "installed_us": 1}']
)
def test_a_note_that_can_not_be_used_is_written_anew(tmp_path: Path, note: bytes) -> None:
    path = put(tmp_path, "a/m", "one.gguf")
    path.with_name("one.gguf.json").write_bytes(note)
    assert ids(tmp_path) == ["one"]


def test_a_file_that_was_exchanged_counts_as_unknown(tmp_path: Path) -> None:
    install(tmp_path, described(DATA, "tiny.gguf"))
    put(tmp_path, REPOSITORY, "tiny.gguf", b"GGUF of another size")
    model = Shelf(tmp_path).get("tiny")
    assert (model.size, model.verified) == (20, False)


def test_a_split_model_is_one_and_says_what_is_missing(tmp_path: Path) -> None:
    files = tuple(described(DATA, f"big-0000{n}-of-00003.gguf") for n in (1, 2, 3))
    assert install(tmp_path, *files) == "big"
    model = Shelf(tmp_path).get("big")
    assert (model.files, model.problem, model.size) == (files, None, 3000)
    (Path(model.path).with_name("big-00003-of-00003.gguf")).unlink()
    assert "1 of its 3 parts is missing" in str(Shelf(tmp_path).get("big").problem)
    (Path(model.path).with_name("big-00002-of-00003.gguf")).unlink()
    assert "2 of its 3 parts are missing" in str(Shelf(tmp_path).get("big").problem)
    assert Shelf(tmp_path).has(files) is None


def test_a_deleted_model_leaves_no_empty_folder_behind(tmp_path: Path) -> None:
    install(tmp_path, described(DATA, "deep/down/tiny.gguf"))
    install(tmp_path, described(DATA, "other.gguf"))
    shelf = Shelf(tmp_path)
    assert shelf.delete("tiny").id == "tiny"
    assert ids(tmp_path) == ["other"]
    assert sorted(path.name for path in (tmp_path / "library/maker/tiny-GGUF").iterdir()) == [
        "other.gguf",
        "other.gguf.json",
    ]
    shelf.delete("other")
    assert list((tmp_path / "library").iterdir()) == []
    with pytest.raises(NotFound, match="No installed model is called 'other'"):
        shelf.delete("other")


def test_nothing_outside_the_library_is_seen_or_touched(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "theirs.gguf").write_bytes(DATA)
    home = tmp_path / "home"
    put(home, "a/m", "mine.gguf")
    put(home, "a", "too-high.gguf")
    put(home, "a/m", ".hidden.gguf")
    put(home, "a/.git", "hidden.gguf")
    put(home, "a/m", "notes.txt")
    (home / "library/a/m/link.gguf").symlink_to(outside / "theirs.gguf")
    (home / "library/a/linked").symlink_to(outside)
    (home / "library/a/m/inside.gguf").symlink_to(home / "library/a/m/mine.gguf")
    assert ids(home) == ["inside", "mine"]
    for repository, file in [("../outside", "theirs.gguf"), ("a/linked", "theirs.gguf")]:
        with pytest.raises(InvalidRequest):
            Shelf(home).path(repository, file)
    for file in ("../../../outside/theirs.gguf", "/etc/x.gguf", "link.gguf", "a\\b.gguf"):
        with pytest.raises(InvalidRequest):
            Shelf(home).path("a/m", file)
    Shelf(home).delete("mine")
    assert sorted(path.name for path in outside.iterdir()) == ["theirs.gguf"]


def test_a_library_that_can_only_be_read_is_listed(tmp_path: Path) -> None:
    path = put(tmp_path, "a/m", "one.gguf")
    # Root may write what is read-only; but nobody can put a file in a folder's place.
    path.with_name("one.gguf.json").mkdir()
    path.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert ids(tmp_path) == ["one"]
        assert path.with_name("one.gguf.json").is_dir()
    finally:
        path.parent.chmod(stat.S_IRWXU)


def test_an_update_is_there_when_the_hub_has_other_bytes() -> None:
    file = described(DATA, "tiny.gguf")
    changed = msgspec.structs.replace(file, sha256="0" * 64)
    elsewhere = msgspec.structs.replace(changed, repository="other/place")
    model = Installed(id="tiny", repository=REPOSITORY, files=(file,), path="", installed_us=0)
    unknown = msgspec.structs.replace(model, files=(msgspec.structs.replace(file, sha256=""),))
    assert update_available(model, [file, elsewhere]) is False
    assert update_available(model, [changed]) is True
    assert update_available(model, [elsewhere]) is None
    assert update_available(unknown, [changed]) is None
