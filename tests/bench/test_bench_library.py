"""The benchmark of local models: its arithmetic, and that each figure is measured."""

from __future__ import annotations

import io

from bench.library import show
from bench.library_figures import (
    Latency,
    Turns,
    added,
    best,
    latency,
    megabytes_per_s,
    percentile,
)
from rich.console import Console


def test_a_percentile_is_a_sample_that_was_measured() -> None:
    samples = [float(each) for each in range(100, 0, -1)]
    assert percentile(samples, 0.50) == 50
    assert percentile(samples, 0.99) == 99
    assert percentile(samples, 1.0) == 100
    assert percentile([7.0], 0.01) == percentile([7.0], 0.99) == 7


def test_latencies_are_milliseconds_and_what_is_added_is_their_difference() -> None:
    own, direct = latency([0.004, 0.002, 0.003]), latency([0.0005] * 3)
    assert own == Latency(3.0, 4.0)
    assert direct == Latency(0.5, 0.5)
    assert added(own, direct) == Latency(2.5, 3.5)


def test_the_best_round_counts() -> None:
    rounds = [Latency(1.0, 5.0), Latency(900.0, 1000.0), Latency(2.0, 3.0)]
    assert best(rounds) == Latency(1.0, 3.0)


def test_loads_are_counted_for_each_request() -> None:
    turns = Turns(clients=6, requests=600, loads=15, seconds=1.0, longest_s=0.5)
    assert turns.loads_per_request == 0.025


def test_speeds_are_decimal_megabytes() -> None:
    assert megabytes_per_s(250_000_000, 2.0) == 125.0


def test_all_figures_are_shown() -> None:
    figures = {
        "load": {"load-0": {"size_mb": 0.6, "loaded_ms": 71.2, "first_answer_ms": 90.1}},
        "latency": {"direct": Latency(1.0, 2.0), "laird": Latency(1.5, 3.0)},
        "turns": {"in turn": Turns(clients=1, requests=60, loads=30, seconds=9.0, longest_s=0.4)},
        "download": {"size_mb": 400.0, "laird_mb_per_s": 212.0, "plain_mb_per_s": 350.0},
    }
    console = Console(width=120, file=io.StringIO())
    show(figures, console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    for each in ("0.6 MB", "71 ms", "90 ms", "1.50 ms", "3.00 ms", "0.500", "0.40 s", "212 MB/s"):
        assert each in printed
