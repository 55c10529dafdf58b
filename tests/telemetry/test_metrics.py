"""Metrics as a scraper reads them, checked with the client library's own parser."""

from __future__ import annotations

import json
import logging
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from laird.telemetry.logs import LogFormat, configure_logging, get_logger
from laird.telemetry.metrics import Metrics


def samples(metrics: Metrics) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={sample.labels[name]}" for name in sorted(sample.labels))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_requests_are_counted_and_timed() -> None:
    metrics = Metrics()
    for seconds in (0.003, 0.2, 700.0):
        metrics.request("chat", "m", "p", 200, seconds=seconds, overhead_s=0.0002)
    found = samples(metrics)
    served = "endpoint=chat,model=m,provider=p,status=200"
    assert found[f"local_ai_requests_total{{{served}}}"] == 3
    timed = "local_ai_request_duration_seconds"
    assert found[f"{timed}_bucket{{endpoint=chat,le=0.005,provider=p}}"] == 1
    assert found[f"{timed}_bucket{{endpoint=chat,le=0.25,provider=p}}"] == 2
    assert found[f"{timed}_bucket{{endpoint=chat,le=+Inf,provider=p}}"] == 3
    assert found[f"{timed}_count{{endpoint=chat,provider=p}}"] == 3
    assert found[f"{timed}_sum{{endpoint=chat,provider=p}}"] == pytest.approx(700.203)
    assert found["local_ai_overhead_seconds_count{endpoint=chat}"] == 3


def test_tokens_cost_failover_and_errors() -> None:
    metrics = Metrics()
    metrics.tokens("p", "m", prompt=5, completion=7, cost_usd=0.25)
    metrics.first_token("p", "m", 0.04)
    metrics.failover("p", "q")
    metrics.attempt_error("p", "provider_timeout")
    found = samples(metrics)
    assert found["local_ai_tokens_total{model=m,provider=p,type=prompt}"] == 5
    assert found["local_ai_tokens_total{model=m,provider=p,type=completion}"] == 7
    assert found["local_ai_cost_usd_total{model=m,provider=p}"] == 0.25
    assert found["local_ai_provider_failover_total{from_provider=p,to_provider=q}"] == 1
    assert found["local_ai_attempt_errors_total{code=provider_timeout,provider=p}"] == 1
    assert found["local_ai_time_to_first_token_seconds_bucket{le=0.05,provider=p}"] == 1


def test_gauges_are_read_at_each_scrape() -> None:
    metrics = Metrics()
    state = {"p": 1.0}
    metrics.gauge("local_ai_provider_health", "Health.", "provider", lambda: state)
    metrics.gauge("local_ai_waiting", "Waiting.", "", lambda: {"": 3})
    assert samples(metrics)["local_ai_provider_health{provider=p}"] == 1
    state["p"] = 0.0
    assert samples(metrics)["local_ai_provider_health{provider=p}"] == 0
    assert samples(metrics)["local_ai_waiting{}"] == 3


def test_logs_are_json_lines_with_libraries_in_the_same_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("info", "json")
    get_logger("test").info("hello", request_id="req_1")
    get_logger("test").debug("too quiet")
    logging.getLogger("some.library").warning("careful")
    logging.getLogger("some.library").info("chatter")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["hello", "careful"]
    assert lines[0]["request_id"] == "req_1"
    assert lines[0]["level"] == "info"
    assert lines[0]["timestamp"].endswith("Z")


def test_text_logs_are_for_reading(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("debug", "text")
    get_logger("test").debug("hello", number=3)
    assert "hello" in capsys.readouterr().err


@pytest.mark.parametrize("style", ["json", "text"])
def test_an_exception_in_the_log_shows_no_values(
    style: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("info", style)
    key = f"sk-{uuid4()}"
    try:
        raise ValueError(len(key))
    except ValueError:
        get_logger("test").error("defect", exc_info=True)
        logging.getLogger("some.library").exception("defect")
    logged = capsys.readouterr().err
    assert "ValueError" in logged
    assert key not in logged
