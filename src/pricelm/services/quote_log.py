"""The quote log: what was answered about which listing by which version of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pricelm.core.nouns import Quote
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.audit import write_audit
from pricelm.storage.base import canonical_json, to_amount
from pricelm.storage.documents import put_document
from pricelm.storage.quotes import add_quotes, latest_quotes, prune_listing_documents, prune_quotes


@dataclass(frozen=True)
class QuoteRecord:
    """One answer: when, for whom, by which version, about which listing, which price and interval."""

    quote: int
    at: datetime
    actor: str
    model_version: int | None
    listing_id: str
    predicted_price: Decimal
    price_lower: Decimal
    price_upper: Decimal
    currency: str
    abstained: bool
    reason: str


def record_quotes(
    place: StorePlace,
    quotes: Sequence[tuple[dict[str, Any], Quote]],
    *,
    actor: str,
    model_version: int | None = None,
) -> int:
    """Write quotes down with the listings as they were asked about; the same listing is kept once.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    quotes : sequence of tuple
        Listing as JSON-ready values, and its quote.
    actor : str
        Who asked.
    model_version : int, optional
        The version that answered.

    Returns
    -------
    int
        How many.
    """
    with opened_store(place) as store, store.writing() as session:
        rows = [
            {
                "actor": actor[:120],
                "model_version": model_version,
                "listing_id": quote.listing_id[:200],
                "document": put_document(session, "listing", canonical_json(listing)),
                "predicted_price": to_amount(quote.estimate.predicted_price),
                "price_lower": to_amount(quote.estimate.interval.lower),
                "price_upper": to_amount(quote.estimate.interval.upper),
                "confidence_level": quote.estimate.interval.confidence_level,
                "currency": quote.estimate.currency,
                "abstained": quote.estimate.abstained,
                "reason": quote.estimate.reason,
            }
            for listing, quote in quotes
        ]
        return add_quotes(session, rows)


def recorded_quotes(place: StorePlace, limit: int = 100, listing_id: str | None = None) -> list[QuoteRecord]:
    """Return the newest quotes, newest first; of one listing if it is named."""
    with opened_store(place) as store, store.reading() as session:
        return [
            QuoteRecord(
                row.quote,
                row.at,
                row.actor,
                row.model_version,
                row.listing_id,
                row.predicted_price,
                row.price_lower,
                row.price_upper,
                row.currency,
                row.abstained,
                row.reason,
            )
            for row in latest_quotes(session, limit, listing_id)
        ]


@dataclass(frozen=True)
class Pruned:
    """What was deleted: quotes, and listings that nothing else referred to."""

    quotes: int
    listings: int


def prune_recorded_quotes(place: StorePlace, before: datetime, actor: str) -> Pruned:
    """Delete quotes from before a moment, and what was asked about where nothing else refers to it.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    before : datetime.datetime
        A moment with its time zone.
    actor : str
        Who does this, for the audit log.

    Returns
    -------
    Pruned
        How much is gone.

    Raises
    ------
    StoreError
        If the store cannot be used; what was deleted before stays deleted.
    """
    count = 0
    with opened_store(place) as store:
        while True:
            # by parts: nobody who writes waits long
            with store.writing() as session:
                gone = prune_quotes(session, before)
            count += gone
            if not gone:
                break
        with store.writing() as session:
            listings = prune_listing_documents(session, before)
            details = {"quotes": count, "listings": listings}
            write_audit(session, actor, "prune", f"quotes before {before.isoformat()}", details)
    return Pruned(count, listings)
