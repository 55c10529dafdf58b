"""Prometheus metrics, by name and label as published in the operations guide.

Children are bound once per label set and kept, so that the request path only adds numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from laird.domain.money import NANO
from laird.telemetry.series import Count, Counts, Distribution, Distributions

_DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_OVERHEAD = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1)

VERDICTS = ("any", "local", "refuse")
"""What becomes of a request of whose privacy there is something to tell."""

Reading = Callable[[], Mapping[str, float]]


class _RequestSeries:
    """The children that one (endpoint, model, provider, status) combination adds to."""

    __slots__ = ("count", "duration", "overhead")

    def __init__(self, count: Count, duration: Distribution, overhead: Distribution) -> None:
        self.count = count
        self.duration = duration
        self.overhead = overhead


class _TokenSeries:
    __slots__ = ("completion", "cost", "first_token", "prompt")

    def __init__(
        self, prompt: Count, completion: Count, cost: Count, first_token: Distribution
    ) -> None:
        self.prompt = prompt
        self.completion = completion
        self.cost = cost
        self.first_token = first_token


class _Readings(Collector):
    """Gauges that are read when somebody asks, from state that others own."""

    def __init__(self) -> None:
        self._gauges: list[tuple[str, str, str, Reading]] = []

    def add(self, name: str, help_text: str, label: str, reading: Reading) -> None:
        self._gauges.append((name, help_text, label, reading))

    def collect(self) -> Iterable[Metric]:
        for name, help_text, label, reading in self._gauges:
            family = GaugeMetricFamily(name, help_text, labels=[label] if label else [])
            for value_of, value in reading().items():
                family.add_metric([value_of] if label else [], value)
            yield family


class Metrics:
    """All metrics of one running server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._readings = _Readings()
        self.registry.register(self._readings)
        requests = ("endpoint", "model", "provider", "status")
        self._requests = self._counter("local_ai_requests", "Requests answered.", requests)
        self._duration = self._histogram(
            "local_ai_request_duration_seconds",
            "Time from a request's arrival to the end of its answer.",
            ("endpoint", "provider"),
            _DURATIONS,
        )
        self._overhead = self._histogram(
            "local_ai_overhead_seconds",
            "Time that Laird itself added to a request.",
            ("endpoint",),
            _OVERHEAD,
        )
        self._failover = self._counter(
            "local_ai_provider_failover",
            "Requests that moved from one provider to another.",
            ("from_provider", "to_provider"),
        )
        self._tokens = self._counter(
            "local_ai_tokens", "Tokens used.", ("provider", "model", "type")
        )
        self._cost = self._counter("local_ai_cost_usd", "Money spent.", ("provider", "model"))
        self._first_token = self._histogram(
            "local_ai_time_to_first_token_seconds",
            "Time from sending a streamed request upstream to its first content.",
            ("provider",),
            _DURATIONS,
        )
        self._attempt_errors = self._counter(
            "local_ai_attempt_errors", "Upstream attempts that failed.", ("provider", "code")
        )
        asked = self._counter(
            "local_ai_cache_requests", "Requests that asked for the cache.", ("result",)
        )
        self._cache_hits, self._cache_misses, self._cache_refreshes = (
            asked.child(result) for result in ("hit", "miss", "refresh")
        )
        self._cache_tokens = self._counter(
            "local_ai_cache_saved_tokens", "Tokens that answers from the cache saved.", ()
        ).child()
        self._cache_cost = self._counter(
            "local_ai_cache_saved_usd", "Money that answers from the cache saved.", ()
        ).child()
        family = self._counter(
            "local_ai_privacy_verdicts",
            "Requests of which the ledger tells why they might leave or not, and refused ones.",
            ("verdict",),
        )
        self._verdicts = {verdict: family.child(verdict) for verdict in VERDICTS}
        self.info = Gauge("laird_info", "Version.", ("version",), registry=self.registry)
        self._request_series: dict[tuple[str, str, str, int], _RequestSeries] = {}
        self._token_series: dict[tuple[str, str], _TokenSeries] = {}

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counts:
        family = Counts(name, text, labels)
        self.registry.register(family)
        return family

    def _histogram(
        self, name: str, text: str, labels: tuple[str, ...], bounds: tuple[float, ...]
    ) -> Distributions:
        family = Distributions(name, text, labels, bounds)
        self.registry.register(family)
        return family

    def gauge(self, name: str, help_text: str, label: str, reading: Reading) -> None:
        """Publish a gauge whose values are read at each scrape; `label` may be empty."""
        self._readings.add(name, help_text, label, reading)

    def request(
        self,
        endpoint: str,
        model: str,
        provider: str,
        status: int,
        *,
        seconds: float,
        overhead_s: float,
    ) -> None:
        """Count one answered request. `status` is the HTTP status the client got."""
        key = (endpoint, model, provider, status)
        series = self._request_series.get(key)
        if series is None:
            series = self._request_series[key] = _RequestSeries(
                self._requests.child(endpoint, model, provider, str(status)),
                self._duration.child(endpoint, provider),
                self._overhead.child(endpoint),
            )
        series.count.value += 1
        series.duration.add(seconds)
        series.overhead.add(overhead_s)

    def tokens(
        self, provider: str, model: str, *, prompt: int, completion: int, cost_usd: float
    ) -> None:
        """Count the tokens and the cost of one attempt."""
        series = self._tokens_of(provider, model)
        series.prompt.value += prompt
        series.completion.value += completion
        series.cost.value += cost_usd

    def first_token(self, provider: str, model: str, seconds: float) -> None:
        """Count the wait for the first content of a stream."""
        self._tokens_of(provider, model).first_token.add(seconds)

    def _tokens_of(self, provider: str, model: str) -> _TokenSeries:
        key = (provider, model)
        series = self._token_series.get(key)
        if series is None:
            series = self._token_series[key] = _TokenSeries(
                self._tokens.child(provider, model, "prompt"),
                self._tokens.child(provider, model, "completion"),
                self._cost.child(provider, model),
                self._first_token.child(provider),
            )
        return series

    def cache_hit(self, *, tokens: int, cost_nano: int) -> None:
        """Count one answer from the cache, and what it saved: tokens and nano-dollars."""
        self._cache_hits.value += 1
        self._cache_tokens.value += tokens
        self._cache_cost.value += cost_nano / NANO

    def cache_miss(self, *, refresh: bool) -> None:
        """Count one request that asked for the cache and goes to a provider."""
        (self._cache_refreshes if refresh else self._cache_misses).value += 1

    def failover(self, from_provider: str, to_provider: str) -> None:
        """Count one move from a provider to another."""
        self._failover.child(from_provider, to_provider).value += 1

    def attempt_error(self, provider: str, code: str) -> None:
        """Count one failed attempt by the code of its error."""
        self._attempt_errors.child(provider, code).value += 1

    def privacy(self, verdict: str) -> None:
        """Count one request by its privacy verdict: `any`, `local` or `refuse`."""
        self._verdicts[verdict].value += 1

    def render(self) -> bytes:
        """Return the exposition text."""
        return generate_latest(self.registry)
