"""The process of one model: llama.cpp's own HTTP server on a loopback port.

It is run by its path, with no more of Python than it needs (`python -I -S child.py`), and imports
nothing of Laird: half of a small model's start is the start of this program. It reads one line of
JSON from its standard input (see `laird.runtime.process.Launch`), so that neither a command line
nor an environment shows the key, and writes one line of JSON: `{"port": 40123}` when it answers, or
`{"problem": "…"}`. What llama.cpp has to say goes to standard error.

It lives as long as the other end of its standard input is open and its parent is alive.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import select
import signal
import sys
from typing import Any

if sys.platform != "win32":
    import fcntl

_PR_SET_PDEATHSIG = 1
_ALL_LAYERS = 999
_LONGEST_TEXT = 2048
"""Tokens of one text that is made into a vector; llama.cpp computes them in one go."""
_HEADER = 4 * 1024 * 1024
"""Bytes at the beginning of a file, in which a model's own facts are."""


def main() -> None:
    """Serve one model until the parent is gone."""
    job = read_job(0)
    end_with(job["parent"])
    answer = os.dup(1)
    # Whatever prints must not be taken for the answer.
    os.dup2(2, 1)
    sys.path[:] = job["import_from"]
    try:
        llama = importlib.import_module("xllamacpp")
        server = llama.Server(parameters(llama, job))
    except Exception as problem:  # noqa: BLE001 - the parent tells it to whoever waits
        tell(answer, {"problem": str(problem) or type(problem).__name__})
        os._exit(1)
    tell(answer, {"port": int(server.listening_address.rpartition(":")[2])})
    while os.read(0, 1):
        pass
    os._exit(0)


def read_job(source: int) -> dict[str, Any]:
    """Read the line that says what to do from a descriptor."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(source, 65536)
        if not piece:
            os._exit(0)
        line += piece
    job: dict[str, Any] = json.loads(line)
    return job


def tell(target: int, answer: dict[str, Any]) -> None:
    """Write the answer to a descriptor."""
    os.write(target, json.dumps(answer).encode() + b"\n")


def end_with(parent: int) -> None:
    """See to it that this process ends when its parent does, whatever it is doing.

    While it loads a model it runs no Python, so this is left to the kernel: on Linux by a signal at
    the parent's end, and wherever there is SIGIO by one at the end of standard input, which is
    there even when the parent was gone before we began.
    """
    if sys.platform == "win32":
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(0)
    os.set_blocking(0, True)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:
        os._exit(0)


def parameters(llama: Any, job: dict[str, Any]) -> Any:
    """Return llama.cpp's parameters for a job."""
    wanted = llama.CommonParams()
    wanted.model.path = job["path"]
    wanted.model_alias = {job["alias"]}
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = 0
    wanted.api_keys = [job["key"]]
    _close_to_browsers(wanted)
    wanted.n_parallel = job["slots"]
    # It is divided among the slots.
    wanted.n_ctx = job["context"] * job["slots"]
    if job["threads"]:
        wanted.cpuparams.n_threads = job["threads"]
    layers = job["gpu_layers"]
    if layers is not None:
        wanted.n_gpu_layers = _ALL_LAYERS if layers < 0 else layers
        wanted.fit_params = False
    # A first run of nothing delays the first answer by more than it gains.
    wanted.warmup = False
    # Prompts that were seen would be kept in memory that nobody has counted.
    wanted.cache_ram_mib = 0
    wanted.cache_idle_slots = False
    if job["embeddings"]:
        _make_vectors(llama, wanted, job)
    return wanted


def _close_to_browsers(wanted: Any) -> None:
    """Allow no other origin, no page, and nothing that shows what others ask."""
    wanted.cors_origins = wanted.cors_headers = wanted.cors_methods = ""
    wanted.cors_credentials = False
    wanted.ui = False
    wanted.endpoint_slots = False


def _make_vectors(llama: Any, wanted: Any, job: dict[str, Any]) -> None:
    wanted.embedding = True
    wanted.n_batch = wanted.n_ubatch = min(job["context"], _LONGEST_TEXT)
    # A model made for vectors says how they are pooled; for another, the mean is usual.
    with open(job["path"], "rb") as file:  # noqa: PTH123 - pathlib is not loaded here
        if b".pooling_type" not in file.read(_HEADER):
            wanted.pooling_type = llama.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN


if __name__ == "__main__":
    main()
