"""What the board makes of probes and traffic."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.health.upstreams import Clock, bad, good, provider, snapshot

from laird.domain.errors import (
    ConnectionLost,
    CredentialRefused,
    Unreachable,
    UpstreamError,
    UpstreamFailed,
    UpstreamGarbled,
    UpstreamModelMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from laird.domain.health import HealthStatus, LoadedModel, ProviderCondition
from laird.domain.secret import Secret
from laird.health.board import HealthBoard

DOWN = Unreachable("connection refused")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> HealthBoard:
    board = HealthBoard(clock=clock, jitter=lambda: 0.5)
    board.configure(snapshot(provider("a"), provider("b")))
    return board


def condition(board: HealthBoard) -> ProviderCondition:
    return board.conditions["a"]


def test_a_provider_is_unknown_until_something_is_heard_of_it(board: HealthBoard) -> None:
    assert condition(board).status is HealthStatus.UNKNOWN
    board.record_success("a", 80.0)
    assert condition(board).status is HealthStatus.HEALTHY
    assert board.conditions["b"].status is HealthStatus.UNKNOWN


def test_one_failure_degrades_three_in_a_row_take_it_offline(board: HealthBoard) -> None:
    board.record_failure("a", DOWN)
    assert condition(board).status is HealthStatus.DEGRADED
    assert condition(board).admits
    assert condition(board).error == "connection refused"
    board.record_failure("a", DOWN)
    assert condition(board).admits
    board.record_failure("a", DOWN)
    assert condition(board).status is HealthStatus.OFFLINE
    assert not condition(board).admits


def test_an_offline_provider_is_back_with_one_good_probe(board: HealthBoard) -> None:
    for _ in range(3):
        board.record_probe(bad("a"))
    assert condition(board).status is HealthStatus.OFFLINE
    assert condition(board).error == "it said no"

    board.record_probe(good("a"))
    assert condition(board) == ProviderCondition(status=HealthStatus.HEALTHY)


def test_a_slow_probe_degrades_until_a_quick_one(board: HealthBoard) -> None:
    board.record_probe(good("a", latency_ms=2_001.0))
    assert condition(board).status is HealthStatus.DEGRADED
    assert condition(board).admits
    board.record_probe(good("a", latency_ms=1_999.0))
    assert condition(board).status is HealthStatus.HEALTHY


@pytest.mark.parametrize(
    "error",
    [
        DOWN,
        ConnectionLost("reset"),
        UpstreamTimeout("too slow", phase="first_byte"),
        UpstreamFailed("internal error", status=500),
        UpstreamGarbled("not JSON"),
    ],
)
def test_faults_of_server_and_connection_count(board: HealthBoard, error: UpstreamError) -> None:
    for _ in range(3):
        board.record_failure("a", error)
    assert not condition(board).admits


@pytest.mark.parametrize(
    "error",
    [
        UpstreamRejected("bad request"),
        UpstreamModelMissing("no such model"),
        UpstreamQuota("no money"),
        ConnectionLost("closed while idle", stale=True),
    ],
)
def test_what_is_not_the_servers_fault_changes_nothing(
    board: HealthBoard, error: UpstreamError
) -> None:
    before = condition(board)
    for _ in range(5):
        board.record_failure("a", error)
    assert condition(board) is before


@pytest.mark.parametrize(
    ("asked", "rests"), [(None, 10.0), (25.0, 25.0), (9_999.0, 300.0), (-5.0, 0.0)]
)
def test_a_rate_limit_rests_the_provider_without_harm_to_its_health(
    board: HealthBoard, clock: Clock, asked: float | None, rests: float
) -> None:
    board.record_failure("a", UpstreamRateLimited("slow down", retry_after_s=asked))

    assert condition(board).resting_until == clock.now + rests
    assert condition(board).status is HealthStatus.HEALTHY
    assert condition(board).admits


def test_a_shorter_pause_does_not_cut_a_longer_one(board: HealthBoard, clock: Clock) -> None:
    board.record_failure("a", UpstreamRateLimited("slow down", retry_after_s=60))
    board.record_failure("a", UpstreamRateLimited("slow down", retry_after_s=1))
    board.record_success("a", 10.0)

    assert condition(board).resting_until == clock.now + 60


@pytest.mark.parametrize(
    "heal",
    [lambda board: board.record_success("a", 10.0), lambda board: board.record_probe(good("a"))],
)
def test_a_refused_credential_is_marked_until_it_is_accepted(
    board: HealthBoard, heal: Callable[[HealthBoard], None]
) -> None:
    for _ in range(5):
        board.record_failure("a", CredentialRefused("wrong key", status=401))
    assert condition(board).credential_bad
    assert condition(board).admits
    assert condition(board).error == "wrong key"

    heal(board)
    assert not condition(board).credential_bad
    assert condition(board).status is HealthStatus.HEALTHY


def test_latency_is_a_moving_average_published_when_it_has_moved(board: HealthBoard) -> None:
    board.record_success("a", 100.0)
    published = condition(board)
    assert published.latency_ms == 100.0
    board.record_success("a", 110.0)
    assert condition(board) is published
    for _ in range(30):
        board.record_success("a", 200.0)
    assert 170 < (condition(board).latency_ms or 0) <= 200


def test_a_success_forgives_at_once_even_at_the_usual_latency(board: HealthBoard) -> None:
    board.record_success("a", 100.0)
    board.record_failure("a", DOWN)
    board.record_success("a", 100.0)
    assert condition(board).status is HealthStatus.HEALTHY
    board.record_failure("a", DOWN)
    board.record_failure("a", DOWN)
    assert condition(board).admits


def test_a_good_probe_clears_the_sign_but_not_the_count_of_real_failures(
    board: HealthBoard,
) -> None:
    board.record_failure("a", DOWN)
    board.record_failure("a", DOWN)
    board.record_probe(good("a"))
    assert condition(board).status is HealthStatus.HEALTHY
    board.record_failure("a", DOWN)
    assert condition(board).status is HealthStatus.OFFLINE


@pytest.mark.parametrize(
    "answer",
    [
        UpstreamRateLimited("slow down"),
        UpstreamQuota("no money"),
        CredentialRefused("wrong key", status=401),
    ],
)
def test_a_server_that_answers_a_probe_with_no_is_there(
    board: HealthBoard, answer: UpstreamError
) -> None:
    for _ in range(3):
        board.record_failure("a", DOWN)
    board.record_probe_error("a", answer)

    assert condition(board).admits


def test_an_offline_provider_gets_one_probe_at_a_time(board: HealthBoard, clock: Clock) -> None:
    assert board.start_probe("a")
    for _ in range(3):
        board.record_failure("a", DOWN)
    assert not board.start_probe("a")
    clock.now = board.probe_due("a", planned=clock.now + 30)
    assert board.start_probe("a")
    assert not board.start_probe("a")
    board.abandon_probe("a")
    assert board.start_probe("a")
    board.record_probe_error("a", DOWN)
    assert not board.start_probe("a")


def test_a_probe_is_due_sooner_when_something_is_wrong(board: HealthBoard, clock: Clock) -> None:
    planned = clock.now + 30
    assert board.probe_due("a", planned) == planned
    board.record_failure("a", DOWN)
    assert board.probe_due("a", planned) == clock.now + 5
    assert board.probe_due("a", clock.now + 2) == clock.now + 2
    board.record_failure("a", DOWN)
    board.record_failure("a", DOWN)
    assert board.probe_due("a", planned) == clock.now + 1


def test_a_reload_keeps_what_is_known_of_providers_that_stay(board: HealthBoard) -> None:
    board.record_failure("a", DOWN)
    before = condition(board)
    board.configure(snapshot(provider("a", priority=7)))

    assert condition(board) is before
    assert "b" not in board.conditions


@pytest.mark.parametrize(
    "change",
    [{"endpoint": "http://127.0.0.1:2"}, {"secret": Secret("new")}, {"enabled": False}],
)
def test_a_reload_starts_anew_with_a_provider_that_changed(
    board: HealthBoard, change: dict[str, object]
) -> None:
    for _ in range(3):
        board.record_failure("a", DOWN)
    board.configure(snapshot(provider("a", **change)))

    assert condition(board) == ProviderCondition()


def test_what_is_said_of_strangers_is_ignored(board: HealthBoard) -> None:
    board.record_success("x", 1.0)
    board.record_failure("x", DOWN)
    board.record_probe(good("x"))
    board.record_probe_error("x", DOWN)
    board.abandon_probe("x")

    assert not board.start_probe("x")
    assert board.probe_due("x", 5.0) == 5.0
    assert set(board.conditions) == {"a", "b"}


def test_listeners_hear_of_changes_and_only_of_changes(board: HealthBoard) -> None:
    heard: list[tuple[str, HealthStatus]] = []
    board.listen(lambda provider_id, now: heard.append((provider_id, now.status)))
    for _ in range(4):
        board.record_probe(good("a"))
    for _ in range(4):
        board.record_failure("a", DOWN)

    assert heard == [
        ("a", HealthStatus.HEALTHY),
        ("a", HealthStatus.DEGRADED),
        ("a", HealthStatus.OFFLINE),
    ]


def test_traffic_is_summed_up_and_counted_anew(board: HealthBoard) -> None:
    board.record_success("a", 10.0)
    board.record_success("a", 30.0)
    board.record_failure("a", DOWN)
    board.record_failure("b", UpstreamRejected("bad request"))

    good_part, bad_part = board.take_traffic(7)
    assert (good_part.ok, good_part.latency_ms, good_part.at_us) == (True, 20.0, 7)
    assert (bad_part.ok, bad_part.error, bad_part.provider_id) == (False, DOWN.message, "a")
    assert not good_part.probe
    assert board.take_traffic(8) == []


def test_what_is_loaded_is_shown_beside_the_health(board: HealthBoard) -> None:
    heard: list[ProviderCondition] = []
    board.listen(lambda _id, condition: heard.append(condition))
    assert condition(board).loaded is None
    warm = (LoadedModel(id="m:7b", aliases=("m",)),)
    board.record_state("a", warm)
    board.record_state("a", warm)
    assert len(heard) == 1
    assert condition(board).loaded == warm
    assert condition(board).status is HealthStatus.UNKNOWN
    board.record_failure("a", DOWN)
    assert condition(board).loaded == warm
    board.record_state("a", None)
    assert condition(board).loaded is None
    board.record_state("unheard-of", warm)
