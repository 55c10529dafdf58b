"""laird budgets: what may be spent, and what was."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from laird.cli.channel import path_of
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import moment, note, print_facts, print_json, print_rows
from laird.domain.budget import BudgetPeriod, read_allowance
from laird.domain.money import NANO, usd_text

app = typer.Typer(help="Budgets: what may be spent, and what was.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The budget's name or id.")]
ResetDayOption = Annotated[
    int | None, typer.Option(help="Day of the month on which it begins anew, 1 to 31.")
]
ZoneOption = Annotated[
    str | None, typer.Option(help="Whose days are meant, such as Europe/Berlin.")
]
OnLimitOption = Annotated[
    str | None, typer.Option(help="Without room: refuse, local (a free local model) or warn.")
]
AlertOption = Annotated[
    list[int] | None, typer.Option("--alert", help="Alert at this percent; repeatable.")
]

_COLUMNS = (
    "name", "of", "limit", "spent", "percent", "reserved", "left", "projected", "resets",
    "on_limit", "enabled",
)  # fmt: skip


@app.command("list")
@command
def list_budgets(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the budgets with what they have spent."""
    answer = channel(home).get("/api/budgets")
    if as_json:
        print_json(answer)
        return
    empty = "There are no budgets. laird budgets create NAME 20/month makes one."
    print_rows([_row(budget) for budget in answer["budgets"]], _COLUMNS, empty=empty)


@app.command("create")
@command
def create(
    name: Annotated[str, typer.Argument(help="A name to know it by.")],
    amount: Annotated[str, typer.Argument(help="USD and period: 20/month, 5/day, 100/total.")],
    *,
    key: Annotated[str | None, typer.Option(help="The key it holds, by name or id.")] = None,
    workflow: Annotated[str | None, typer.Option(help="The workflow it holds.")] = None,
    provider: Annotated[str | None, typer.Option(help="The provider it holds.")] = None,
    reset_day: ResetDayOption = None,
    zone: ZoneOption = None,
    on_limit: OnLimitOption = None,
    alert: AlertOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a budget: for everything, or for one key, workflow or provider."""
    limit_usd, period = _amount(amount)
    scopes = {"key": key, "workflow": workflow, "provider": provider}
    given = [(scope, subject) for scope, subject in scopes.items() if subject is not None]
    if len(given) > 1:
        raise typer.BadParameter("Give one of --key, --workflow and --provider, or none of them.")
    scope, subject = given[0] if given else ("global", None)
    wanted = {
        "name": name,
        "limit_usd": limit_usd,
        "period": period,
        "scope": scope,
        "subject": subject,
        **_given(reset_day=reset_day, zone=zone, on_limit=on_limit, alerts=alert),
    }
    made = channel(home).call("POST", "/api/budgets", wanted)
    _print(made, as_json)
    if not as_json and not made["slack"]["bounded"] and made["on_limit"] != "warn":
        models = made["slack"]["models"]
        more = f" and {len(models) - 3} more" if len(models) > 3 else ""
        note(
            f"Requests that set no max_tokens can overshoot it at {', '.join(models[:3])}{more}."
            " Write maxTokens at these models to bound them."
        )


@app.command("change")
@command
def change(
    name: NameArgument,
    *,
    limit: Annotated[
        str | None, typer.Option(help="USD, with another period or without: 30, 30/month.")
    ] = None,
    reset_day: ResetDayOption = None,
    zone: ZoneOption = None,
    on_limit: OnLimitOption = None,
    alert: AlertOption = None,
    rename: Annotated[str | None, typer.Option(help="Another name.")] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it holds.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a budget; it holds at once."""
    limit_usd = period = None
    if limit is not None:
        limit_usd, period = _amount(limit) if "/" in limit else (limit, None)
    wanted = _given(
        name=rename,
        limit_usd=limit_usd,
        period=period,
        reset_day=reset_day,
        zone=zone,
        on_limit=on_limit,
        alerts=alert,
        enabled=enabled,
    )
    if not wanted:
        raise typer.BadParameter("Say what to change; laird budgets change --help lists it.")
    _print(channel(home).call("PATCH", path_of("budgets", name), wanted), as_json)


@app.command("remove")
@command
def remove(name: NameArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Remove a budget. What was spent stays in the ledger."""
    gone = channel(home).call("DELETE", path_of("budgets", name))
    if as_json:
        print_json(gone)
    else:
        typer.echo(f"The budget '{gone['name']}' is removed.")


@app.command("alerts")
@command
def list_alerts(
    limit: Annotated[int, typer.Option(help="How many, at most 1000.")] = 20,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Only those that nobody has acknowledged.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the newest alerts."""
    answer = channel(home).get("/api/alerts", limit=limit, unseen=unseen or None)
    if as_json:
        print_json(answer)
        return
    rows = [
        {**alert, "at": moment(alert["at_us"]), "seen_by": alert["acknowledged_by"]}
        for alert in answer["alerts"]
    ]
    print_rows(rows, ("id", "at", "message", "mail", "seen_by"), empty="There are no alerts.")


@app.command("acknowledge")
@command
def acknowledge(
    alert_id: Annotated[int, typer.Argument(help="The alert's number.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Note that an alert was seen."""
    alert = channel(home).call("POST", path_of("alerts", str(alert_id), "acknowledge"))
    if as_json:
        print_json(alert)
    else:
        typer.echo(f"Alert {alert['id']} is acknowledged.")


def _amount(text: str) -> tuple[str, str]:
    """Return the USD and the period of an amount such as 20/month."""
    try:
        nano, period = read_allowance(text)
    except ValueError as problem:
        raise typer.BadParameter(f"{problem}.") from None
    return usd_text(nano), BudgetPeriod(period).value


def _given(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _print(budget: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(budget)
    else:
        print_facts({name: value for name, value in _row(budget).items() if name in _COLUMNS})


def _usd(nano: int | None) -> str | None:
    """Return an amount to a hundredth of a cent, which is what fits a table."""
    return None if nano is None else f"{nano / NANO:.4f} USD"


def _row(budget: dict[str, Any]) -> dict[str, Any]:
    words = {"monthly": "a month", "daily": "a day", "total": "in all"}
    subject = budget["subject_name"]
    return {
        **budget,
        "of": budget["scope"] if subject is None else f"{budget['scope']} {subject}",
        "limit": f"{budget['limit_usd']} USD {words[budget['period']]}",
        "spent": _usd(budget["spent_nano"]),
        "percent": f"{budget['percent']:g}%",
        "reserved": _usd(budget["reserved_nano"]),
        "left": _usd(budget["remaining_nano"]),
        "projected": _usd(budget["projected_nano"]),
        "resets": moment(budget["resets_us"]),
    }
