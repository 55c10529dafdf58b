"""laird library: models that run on this machine."""

from __future__ import annotations

import http.client
import json
import re
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Shell
from tests.cli.local_models import CURATED, ID, NAME, REPOSITORY, TEXT
from tests.support.hub_server import Fault, HubServer

from laird.cli import library_doctor
from laird.cli.library_words import bytes_text, count_text, read_count, span_text

pytestmark = pytest.mark.usefixtures("hub")


class TestSearch:
    def test_without_a_text_the_good_first_choices_are_shown(self, offline: Shell) -> None:
        printed = offline.run("library", "search")
        assert len(printed.stdout.splitlines()) == 11
        assert re.search(
            r"^tinyllama +TinyLlama 1\.1B Chat v1\.0 +669\.0 MB +fits ",
            printed.stdout,
            re.MULTILINE,
        )
        assert "laird library pull" in printed.stderr
        asked = offline.json("library", "search", "a text is no matter", "--recommended")
        assert {"mistral-7b", "phi-2"} < {one["id"] for one in asked["models"]}

    def test_the_hub_is_searched(self, shell: Shell, hub: HubServer) -> None:
        hub.add("other/huge-GGUF", {"huge.Q8_0.gguf": b"GGUF"}, parameters=70_600_000_000)
        printed = shell.out("library", "search", "gguf", "--sort", "likes")
        assert re.search(
            rf"^{REPOSITORY} +1\.1B +7\.1k +3 +2026-01-01 +F16, Q4_K_M$", printed, re.MULTILINE
        )
        assert "70.6B" in printed
        assert not {"likes", "gated"} & set(shell.out("library", "search", "gguf").split())

    @pytest.mark.parametrize(
        ("options", "found"),
        [
            (["--least", "8B"], {"other/huge-GGUF"}),
            (["--most", "8b"], {REPOSITORY, CURATED.repository}),
            (["--quantization", "q8_0"], {"other/huge-GGUF"}),
            (["GGUF", "--limit", "1"], {CURATED.repository}),
        ],
    )
    def test_it_is_narrowed(
        self, offline: Shell, hub: HubServer, options: list[str], found: set[str]
    ) -> None:
        hub.add("other/huge-GGUF", {"huge.Q8_0.gguf": b"GGUF"}, parameters=70_600_000_000)
        answer = offline.json("library", "search", *options)
        assert {one["repository"] for one in answer["repositories"]} == found

    def test_nothing_found_is_said(self, offline: Shell) -> None:
        assert "no GGUF model" in offline.out("library", "search", "nothing like it")

    def test_a_repository_shows_its_files_and_whether_they_fit(self, shell: Shell) -> None:
        printed = shell.out("library", "search", REPOSITORY)
        line = r"^tiny\.Q4_K_M\.gguf +Q4_K_M +\d+\.\d kB +fits +Needs "
        assert re.search(line, printed, re.MULTILINE)
        (named, _) = shell.json("library", "search", REPOSITORY)["files"]
        assert re.fullmatch("[0-9a-f]{64}", named["sha256"])

    def test_files_of_a_recommended_model(self, offline: Shell) -> None:
        assert CURATED.file in offline.out("library", "search", "tinyllama", "--files")

    def test_a_gated_repository_is_marked(self, offline: Shell, hub: HubServer) -> None:
        hub.add("maker/gated-GGUF", {"g.Q4_K_M.gguf": b"GGUF"}, gated="auto")
        assert "HF_TOKEN" in offline.run("library", "search", "maker/gated-GGUF").stderr
        assert " gated " in offline.out("library", "search", "maker")

    def test_what_is_wrong_is_one_line(self, offline: Shell, hub: HubServer) -> None:
        assert "'likes' or 'updated'" in offline.fails(
            *("library", "search", "x", "--sort", "age"), code=2
        )
        assert "no repository maker/nope" in offline.fails("library", "search", "maker/nope")
        boxed = offline.run("library", "search", "--least", "x", code=2).stderr
        assert "write it as 500M or 7B" in " ".join(boxed.replace("│", " ").split())
        assert "Did you mean 'phi-2'?" in offline.fails("library", "search", "phi2", "--files")
        hub.on_hub(*[Fault(status=403)] * 5)
        assert "gated" in offline.fails("library", "search", REPOSITORY, code=2)


