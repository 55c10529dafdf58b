"""What the local library costs: `python -m bench.library`.

Load times of models, what Laird adds to llama.cpp itself, how often models are loaded that don't
fit into memory together, and how fast a download comes from a hub on this machine. The models are
real to llama.cpp and say little; their size is ballast. `laird serve` runs as people start it.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from tests.support.hub_server import HubServer, threaded_hub
from tests.support.laird import LairdProcess
from tests.support.tiny_model import write_tiny_model

from bench import machine
from bench.library_figures import Latency, Turns, added, best, latency, megabytes_per_s
from laird.domain.local_models import MemoryNeed, RunnableModel, RunSettings
from laird.runtime.process import LlamaProcess
from laird.runtime.run_log import RunLog

RESULTS = Path(__file__).parent / "results" / "library.json"
REPOSITORY, FILE = "maker/large-GGUF", "large.Q4_K_M.gguf"
_CONTEXT = 512
_SAID = "one two three"
_WITHIN_S = 300.0
_MIB = 1024 * 1024


class Server:
    """`laird serve` with models in its library, and requests to it."""

    def __init__(self, laird: LairdProcess) -> None:
        self.laird = laird
        self.port = int(laird.url.rpartition(":")[2])
        name, scopes = f"bench-{time.time_ns()}", ("--scope", "admin", "--scope", "inference")
        made = laird.command("keys", "create", name, *scopes, "--json")
        self.key: str = json.loads(made.stdout)["key"]

    def administer(self, method: str, path: str, body: object = None) -> Any:
        """Make a request to the library's administration."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=_WITHIN_S)) as connection:
            return ask(connection, f"/api/library/{path}", self.key, body, method=method)

    def loads(self) -> int:
        """How often a model was loaded until now."""
        return sum("local_model_loaded" in line for line in self.laird.logged)

    def until_cold(self, model: str) -> None:
        """Wait until a model's process has ended."""
        _until(lambda: self.administer("GET", f"models/{model}")["state"] == "cold")


