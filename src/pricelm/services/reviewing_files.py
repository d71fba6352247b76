"""A file that was priced: what a person should look at goes into the review queue of a store."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from pricelm.catalog.columns import ColumnMap
from pricelm.catalog.money import parse_prices
from pricelm.catalog.readers import read_chunks
from pricelm.core.errors import DataError
from pricelm.core.nouns import PriceEstimate, PriceInterval, Quote
from pricelm.models.bundle import read_document
from pricelm.services.quote_memory import Kept, Memory, SeenQuote, by_role, keep_quotes
from pricelm.services.review_reasons import why_review
from pricelm.services.store_admin import StorePlace, opened_store

_ROWS = 2_000
_TRUE = ("true", "1")


def remember_priced_file(
    place: StorePlace,
    priced: PricedFile,
    actor: str,
    memory: Memory = "review-only",
    most_a_day: int | None = None,
) -> Kept:
    """Go through a file and its prices together, and keep what the store is to remember.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    priced : PricedFile
        Listings and prices.
    actor : str
        Who had it priced.
    memory : {"off", "review-only", "on"}
        What is kept.
    most_a_day : int, optional
        Review items that a day has room for.

    Returns
    -------
    Kept
        How many of each.

    Raises
    ------
    DataError
        If the two files do not belong together.
    StoreError
        If the store cannot be used.
    """
    total = Kept()
    if memory == "off":
        return total
    with opened_store(place) as store:
        seen = priced.quotes(actor)
        while chunk := list(islice(seen, _ROWS)):
            kept = keep_quotes(store, chunk, memory, most_a_day)
            for name, count in vars(kept).items():
                setattr(total, name, getattr(total, name) + count)
    return total


class PricedFile:
    """Listings, and the prices that `predict_prices` wrote for them, row by row in the same order.

    Parameters
    ----------
    model : pathlib.Path
        The bundle that priced them.
    listings : str or pathlib.Path
        File or database address.
    prices : pathlib.Path
        The output.
    query : str, optional
        SQL query, with a database address.
    version : int, optional
        Number of the version, where the store knows it.
    """

    def __init__(
        self,
        model: Path,
        listings: str | Path,
        prices: Path,
        query: str | None = None,
        version: int | None = None,
    ) -> None:
        document = read_document(model)
        self._columns = ColumnMap.from_dict(document["columns"])
        self._level = float(document["parameters"]["confidence_level"])
        self._currency = str(document["currency"] or "")
        self._listings, self._query, self._prices, self._version = listings, query, prices, version

    def quotes(self, actor: str) -> Iterator[SeenQuote]:
        """Give each priced row as a quote; rows without a price are left out."""
        answers = _rows(read_chunks(self._prices, chunk_rows=_ROWS))
        for frame in read_chunks(self._listings, query=self._query, chunk_rows=_ROWS):
            asked = self._asked(frame)
            for place, listing in enumerate(frame.to_dict("records")):
                answer = next(answers, None)
                if answer is None:
                    raise DataError("expected as many prices as listings, got fewer: price the file again")
                quote = self._quote(answer)
                if quote is None:
                    continue
                said = by_role(listing, self._columns)  # type: ignore[arg-type]
                review = why_review(quote, asked=asked[place])
                yield SeenQuote(actor, said, quote, self._version, review)

    def _asked(self, frame: pd.DataFrame) -> list[float]:
        """Return the prices that the listings have themselves."""
        name = self._columns.price
        if name is None or name not in frame.columns:
            return [math.nan] * len(frame)
        amounts, *_ = parse_prices(frame[name])
        return [float(one) for one in amounts]

    def _quote(self, answer: dict[str, Any]) -> Quote | None:
        price, lower, upper = (
            _number(answer.get(name)) for name in ("predicted_price", "price_lower", "price_upper")
        )
        if not all(map(math.isfinite, (price, lower, upper))):
            return None
        interval = PriceInterval(lower, upper, self._level, self._currency)
        abstained = str(answer.get("abstained")).lower() in _TRUE
        reason = answer.get("reason") if isinstance(answer.get("reason"), str) else ""
        estimate = PriceEstimate(price, interval, self._currency, abstained, reason or "")
        own = self._columns.listing_id
        identifier = answer.get(own) if own else None
        return Quote("" if identifier is None else str(identifier), estimate)


def _rows(frames: Iterator[pd.DataFrame]) -> Iterator[dict[str, Any]]:
    for frame in frames:
        yield from frame.to_dict("records")  # type: ignore[misc]


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
