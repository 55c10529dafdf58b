"""A real llama.cpp server as a child process.

    python -m tests.support.llama_server MODEL.gguf PORT API_KEY [embedding]

prints READY when it answers, and runs until it is killed.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

import xllamacpp


def run(model: str, port: int, key: str, *, embedding: bool = False) -> None:
    """Serve a model until SIGTERM; for embeddings it does nothing else."""
    wanted = xllamacpp.CommonParams()
    wanted.model.path = model
    wanted.port = port
    wanted.n_ctx = 1024
    wanted.n_parallel = 2
    wanted.warmup = False
    wanted.api_keys = [key]
    wanted.model_alias = {"tiny"}
    wanted.cpuparams.n_threads = 1
    wanted.n_gpu_layers = 0
    if embedding:
        wanted.embedding = True
        wanted.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    server = xllamacpp.Server(wanted)
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    end.wait()
    del server


class LlamaServer:
    """The server of one model on one port; it can be killed and started again."""

    def __init__(
        self, model: Path, port: int, key: str = "local-key", *, embedding: bool = False
    ) -> None:
        self.port = port
        self.key = key
        self.url = f"http://127.0.0.1:{port}"
        self._model = model
        self._purpose = ["embedding"] if embedding else []
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Start and wait until it answers."""
        arguments = [str(self._model), str(self.port), self.key, *self._purpose]
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("READY"):
                return self
        raise AssertionError("llama.cpp did not start")

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), sys.argv[3], embedding="embedding" in sys.argv[4:])
