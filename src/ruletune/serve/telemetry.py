"""Figures for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ruletune.serve.answering import Seen
from ruletune.serve.asgi import App, Message, Receive, Scope, Send
from ruletune.serve.batching import Meters
from ruletune.serve.watching import Watch

__all__ = ["Telemetry", "counted"]

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

_HELD_BACK = "(held back)"
"""What an answer is counted under that was not given."""


class Telemetry:
    """Counters and histograms of one server, in a registry of their own.

    Names of labels and rules are a run's own, so there are only so many series; nothing that a client sends becomes one.
    """

    def __init__(self, watch: Watch, *, waiting: Callable[[], int]) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter("ruletune_requests", "Requests answered.", ["route", "status"], registry=registry)
        self.latency = Histogram(
            "ruletune_request_seconds",
            "From a request's head to its answer's end.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.batch_texts = Histogram("ruletune_batch_texts", "Texts in a batch.", buckets=_TEXTS, registry=registry)
        self.batch_seconds = Histogram(
            "ruletune_batch_seconds", "Time that a batch took.", buckets=_SECONDS, registry=registry
        )
        self.wait = Histogram(
            "ruletune_wait_seconds", "Time for which a text waited.", buckets=_SECONDS, registry=registry
        )
        self.remembered = Counter("ruletune_remembered_texts", "Texts whose answer was remembered.", registry=registry)
        self.answers = Counter("ruletune_answers", "Answers that have a label.", ["part", "label"], registry=registry)
        self.firings = Counter(
            "ruletune_rule_firings", "Texts on which a rule fired.", ["part", "rule"], registry=registry
        )
        queue = Gauge("ruletune_queue_texts", "Texts that wait.", registry=registry)
        queue.set_function(waiting)
        began = Gauge("ruletune_start_time_seconds", "When the server began, since 1970.", registry=registry)
        began.set(time.time())
        registry.register(_Shares(watch))

    @property
    def meters(self) -> Meters:
        """What the worker tells."""

        def batch(texts: int, seconds: float) -> None:
            self.batch_texts.observe(texts)
            self.batch_seconds.observe(seconds)

        return Meters(batch, self.wait.observe, lambda texts: self.remembered.inc(texts) if texts else None)

    def saw(self, seen: Iterable[Seen]) -> None:
        """Count one text."""
        for each in seen:
            for rule in each.rules or ():
                self.firings.labels(each.part, rule).inc()
            for label in (_HELD_BACK,) if each.answers is None else each.answers:
                self.answers.labels(each.part, label).inc()


class _Shares(Collector):
    """Shares of late and in training, computed when somebody asks."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        labels = ["part", "kind", "name"]
        now = GaugeMetricFamily(
            "ruletune_share", "Share of the last texts: with a rule, with an answer.", labels=labels
        )
        training = GaugeMetricFamily("ruletune_share_in_training", "The same in training.", labels=labels)
        drift = GaugeMetricFamily("ruletune_drift", "1 where a share has changed beyond chance.", labels=labels)
        changed = {(d.part, d.kind, d.change.name) for d in self._watch.drifts}
        for share in self._watch.shares():
            key = [share.part, share.kind, share.name]
            now.add_metric(key, share.now)
            if share.training is not None:
                training.add_metric(key, share.training)
                drift.add_metric(key, float(tuple(key) in changed))
        yield from (now, training, drift)

    def describe(self) -> list[Metric]:
        return []


def counted(app: App, telemetry: Telemetry, routes: Iterable[str]) -> App:
    """Count an application's answers by route and status; paths that are no route are ``other``."""
    known = frozenset(routes)

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        route = scope["path"] if scope["path"] in known else "other"
        began, status = time.perf_counter(), 499  # what is said of clients that have gone

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, noted)
        finally:
            telemetry.requests.labels(route, status).inc()
            telemetry.latency.labels(route).observe(time.perf_counter() - began)

    return layer
