"""The models that answer at the moment: loaded beside the running ones, swapped in one step.

Every worker of a service follows the registry by itself. A new version is loaded while the old one
goes on answering; then the next request takes the new one, and the old one finishes what it has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from pricelm.catalog.columns import ColumnMap
from pricelm.core.errors import NoModelError, PricelmError
from pricelm.core.nouns import PriceEstimate, PriceInterval, Quote
from pricelm.services.listing_rows import Cell, row_text, rows_to_frame
from pricelm.services.model_registry import AT_WORK, ModelRegistry, VersionRecord, check_unchanged
from pricelm.serving.batching import BatchLimits, TokenBatcher
from pricelm.serving.predictor import ServedModel

_LOG = logging.getLogger("pricelm.service")
# what a row costs beside its tokens: the members that count no tokens, and the table around it
_TOKENS_OF_A_ROW = 8
_ROWS_COUNTED_AT_ONCE = 32
_SECONDS_BETWEEN_LOOKS = 0.05


@dataclass(frozen=True)
class Ask:
    """One row of a batch.

    Parameters
    ----------
    row : mapping
        The listing, by column.
    comparables : int, default 0
        Similar known listings wanted.
    confidence_level : float, optional
        Another level than the model's own.
    price_only : bool, default False
        Nothing but the price is wanted, as for the variants of an explanation.
    """

    row: Mapping[str, Cell]
    comparables: int = 0
    confidence_level: float | None = None
    price_only: bool = False


class LoadedVersion:
    """A version of the registry, in memory, with a batcher of its own.

    Parameters
    ----------
    record : VersionRecord
        The version.
    served : ServedModel
        Its model.
    limits : BatchLimits
        Bounds of its queue.
    observe : callable
        Told (rows, tokens, seconds) after every batch.
    """

    def __init__(
        self,
        record: VersionRecord,
        served: ServedModel,
        limits: BatchLimits,
        observe: Callable[[int, int, float], None],
    ) -> None:
        self.record = record
        self.served = served
        self.columns = served.columns
        self.weights: dict[str, float] = dict(served.model.blend_.weights)
        self._users = 0
        self.batcher: TokenBatcher[Ask, Quote] = TokenBatcher(self.compute, limits, observe=observe)

    @property
    def version(self) -> int:
        """Number of the version."""
        return self.record.version

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the version open until the block ends, also if another one takes its place meanwhile."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1

    async def close(self) -> None:
        """Wait until nobody uses it, answer what waits, and stop."""
        while self._users:
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
        await self.batcher.close()

    async def ask(self, asks: Sequence[Ask], timeout_seconds: float | None = None) -> list[Quote]:
        """Return the quotes of some rows, in their order, computed together with whoever else waits."""
        if len(asks) > _ROWS_COUNTED_AT_ONCE:
            tokens = await asyncio.to_thread(self.count_tokens, asks)
        else:
            tokens = self.count_tokens(asks)
        return await self.batcher.submit(asks, tokens, timeout_seconds)

    def count_tokens(self, asks: Sequence[Ask]) -> list[int]:
        """Return what each row costs."""
        counted = self.served.count_tokens([row_text(ask.row) for ask in asks])
        return [int(tokens) + _TOKENS_OF_A_ROW for tokens in counted]

    def compute(self, asks: list[Ask]) -> list[Quote]:
        """Price one batch: prices only where nothing else is wanted, quotes for the others."""
        answers: dict[int, Quote] = {}
        plain = [number for number, ask in enumerate(asks) if ask.price_only]
        full = [number for number, ask in enumerate(asks) if not ask.price_only]
        if plain:
            prices = self.served.predict(self._frame(asks, plain))
            answers |= {n: _price_alone(float(price)) for n, price in zip(plain, prices, strict=True)}
        if full:
            most = max(asks[number].comparables for number in full)
            quotes = self.served.quote(self._frame(asks, full), comparables=most)
            answers |= {
                number: replace(
                    quote,
                    # without an id of its own a listing would be called by its place in this batch
                    listing_id=_own_id(asks[number].row, self.columns),
                    comparables=quote.comparables[: asks[number].comparables],
                )
                for number, quote in zip(full, quotes, strict=True)
            }
        for level in {asks[number].confidence_level for number in full} - {None}:
            chosen = [number for number in full if asks[number].confidence_level == level]
            ends = self.served.predict_interval(self._frame(asks, chosen), level)
            for number, (lower, upper) in zip(chosen, ends, strict=True):
                answers[number] = _at_level(answers[number], float(lower), float(upper), level)
        return [answers[number] for number in range(len(asks))]

    def _frame(self, asks: list[Ask], numbers: list[int]) -> pd.DataFrame:
        return rows_to_frame([asks[number].row for number in numbers], self.columns)


def _own_id(row: Mapping[str, Cell], columns: ColumnMap) -> str:
    value = row.get(columns.listing_id) if columns.listing_id else None
    return "" if value is None else str(value)


def _price_alone(price: float) -> Quote:
    return Quote("", PriceEstimate(price, PriceInterval(0.0, float("inf"), 0.5)))


def _at_level(quote: Quote, lower: float, upper: float, level: float | None) -> Quote:
    estimate = quote.estimate
    if level is None or not lower <= upper:  # nothing to read: there is no interval at any level
        return quote
    interval = PriceInterval(lower, upper, level, estimate.currency)
    return replace(quote, estimate=replace(estimate, interval=interval))


@dataclass(frozen=True)
class Cast:
    """Who answers: always one active version, sometimes a canary and a shadow."""

    active: LoadedVersion
    canary: LoadedVersion | None = None
    shadow: LoadedVersion | None = None

    def everyone(self) -> list[LoadedVersion]:
        """Return the loaded versions, the active one first."""
        return [one for one in (self.active, self.canary, self.shadow) if one is not None]

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep all of them open until the block ends."""
        with ExitStack() as stack:
            for one in self.everyone():
                stack.enter_context(one.in_use())
            yield