class TestInstalled:
    def test_they_are_listed_run_changed_stopped_and_removed(self, installed: Shell) -> None:
        shell = installed
        assert re.search(
            rf"^{NAME} +\d+\.\d kB +Q4_K_M +cold +fits +0 +-$",
            shell.out("library", "list"),
            re.MULTILINE,
        )
        (one,) = shell.json("library", "list", "--updates")["models"]
        assert (one["model"], one["update"]) == (NAME, False)
        assert " no" in shell.out("library", "list", "--updates")

        loaded = shell.run("library", "run", NAME)
        assert re.search(r"that took \d+\.\d s", loaded.stdout)
        assert ("No server runs" in loaded.stderr) is (shell.url is None)
        assert shell.json("library", "run", ID)["state"] == "warm"
        state = shell.json("library", "list")["models"][0]["state"]
        assert state == ("cold" if shell.url is None else "warm")
        assert "model" in shell.out("library", "log", ID)
        assert len(shell.json("library", "log", ID, "--lines", "2")["lines"]) == 2

        changed = shell.run("library", "change", ID, "--context", "512", "--slots", "2")
        assert "512 tokens each, 2 at the same time" in changed.stdout
        assert "memory" in changed.stderr
        assert shell.json("library", "change", ID, "--gpu-layers", "0")["gpu_layers"] == 0

        assert f"'{ID}'" in shell.out("library", "stop", NAME)
        assert shell.json("library", "stop", ID)["state"] in {"cold", "stopping"}

        assert "Delete" in shell.run("library", "remove", ID, stdin="n\n", code=1).stderr
        assert "kB are free again" in shell.run("library", "remove", ID, stdin="y\n").stdout
        assert "laird library pull" in shell.out("library", "list")
        assert shell.json("models", "list", "--provider", "library")["models"] == []

    def test_a_request_is_answered_by_what_was_pulled(self, pulled: Shell) -> None:
        assert pulled.url is not None
        key = pulled.out("keys", "create", "laptop").strip()
        assert chat(pulled.url, key, NAME) == TEXT
        assert pulled.json("library", "list")["models"][0]["state"] == "warm"
        removed = pulled.json("library", "remove", NAME, "--yes")
        assert removed["id"] == ID

    def test_a_file_that_is_no_model_is_told_of(self, offline: Shell) -> None:
        put(offline.home, b"GGUF and then nothing that is a model")
        printed = offline.run("library", "list")
        assert "can't run" in printed.stdout
        assert printed.stderr.startswith("hand: ")
        assert "ERROR    model hand: " in offline.run("library", "doctor", code=1).stdout

    def test_one_that_was_put_there_is_offered_when_it_is_run(
        self, offline: Shell, model: bytes
    ) -> None:
        put(offline.home, model)
        assert "not offered" in offline.out("library", "list")
        assert "never compared" in offline.out("library", "doctor")
        offline.run("library", "run", "hand")
        assert "library/hand" in offline.out("library", "list")

    def test_one_that_a_chain_needs_stays(self, offline: Shell, model: bytes) -> None:
        put(offline.home, model)
        offline.run("library", "run", "hand")
        chains = "chains:\n  - {id: spare, models: [{providerId: library, modelId: hand}]}\n"
        offline.document.write_text(
            f"{offline.document.read_text()}{chains}aliases: {{mine: library/hand}}\n"
        )
        said = offline.fails("library", "remove", "hand", "--yes", code=2)
        assert "the failover chain 'spare' and the alias 'mine'" in said
        assert "library/hand" in offline.out("library", "list")

    @pytest.mark.parametrize("verb", ["remove", "run", "stop", "log"])
    def test_an_unknown_one_is_one_line(self, offline: Shell, verb: str) -> None:
        assert "'nope'. laird library list" in offline.fails("library", verb, "nope")

    def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(
        self, offline: Shell, model: bytes
    ) -> None:
        put(offline.home, model)
        for name in ("hnad", "han"):
            assert "Did you mean 'hand'?" in offline.fails("library", "remove", name)

    def test_a_change_of_nothing_is_refused(self, offline: Shell) -> None:
        assert "Say what to change" in offline.run("library", "change", ID, code=2).stderr


