"""What is kept of quotes: the quote log, and the review queue for those that a person should look at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from pricelm.catalog.columns import ColumnMap
from pricelm.core.nouns import Quote
from pricelm.services.quote_log import record_quotes
from pricelm.services.quoting import DESCRIBING_ROLES
from pricelm.services.review_queue import queue_for_review, shortened
from pricelm.services.store_admin import StorePlace, opened_store

Memory = Literal["off", "review-only", "on"]
"""Whether quotes are kept: none, only those for a person to look at, or all."""
_SIMPLE = (str, int, float, bool)


@dataclass(frozen=True)
class SeenQuote:
    """A quote that was given.

    Parameters
    ----------
    actor : str
        Who asked.
    listing : mapping
        What was asked about, by role where it has one, otherwise by column.
    quote : Quote
        The answer.
    version : int, optional
        The version that answered, where the store knows it.
    review : tuple of str, optional
        Kind and reason, if a person should look at it.
    """

    actor: str
    listing: Mapping[str, Any]
    quote: Quote
    version: int | None = None
    review: tuple[str, str] | None = None


@dataclass
class Kept:
    """What became of quotes: recorded ones, and listings that were queued, known, or over the day's limit."""

    recorded: int = 0
    queued: int = 0
    known: int = 0
    over: int = 0


def by_role(listing: Mapping[str, Any], columns: ColumnMap) -> dict[str, Any]:
    """Return what is known of a listing under the names of roles, which outlive a model's own columns.

    Examples
    --------
    >>> by_role({"name": "red mug", "color": "red", "size": None}, ColumnMap(title="name"))
    {'title': 'red mug', 'color': 'red'}
    """
    roles = (*DESCRIBING_ROLES, "listing_id", "price", "currency")
    names = {getattr(columns, role): role for role in roles if getattr(columns, role, None)}
    found: dict[str, Any] = {}
    for name, value in listing.items():
        if isinstance(value, _SIMPLE) and value != "" and value == value:
            found[names.get(name, name)] = value
    return found


def keep_quotes(
    place: StorePlace, seen: Sequence[SeenQuote], memory: Memory, most_a_day: int | None = None
) -> Kept:
    """Write quotes into the quote log and the review queue.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    seen : sequence of SeenQuote
        The quotes.
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
    StoreError
        If the store cannot be used.
    """
    kept = Kept()
    if memory == "off" or not seen:
        return kept
    with opened_store(place) as store:
        if memory == "on":
            priced = [one for one in seen if _is_priced(one.quote)]
            for (actor, version), group in groupby(priced, key=lambda one: (one.actor, one.version)):
                pairs = [(shortened(one.listing), one.quote) for one in group]
                kept.recorded += record_quotes(store, pairs, actor=actor, model_version=version)
        odd = [(one.review[0], one.actor, one.review[1], one) for one in seen if one.review is not None]
        odd.sort(key=lambda one: one[:2])
        for (kind, actor), several in groupby(odd, key=lambda one: one[:2]):
            rows = [(one.quote.listing_id, _with_currency(one), reason) for _, _, reason, one in several]
            queued = queue_for_review(store, kind, rows, actor, most_a_day=most_a_day)
            kept.queued += queued.queued
            kept.known += queued.known
            kept.over += queued.over
    return kept


def _is_priced(quote: Quote) -> bool:
    ends = quote.estimate.interval
    return all(map(math.isfinite, (quote.estimate.predicted_price, ends.lower, ends.upper)))


def _with_currency(one: SeenQuote) -> dict[str, Any]:
    # the price that a person will give is in the currency of the model that asked
    currency = one.quote.estimate.currency
    return {**one.listing, **({"currency": currency} if currency else {})}
