"""Metrics for Prometheus, added up over all workers."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where several workers put their numbers; it is set before the first of them starts."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_TOKENS = (16, 64, 256, 512, 1024, 2048, 4096, 8192, 16384)
_DIFFERENCES = (-1.0, -0.5, -0.2, -0.1, -0.05, -0.01, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)


class Metrics:
    """All numbers of one worker.

    Examples
    --------
    >>> metrics = Metrics()
    >>> metrics.refused.labels("queue").inc()
    >>> b'pricelm_refused_total{reason="queue"} 1.0' in metrics.render()
    True
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        known = self._registry
        self.requests = Counter(
            "pricelm_requests", "Requests answered.", ["route", "method", "status"], registry=known
        )
        self.seconds = Histogram(
            "pricelm_request_seconds",
            "Time to answer a request.",
            ["route"],
            buckets=_SECONDS,
            registry=known,
        )
        self.quotes = Counter("pricelm_quotes", "Listings priced.", ["version"], registry=known)
        self.refused = Counter("pricelm_refused", "Requests refused, by reason.", ["reason"], registry=known)
        self.batch_rows = Histogram(
            "pricelm_batch_rows", "Rows priced at once.", ["version"], buckets=_ROWS, registry=known
        )
        self.batch_tokens = Histogram(
            "pricelm_batch_tokens", "Tokens priced at once.", ["version"], buckets=_TOKENS, registry=known
        )
        self.batch_seconds = Histogram(
            "pricelm_batch_seconds", "Time of a batch.", ["version"], buckets=_SECONDS, registry=known
        )
        self.waiting_tokens = Gauge(
            "pricelm_waiting_tokens",
            "Tokens that wait or are being priced.",
            ["version"],
            multiprocess_mode="livesum",
            registry=known,
        )
        self.waiting_requests = Gauge(
            "pricelm_waiting_requests",
            "Requests that wait.",
            ["version"],
            multiprocess_mode="livesum",
            registry=known,
        )
        self.cache_hits = Gauge(
            "pricelm_cache_hits",
            "Texts found in the cache.",
            ["version"],
            multiprocess_mode="livesum",
            registry=known,
        )
        self.cache_misses = Gauge(
            "pricelm_cache_misses",
            "Texts not found in the cache.",
            ["version"],
            multiprocess_mode="livesum",
            registry=known,
        )
        self.live = Gauge(
            "pricelm_model_live",
            "Workers with this version.",
            ["version", "state"],
            multiprocess_mode="livesum",
            registry=known,
        )
        self.shadow = Histogram(
            "pricelm_shadow_log_difference",
            "Log price of the shadow minus that of the active version.",
            ["version"],
            buckets=_DIFFERENCES,
            registry=known,
        )
        self.outcomes = Counter(
            "pricelm_outcomes",
            "Known prices, by whether the interval held them.",
            ["version", "held"],
            registry=known,
        )
        self.remembered = Counter(
            "pricelm_remembered_quotes",
            "Quotes by what became of them in the store.",
            ["fate"],
            registry=known,
        )
        self.lost_log_lines = Counter(
            "pricelm_lost_log_lines", "Log lines that could not be written.", registry=known
        )

    def render(self) -> bytes:
        """Return all numbers in the text format of Prometheus."""
        folder = os.environ.get(FOLDER_VARIABLE)
        if not folder:
            return generate_latest(self._registry)
        _forget_dead_workers(Path(folder))
        together = CollectorRegistry()
        MultiProcessCollector(together, path=folder)
        return generate_latest(together)


def _forget_dead_workers(folder: Path) -> None:
    """Drop what killed workers said of themselves; what they had counted stays counted."""
    for file in folder.glob("gauge_live*_*.db"):
        process = int(file.stem.rsplit("_", 1)[1])
        if not _is_alive(process):
            mark_process_dead(process, path=str(folder))


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