class TestDoctor:
    def test_all_is_well(self, installed: Shell) -> None:
        printed = installed.out("library", "doctor")
        subjects = re.findall(r"^(?:ok|warning) +([^:]+): ", printed, re.MULTILINE)
        for subject in ("memory", "processors", "disk", "fits", "llama.cpp", "hub", f"model {ID}"):
            assert subject in subjects
        assert "can be loaded" in printed
        assert f"model {ID}" in {one["subject"] for one in installed.json("library", "doctor")}

    def test_a_file_in_the_wrong_folder_is_told_of(self, tmp_path: Path) -> None:
        for place in ("flat.gguf", "me/mine/right.gguf", ".downloads/half.gguf"):
            path = tmp_path / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (tmp_path / "me" / "mine" / "out.gguf").symlink_to(__file__)
        found, link = library_doctor.of_folder(tmp_path)
        assert "me/mine/out.gguf is a link out of the library" in link.detail
        assert found.detail.startswith(f"{tmp_path / 'flat.gguf'} is not looked at")
        assert found.detail.endswith(str(tmp_path / "me" / "mine" / "flat.gguf"))

    def test_a_hub_that_is_away_is_a_warning(self, offline: Shell, hub: HubServer) -> None:
        hub.on_hub(*[Fault(status=404)] * 5)
        assert "warning  hub: " in offline.out("library", "doctor")

    def test_a_llama_cpp_that_can_not_be_loaded_is_an_error(
        self, offline: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "xllamacpp.py").write_text("raise OSError('no such instruction')\n")
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        printed = offline.run("library", "doctor", code=1).stdout
        assert "ERROR    llama.cpp: it can't be loaded (OSError: no such instruction)" in printed

    def test_one_that_does_not_come_back_is_an_error(
        self, offline: Shell, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(library_doctor, "_IMPORT_S", 0.0)
        assert "timed out" in offline.run("library", "doctor", code=1).stdout

    def test_what_a_machine_may_have(self) -> None:
        gib = 1024**3
        gpus = [
            {"name": "One", "total": 8 * gib, "free": 6 * gib, "usable": True},
            {"name": "Two", "total": 8 * gib, "free": 8 * gib, "usable": False},
        ]
        machine = {
            "memory": {"total": 0, "available": 0}, "processors": 4, "architecture": "arm64",
            "system": "linux", "gpus": gpus, "disk_free": 10**9, "disk_total": 10**10,
            "models": 0, "models_bytes": 0, "folder": "/x", "advice": "Small ones.",
        }  # fmt: skip
        found = [(one.level, one.detail) for one in library_doctor.of_machine(machine)]
        assert ("warning", "it can't be found out") in found
        assert ("ok", "One, 6.0 GiB of 8.0 GiB free") in found
        assert any(level == "warning" and "can't use it" in detail for level, detail in found)
        assert any(level == "warning" and "1.0 GB of 10.0 GB" in detail for level, detail in found)

    def test_a_model_that_is_too_big_is_a_warning(self) -> None:
        model = {
            "id": "m", "problem": None, "size": 1, "verified": True, "model": "library/m",
            "verdict": {"fit": "too_big", "reason": "Needs 99 GB."},
        }  # fmt: skip
        (found,) = library_doctor.of_models([model])
        assert (found.level, found.detail) == ("warning", "Needs 99 GB.")


class TestWords:
    @pytest.mark.parametrize(
        ("text", "count"), [("500M", 500_000_000), ("1.5b", 1_500_000_000), ("12", 12)]
    )
    def test_numbers_of_parameters(self, text: str, count: int) -> None:
        assert read_count(text) == count

    def test_sizes_counts_and_times(self) -> None:
        assert [bytes_text(n) for n in (12, 1_500, 4_368_000_000)] == [
            "12 bytes", "1.5 kB", "4.4 GB",
        ]  # fmt: skip
        assert [count_text(n) for n in (None, 7, 2_000, 7_240_000_000)] == [
            None, "7", "2k", "7.2B",
        ]  # fmt: skip
        assert [span_text(n) for n in (8.2, 125, 4_320)] == ["8 s", "2 min 05 s", "1 h 12 min"]


def put(home: Path, data: bytes) -> None:
    """Put a file into the library by hand."""
    folder = home / "library" / "me" / "mine"
    folder.mkdir(parents=True)
    (folder / "hand.gguf").write_bytes(data)


def chat(url: str, key: str, model: str) -> str:
    """Ask a model and return what it says."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0,
    }
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        answer = json.loads(connection.getresponse().read())
        said: str = answer["choices"][0]["message"]["content"]
        return said.strip()
    finally:
        connection.close()
