"""The review queue: listings that a person should look at, and labels that are kept for the next tuning."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pricelm.core.errors import ConfigError
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.audit import write_audit
from pricelm.storage.base import canonical_json, to_amount, utc_now
from pricelm.storage.documents import get_document, put_document
from pricelm.storage.reviews import ReviewItem, add_review_items, get_review_item, review_items

KINDS = ("abstained", "suspicious")


@dataclass(frozen=True)
class ReviewRecord:
    """A listing to look at: why, where it stands, and the price that a person gave it."""

    item: int
    at: datetime
    kind: str
    listing_id: str
    listing: dict[str, Any]
    reason: str
    state: str
    label: Decimal | None
    reviewer: str


def queue_for_review(
    place: StorePlace, kind: str, rows: Iterable[tuple[str, dict[str, Any], str]], actor: str
) -> int:
    """Put listings into the queue.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    kind : {"abstained", "suspicious"}
        What was noticed.
    rows : iterable of tuple
        Identifier, listing as JSON-ready values, and reason.
    actor : str
        Who noticed.

    Returns
    -------
    int
        How many.

    Raises
    ------
    ConfigError
        If there is no such kind.
    """
    if kind not in KINDS:
        raise ConfigError(f"expected one of {', '.join(KINDS)}, got {kind!r}")
    with opened_store(place) as store, store.writing() as session:
        items = [
            {
                "kind": kind,
                "listing_id": listing_id[:200],
                "document": put_document(session, "listing", canonical_json(listing)),
                "reason": reason,
            }
            for listing_id, listing, reason in rows
        ]
        count = add_review_items(session, items)
        if count:
            write_audit(session, actor, "queue", f"review {kind}", {"items": count})
        return count


def review_queue(place: StorePlace, state: str = "open", limit: int = 100) -> list[ReviewRecord]:
    """Return items in the state open, labeled or dismissed, oldest first."""
    with opened_store(place) as store, store.reading() as session:
        return [
            _record(row, json.loads(get_document(session, row.document)))
            for row in review_items(session, state, limit)
        ]


def label_item(place: StorePlace, item: int, price: Decimal | float, reviewer: str) -> None:
    """Give a listing its right price.

    Raises
    ------
    ConfigError
        If the price is not above zero, or there is no such item.
    """
    amount = to_amount(price)
    if amount <= 0:
        raise ConfigError(f"expected a price above 0, got {price}")
    _close(place, item, "labeled", amount, reviewer)


def dismiss_item(place: StorePlace, item: int, reviewer: str) -> None:
    """Close an item without a label.

    Raises
    ------
    ConfigError
        If there is no such item.
    """
    _close(place, item, "dismissed", None, reviewer)


def _close(place: StorePlace, item: int, state: str, label: Decimal | None, reviewer: str) -> None:
    with opened_store(place) as store, store.writing() as session:
        row = get_review_item(session, item)
        if row is None:
            raise ConfigError(f"expected the number of a listing to review, got {item}")
        row.state, row.label, row.reviewer, row.reviewed = state, label, reviewer[:120], utc_now()
        details = {"listing": row.listing_id, "label": None if label is None else str(label)}
        write_audit(session, reviewer, state, f"review item {item}", details)


def _record(row: ReviewItem, listing: dict[str, Any]) -> ReviewRecord:
    return ReviewRecord(
        row.item, row.at, row.kind, row.listing_id, listing, row.reason, row.state, row.label, row.reviewer
    )
