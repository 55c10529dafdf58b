"""laird serve: run the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from laird.cli.context import HomeOption, command, setting_help
from laird.cli.late import Late

if TYPE_CHECKING:
    from laird.wiring import serve as server
else:
    server = Late("laird.wiring.serve")


@command
def serve(
    *,
    home: HomeOption = None,
    host: Annotated[str | None, typer.Option(help=setting_help("host"))] = None,
    port: Annotated[int | None, typer.Option(help=setting_help("port"))] = None,
    config: Annotated[Path | None, typer.Option(help=setting_help("config"))] = None,
    database_url: Annotated[str | None, typer.Option(help=setting_help("database_url"))] = None,
    log_level: Annotated[str | None, typer.Option(help=setting_help("log_level"))] = None,
    log_format: Annotated[str | None, typer.Option(help=setting_help("log_format"))] = None,
    max_body_bytes: Annotated[str | None, typer.Option(help=setting_help("max_body_bytes"))] = None,
    fetch_images: Annotated[bool | None, typer.Option(help=setting_help("fetch_images"))] = None,
    fetch_allow: Annotated[str | None, typer.Option(help=setting_help("fetch_allow"))] = None,
    discovery_hosts: Annotated[
        str | None, typer.Option(help=setting_help("discovery_hosts"))
    ] = None,
    library_memory: Annotated[str | None, typer.Option(help=setting_help("library_memory"))] = None,
    library_idle_s: Annotated[
        float | None, typer.Option(help=setting_help("library_idle_s"))
    ] = None,
    drain_seconds: Annotated[float | None, typer.Option(help=setting_help("drain_seconds"))] = None,
    smtp_url: Annotated[str | None, typer.Option(help=setting_help("smtp_url"))] = None,
    alert_from: Annotated[str | None, typer.Option(help=setting_help("alert_from"))] = None,
    alert_to: Annotated[str | None, typer.Option(help=setting_help("alert_to"))] = None,
    allowed_hosts: Annotated[str | None, typer.Option(help=setting_help("allowed_hosts"))] = None,
    trusted_proxies: Annotated[
        str | None, typer.Option(help=setting_help("trusted_proxies"))
    ] = None,
    public_url: Annotated[str | None, typer.Option(help=setting_help("public_url"))] = None,
    cors_origins: Annotated[str | None, typer.Option(help=setting_help("cors_origins"))] = None,
    max_connections: Annotated[
        int | None, typer.Option(help=setting_help("max_connections"))
    ] = None,
    credential_store: Annotated[
        str | None, typer.Option(help=setting_help("credential_store"))
    ] = None,
    responses_retention_days: Annotated[
        int | None, typer.Option(help=setting_help("responses_retention_days"))
    ] = None,
    keep_requests: Annotated[bool | None, typer.Option(help=setting_help("keep_requests"))] = None,
    keep_days: Annotated[int | None, typer.Option(help=setting_help("keep_days"))] = None,
    keep_max_bytes: Annotated[str | None, typer.Option(help=setting_help("keep_max_bytes"))] = None,
    keep_local: Annotated[bool | None, typer.Option(help=setting_help("keep_local"))] = None,
) -> None:
    """Run the server until it is told to stop. The first start prints a link and a key."""
    server.serve(dict(locals()), announce)  # Each flag has its setting's name.


def announce(url: str, first_key: str | None, setup_link: str | None) -> None:
    """Print where the server is, and on the first start the first key with a call that works.

    `setup_link` is there while nobody may administer.
    """
    typer.echo(f"\nLaird is ready at {url}")
    if setup_link is not None:
        typer.echo(f"\nMake yourself its administrator (once, within a day): {setup_link}")
    if first_key is None:
        typer.echo("Your keys: laird keys list. A new one: laird keys create NAME\n")
        return
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "Hello!"}]})
    typer.echo(
        f"\nYour first API key (shown this once): {first_key}\n\nTry it:\n\n"
        f"  curl {url}/v1/chat/completions \\\n"
        f'    -H "Authorization: Bearer {first_key}" -H "Content-Type: application/json" \\\n'
        f"    -d '{body}'\n\n"
        "Models that run on this machine: laird library search\n"
    )
