"""docs/cli.md tells of every command and option, and of none that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.docs.pages import headings, page, prose, section
from typer.main import get_command

from laird.cli.app import app

PAGE = page("cli.md")
EVERYWHERE = {"--home", "--json", "--help", "--version"}


def commands(command: Any, path: str = "laird") -> Iterator[tuple[str, Any]]:
    """Yield each command that does something, with the words that call it."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
    else:
        for name, each in inner.items():
            yield from commands(each, f"{path} {name}")


COMMANDS = dict(commands(get_command(app)))


def _spelled(parameter: Any) -> list[str]:
    spelled = [*parameter.opts, *parameter.secondary_opts]
    return [option for option in spelled if option.startswith("--")]


def options(command: Any) -> set[str]:
    return {option for each in command.params for option in _spelled(each)}


def mentioned(text: str) -> set[str]:
    return set(re.findall(r"--[a-z][a-z-]+", text))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_a_section_with_its_options(path: str) -> None:
    missing = options(COMMANDS[path]) - EVERYWHERE - mentioned(section(PAGE, path))
    assert missing == set()


@pytest.mark.parametrize("path", COMMANDS)
def test_every_section_shows_how_the_command_is_called(path: str) -> None:
    assert re.search(rf"(\$ |\| |`){path}\b", section(PAGE, path))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_argument_and_option_has_a_help_text(path: str) -> None:
    assert COMMANDS[path].help
    without = [each.name for each in COMMANDS[path].params if not getattr(each, "help", None)]
    assert without == []


def test_options_of_all_commands_are_explained_once() -> None:
    assert mentioned(section(PAGE, "What all commands have in common")) >= EVERYWHERE


def test_no_section_tells_of_a_command_that_does_not_exist() -> None:
    groups = {path.rpartition(" ")[0] for path in COMMANDS}
    told = {title for title in headings(PAGE) if title.startswith("laird ")}
    assert told - COMMANDS.keys() - groups == set()


def test_no_option_is_told_of_that_does_not_exist() -> None:
    known = EVERYWHERE.union(*(options(command) for command in COMMANDS.values()))
    assert mentioned(prose(PAGE)) - known == set()
