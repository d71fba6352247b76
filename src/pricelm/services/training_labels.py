"""Labels of the review queue as listings to learn from: each listing once, the newest label wins."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from pricelm.catalog.column_map import ROLES
from pricelm.catalog.columns import ColumnMap
from pricelm.services.review_queue import fingerprint
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.documents import get_document
from pricelm.storage.reviews import labeled_items

_WRITTEN = ("title", "description", "brand", "category", "condition")


@dataclass(frozen=True)
class Label:
    """The right price of a listing, as a person gave it.

    Parameters
    ----------
    listing_id : str
        Its identifier; may be empty.
    listing : mapping
        The listing, by role where it has one.
    price : float
        The right price.
    at : datetime.datetime
        When it was given.
    """

    listing_id: str
    listing: Mapping[str, Any]
    price: float
    at: datetime


@dataclass(frozen=True, eq=False)
class LabeledFrame:
    """Listings with labels among them.

    Parameters
    ----------
    frame : pandas.DataFrame
        Raw listings; the new ones stand at the end.
    rows : tuple of int
        Index of every row whose price is a label.
    added, replaced, left_out : int
        Labels that became a listing, that took the place of a price, and that could not be used: in another
        currency, or about nothing that these listings have.
    """

    frame: pd.DataFrame
    rows: tuple[int, ...] = ()
    added: int = 0
    replaced: int = 0
    left_out: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """The three counts by name."""
        return {"added": self.added, "replaced": self.replaced, "left out": self.left_out}


def review_labels(place: StorePlace) -> list[Label]:
    """Return the newest label of each listing in a store's review queue, oldest first.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.

    Returns
    -------
    list of Label
        Listings with the same identifier, or without one and with the same words, count as one.
    """
    newest: dict[str, Label] = {}
    with opened_store(place) as store, store.reading() as session:
        for row in labeled_items(session):
            if row.label is None or row.reviewed is None:
                continue
            listing = json.loads(get_document(session, row.document))
            key = f"id {row.listing_id}" if row.listing_id else f"words {fingerprint(listing)}"
            newest.pop(key, None)
            newest[key] = Label(row.listing_id, listing, float(row.label), row.reviewed)
    return list(newest.values())


def with_labels(
    frame: pd.DataFrame, columns: ColumnMap, labels: Sequence[Label], currency: str = ""
) -> LabeledFrame:
    """Put labels among raw listings.

    Parameters
    ----------
    frame : pandas.DataFrame
        Raw listings with prices; unique index.
    columns : ColumnMap
        Roles of their columns.
    labels : sequence of Label
        The labels, each listing once.
    currency : str, default ""
        Currency of the listings' prices, where it is known.

    Returns
    -------
    LabeledFrame
        A label of a listing that is there already replaces its price; any other becomes a row.
    """
    if not labels or columns.price is None:
        return LabeledFrame(frame)
    frame = frame.copy()
    if pd.api.types.is_integer_dtype(frame[columns.price].dtype):
        frame[columns.price] = frame[columns.price].astype(float)
    by_id, by_words = _places(frame, columns)
    fresh: list[dict[str, Any]] = []
    changed: list[int] = []
    left_out = 0
    for label in labels:
        row = _as_row(label, frame, columns)
        said = str(label.listing.get("currency") or "")
        if (currency and said and said != currency) or row is None:
            left_out += 1
            continue
        places = by_id.get(label.listing_id) if label.listing_id and columns.listing_id else None
        if places is None:
            places = by_words.get(fingerprint(_written(label.listing)))
        if places is None:
            fresh.append(row)
            continue
        price = row[columns.price]
        for place in places:
            frame.at[place, columns.price] = price
        changed += places
    joined, rows = _joined(frame, fresh, columns)
    replaced = len(labels) - left_out - len(fresh)
    return LabeledFrame(joined, (*changed, *rows), len(fresh), replaced, left_out)


def _joined(
    frame: pd.DataFrame, fresh: list[dict[str, Any]], columns: ColumnMap
) -> tuple[pd.DataFrame, range]:
    """Return the frame with new rows at its end, and their index."""
    start = int(max(frame.index, default=-1)) + 1
    rows = range(start, start + len(fresh))
    if not fresh:
        return frame, rows
    index = [*frame.index, *rows]
    parts = {}
    for name in frame.columns:
        new = [row.get(name) for row in fresh]
        if name in columns.numeric or pd.api.types.is_float_dtype(frame[name].dtype):
            old = pd.to_numeric(frame[name], errors="coerce").tolist()
            numbers = pd.to_numeric(pd.Series(new, dtype=object), errors="coerce").tolist()
            parts[name] = pd.Series([*old, *numbers], index=index, dtype=float)
        else:
            parts[name] = pd.Series([*frame[name].tolist(), *new], index=index, dtype=object)
    joined = pd.DataFrame(parts)
    joined.index.name = frame.index.name
    joined.attrs = dict(frame.attrs)
    return joined, rows


def _places(frame: pd.DataFrame, columns: ColumnMap) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Return where each identifier stands, and each text."""
    by_id: dict[str, list[int]] = {}
    if columns.listing_id is not None:
        for place, value in frame[columns.listing_id].items():
            by_id.setdefault(str(value), []).append(place)  # type: ignore[arg-type]
    names = {role: getattr(columns, role) for role in _WRITTEN if getattr(columns, role)}
    by_words: dict[str, list[int]] = {}
    for place, row in zip(frame.index, frame[list(names.values())].to_dict("records"), strict=True):
        written = {role: row[name] for role, name in names.items() if row[name] == row[name]}
        by_words.setdefault(fingerprint(_written(written)), []).append(place)
    return by_id, by_words


def _written(listing: Mapping[str, Any]) -> dict[str, Any]:
    return {role: listing[role] for role in _WRITTEN if listing.get(role)}


def _as_row(label: Label, frame: pd.DataFrame, columns: ColumnMap) -> dict[str, Any] | None:
    """Return a label as a row of the frame, or None if they have no text in common."""
    row: dict[str, Any] = {}
    for name, value in label.listing.items():
        column = getattr(columns, name, None) if name in ROLES else name
        if column is not None and column in frame.columns:
            row[column] = value
    if not any(getattr(columns, role) in row for role in _WRITTEN) and not set(columns.text) & set(row):
        return None
    if columns.listing_id is not None:
        row[columns.listing_id] = label.listing_id or f"review-{fingerprint(label.listing)[:12]}"
    if columns.listed_at is not None:
        row[columns.listed_at] = label.at.isoformat()
    if columns.currency is not None and not row.get(columns.currency):
        common = frame[columns.currency].mode()
        row[columns.currency] = common.iloc[0] if len(common) else None
    assert columns.price is not None
    is_number = pd.api.types.is_numeric_dtype(frame[columns.price].dtype)
    row[columns.price] = label.price if is_number else f"{label.price:.4f}"
    return row
