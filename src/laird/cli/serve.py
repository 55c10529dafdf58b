"""laird serve: run the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from laird.cli.context import HomeOption, command, setting_help
from laird.wiring.serve import serve as run_server


@command
def serve(
    home: HomeOption = None,
    host: Annotated[str | None, typer.Option(help=setting_help("host"))] = None,
    port: Annotated[int | None, typer.Option(help=setting_help("port"))] = None,
    config: Annotated[Path | None, typer.Option(help=setting_help("config"))] = None,
    database_url: Annotated[str | None, typer.Option(help=setting_help("database_url"))] = None,
    log_level: Annotated[str | None, typer.Option(help=setting_help("log_level"))] = None,
    log_format: Annotated[str | None, typer.Option(help=setting_help("log_format"))] = None,
    max_body_bytes: Annotated[str | None, typer.Option(help=setting_help("max_body_bytes"))] = None,
    drain_seconds: Annotated[float | None, typer.Option(help=setting_help("drain_seconds"))] = None,
) -> None:
    """Run the server until it is told to stop. The first start prints the first key."""
    run_server(
        {
            "home": home,
            "host": host,
            "port": port,
            "config": config,
            "database_url": database_url,
            "log_level": log_level,
            "log_format": log_format,
            "max_body_bytes": max_body_bytes,
            "drain_seconds": drain_seconds,
        },
        announce,
    )


def announce(url: str, first_key: str | None) -> None:
    """Print where the server is, and on the first start the first key with a call that works."""
    typer.echo(f"\nLaird is ready at {url}")
    if first_key is None:
        typer.echo("Your keys: laird keys list. A new one: laird keys create NAME\n")
        return
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "Hello!"}]})
    typer.echo(
        f"\nYour first API key (shown this once): {first_key}\n\nTry it:\n\n"
        f"  curl {url}/v1/chat/completions \\\n"
        f'    -H "Authorization: Bearer {first_key}" -H "Content-Type: application/json" \\\n'
        f"    -d '{body}'\n"
    )
