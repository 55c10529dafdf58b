"""Credentials that a command prints."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.credentials.vault_world import ONE, THREE, TWO
from tests.support.waiting import until

from laird.credentials.command import (
    CommandFailed,
    CommandSpec,
    check_spec,
    decode,
    encode,
    run,
)
from laird.credentials.commands import Commands
from laird.domain.errors import InvalidRequest
from laird.domain.secret import Secret


def python(code: str, **fields: float) -> CommandSpec:
    return CommandSpec(argv=(sys.executable, "-c", code), **fields)


def printing(text: str, **fields: float) -> CommandSpec:
    return CommandSpec(argv=("printf", "%s", text), **fields)


async def test_what_it_prints_is_trimmed() -> None:
    printed = await run(printing(f"\n  {ONE}\n\n"), os.environ)
    assert printed.secret == Secret(ONE)
    assert printed.expires_s is None


async def test_there_is_no_shell_and_no_input() -> None:
    printed = await run(CommandSpec(argv=("echo", "$HOME;`id`")), os.environ)
    assert printed.secret == Secret("$HOME;`id`")
    read = python("import sys; print('got' + sys.stdin.read() + 'nothing')")
    assert (await run(read, os.environ)).secret == Secret("gotnothing")


async def test_it_gets_the_environment_without_the_master_key() -> None:
    shown = python("import os; print(sorted(os.environ.items()))")
    environment = {"MINE": "1", "LAIRD_MASTER_KEY": "2", "LAIRD_MASTER_KEY_OLD": "3"}
    text = (await run(shown, environment)).secret.reveal()
    assert "MINE" in text
    assert "LAIRD" not in text


IN_AN_HOUR = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)


@pytest.mark.parametrize(
    "moment",
    [
        IN_AN_HOUR.isoformat(),
        IN_AN_HOUR.isoformat().replace("+00:00", "Z"),
        IN_AN_HOUR.replace(tzinfo=None).isoformat(),
        IN_AN_HOUR.timestamp(),
        int(IN_AN_HOUR.timestamp()),
        int(IN_AN_HOUR.timestamp() * 1000),
    ],
    ids=["zone", "Z", "no zone", "seconds", "whole seconds", "milliseconds"],
)
async def test_it_may_say_how_long_in_json(moment: object) -> None:
    text = json.dumps({"token": ONE, "expires_at": moment, "scope": "all"})
    printed = await run(printing(text, lifetime_s=60), os.environ)
    assert printed.secret == Secret(ONE)
    assert printed.expires_s == IN_AN_HOUR.timestamp()


async def test_a_lifetime_that_was_declared_counts_from_now() -> None:
    for text in (ONE, json.dumps({"token": ONE})):
        printed = await run(printing(text, lifetime_s=600), os.environ)
        assert printed.expires_s is not None
        assert 590 < printed.expires_s - time.time() <= 600


FAILING = {
    "another code": (python(f"print('{ONE}'); raise SystemExit(3)"), "code 3"),
    "nothing": (printing(""), "no credential"),
    "two lines": (printing(f"{ONE}\n{TWO}"), "no credential"),
    "too much": (python(f"print('{ONE}' * 10000)"), "64 KiB"),
    "for ever": (python(f"print('{ONE}' * 99, flush=True)\nwhile True: print('x')"), "64 KiB"),
    "bytes": (python("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')"), "no credential"),
    "broken JSON": (printing(f'{{"token": "{ONE}'), "no token"),
    "JSON without a token": (printing(json.dumps({"key": ONE})), "no token"),
    "a token that is a number": (printing('{"token": 12345678}'), "no token"),
    "a wrong time": (printing(json.dumps({"token": ONE, "expires_at": ONE})), "expires_at"),
    "no program": (CommandSpec(argv=("/nowhere/at-all", ONE)), "No such file"),
    "no program to run": (CommandSpec(argv=("/", ONE)), "can't be started"),
}


@pytest.mark.parametrize(("spec", "told"), FAILING.values(), ids=FAILING)
async def test_a_failure_is_told_without_what_was_printed(spec: CommandSpec, told: str) -> None:
    with pytest.raises(CommandFailed, match=told) as caught:
        await run(spec, os.environ)
    assert "sk-canary" not in caught.value.message


async def test_at_its_time_limit_it_is_killed_with_all_that_it_has_started(tmp_path: Path) -> None:
    file = tmp_path / "children"
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(file)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(60)\n"
    )
    began = time.monotonic()
    with pytest.raises(CommandFailed, match=r"within 1\.5 s"):
        await run(python(code, timeout_s=1.5), os.environ)
    assert time.monotonic() - began < 10
    for pid in file.read_text().split():
        await until(lambda pid=pid: ended(int(pid)))  # type: ignore[misc]


async def test_what_left_its_group_and_holds_its_output_is_not_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "child"
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " start_new_session=True)\n"
        f"open({str(file)!r}, 'w').write(str(child.pid))\n"
        "while True: print('x' * 4096)\n"
    )
    began = time.monotonic()
    with pytest.raises(CommandFailed, match="64 KiB"):
        await run(python(code, timeout_s=60.0), os.environ)
    assert time.monotonic() - began < 30
    os.kill(int(file.read_text()), signal.SIGKILL)


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_the_loop_does_not_wait_meanwhile() -> None:
    turns = 0
    running = asyncio.create_task(
        run(python("import time; time.sleep(0.5); print('token')"), os.environ)
    )
    while not running.done():
        turns += 1
        await asyncio.sleep(0.01)
    assert running.result().secret == Secret("token")
    assert turns > 10


@pytest.mark.parametrize(
    "spec",
    [
        CommandSpec(argv=()),
        CommandSpec(argv=(" ",)),
        CommandSpec(argv=("a\0b",)),
        CommandSpec(argv=("a",) * 65),
        CommandSpec(argv=("a",), timeout_s=0),
        CommandSpec(argv=("a",), timeout_s=121),
        CommandSpec(argv=("a",), lifetime_s=1),
    ],
    ids=str,
)
def test_what_can_not_be_run_is_refused(spec: CommandSpec) -> None:
    with pytest.raises(InvalidRequest):
        check_spec(spec)


def test_a_command_is_kept_whole() -> None:
    spec = CommandSpec(argv=("a", "b c"), timeout_s=3, lifetime_s=60)
    assert decode(encode(check_spec(spec))) == spec


class Counted:
    """A command that counts its runs in a file and prints what stands in another."""

    def __init__(self, directory: Path) -> None:
        self.output = directory / "output"
        self.log = directory / "runs"
        self.output.write_text(ONE)
        self.log.touch()
        self.spec = CommandSpec(
            argv=("sh", "-c", f"echo run >> {self.log}; cat {self.output}"), timeout_s=30
        )

    @property
    def runs(self) -> int:
        return len(self.log.read_text().split())


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    return Counted(tmp_path)


async def test_it_is_run_once_for_all_who_wait(counted: Counted) -> None:
    commands = Commands(os.environ)
    commands.configure({"c": ("id", counted.spec)})
    assert commands.token("c") is None
    await asyncio.gather(*(commands.run("c") for _ in range(20)))
    assert commands.token("c") == Secret(ONE)
    assert counted.runs == 1
    assert await commands.run_due() == []
    assert counted.runs == 1


async def test_one_that_prints_the_same_is_not_run_for_every_refusal(counted: Counted) -> None:
    commands = Commands(os.environ)
    commands.configure({"c": ("id", counted.spec)})
    await commands.run_due()
    for _ in range(5):
        await commands.run("c", refused=True)
    assert counted.runs == 2


async def test_it_is_run_again_before_its_credential_ends(counted: Counted) -> None:
    commands = Commands(os.environ)
    commands.configure({"c": ("id", counted.spec)})
    counted.output.write_text(json.dumps({"token": ONE, "expires_at": time.time() - 5}))
    await commands.run_due()
    # It was late already when it came.
    assert commands.token("c") is None
    counted.output.write_text(json.dumps({"token": TWO, "expires_at": time.time() + 3600}))
    state = commands._states["c"]
    assert state.renew_at is not None
    assert state.renew_at - time.time() <= 5
    state.renew_at = time.time()
    assert await commands.run_due() == ["c"]
    assert commands.token("c") == Secret(TWO)
    assert state.renew_at is not None
    assert 3530 < state.renew_at - time.time() < 3545
    assert commands.expires_us("c") is not None


async def test_a_failure_keeps_what_is_still_good_and_is_tried_again(counted: Counted) -> None:
    commands = Commands(os.environ)
    commands.configure({"c": ("id", counted.spec)})
    await commands.run("c")
    counted.output.unlink()
    await commands.run("c")
    assert commands.token("c") == Secret(ONE)
    assert "code 1" in str(commands.problem("c"))
    state = commands._states["c"]
    assert state.renew_at is not None
    assert 0 < state.renew_at - time.time() <= 5
    await commands.run("c")
    assert 5 < state.renew_at - time.time() <= 10
    counted.output.write_text(TWO)
    await commands.run("c")
    assert commands.token("c") == Secret(TWO)
    assert commands.problem("c") is None
    assert state.renew_at is None


async def test_another_command_replaces_it_and_what_it_printed(counted: Counted) -> None:
    commands = Commands(os.environ)
    commands.configure({"c": ("id", counted.spec), "d": ("other", printing(TWO))})
    await commands.run_due()
    commands.configure({"c": ("id", counted.spec), "d": ("other", printing(TWO))})
    assert commands.token("c") == Secret(ONE)
    slow = asyncio.create_task(commands.run("d"))
    await asyncio.sleep(0)
    commands.configure({"c": ("id 2", printing(THREE))})
    assert commands.token("c") is None
    assert commands.token("d") is None
    assert commands.spec("d") is None
    # Who waited for it goes on, and is not cancelled with it.
    await slow
    await commands.run("c")
    assert commands.token("c") == Secret(THREE)
    await commands.run("d")
    assert [secret.reveal() for secret in commands.tokens()] == [THREE]


async def test_at_the_end_what_runs_is_ended() -> None:
    commands = Commands(os.environ)
    commands.configure({"c": ("id", python("import time; time.sleep(60)", timeout_s=60))})
    waiting = asyncio.create_task(commands.run("c"))
    await until(lambda: commands._states["c"].task is not None)
    began = time.monotonic()
    await commands.close()
    await waiting
    assert time.monotonic() - began < 5
