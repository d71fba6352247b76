"""Metrics for Prometheus, added up over all workers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from pricelm.services.open_work import OpenWork

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
        self._shown: set[tuple[str, str]] = set()
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
        self.store_reachable = _gauge(
            "pricelm_store_reachable", "Whether the store could be read.", known, "livemin"
        )
        self.console_sessions = _gauge("pricelm_console_sessions", "People logged in to the console.", known)
        self.console_pages = _gauge("pricelm_console_pages", "Open pages of the console.", known, "livesum")
        self.deliveries = _gauge("pricelm_deliveries_unfinished", "Deliveries begun, not finished.", known)
        self.delivery_seconds = _gauge(
            "pricelm_delivery_oldest_seconds", "Age of the oldest unfinished delivery.", known
        )
        self.prices_on_their_way = _gauge(
            "pricelm_prices_on_their_way", "Prices that were to go out and have not arrived.", known
        )
        self.review_items = _gauge("pricelm_review_items", "Listings that wait for a look.", known)
        self.model_registered = _gauge(
            "pricelm_active_model_registered_timestamp_seconds",
            "When the active model was registered.",
            known,
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

    def show_live(self, versions: set[tuple[str, str]]) -> None:
        """Write which versions this worker has, by number and state.

        What it had before stays at 0: with several workers, numbers lie in files and cannot be taken away.
        """
        for labels in self._shown | versions:
            self.live.labels(*labels).set(labels in versions)
        self._shown |= versions

    def show_open_work(self, work: OpenWork) -> None:
        """Write what waits in the store into the gauges."""
        self.console_sessions.set(work.sessions)
        self.deliveries.set(work.deliveries)
        self.delivery_seconds.set(work.delivery_seconds)
        self.prices_on_their_way.set(work.prices_on_their_way)
        self.review_items.set(work.review_items)

    def render(self) -> bytes:
        """Return all numbers in the text format of Prometheus."""
        folder = os.environ.get(FOLDER_VARIABLE)
        if not folder:
            return generate_latest(self._registry)
        _forget_dead_workers(Path(folder))
        together = CollectorRegistry()
        MultiProcessCollector(together, path=folder)
        return generate_latest(together)


def _gauge(name: str, about: str, known: CollectorRegistry, mode: Any = "livemostrecent") -> Gauge:
    return Gauge(name, about, multiprocess_mode=mode, registry=known)


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
