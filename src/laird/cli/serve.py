"""laird serve: run the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from laird.cli.context import HomeOption, command
from laird.wiring.serve import serve as run_server


@command
def serve(
    home: HomeOption = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on (LAIRD_HOST; default 127.0.0.1).")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, 0 for any (LAIRD_PORT; default 8012).")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="The document (LAIRD_CONFIG; default HOME/providers.yaml).")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(help="Database (LAIRD_DATABASE_URL; default HOME/laird.db).")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(help="debug, info, warning or error (LAIRD_LOG_LEVEL).")
    ] = None,
    log_format: Annotated[
        str | None, typer.Option(help="auto, json or text (LAIRD_LOG_FORMAT).")
    ] = None,
    max_body_bytes: Annotated[
        str | None, typer.Option(help="Largest request body (LAIRD_MAX_BODY_BYTES; 20 MiB).")
    ] = None,
    drain_seconds: Annotated[
        float | None,
        typer.Option(help="Time for running requests after SIGTERM (LAIRD_DRAIN_SECONDS; 30)."),
    ] = None,
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