def _until(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + _WITHIN_S
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError
        time.sleep(0.01)


def ask(
    connection: HTTPConnection, path: str, key: str, body: object, *, method: str = "POST"
) -> Any:
    """Make one request, again where a kept connection had been closed, and return the answer."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    sent = None if body is None else json.dumps(body)
    try:
        connection.request(method, path, sent, headers)
        reply = connection.getresponse()
    except (RemoteDisconnected, ConnectionError):
        connection.close()
        connection.request(method, path, sent, headers)
        reply = connection.getresponse()
    data = reply.read()
    if reply.status >= 300:
        raise RuntimeError(f"{path} answered {reply.status}: {data.decode()}")
    return json.loads(data)


def _chat(model: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Who?"}]
    return {"model": model, "messages": messages, "temperature": 0, "max_tokens": 1}


@contextmanager
def serving(home: Path, names: Sequence[str], *flags: str, hub: str = "") -> Iterator[Server]:
    """Serve models of the library."""
    entries = "".join(f"      - {{id: {each}, contextWindow: {_CONTEXT}}}\n" for each in names)
    models = f"    models:\n{entries}" if names else "    models: []\n"
    (home / "providers.yaml").write_text(
        f"providers:\n  - id: library\n    kind: library\n{models}"
    )
    environment = {"HF_ENDPOINT": hub} if hub else None
    laird = LairdProcess(home, *flags, environment=environment).start(_WITHIN_S)
    try:
        yield Server(laird)
    finally:
        laird.close()


def put(home: Path, name: str, ballast: int = 0) -> Path:
    """Put a model into a home's library."""
    folder = home / "library" / "bench" / "models"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.gguf"
    write_tiny_model(file, _SAID, context=_CONTEXT, ballast=ballast)
    return file


def load_times(home: Path, sizes: Sequence[int], rounds: int) -> dict[str, dict[str, float]]:
    """Return for each size of a model, in MB, how long it takes to be loaded, in ms."""
    names = {f"load-{size}": size for size in sizes}
    files = {name: put(home, name, size * 1_000_000) for name, size in names.items()}
    found = {}
    with serving(home, list(names)) as server:
        for name in names:
            process, first = [], []
            for _ in range(rounds):
                with closing(HTTPConnection("127.0.0.1", server.port, timeout=_WITHIN_S)) as line:
                    begun = time.perf_counter()
                    ask(line, "/v1/chat/completions", server.key, _chat(f"library/{name}"))
                    first.append((time.perf_counter() - begun) * 1000)
                process.append(server.administer("GET", f"models/{name}")["loaded_ms"])
                server.administer("POST", f"models/{name}/stop")
                server.until_cold(name)
            found[name] = {
                "size_mb": round(files[name].stat().st_size / 1e6, 1),
                "loaded_ms": round(min(process), 1),
                "first_answer_ms": round(min(first), 1),
                "median_loaded_ms": round(statistics.median(process), 1),
                "median_first_answer_ms": round(statistics.median(first), 1),
            }
    return found


def latencies(home: Path, requests: int, rounds: int) -> dict[str, Latency]:
    """Return the latency of llama.cpp itself and through Laird, asked by one client in turn."""
    file = put(home, "quick")
    direct: list[Latency] = []
    own: list[Latency] = []
    with serving(home, ["quick"]) as server, own_process(file, home) as process:
        ways = (
            (process.origin.port, process.key.reveal(), "quick", direct),
            (server.port, server.key, "library/quick", own),
        )
        for number in range(rounds + 1):
            for port, key, model, found in ways:
                taken = latency(timed(port, key, model, requests))
                # The first round is to warm up.
                if number:
                    found.append(taken)
    return {"direct": best(direct), "laird": best(own)}


def timed(port: int, key: str, model: str, requests: int) -> list[float]:
    """Return how long each of some requests took, in seconds."""
    taken = []
    with closing(HTTPConnection("127.0.0.1", port, timeout=_WITHIN_S)) as line:
        for _ in range(requests):
            begun = time.perf_counter()
            ask(line, "/v1/chat/completions", key, _chat(model))
            taken.append(time.perf_counter() - begun)
    return taken


@contextmanager
def own_process(file: Path, logs: Path) -> Iterator[LlamaProcess]:
    """Run a model as Laird does, without Laird before it."""
    need = MemoryNeed(weights=0, context=0, overhead=0)
    settings = RunSettings(context_size=_CONTEXT, slots=1)
    model = RunnableModel(id="quick", path=str(file), need=need, settings=settings)
    process = LlamaProcess(model, RunLog(logs, "direct"))
    loop = asyncio.new_event_loop()
    loop.run_until_complete(process.start(_WITHIN_S))
    try:
        yield process
    finally:
        loop.run_until_complete(process.stop())
        loop.close()


def turns(home: Path, each: int) -> dict[str, Turns]:
    """Ask three models, of which two fit into memory: one client in turn, then six at once."""
    names = ["first", "second", "third"]
    for name in names:
        put(home, name)
    with serving(home, names) as server:
        need = max(server.administer("GET", f"models/{name}")["need"]["total"] for name in names)
    found = {}
    limit = str(need * 5 // 2)
    with serving(home, names, "--library-memory", limit) as server:
        rounds = max(1, each // 5)
        found["one client, each model in turn"] = _asked(server, [names * rounds])
        found["two clients for each model"] = _asked(server, [[name] * each for name in names * 2])
    return found


def _asked(server: Server, lists: Sequence[Sequence[str]]) -> Turns:
    """Have a client for each list ask its models one after the other."""
    before, begun = server.loads(), time.perf_counter()
    taken: list[float] = []
    failed: list[Exception] = []

    def client(models: Sequence[str]) -> None:
        try:
            with closing(HTTPConnection("127.0.0.1", server.port, timeout=_WITHIN_S)) as line:
                for model in models:
                    asked_at = time.perf_counter()
                    chat = _chat(f"library/{model}")
                    ask(line, "/v1/chat/completions", server.key, chat)
                    taken.append(time.perf_counter() - asked_at)
        except Exception as problem:  # noqa: BLE001 - raised where all have ended
            failed.append(problem)

    threads = [threading.Thread(target=client, args=(models,)) for models in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return Turns(
        clients=len(lists),
        requests=len(taken),
        loads=server.loads() - before,
        seconds=round(time.perf_counter() - begun, 2),
        longest_s=round(max(taken), 2),
    )


def download_speeds(home: Path, size_mb: int) -> dict[str, float]:
    """Return how fast a model comes, in MB/s, and how fast a plain program would fetch it."""
    file = home / FILE
    write_tiny_model(file, _SAID, ballast=size_mb * 1_000_000)
    data = file.read_bytes()
    file.unlink()
    hub = HubServer(piece=_MIB)
    with threaded_hub(hub):
        hub.add(REPOSITORY, {FILE: data})
        begun = time.perf_counter()
        _fetch(f"{hub.url}/{REPOSITORY}/resolve/main/{FILE}", file)
        plain = time.perf_counter() - begun
        file.unlink()
        with serving(home, [], hub=hub.url) as server:
            # The hub's code is loaded by the first question.
            server.administer("GET", "search?text=large")
            begun = time.perf_counter()
            begun_as = server.administer("POST", "downloads", {"repository": REPOSITORY})
            path = f"downloads/{begun_as['id']}"
            _until(lambda: server.administer("GET", path)["state"] == "done")
            own = time.perf_counter() - begun
    return {
        "size_mb": round(len(data) / 1e6, 1),
        "laird_mb_per_s": megabytes_per_s(len(data), own),
        "plain_mb_per_s": megabytes_per_s(len(data), plain),
    }


def _fetch(url: str, file: Path) -> None:
    """Fetch, hash and write a file, as simply as can be."""
    digest = hashlib.sha256()
    with urllib.request.urlopen(url) as source, file.open("wb") as target:
        while data := source.read(_MIB):
            digest.update(data)
            target.write(data)


def show(figures: dict[str, Any], console: Console) -> None:
    """Print all figures."""
    table = Table("what", box=None, pad_edge=False, header_style="bold")
    table.add_column("measured", justify="right")
    for row in figures["load"].values():
        table.add_row(f"load a model of {row['size_mb']:g} MB", f"{row['loaded_ms']:.0f} ms")
        table.add_row(
            f"first answer of a cold model of {row['size_mb']:g} MB",
            f"{row['first_answer_ms']:.0f} ms",
        )
    for name, each in figures["latency"].items():
        table.add_row(f"latency, {name}: p50", f"{each.p50_ms:.2f} ms")
        table.add_row(f"latency, {name}: p99", f"{each.p99_ms:.2f} ms")
    for name, each in figures["turns"].items():
        table.add_row(
            f"three models, memory for two, {name}: loads for each of {each.requests} requests",
            f"{each.loads_per_request:.3f}",
        )
        table.add_row("    the longest of them", f"{each.longest_s:.2f} s")
    speeds = figures["download"]
    table.add_row(f"download of {speeds['size_mb']:g} MB", f"{speeds['laird_mb_per_s']:.0f} MB/s")
    table.add_row("    by a plain program", f"{speeds['plain_mb_per_s']:.0f} MB/s")
    console.print(table)


def measure(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Return all figures; `folder` takes about a gigabyte, or some megabytes when it is quick."""
    homes = {name: folder / name for name in ("load", "latency", "turns", "download")}
    for home in homes.values():
        home.mkdir()
    found = latencies(homes["latency"], 20 if quick else 50, 1 if quick else 10)
    return {
        "load": load_times(homes["load"], [0, 2] if quick else [0, 100, 600], 1 if quick else 3),
        "latency": {**found, "added": added(found["laird"], found["direct"])},
        "turns": turns(homes["turns"], 5 if quick else 40),
        "download": download_speeds(homes["download"], 4 if quick else 200),
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.library", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small and few, to see it work")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the figures go")
    arguments = parser.parse_args(argv)
    about = machine.describe()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), quick=arguments.quick)
    show(figures, Console(width=120))
    plain = msgspec.to_builtins(figures)
    for name, each in figures["turns"].items():
        plain["turns"][name]["loads_per_request"] = round(each.loads_per_request, 4)
    result = {"machine": msgspec.to_builtins(about), **plain}
    arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
