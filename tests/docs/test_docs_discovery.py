"""docs/discovery.md tells of every kind of server that is found, in the order of the table."""

from __future__ import annotations

from tests.docs.pages import page, section

from laird.gateway.discovery.fingerprints import FINGERPRINTS
from laird.gateway.discovery.hosts import MOST_HOSTS

PAGE = page("discovery.md")


def test_every_server_has_a_row_with_its_port_and_kind() -> None:
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|")[:3])
        for line in section(PAGE, "Which servers are found").splitlines()
        if line.startswith("| ") and not line.startswith("| server")
    ]
    assert rows == [
        (row.title, ", ".join(map(str, row.ports)), f"`{row.kind}`") for row in FINGERPRINTS
    ]


def test_every_question_that_proves_a_server_is_named() -> None:
    told = section(PAGE, "Which servers are found")
    for row in FINGERPRINTS:
        # What it says of itself may be enough.
        if row.name in {"vllm", "sglang", "llamacpp"}:
            continue
        for question in row.questions:
            assert f"`{question}`" in told


def test_the_limit_of_hosts_is_said() -> None:
    assert f"At most {MOST_HOSTS} at once" in PAGE
