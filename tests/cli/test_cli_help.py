"""What `--help` and `--version` say."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from laird import __version__
from laird.cli.app import app
from laird.cli.serve import serve
from laird.config.settings import SETTINGS, SettingRow

serve_command = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]


def test_the_settings_and_the_flags_of_serve_are_the_same() -> None:
    assert set(inspect.signature(serve).parameters) == {row.field for row in SETTINGS}


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.field)
def test_each_flag_tells_variable_meaning_and_default(row: SettingRow) -> None:
    (option,) = (one for one in serve_command.params if one.name == row.field)
    assert option.opts == [f"--{row.field.replace('_', '-')}"]
    assert row.meaning in option.help
    assert f"({row.name}; default {row.default})" in option.help


def test_serve_help_prints_them_all() -> None:
    printed = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "120"}).stdout
    for row in SETTINGS:
        assert f"--{row.field.replace('_', '-')}" in printed
        assert row.name in printed


def test_help_names_every_command_in_its_own_line() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for name in typer.main.get_command(app).commands:  # type: ignore[attr-defined]
        assert sum(line.strip("│ ").startswith(f"{name} ") for line in result.stdout.splitlines())


@pytest.mark.parametrize("group", [[], ["keys"], ["config"]])
def test_without_a_command_there_is_help(group: list[str]) -> None:
    result = CliRunner().invoke(app, group)
    assert "Usage: " in result.output
    assert "Traceback" not in result.output


def test_the_version_is_printed() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"laird {__version__}\n"


def test_the_package_is_a_program_too() -> None:
    command = [sys.executable, "-m", "laird", "--version"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == (
        f"laird {__version__}\n"
    )


def test_a_command_does_not_load_the_server() -> None:
    code = "import sys, laird.cli.app; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"fastapi", "sqlalchemy", "uvicorn", "structlog", "laird.gateway.gateway"}
