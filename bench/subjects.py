"""What is compared: each subject says how it is installed, set up, started and called.

All stand before the same upstream, with one worker each and their logs in files. Each keeps its
defaults but for what the comparison itself needs, and that is written beside it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from bench import install
from bench.client import Target
from bench.upstream import MODEL

_KEY = re.compile(r"\blai_[0-9a-f]{32}\b")


class Launch(msgspec.Struct, frozen=True):
    """How to start one gateway.

    `target` is given what the program has printed so far, and says where to send requests, or None
    while that can't be known.
    """

    command: tuple[str | Path, ...]
    env: Mapping[str, str]
    target: Callable[[str], Target | None]


class Subject(Protocol):
    """One row of the comparison."""

    name: str
    title: str

    def version(self) -> str:
        """Install what is missing and tell the version.

        Raises:
            UnavailableError: it can't be had here.
        """
        ...

    def launch(self, folder: Path, *, port: int, upstream: int) -> Launch:
        """Write the configuration into an empty folder; ports are of loopback."""
        ...


class Direct:
    """No gateway at all: the upstream itself."""

    name = "direct"
    title = "direct"

    def version(self) -> str:
        """Nothing to install."""
        return "no gateway"

    def launch(self, folder: Path, *, port: int, upstream: int) -> Launch:
        """Nothing is started: requests go to the upstream."""
        raise NotImplementedError


class Nginx:
    """The limit: a reverse proxy that reads nothing of what it passes on."""

    name = "nginx"
    title = "nginx, plain reverse proxy"

    def version(self) -> str:
        """The one of the system."""
        said = subprocess.run([_nginx(), "-v"], check=True, capture_output=True, text=True).stderr
        return said.strip().rpartition("/")[2]

    def launch(self, folder: Path, *, port: int, upstream: int) -> Launch:
        """Connections to the upstream are kept, and nothing is logged."""
        config = folder / "nginx.conf"
        config.write_text(nginx_config(folder, port=port, upstream=upstream))
        return Launch(
            command=(_nginx(), "-p", folder, "-c", config),
            env={},
            target=lambda _: Target(port=port, headers={"Authorization": "Bearer sk-bench"}),
        )


def _nginx() -> Path:
    return install.ensure_program("nginx", "nginx-light")


def nginx_config(folder: Path, *, port: int, upstream: int) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"    {kind}_temp_path {folder / kind};" for kind in kinds)
    return f"""\
