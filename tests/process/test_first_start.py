"""The first start prints a link that makes its bearer the administrator, once."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.laird import LairdProcess, laird_process
from tests.support.people import PASSWORD

_LINK = re.compile(r"(http://127\.0\.0\.1:\d+)/setup\?token=([\w-]+)")


def link_of(laird: LairdProcess) -> tuple[str, str]:
    """Return where the printed link leads to, and its token."""
    (found,) = _LINK.findall("".join(laird.printed))
    return found[0], found[1]


def accept(laird: LairdProcess, token: str) -> int:
    connection = laird.connection()
    body = json.dumps({"token": token, "name": "ann", "password": PASSWORD})
    connection.request(
        "POST", "/api/invitations/accept", body, {"content-type": "application/json"}
    )
    reply = connection.getresponse()
    reply.read()
    return reply.status


def test_each_start_prints_a_link_until_there_is_an_administrator(tmp_path: Path) -> None:
    with laird_process(tmp_path) as laird:
        url, first = link_of(laird)
        assert url == laird.url
        assert laird.stop() == 0
    with laird_process(tmp_path) as laird:
        _, second = link_of(laird)
        assert accept(laird, first) == 404
        assert accept(laird, second) == 201
        assert accept(laird, second) == 404
        assert laird.stop() == 0
        told = "".join([*laird.logged])
        for secret in (first, second, PASSWORD):
            assert secret not in told
            for file in tmp_path.rglob("*"):
                if file.is_file():
                    assert secret.encode() not in file.read_bytes(), file
    with laird_process(tmp_path) as laird:
        assert not _LINK.findall("".join(laird.printed))
        assert laird.stop() == 0
