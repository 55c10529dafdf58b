"""A server that has local models, and none in memory, starts and stays as light as any other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.gateway.library_world import entries, model_file, put
from tests.support.laird import laird_process
from tests.support.processes import linux

DEMO = "  - {id: demo, kind: demo, endpoint: 'demo://', models: [demo]}\n"
MOST_KB = 150_000


@linux
def test_nothing_of_the_hub_or_of_llama_cpp_is_loaded_before_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    put(tmp_path, model_file(tmp_path, "one", "not asked today"))
    with laird_process(tmp_path, entries("one", rest=DEMO)) as laird:
        asked = {"model": "demo/demo", "messages": [{"role": "user", "content": "Hello"}]}
        assert laird.post("/v1/chat/completions", asked)[0] == 200
        made = laird.command("library", "list", "--json")
        assert '"library/one"' in made.stdout
        told = Path(f"/proc/{laird.pid}/status").read_text()
        resident = int(re.findall(r"VmRSS:\s+(\d+) kB", told)[0])
        assert laird.stop() == 0
        loaded = "".join(laird.logged)
    assert "laird.gateway.library.library" in loaded
    for name in ("huggingface_hub", "xllamacpp", "laird.library.hub\n"):
        assert name not in loaded
    assert resident < MOST_KB
