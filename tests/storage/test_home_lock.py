from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from laird.domain.errors import StartError
from laird.storage.lock import FILE_NAME, HomeLock, holder

HOLD = """
import sys
from pathlib import Path
from laird.storage.lock import HomeLock
HomeLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


def test_a_second_server_is_refused_with_the_process_id_of_the_first(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        lock = HomeLock(path)
        with pytest.raises(StartError, match=f"already running .*process {other.pid}") as refused:
            lock.acquire()
        assert "\n" not in refused.value.message
        assert holder(path) == other.pid
        other.kill()
        other.wait()
    lock.acquire()
    assert path.read_text() == f"{os.getpid()}\n"
    lock.release()


def test_a_released_lock_can_be_taken_again(path: Path) -> None:
    first = HomeLock(path)
    with first:
        first.acquire()
        assert holder(path) == os.getpid()
        with pytest.raises(StartError), HomeLock(path):
            pass
    first.release()
    assert holder(path) is None
    with HomeLock(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_nobody_holds_a_lock_that_was_never_taken(path: Path) -> None:
    assert holder(path) is None


def test_a_lock_file_with_nothing_readable_in_it_still_refuses(path: Path) -> None:
    with HomeLock(path):
        path.write_text("?")
        assert holder(path) is None
        with pytest.raises(StartError, match="process id is not known"):
            HomeLock(path).acquire()


def test_a_home_that_can_not_be_written_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="set LAIRD_HOME"):
        HomeLock(tmp_path / "missing" / FILE_NAME).acquire()
    with pytest.raises(StartError, match="set LAIRD_HOME"):
        HomeLock(tmp_path).acquire()


def test_a_lock_that_can_not_be_written_says_what_to_do() -> None:
    with pytest.raises(StartError, match="can't be taken"):
        HomeLock(Path("/dev/full")).acquire()
