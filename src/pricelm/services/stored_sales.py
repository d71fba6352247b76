"""The sales of a store, as those who learn from sales want them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from pricelm.catalog.sales import CheckedSales, unit_changes
from pricelm.core.errors import LimitError
from pricelm.storage.database import Store
from pricelm.storage.whole_market import (
    SoldRow,
    all_listings,
    earning_products,
    sales_span,
    sold_rows,
)

FLAG = "promoted"
_MOST_ROWS = 2_000_000
_CLEAR_CUT = 0.05


@dataclass(frozen=True)
class Missing:
    """What a store lacks, by name, for a page to say how it gets there."""

    what: str


@dataclass(frozen=True)
class StoredSales:
    """Sales that a store holds.

    Parameters
    ----------
    checked : CheckedSales or None
        The sales; None where there are none.
    last_day : datetime.date or None
        Of the newest sale.
    products, left_out : int
        Products that are in it, and those that sold less money and were left out.
    flagged : bool
        Whether it is known where promotions ran.
    """

    checked: CheckedSales | None
    last_day: date | None = None
    products: int = 0
    left_out: int = 0
    flagged: bool = False


def stored_sales(
    store: Store, weeks: int, *, most_series: int | None = None, costs: Mapping[str, float] | None = None
) -> StoredSales:
    """Read the newest weeks of sales out of a store.

    Where the sales do not say whether a promotion ran, a price at least 5 % below the regular one is taken as
    one.

    Parameters
    ----------
    store : Store
        The store.
    weeks : int
        Weeks back from the newest sale.
    most_series : int, optional
        Only the products that took most money, as many as have so many series (a product in a shop); all by
        default.
    costs : mapping, optional
        Unit cost by product, where the sales hold none.

    Returns
    -------
    StoredSales
        They are in the currency of the listings.

    Raises
    ------
    LimitError
        If there are more than two million rows.
    """
    with store.reading() as session:
        span = sales_span(session)
        if span.last_day is None:
            return StoredSales(None)
        since = span.last_day - timedelta(weeks=weeks) + timedelta(days=1)
        sold = earning_products(session, since)
        chosen = sold if most_series is None else sold[: max(most_series // span.shops, 1)]
        if most_series is None and span.rows > _MOST_ROWS:
            raise LimitError(
                f"expected at most {_MOST_ROWS:,} rows of sales for a page, got {span.rows:,}: use 'pricelm "
                "promote' and 'pricelm stock' with the file, which have no such limit"
            )
        rows = sold_rows(session, since, chosen if len(chosen) < len(sold) else None)
        listings = {one.listing: one for one in all_listings(session)}
    frame = _frame(rows)
    known = frame["listing"].map(listings)
    frame["sku"] = [one.sku for one in known]
    frame["category"] = [one.category for one in known]
    if costs:
        frame["unit_cost"] = frame["unit_cost"].fillna(frame["sku"].map(costs))
    promotions = (FLAG,) if frame[FLAG].notna().any() else ()
    frame[FLAG] = frame[FLAG].fillna(0.0)
    currencies = pd.Series([one.currency for one in listings.values() if one.currency])
    currency = str(currencies.value_counts().index[0]) if len(currencies) else ""
    checked = CheckedSales(
        frame.drop(columns="listing"), promotions, pd.DataFrame(), unit_changes(frame), [], currency
    )
    return StoredSales(checked, span.last_day, len(chosen), len(sold) - len(chosen), bool(promotions))


def _frame(rows: list[SoldRow]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(SoldRow._fields)).rename(columns={"day": "date", "shop": "store"})
    frame["date"] = pd.to_datetime(frame["date"])
    for name in ("price", "regular_price", "unit_cost"):
        frame[name] = pd.to_numeric(frame[name]).astype(np.float64) / 10_000
    for name in ("units", "on_hand", FLAG):
        frame[name] = pd.to_numeric(frame[name]).astype(np.float64)
    cut = frame["price"] <= frame["regular_price"] * (1 - _CLEAR_CUT)
    said_by_price = cut.where(frame["regular_price"].notna()).astype(np.float64)
    frame[FLAG] = frame[FLAG].fillna(said_by_price)
    return frame
