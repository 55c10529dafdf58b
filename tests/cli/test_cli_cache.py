"""laird cache: what a running server has in memory."""

from __future__ import annotations

from tests.cli.conftest import Shell, chat_status


def test_it_is_shown_and_emptied(served: Shell) -> None:
    assert served.url is not None
    key = served.out("keys", "create", "laptop", "--cache").strip()
    for _ in range(2):
        assert chat_status(served.url, key) == 200
    printed = served.out("cache", "show")
    assert "hit ratio     50%" in printed
    assert "64.0 MiB" in printed
    state = served.json("cache", "show")
    assert (state["entries"], state["hits"], state["misses"]) == (1, 1, 1)
    assert "Forgot 1 answer." in served.out("cache", "clear", "--key", "laptop")
    assert served.json("cache", "clear") == {"cleared": 0}
    assert "Forgot 0 answers." in served.out("cache", "clear")


def test_an_unknown_key_is_one_line(served: Shell) -> None:
    assert "'nobody'" in served.fails("cache", "clear", "--key", "nobody")


def test_without_a_server_it_is_empty(offline: Shell) -> None:
    state = offline.json("cache", "show")
    assert (state["entries"], state["hit_ratio"]) == (0, None)
    assert "answers" in offline.out("cache", "show")
