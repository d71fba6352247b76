"""What a store knows of its products: their listings, the newest plan, and the prices that went out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.column_names import normalized_name
from pricelm.catalog.kinds import to_numbers
from pricelm.services.worklist import WorkLists
from pricelm.storage.whole_market import ListingValues, all_listings, all_prices_in_force

STOCK_FIELDS = (
    "on_hand", "on_order", "lead_time_days", "lead_time_deviation_days", "order_cost", "holding", "shortage",
)  # fmt: skip
_NUMBERS = ("unit_cost", "own_price_elasticity", "units", *STOCK_FIELDS)
_ALIASES = {"stock": "on_hand", "stock_on_hand": "on_hand", "inventory": "on_hand", "cost": "unit_cost"}


@dataclass(frozen=True, eq=False)
class KnownProducts:
    """The products of a store.

    Parameters
    ----------
    table : pandas.DataFrame
        Index sku; title, category (str), price, unit_cost, own_price_elasticity, units and the fields of
        stock (float64, NaN where not known), planned (bool, whether the newest plan has it).
    currency : str
        ISO code, or ``""``.
    batch : int or None
        The newest plan.
    """

    table: pd.DataFrame
    currency: str
    batch: int | None

    @property
    def titles(self) -> dict[str, str]:
        """What products are called."""
        return {str(sku): str(title) for sku, title in self.table["title"].items()}

    @property
    def unit_costs(self) -> dict[str, float]:
        """What products cost, where that is known."""
        return {str(sku): float(cost) for sku, cost in self.table["unit_cost"].dropna().items()}


def known_products(lists: WorkLists) -> KnownProducts:
    """Return what is known of the products that a shop sells.

    A listing that only has a sku, because a competitor was seen with it, is none of them. What a listing says
    counts before what the newest plan was made from, since listings are loaded anew when stocks change; the
    price is the one that went out last, else that of the plan, else that of the listing.

    Parameters
    ----------
    lists : WorkLists
        Of the store.
    """
    with lists.store.reading() as session:
        listings = [one for one in all_listings(session) if one.title or one.attributes]
        sent = all_prices_in_force(session)
    batches = lists.batches(1)
    batch = batches[0].batch if batches else None
    inputs = None if batch is None else lists.inputs(batch)
    listed = _listed(listings)
    if inputs is None:
        planned = _typed(pd.DataFrame({"sku": pd.Series(dtype=object)}))
    else:
        planned = _typed(inputs.facts.frame)
    table = listed.combine_first(planned)
    table["planned"] = table.index.isin(planned.index)
    price = pd.Series(sent, dtype=np.float64).reindex(table.index)
    table["price"] = price.fillna(planned["price"].reindex(table.index)).fillna(table["price"])
    for name in ("title", "category"):
        table[name] = table[name].fillna("")
    stated = pd.Series([one.currency for one in listings if one.currency])
    currency = inputs.facts.currency if inputs is not None else ""
    if not currency and len(stated):
        currency = str(stated.value_counts().index[0])
    return KnownProducts(table.sort_index(), currency, batch)


def _listed(listings: Iterable[ListingValues]) -> pd.DataFrame:
    wanted = set(_NUMBERS)
    rows: list[dict[str, Any]] = []
    for one in listings:
        named = {normalized_name(name): value for name, value in (one.attributes or {}).items()}
        known = {_ALIASES.get(name, name): value for name, value in named.items() if value is not None}
        row = {name: value for name, value in known.items() if name in wanted}
        price = None if one.price is None else float(one.price)
        rows.append({**row, "sku": one.sku, "title": one.title, "category": one.category, "price": price})
    return _typed(pd.DataFrame(rows, columns=["sku", "title", "category", "price", *_NUMBERS]))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that matter here, empty texts as missing ones."""
    table = pd.DataFrame(index=pd.Index(frame["sku"].astype(str), name="sku"))
    for name in ("title", "category"):
        texts = frame[name] if name in frame.columns else pd.Series(None, index=frame.index, dtype=object)
        table[name] = texts.astype(object).where(texts.notna() & (texts != ""), None).to_numpy()
    for name in ("price", *_NUMBERS):
        table[name] = to_numbers(frame[name]) if name in frame.columns else np.nan
    return table
