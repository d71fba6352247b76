"""The listings that a store holds, as a file to learn from."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pricelm.services.outputs import cannot_write
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.database import Store
from pricelm.storage.market import Listing, count_priced_listings, priced_listings

_COLUMNS = ("title", "description", "brand", "category", "condition", "currency", "price", "listed_at")
_MOST_ATTRIBUTES = 60


def count_store_listings(place: StorePlace) -> int:
    """Return how many listings of a store have a price."""
    with opened_store(place) as store, store.reading() as session:
        return count_priced_listings(session)


def write_store_listings(place: StorePlace, file: Path) -> int:
    """Write the listings of a store that have a price to a CSV file and return how many.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    file : pathlib.Path
        The file; columns without any value are left out.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with opened_store(place) as store:
        names = _filled(store)
        count = 0
        try:
            with file.open("w", encoding="utf-8", newline="") as text:
                writer = csv.DictWriter(text, ["listing_id", *names], extrasaction="ignore", restval="")
                writer.writeheader()
                for row in _rows(store):
                    writer.writerow({name: "" if value is None else value for name, value in row.items()})
                    count += 1
        except OSError as error:
            raise cannot_write(file, error) from error
    return count


def _filled(store: Store) -> list[str]:
    """Return the columns that have a value anywhere, attributes behind the others."""
    found: dict[str, None] = {}
    for row in _rows(store):
        for name, value in row.items():
            if value not in (None, "") and name != "listing_id":
                found[name] = None
    own = [name for name in _COLUMNS if name in found]
    return own + [name for name in found if name not in _COLUMNS][:_MOST_ATTRIBUTES]


def _rows(store: Store) -> Iterator[dict[str, Any]]:
    last = 0
    while True:
        with store.reading() as session:
            listings = priced_listings(session, last)
        if not listings:
            return
        last = listings[-1].listing
        yield from map(_row, listings)


def _row(one: Listing) -> dict[str, Any]:
    own = {name: getattr(one, name) for name in _COLUMNS}
    if one.listed_at is not None:
        own["listed_at"] = one.listed_at.isoformat()
    attributes = one.attributes if isinstance(one.attributes, dict) else {}
    extra = {str(name): value for name, value in attributes.items() if name not in own}
    return extra | own | {"listing_id": one.sku}
