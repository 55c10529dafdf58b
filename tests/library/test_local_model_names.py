"""Names from outside become paths inside the library, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.domain.errors import InvalidRequest
from laird.library.hub_address import hub_address
from laird.library.names import check_file, check_repository, check_revision, is_sha256, place

ROOT = Path("/srv/laird/library")


@given(repository=st.text(), file=st.text() | st.text().map(lambda text: f"{text}.gguf"))
def test_no_name_leads_out_of_the_library(repository: str, file: str) -> None:
    for owner in (repository, "maker/model"):
        try:
            path = place(ROOT, owner, file)
        except InvalidRequest:
            continue
        assert path.relative_to(ROOT).parts[2:] == tuple(file.split("/"))
        assert ".." not in path.parts
        assert not any(part.startswith(".") for part in path.parts)


@pytest.mark.parametrize("name", ["a/b", "TheBloke/Mistral-7B-Instruct-v0.2-GGUF", "_x/y_z.1"])
def test_names_of_repositories_are_taken(name: str) -> None:
    assert check_repository(name) == name


@pytest.mark.parametrize("name", ["a.gguf", "dir/sub dir/Modèle (1)+v2.Q4_K_M.GGUF", "x.y.gguf"])
def test_names_of_files_are_taken(name: str) -> None:
    assert check_file(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".gguf",
        "a.bin",
        "/a.gguf",
        "a//b.gguf",
        "./a.gguf",
        "a/../b.gguf",
        "a\\b.gguf",
        "c:a.gguf",
        "a\n.gguf",
        "NUL.gguf",
        "com1/a.gguf",
        "a /b.gguf",
        "a./b.gguf",
        "1/2/3/4/5/6.gguf",
        f"{'x' * 200}.gguf",
        "\ud800.gguf",
        "\u202egnp.gguf",
    ],
)
def test_names_of_files_that_do_harm_somewhere_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        check_file(name)
    assert raised.value.message.isprintable()


def test_revisions_and_digests_are_checked() -> None:
    assert check_revision("refs/pr/1") == "refs/pr/1"
    for text in ("", "a b", "../x", "x/../y", "-x"):
        with pytest.raises(InvalidRequest):
            check_revision(text)
    assert is_sha256("0" * 64)
    assert not is_sha256("0" * 63 + "G")


def test_the_hub_is_the_one_that_the_environment_names() -> None:
    usual = hub_address({})
    assert (usual.endpoint, usual.token) == ("https://huggingface.co", None)
    ours = hub_address({"HF_ENDPOINT": " https://hub.lan:8443/mirror/ ", "HF_TOKEN": " hf_x\n"})
    assert (ours.endpoint, ours.token) == ("https://hub.lan:8443/mirror", "hf_x")
    assert (ours.origin.host, ours.origin.port) == ("hub.lan", 8443)
    assert "hf_x" not in repr(ours)
    with pytest.raises(InvalidRequest, match="HF_ENDPOINT can't be used"):
        hub_address({"HF_ENDPOINT": "ftp://x"})
