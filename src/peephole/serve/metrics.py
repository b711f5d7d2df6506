"""`Metrics`: what Prometheus reads, of one process or of several together.

With several, each keeps its numbers in files of a folder, `shared_numbers.FOLDER`, and whichever is asked adds them all up.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from peephole.serve.shared_numbers import FOLDER

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_TOKENS = (64, 256, 1024, 4096, 8192, 16_384, 32_768, 65_536, 262_144)
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})


class Metrics:
    """The numbers of a server, under names that begin with ``peephole_``."""

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        self._requests = Counter(
            "peephole_requests", "Requests answered", ["path", "method", "status"], registry=own
        )
        self._seconds = Histogram(
            "peephole_request_seconds",
            "Seconds from a request's head to the end of its answer",
            ["path", "status"],
            buckets=_SECONDS,
            registry=own,
        )
        self._batch_texts = Histogram(
            "peephole_batch_texts",
            "Texts that ran together",
            ["model", "lane"],
            buckets=_TEXTS,
            registry=own,
        )
        self._batch_tokens = Histogram(
            "peephole_batch_tokens",
            "Tokens that ran together",
            ["model", "lane"],
            buckets=_TOKENS,
            registry=own,
        )
        self._tokens = Counter("peephole_tokens", "Tokens read", ["model"], registry=own)
        self._queue = Gauge(
            "peephole_queue_depth",
            "Places taken by what waits or runs: texts to predict, explanations",
            ["queue"],
            multiprocess_mode="livesum",
            registry=own,
        )

    def answered(self, path: str, method: str, status: int, seconds: float) -> None:
        """Count a request, by the path of its endpoint."""
        named = method if method in _METHODS else "other"
        self._requests.labels(path, named, str(status)).inc()
        self._seconds.labels(path, f"{status // 100}xx").observe(seconds)

    def batch(self, model: str, lane: str, texts: int, tokens: int) -> None:
        """Count a batch."""
        self._batch_texts.labels(model, lane).observe(texts)
        self._batch_tokens.labels(model, lane).observe(tokens)
        self._tokens.labels(model).inc(tokens)

    def queue(self, name: str, taken: int) -> None:
        """Say how many places of a queue are taken."""
        self._queue.labels(name).set(taken)

    def text(self) -> bytes:
        """Return what Prometheus reads: of this process, or of all that share the folder."""
        if FOLDER not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)