class LiveModels:
    """Follows the registry and keeps its versions loaded.

    Parameters
    ----------
    registry : ModelRegistry
        The registry.
    load : callable
        Loads a bundle.
    limits : BatchLimits
        Bounds of the queue of each version.
    observe : callable
        Told (version, rows, tokens, seconds) after every batch.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        load: Callable[[Path], ServedModel],
        limits: BatchLimits,
        observe: Callable[[int, int, int, float], None],
    ) -> None:
        self._registry = registry
        self._load = load
        self._limits = limits
        self._observe = observe
        self._cast: Cast | None = None
        self._seen = -1
        self._lock = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()
        self.problems: dict[int, str] = {}

    @property
    def cast(self) -> Cast:
        """Who answers now."""
        if self._cast is None:
            raise NoModelError("no model is loaded yet: register and promote one, then try again")
        return self._cast

    @property
    def is_ready(self) -> bool:
        """Whether a model is loaded."""
        return self._cast is not None

    async def refresh(self, *, may_be_none: bool = False) -> bool:
        """Load what the registry says, and swap; return whether anything changed.

        What cannot be loaded is noted in ``problems`` and changes nothing: the present version stays.
        Only at the very start, where there is none, the error is raised.

        Parameters
        ----------
        may_be_none : bool, default False
            Whether a store without an active version is fine for now.
        """
        async with self._lock:
            change = await asyncio.to_thread(self._registry.last_change)
            if change == self._seen:
                return False
            records = {
                record.state: record
                for record in await asyncio.to_thread(self._registry.versions)
                if record.state in AT_WORK
            }
            before = [] if self._cast is None else self._cast.everyone()
            loaded: dict[str, LoadedVersion | None] = {}
            self.problems = {}
            for state, record in records.items():
                loaded[state] = await self._loaded(record, before)
            active = loaded.get("active") or (None if self._cast is None else self._cast.active)
            if active is None and may_be_none and "active" not in records:
                self._seen = change
                return False
            if active is None:
                raise PricelmError("expected an active model version in the store, found none: promote one")
            self._cast = Cast(active, loaded.get("canary"), loaded.get("shadow"))
            self._seen = change
            staying = self._cast.everyone()
            for one in before:
                if not any(one.batcher is other.batcher for other in staying):
                    self._retire(one)
            return True

    async def close(self) -> None:
        """Answer what waits, and stop."""
        if self._cast is not None:
            await asyncio.gather(*(one.batcher.close() for one in self._cast.everyone()))
        await asyncio.gather(*self._leaving)

    async def _loaded(self, record: VersionRecord, before: list[LoadedVersion]) -> LoadedVersion | None:
        known = next((one for one in before if one.record.fingerprint == record.fingerprint), None)
        if known is not None:
            known.record = record
            return known
        try:
            await asyncio.to_thread(check_unchanged, record)
            served = await asyncio.to_thread(self._load, record.bundle)
        except PricelmError as error:
            if self._cast is None and record.state == "active":
                raise
            self.problems[record.version] = str(error)
            _LOG.error("version not loaded", extra={"version": record.version, "reason": str(error)})
            return None
        version = record.version
        return LoadedVersion(
            record,
            served,
            self._limits,
            lambda rows, tokens, seconds: self._observe(version, rows, tokens, seconds),
        )

    def _retire(self, version: LoadedVersion) -> None:
        task = asyncio.create_task(version.close())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
