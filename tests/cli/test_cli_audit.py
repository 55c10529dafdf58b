"""laird audit on a home without a server."""

from __future__ import annotations

import csv
import io

from tests.cli.conftest import Shell


def test_the_log_from_list_to_prune(offline: Shell) -> None:
    offline.run("keys", "create", "agent")
    offline.run("keys", "change", "agent", "--priority", "3")
    listed = offline.out("audit", "list", "--action", "key")
    assert "the key agent was changed: priority" in listed
    events = offline.json("audit", "list")["events"]
    change = next(one for one in events if one["action"] == "key.change")
    assert (change["actor"], change["via"]) == ("owner", "cli")
    assert "priority: - -> 3" in offline.out("audit", "show", str(change["id"]))
    exported = offline.out("audit", "export", "--action", "key")
    assert [row["action"] for row in csv.DictReader(io.StringIO(exported))] == [
        "key.create",
        "key.change",
    ]
    refused = offline.fails("audit", "rollback", str(change["id"]), code=2)
    assert "Only changes of the configuration" in refused
    pruned = offline.out("audit", "prune", "--older-than-days", "1", "--yes")
    assert pruned == "0 entries were deleted. An entry says so.\n"
    first = offline.run("audit", "list", "--limit", "1")
    assert "audit.prune" in first.stdout
    assert "--cursor" in first.stderr
