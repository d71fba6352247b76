"""Sales as a panel: one row a product, store and week, with what else moved demand that week."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pricelm.catalog.sales import CheckedSales
from pricelm.core.errors import DataError

_DAYS_A_WEEK = 7
_MONTHLY_GAP_DAYS = 27
_DAYS_A_MONTH = 365.25 / 12
_WEEKS_A_YEAR = 365.25 / 7


@dataclass(frozen=True)
class SalesPanel:
    """Weekly sales, or monthly where the data comes by months.

    Parameters
    ----------
    rows : pandas.DataFrame
        sku, store, category, period (int), price, units, unit_cost and competitor_price (NaN where unknown),
        sold_out (everything in stock was sold), stocked (False where nothing was there to sell), and the
        promotion columns. Sorted by sku, store, period.
    promotions : tuple of str
        The promotion columns.
    period_days : float
        Length of a period.
    refusals : dict of str to str
        Products that are refused, and why.
    currency : str
        ISO code, or ``""``.
    """

    rows: pd.DataFrame
    promotions: tuple[str, ...] = ()
    period_days: float = 7.0
    refusals: Mapping[str, str] = field(default_factory=dict)
    currency: str = ""

    @property
    def usable(self) -> pd.DataFrame:
        """The rows of weeks in which there was something to sell, of products that are not refused."""
        refused = self.rows["sku"].isin(list(self.refusals))
        return self.rows[self.rows["stocked"] & ~refused]

    def season(self, period: np.ndarray) -> np.ndarray:
        """Return trend and yearly waves as columns, shape (n, 1) to (n, 5), by how long the data is."""
        span = float(period.max() - period.min() + 1) if len(period) else 1.0
        years = period * self.period_days / _DAYS_A_WEEK / _WEEKS_A_YEAR
        columns = [(period - period.mean()) / max(span, 1.0)] if len(period) else [period]
        waves = 2 if span * self.period_days >= 364 else 1 if span * self.period_days >= 182 else 0
        for wave in range(1, waves + 1):
            columns += [np.sin(2 * np.pi * wave * years), np.cos(2 * np.pi * wave * years)]
        return np.column_stack(columns).astype(np.float64)


def weekly_panel(checked: CheckedSales) -> SalesPanel:
    """Add up sales by product, store and week.

    Daily rows and purchases become weeks: units are added, the price is units-weighted. Where rows are
    purchases (there are customers), a week between a product's first and last sale without one is a week
    with no sale at the last price; otherwise a missing week is not known and stays missing.

    Parameters
    ----------
    checked : CheckedSales
        Checked sales.

    Returns
    -------
    SalesPanel
        One row a product, store and period.

    Raises
    ------
    DataError
        If there is no row.

    Examples
    --------
    >>> sales = pd.DataFrame({"sku": "a", "store": "", "category": "", "price": [2.0, 3.0], "units": [6, 2],
    ...     "date": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    >>> panel = weekly_panel(CheckedSales(sales, (), pd.DataFrame()))
    >>> panel.rows[["price", "units"]].values.tolist()
    [[2.25, 8.0]]
    """
    sales = checked.sales
    if sales.empty:
        raise DataError("expected sales to make weeks of, got no row")
    period, period_days = _periods(sales["date"])
    frame = sales.assign(period=period)
    for name in ("unit_cost", "competitor_price", "on_hand"):
        if name not in frame:
            frame[name] = np.nan
    frame["weight"] = np.maximum(frame["units"], 1e-9)
    frame["spent"] = frame["weight"] * frame["price"]
    keys = ["sku", "store", "period"]
    grouped = frame.groupby(keys, sort=True)
    rows = grouped.agg(
        category=("category", "first"),
        units=("units", "sum"),
        spent=("spent", "sum"),
        weight=("weight", "sum"),
        unit_cost=("unit_cost", "mean"),
        competitor_price=("competitor_price", "mean"),
        on_hand=("on_hand", "max"),
        **{name: (name, "mean") for name in checked.promotions},
    ).reset_index()
    rows["price"] = rows["spent"] / rows["weight"]
    if "customer" in sales:
        rows = _with_quiet_weeks(rows, checked.promotions)
    rows["sold_out"] = (rows["on_hand"] > 0) & (rows["units"] >= rows["on_hand"])
    rows["stocked"] = ~((rows["on_hand"] <= 0) & (rows["units"] <= 0))
    names = ["sku", "store", "category", "period", "price", "units", "unit_cost", "competitor_price"]
    rows = rows[[*names, "sold_out", "stocked", *checked.promotions]]
    return SalesPanel(rows, checked.promotions, period_days, checked.refusals, checked.currency)


def _periods(dates: pd.Series) -> tuple[np.ndarray, float]:
    """Number the weeks, or the months of data that comes by months."""
    days = (dates - pd.Timestamp("1970-01-05")).dt.days.to_numpy()  # a Monday
    gaps = np.diff(np.unique(days))
    if len(gaps) and np.median(gaps) >= _MONTHLY_GAP_DAYS:
        return (dates.dt.year * 12 + dates.dt.month).to_numpy(np.int64), _DAYS_A_MONTH
    return np.floor_divide(days, _DAYS_A_WEEK).astype(np.int64), float(_DAYS_A_WEEK)


def _with_quiet_weeks(rows: pd.DataFrame, promotions: tuple[str, ...]) -> pd.DataFrame:
    parts = []
    for _, part in rows.groupby(["sku", "store"], sort=True):
        every = pd.RangeIndex(int(part["period"].min()), int(part["period"].max()) + 1, name="period")
        whole = part.set_index("period").reindex(every)
        whole["units"] = whole["units"].fillna(0.0)
        for name in promotions:
            whole[name] = whole[name].fillna(0.0)
        carried = ["sku", "store", "price", "category", "unit_cost", "competitor_price"]
        whole[carried] = whole[carried].ffill()
        parts.append(whole.reset_index())
    return pd.concat(parts, ignore_index=True)
