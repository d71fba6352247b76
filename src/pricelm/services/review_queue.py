"""The review queue: listings that a person should look at, and labels that are kept for the next tuning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pricelm.core.errors import ConfigError
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.audit import write_audit
from pricelm.storage.base import canonical_json, to_amount, utc_now
from pricelm.storage.documents import get_document, put_document
from pricelm.storage.reviews import (
    ReviewItem,
    add_review_items,
    count_items,
    count_items_since,
    get_review_item,
    known_fingerprints,
    review_items,
)

KINDS = ("abstained", "suspicious")
MOST_LETTERS = 5_000
"""Letters of one text of a listing that are kept."""
_MOST_FIELDS = 50
_MOST_REASON = 500
# the same words under another number or at another price are the same listing to look at
_NOT_WRITTEN = ("listing_id", "price", "currency")


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


@dataclass(frozen=True)
class Queued:
    """What became of listings that were to be reviewed.

    Parameters
    ----------
    queued : int
        New items.
    known : int
        Listings that have an item already, open or closed.
    over : int
        Listings that the day has no room for any more.
    """

    queued: int
    known: int = 0
    over: int = 0


def queue_for_review(
    place: StorePlace,
    kind: str,
    rows: Iterable[tuple[str, Mapping[str, Any], str]],
    actor: str,
    *,
    most_a_day: int | None = None,
) -> Queued:
    """Put listings into the queue, each once: what is written decides whether it is the same one.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    kind : {"abstained", "suspicious"}
        What was noticed.
    rows : iterable of tuple
        Identifier, listing as JSON-ready values by role, and reason; long texts are cut.
    actor : str
        Who noticed.
    most_a_day : int, optional
        Items that a day (UTC) has room for, whoever queues them; None is no limit.

    Returns
    -------
    Queued
        How many are new, known, and over the limit.

    Raises
    ------
    ConfigError
        If there is no such kind.
    """
    if kind not in KINDS:
        raise ConfigError(f"expected one of {', '.join(KINDS)}, got {kind!r}")
    asked = [(identifier, shortened(listing), reason) for identifier, listing, reason in rows]
    by_words = {fingerprint(listing): (name, listing, reason) for name, listing, reason in asked}
    with opened_store(place) as store, store.writing() as session:
        known = known_fingerprints(session, by_words)
        new = [one for one in by_words.items() if one[0] not in known]
        room = len(new)
        if most_a_day is not None:
            midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
            room = max(0, most_a_day - count_items_since(session, midnight))
        items = [
            {
                "kind": kind,
                "listing_id": listing_id[:200],
                "document": put_document(session, "listing", canonical_json(listing)),
                "reason": reason[:_MOST_REASON],
                "fingerprint": words,
            }
            for words, (listing_id, listing, reason) in new[:room]
        ]
        count = add_review_items(session, items)
        if count:
            write_audit(session, actor, "queue", f"review {kind}", {"items": count})
    return Queued(count, len(asked) - len(new), len(new) - count)


def shortened(listing: Mapping[str, Any]) -> dict[str, Any]:
    """Return a listing with at most 50 fields, and of each text 5,000 letters.

    Examples
    --------
    >>> len(shortened({"title": "x" * 9_000})["title"])
    5000
    """
    return {
        str(name)[:200]: value[:MOST_LETTERS] if isinstance(value, str) else value
        for name, value in list(listing.items())[:_MOST_FIELDS]
    }


def fingerprint(listing: Mapping[str, Any]) -> str:
    """Return a hash of what is written, whatever the case, the spaces, the identifier and the price.

    Examples
    --------
    >>> fingerprint({"title": "Red  mug", "listing_id": "1"}) == fingerprint({"title": "red mug"})
    True
    """
    written = {
        name: " ".join(str(value).casefold().split())
        for name, value in listing.items()
        if name not in _NOT_WRITTEN and value not in (None, "")
    }
    return hashlib.sha256(canonical_json(written).encode("utf-8", errors="surrogatepass")).hexdigest()


def review_queue(
    place: StorePlace, state: str = "open", limit: int = 100, *, kind: str = "", offset: int = 0
) -> list[ReviewRecord]:
    """Return items in the state open, labeled or dismissed, of a kind if one is named, oldest first."""
    with opened_store(place) as store, store.reading() as session:
        return [
            _record(row, json.loads(get_document(session, row.document)))
            for row in review_items(session, state, limit, kind=kind, offset=offset)
        ]


def review_counts(place: StorePlace, state: str = "open") -> dict[str, int]:
    """Return the number of items in a state by kind."""
    with opened_store(place) as store, store.reading() as session:
        return count_items(session, state)


def label_item(place: StorePlace, item: int, price: Decimal | float, reviewer: str) -> None:
    """Give a listing its right price, which the next training learns from.

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


def reopen_item(place: StorePlace, item: int, reviewer: str) -> None:
    """Open an item again; a label that it had is taken back.

    Raises
    ------
    ConfigError
        If there is no such item.
    """
    _close(place, item, "open", None, reviewer)


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
