"""Remembers quotes beside the service: callers never wait for the store.

Quotes go into a bounded queue and a thread writes them by batches. With a full queue, or without a store,
they are dropped and counted: prices go on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pricelm.core.nouns import Quote
from pricelm.services.quote_memory import Memory, SeenQuote, by_role, keep_quotes
from pricelm.services.review_queue import shortened
from pricelm.services.review_reasons import why_review
from pricelm.storage.database import Store

_LOG = logging.getLogger("pricelm.service")
_MOST_WAITING = 10_000
_MOST_LETTERS = 32_000_000
_AT_ONCE = 500
_GATHER_SECONDS = 0.2
_CLOSE_SECONDS = 10.0


class QuoteRecorder:
    """Keeps what was quoted, and what a person should look at.

    Parameters
    ----------
    store : Store
        Where to.
    memory : {"off", "review-only", "on"}
        What is kept.
    most_a_day : int
        Review items that a day has room for.
    tell : callable, optional
        Told (what, how many): ``"written"``, ``"dropped"``, ``"queued"``, ``"known"``, ``"over"``.
    most_waiting : int, default 10_000
        Quotes that may wait to be written.
    """

    def __init__(
        self,
        store: Store,
        memory: Memory,
        most_a_day: int,
        tell: Callable[[str, int], None] = lambda what, count: None,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self.memory = memory
        self.most_a_day = most_a_day
        self._store, self._tell, self._most_waiting = store, tell, most_waiting
        self._waiting: deque[tuple[SeenQuote, int]] = deque()
        self._letters = 0
        self._news = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._told_over = ""
        self._was_lost = False

    def note(
        self,
        actor: str,
        listings: Sequence[Mapping[str, Any]],
        answers: Sequence[tuple[Quote, int]],
        models: Any,
        asked: Sequence[float] | None = None,
    ) -> None:
        """Take quotes to remember; returns at once.

        Parameters
        ----------
        actor : str
            Who asked.
        listings : sequence of mapping
            What was asked about, by role or column.
        answers : sequence of tuple
            Each quote with the version that gave it.
        models : LiveModels
            Which columns and weights the versions have.
        asked : sequence of float, optional
            Prices that the listings have.
        """
        if self.memory == "off":
            return
        known = {one.version: one for one in models.cast.everyone()}
        for at, ((quote, version), listing) in enumerate(zip(answers, listings, strict=True)):
            model = known.get(version)
            if model is None:  # it has just left
                continue
            price = None if asked is None else asked[at]
            review = why_review(quote, model.weights, price)
            if review is None and self.memory != "on":
                continue
            said = by_role(listing, model.columns)
            if price is not None:
                said["price"] = price
            self._put(SeenQuote(actor, shortened(said), quote, version, review))

    def close(self) -> None:
        """Write what waits, and stop."""
        with self._news:
            self._closing = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join(_CLOSE_SECONDS)

    def _put(self, seen: SeenQuote) -> None:
        letters = sum(len(value) for value in seen.listing.values() if isinstance(value, str))
        with self._news:
            is_full = len(self._waiting) >= self._most_waiting or self._letters + letters > _MOST_LETTERS
            if not is_full and not self._closing:
                self._waiting.append((seen, letters))
                self._letters += letters
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="pricelm-quotes", daemon=True)
                    self._thread.start()
                self._news.notify()
                return
        self._tell("dropped", 1)

    def _run(self) -> None:
        while True:
            with self._news:
                while not self._waiting and not self._closing:
                    self._news.wait()
                if not self._waiting:
                    return
                is_closing = self._closing
            if not is_closing:
                time.sleep(_GATHER_SECONDS)  # company for a lone quote: one transaction instead of many
            with self._news:
                taken = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                self._letters -= sum(letters for _, letters in taken)
            self._write([seen for seen, _ in taken])

    def _write(self, seen: list[SeenQuote]) -> None:
        try:
            kept = keep_quotes(self._store, seen, self.memory, self.most_a_day)
        except Exception as error:
            self._tell("dropped", len(seen))
            # one line is enough until the store is back
            if not self._was_lost:
                _LOG.error("quotes not recorded", extra={"reason": str(error), "error": type(error).__name__})
            self._was_lost = True
            return
        self._was_lost = False
        for what, count in vars(kept).items():
            if count:
                self._tell("written" if what == "recorded" else what, count)
        today = time.strftime("%Y-%m-%d", time.gmtime())
        if kept.over and self._told_over != today:
            self._told_over = today
            _LOG.warning(
                "review queue full for today",
                extra={"reason": f"{self.most_a_day} new items a day are kept: PRICELM_REVIEW_PER_DAY"},
            )