worker_processes 1;
daemon off;
pid {folder / "nginx.pid"};
error_log {folder / "error.log"};
events {{
    worker_connections 4096;
}}
http {{
    access_log off;
    keepalive_requests 1000000000;
{paths}
    upstream model_server {{
        server 127.0.0.1:{upstream};
        keepalive 512;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://model_server;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


class Laird:
    """Laird as a user starts it, in a new home: auth, routing, ledger and metrics are all on."""

    name = "laird"
    title = "Laird"
    priced = False
    """Whether the model has a price, and no two requests have the same text."""

    def version(self) -> str:
        """The one beside this Python, with the commit it was built from."""
        command = _laird()
        said = subprocess.run(
            [command, "--version"], check=False, capture_output=True, text=True
        ).stdout.split()
        commit = ["git", "-C", str(install.ROOT), "rev-parse", "--short", "HEAD"]
        if shutil.which("git"):
            said += subprocess.run(
                commit, check=False, capture_output=True, text=True
            ).stdout.split()
        return " ".join(word for word in said if word.lower() != "laird") or "unknown"

    def launch(self, folder: Path, *, port: int, upstream: int) -> Launch:
        """One provider on loopback; the key is the one the first start prints."""
        document = folder / "providers.yaml"
        document.write_text(laird_document(upstream, price=self.priced))

        def target(output: str) -> Target | None:
            key = _KEY.search(output)
            return Target(port, _bearer(key[0]), varied=self.priced) if key else None

        return Launch(
            command=(_laird(), "serve", "--home", folder, "--port", str(port)),
            env={"LAIRD_CONFIG": str(document), "PYTHONUNBUFFERED": "1"},
            target=target,
        )


class Priced(Laird):
    """Laird with all that `Guarded` has but what guards: what that is to be compared with."""

    name = "priced"
    title = "Laird with prices"
    priced = True


class Guarded(Laird):
    """Laird with all that may refuse a request: budgets, rate limits, and detection in its text."""

    name = "guarded"
    title = "Laird with budgets, limits, detection"
    priced = True

    def launch(self, folder: Path, *, port: int, upstream: int) -> Launch:
        """The model has a price; one budget holds the key and one everything; no limit is met.

        No two requests have the same text, so none is known to detection already; each is prose of
        the kind that detection tells to be harmless without reading it.
        """
        document = folder / "providers.yaml"
        document.write_text(laird_document(upstream, price=True) + _DETECTION)
        env = {"LAIRD_CONFIG": str(document), "PYTHONUNBUFFERED": "1"}

        def run(*arguments: str) -> str:
            command: list[str | Path] = [_laird(), *arguments, "--home", folder, "--json"]
            environment = {**os.environ, **env}
            done = subprocess.run(
                command, check=True, capture_output=True, text=True, env=environment
            )
            return str(done.stdout)

        limits = ("--rpm", "1000000000", "--tpm", "1000000000", "--budget", "1000000/month")
        key = _KEY.search(run("keys", "create", "bench", *limits))
        run("budgets", "create", "everything", "1000000/month")
        if key is None:
            raise install.UnavailableError("`laird keys create` shows no key")
        target = Target(port=port, headers=_bearer(key[0]), varied=True)
        return Launch(
            command=(_laird(), "serve", "--home", folder, "--port", str(port)),
            env=env,
            target=lambda _: target,
        )


_DETECTION = """\
privacy:
  detect:
    {secrets: local, cards: local, iban: local, nationalIds: local, email: local, phone: local}
"""


def _laird() -> Path:
    command = Path(sys.executable).with_name("laird")
    if not command.exists():
        raise install.UnavailableError("there is no `laird` command beside this Python")
    return command


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def laird_document(upstream: int, *, price: bool = False) -> str:
    model = f"{{id: {MODEL}, pricing: {{input: 0.01, output: 0.01}}}}" if price else MODEL
    return f"""\
providers:
  - id: upstream
    name: Upstream
    type: local
    kind: custom
    endpoint: http://127.0.0.1:{upstream}/v1
    # As many as the load opens: how Laird queues is not what is measured here.
    maxConcurrent: 512
    models:
      - {model}
"""


class LiteLLM:
    """LiteLLM's proxy with a master key, and no database behind it."""

    name = "litellm"
    title = "LiteLLM proxy"

    def version(self) -> str:
        """The pinned one."""
        install.ensure_litellm()
        return install.LITELLM_VERSION

    def launch(self, folder: Path, *, port: int, upstream: int) -> Launch:
        """One worker. Production mode and error logs only, as its documentation advises.

        The price map comes from the package, since the run must not depend on the network.
        """
        parameters = {
            "model": f"openai/{MODEL}",
            "api_base": f"http://127.0.0.1:{upstream}/v1",
            "api_key": "sk-upstream",
        }
        config = {
            "model_list": [{"model_name": MODEL, "litellm_params": parameters}],
            "general_settings": {"master_key": "sk-bench"},
        }
        # YAML is a superset of JSON.
        (folder / "config.yaml").write_text(json.dumps(config, indent=2))
        return Launch(
            command=(
                *(install.ensure_litellm(), "--config", folder / "config.yaml"),
                *("--host", "127.0.0.1", "--port", str(port)),
                *("--num_workers", "1", "--telemetry", "False"),
            ),
            env={
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "LITELLM_LOG": "ERROR",
                "LITELLM_MODE": "PRODUCTION",
            },
            target=lambda _: Target(port=port, headers=_bearer("sk-bench")),
        )


class Portkey:
    """Portkey's gateway as its package comes: one Node process, which checks no key."""

    name = "portkey"
    title = "Portkey gateway"

    def version(self) -> str:
        """The pinned one, and Node's."""
        install.ensure_portkey()
        node = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True)
        return f"{install.PORTKEY_VERSION} (Node {node.stdout.strip().lstrip('v')})"

    def launch(self, folder: Path, *, port: int, upstream: int) -> Launch:
        """Headless, since the page with the request log would cost it more."""
        del folder
        headers = {
            **_bearer("sk-upstream"),
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1",
        }
        return Launch(
            command=("node", install.ensure_portkey(), f"--port={port}", "--headless"),
            env={"NODE_ENV": "production"},
            target=lambda _: Target(port=port, headers=headers),
        )


SUBJECTS: tuple[Subject, ...] = (
    Direct(), Nginx(), Laird(), Priced(), Guarded(), Portkey(), LiteLLM(),
)  # fmt: skip
