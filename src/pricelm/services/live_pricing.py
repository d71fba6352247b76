"""Pricing while the service runs: quotes, explanations, and outcomes that judge a canary."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import math
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pricelm.core.errors import ConfigError, Overloaded, UnknownVersionError
from pricelm.core.nouns import Quote, WordEffect
from pricelm.explanation.words import explain_words
from pricelm.services.listing_rows import (
    Cell,
    CellProblem,
    ListingsRefused,
    read_rows,
    rows_to_frame,
)
from pricelm.services.live_models import Ask, Cast, LiveModels, LoadedVersion
from pricelm.services.model_registry import ModelRegistry
from pricelm.serving.canary import CanaryVerdict, judge_canary
from pricelm.storage.database import Store
from pricelm.storage.outcomes import insert_outcomes, paired_outcomes

if TYPE_CHECKING:
    import pandas as pd

_LOG = logging.getLogger("pricelm.service")
_MOST_PAIRS = 20_000
_MOST_SHADOWED = 8
_EXPLAINING_THREADS = 2
SERVICE = "pricelm"
"""Who changes the registry when the service itself does."""


@dataclass(frozen=True)
class QuoteOptions:
    """What is wanted with the prices.

    Parameters
    ----------
    comparables : int, default 0
        Similar known listings with each.
    confidence_level : float, optional
        Level of the intervals, by default the model's own.
    version : int, optional
        The version that answers, if it is the active one, the canary or the shadow.
    timeout_seconds : float, optional
        Time for the request.
    """

    comparables: int = 0
    confidence_level: float | None = None
    version: int | None = None
    timeout_seconds: float | None = None


class LivePricing:
    """Answers requests with the live models.

    Parameters
    ----------
    models : LiveModels
        The models.
    registry : ModelRegistry
        Where a failing canary is stopped.
    store : Store
        Where outcomes are kept.
    observe_shadow : callable
        Told (version, log price of the shadow minus that of the active version).
    """

    def __init__(
        self,
        models: LiveModels,
        registry: ModelRegistry,
        store: Store,
        observe_shadow: Callable[[int, float], None],
    ) -> None:
        self._models = models
        self._registry = registry
        self._store = store
        self._observe_shadow = observe_shadow
        self._background: set[asyncio.Task[None]] = set()
        self._explainers = ThreadPoolExecutor(_EXPLAINING_THREADS, thread_name_prefix="pricelm-explain")

    async def quotes(
        self, listings: Sequence[Mapping[str, Any]], options: QuoteOptions = QuoteOptions()
    ) -> list[tuple[Quote, int]]:
        """Return a quote and the number of the version that gave it, for each listing.

        Raises
        ------
        ListingsRefused
            If a cell cannot be read.
        UnknownVersionError
            If a version is named that does not answer now.
        Overloaded, DeadlinePassed
            If it cannot be answered in time.
        """
        cast = self._models.cast
        chosen = self._named(options.version) if options.version is not None else cast.active
        rows = read_rows(listings, chosen.columns)
        asks = [Ask(row, options.comparables, options.confidence_level) for row in rows]
        with cast.in_use():
            return await self._routed(cast, chosen, asks, options)

    async def _routed(
        self, cast: Cast, chosen: LoadedVersion, asks: list[Ask], options: QuoteOptions
    ) -> list[tuple[Quote, int]]:
        versions = [chosen] * len(asks)
        if options.version is None and cast.canary is not None:
            share = cast.canary.record.share
            versions = [cast.canary if falls_to_canary(ask.row, share) else cast.active for ask in asks]
        answers = await self._ask_each(asks, versions, options.timeout_seconds)
        if options.version is None and cast.shadow is not None:
            self._follow(cast.shadow, asks, [quote for quote, _ in answers])
        return answers

    async def explanations(
        self, listings: Sequence[Mapping[str, Any]], max_words: int, timeout_seconds: float | None = None
    ) -> list[tuple[Quote, tuple[WordEffect, ...], int]]:
        """Return a quote, the words that moved its price and the version, for each listing.

        The variants of the listings go through the queue like any other rows.
        """
        active = self._models.cast.active
        rows = read_rows(listings, active.columns)
        with active.in_use():
            quotes = await active.ask([Ask(row) for row in rows], timeout_seconds)
            effects = await self._explained(active, rows, max_words, timeout_seconds)
        return [(quote, words, active.version) for quote, words in zip(quotes, effects, strict=True)]

    async def _explained(
        self,
        active: LoadedVersion,
        rows: list[dict[str, Cell]],
        max_words: int,
        timeout_seconds: float | None,
    ) -> list[tuple[WordEffect, ...]]:
        frame = rows_to_frame(rows, active.columns)
        pricer = _QueuedPricer(active, asyncio.get_running_loop(), timeout_seconds)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._explainers,
                lambda: explain_words(pricer, frame, active.columns, max_words=max_words),
            )
        except asyncio.CancelledError:
            pricer.give_up()
            raise

    async def outcomes(
        self, listings: Sequence[Mapping[str, Any]], prices: Sequence[float]
    ) -> dict[int, list[Quote]]:
        """Learn how far every live version is off on listings whose price became known.

        Each version prices all of them, so that they are compared on the same listings. A canary that
        is certainly worse than the active version is stopped.

        Returns
        -------
        dict of int to list of Quote
            What each version says of the listings.
        """
        bad = [
            CellProblem(row, "price", f"expected a price above 0, got {price:g}")
            for row, price in enumerate(prices)
            if not (math.isfinite(price) and price > 0)
        ]
        if bad:
            raise ListingsRefused(bad)
        cast = self._models.cast
        rows = read_rows(listings, cast.active.columns)
        with cast.in_use():
            said = {one.version: await one.ask([Ask(row) for row in rows]) for one in cast.everyone()}
        ids = [secrets.token_hex(16) for _ in rows]
        measured = [
            (outcome, version, *_measure(quote, price))
            for version, quotes in said.items()
            for outcome, quote, price in zip(ids, quotes, prices, strict=True)
            if not math.isnan(quote.estimate.predicted_price)
        ]
        await asyncio.to_thread(insert_outcomes, self._store, measured)
        if cast.canary is not None:
            verdict = await asyncio.to_thread(self.judge, cast.canary.version)
            if verdict.worse:
                await self._stop_canary(cast.canary, verdict.worse)
        return said

    def judge(self, version: int) -> CanaryVerdict:
        """Compare a version with the active one on all outcomes that both have priced."""
        active = self._models.cast.active.version
        return judge_canary(paired_outcomes(self._store, version, active, limit=_MOST_PAIRS))

    async def close(self) -> None:
        """Finish what shadows still compute, and stop."""
        await asyncio.gather(*self._background)
        self._explainers.shutdown(wait=False, cancel_futures=True)

    def _named(self, version: int) -> LoadedVersion:
        live = self._models.cast.everyone()
        found = next((one for one in live if one.version == version), None)
        if found is None:
            numbers = ", ".join(str(one.version) for one in live)
            raise UnknownVersionError(f"expected a version that answers now ({numbers}), got {version}")
        return found

    async def _ask_each(
        self, asks: list[Ask], versions: list[LoadedVersion], timeout_seconds: float | None
    ) -> list[tuple[Quote, int]]:
        groups: dict[int, list[int]] = {}
        for number, version in enumerate(versions):
            groups.setdefault(version.version, []).append(number)
        by_number = {one.version: one for one in versions}
        tasks = [
            asyncio.create_task(
                self._ask_or_fall_back(by_number[v], [asks[n] for n in numbers], timeout_seconds)
            )
            for v, numbers in groups.items()
        ]
        try:
            parts = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        answers: dict[int, tuple[Quote, int]] = {}
        for numbers, (quotes, answered) in zip(groups.values(), parts, strict=True):
            answers |= {n: (quote, answered) for n, quote in zip(numbers, quotes, strict=True)}
        return [answers[number] for number in range(len(asks))]

    async def _ask_or_fall_back(
        self, version: LoadedVersion, asks: list[Ask], timeout_seconds: float | None
    ) -> tuple[list[Quote], int]:
        try:
            return await version.ask(asks, timeout_seconds), version.version
        except Overloaded:
            raise
        except Exception as error:
            canary = self._models.cast.canary
            if canary is None or canary.version != version.version:
                raise
            await self._stop_canary(version, f"it failed with {type(error).__name__}")
            active = self._models.cast.active
            with active.in_use():
                return await active.ask(asks, timeout_seconds), active.version

    async def _stop_canary(self, canary: LoadedVersion, reason: str) -> None:
        _LOG.warning("canary stopped", extra={"version": canary.version, "reason": reason})
        with contextlib.suppress(ConfigError):  # another worker was faster
            await asyncio.to_thread(self._registry.stop, canary.version, SERVICE, reason)
        await self._models.refresh()

    def _follow(self, shadow: LoadedVersion, asks: list[Ask], heard: list[Quote]) -> None:
        # a shadow must cost the service nothing that it needs: with too much to do it is left out
        if len(self._background) >= _MOST_SHADOWED:
            return
        task = asyncio.create_task(self._compare(shadow, asks, heard))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _compare(self, shadow: LoadedVersion, asks: list[Ask], heard: list[Quote]) -> None:
        try:
            with shadow.in_use():
                said = await shadow.ask(asks)
        except Overloaded:
            return
        except Exception as error:
            _LOG.warning("shadow failed", extra={"version": shadow.version, "reason": type(error).__name__})
            return
        for mine, other in zip(said, heard, strict=True):
            prices = mine.estimate.predicted_price, other.estimate.predicted_price
            if not any(map(math.isnan, prices)):
                self._observe_shadow(shadow.version, math.log1p(prices[0]) - math.log1p(prices[1]))


class _QueuedPricer:
    """Prices from another thread by way of the queue, and can be called off."""

    def __init__(
        self, version: LoadedVersion, loop: asyncio.AbstractEventLoop, timeout_seconds: float | None
    ) -> None:
        self._version, self._loop, self._timeout_seconds = version, loop, timeout_seconds
        self._running: Future[list[Quote]] | None = None
        self._given_up = False

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return predicted prices, shape (n_listings,)."""
        if self._given_up:
            raise Overloaded("nobody waits for the explanation any more")
        records: list[Any] = X.to_dict("records")
        asks = [Ask(row, price_only=True) for row in records]
        self._running = asyncio.run_coroutine_threadsafe(
            self._version.ask(asks, self._timeout_seconds), self._loop
        )
        return np.array([quote.estimate.predicted_price for quote in self._running.result()])

    def give_up(self) -> None:
        """Take the rows out of the queue."""
        self._given_up = True
        if self._running is not None:
            self._running.cancel()


def falls_to_canary(row: Mapping[str, Cell], share: float) -> bool:
    """Tell whether a listing belongs to the canary's share; the same listing always does, or never.

    A product whose price jumped between two models from call to call would help nobody.

    Examples
    --------
    >>> falls_to_canary({"title": "red mug"}, 1.0), falls_to_canary({"title": "red mug"}, 0.0)
    (True, False)
    """
    words = json.dumps(sorted(row.items()), default=str).encode()
    return int.from_bytes(hashlib.sha256(words).digest()[:8]) < share * 2**64


def _measure(quote: Quote, price: float) -> tuple[float, bool]:
    estimate = quote.estimate
    error = math.log1p(estimate.predicted_price) - math.log1p(price)
    return error, estimate.interval.lower <= price <= estimate.interval.upper
