"""laird usage receipts: which requests might leave the house, why, and where they went."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import note, print_json, print_rows

_COLUMNS = ("at", "request_id", "key", "privacy", "reason", "left", "went_to")
_LEFT = {True: "yes", False: "no", None: "unknown"}


@command
def receipts(
    *,
    limit: Annotated[int, typer.Option(help="How many, at most 1000.")] = 20,
    request_id: Annotated[
        str | None, typer.Option("--request", help="Only the receipt of this request.")
    ] = None,
    privacy: Annotated[str | None, typer.Option(help="Only this verdict: local or any.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="Only this reason, such as detected or rule:NAME.")
    ] = None,
    key: Annotated[list[str] | None, typer.Option(help="Only this key, by name or id.")] = None,
    days: Annotated[int, typer.Option(help="How many days back.")] = 30,
    since: Annotated[str | None, typer.Option(help="From this time on (ISO 8601).")] = None,
    until: Annotated[str | None, typer.Option(help="Until this time (ISO 8601).")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show of each request what it might reach, why, and where it went."""
    way = channel(home)
    answer = way.get(
        "/api/usage/receipts",
        limit=limit,
        request_id=request_id,
        privacy=privacy,
        reason=reason,
        key=key,
        days=days,
        since=since,
        until=until,
    )
    if as_json:
        print_json(answer)
        return
    names = {each["id"]: each["name"] for each in way.get("/api/keys")["keys"]}
    rows = [
        {
            "at": each["at"][:19],
            "request_id": each["request_id"],
            "key": names.get(each["key_id"], each["key_id"]),
            "privacy": each["privacy"],
            "reason": each["privacy_reason"],
            "left": _LEFT[each["left"]],
            "went_to": ", ".join(map(_hop, each["hops"])),
        }
        for each in answer["receipts"]
    ]
    print_rows(rows, _COLUMNS, empty="There are no such receipts.")
    if not answer["complete"]:
        note("The database is away: the newest calls are not in this yet.")


def _hop(hop: dict[str, Any]) -> str:
    where = "cache" if hop["cache_hit"] else hop["egress"] or "unknown"
    return f"{hop['provider']}/{hop['model']} ({where}, {hop['status']})"
