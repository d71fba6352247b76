"""Which campaigns ran: flagged weeks of a panel of sales, and the panel as a grid of series by weeks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricelm.core.errors import DataError, LimitError
from pricelm.decisions.demand.panel import SalesPanel

_FLAGGED = 0.5
_MOST_CELLS = 2e8


@dataclass(frozen=True)
class Campaign:
    """One product promoted for some weeks in a row, in some stores.

    Parameters
    ----------
    sku : str
        The product.
    stores : tuple of str
        Where it ran.
    start, end : int
        First and last period.
    kinds : tuple of str
        The promotion columns that were set.
    """

    sku: str
    stores: tuple[str, ...]
    start: int
    end: int
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Grid:
    """Series (a product in a store) by periods.

    Parameters
    ----------
    keys : pandas.DataFrame
        sku, store, category, one row a series.
    first : int
        The first period.
    units : numpy.ndarray
        Units sold, NaN where not known, shape (n_series, n_periods).
    flagged : numpy.ndarray
        Whether a promotion ran, the same shape.
    """

    keys: pd.DataFrame
    first: int
    units: np.ndarray
    flagged: np.ndarray


def sales_grid(panel: SalesPanel) -> Grid:
    """Return the panel as a grid; weeks that sold out or had nothing to sell are not known.

    Raises
    ------
    DataError
        If there is no promotion column, or no usable week.
    LimitError
        If the grid is too large.
    """
    if not panel.promotions:
        raise DataError(
            "no promotion flags: expected a column such as promo, display or mailer. Name it: "
            "--column promotions=COLUMN"
        )
    rows = panel.usable
    rows = rows[~rows["sold_out"]]
    if rows.empty:
        raise DataError("expected weeks with something to sell, got none")
    first, last = int(rows["period"].min()), int(rows["period"].max())
    series = rows.groupby(["sku", "store"], sort=True).ngroup().to_numpy()
    shape = (int(series.max()) + 1, last - first + 1)
    if shape[0] * shape[1] > _MOST_CELLS:
        raise LimitError(f"expected at most {_MOST_CELLS:,.0f} products x stores x weeks, got {shape}")
    units, flagged = np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    at = rows["period"].to_numpy() - first
    units[series, at] = rows["units"]
    flagged[series, at] = rows[list(panel.promotions)].max(axis=1) >= _FLAGGED
    keys = rows.groupby(["sku", "store"], sort=True)["category"].first().reset_index()
    return Grid(keys, first, units, flagged)


def find_campaigns(panel: SalesPanel, longest: int = 8) -> list[Campaign]:
    """Return the campaigns of a panel, by product and date.

    Parameters
    ----------
    panel : SalesPanel
        Weekly sales with promotion columns; a share counts from one half on.
    longest : int, default 8
        Weeks in a row above which a flag is taken as the usual state and no campaign.

    Returns
    -------
    list of Campaign
        The same product in the same weeks in several stores is one campaign.
    """
    rows = panel.usable
    if not panel.promotions or rows.empty:
        return []
    flags = rows[list(panel.promotions)] >= _FLAGGED
    rows = rows[flags.any(axis=1)].sort_values(["sku", "store", "period"])
    flags = flags.loc[rows.index]
    if rows.empty:
        return []
    same = (rows["sku"].eq(rows["sku"].shift())) & rows["store"].eq(rows["store"].shift())
    fresh = ~(same & rows["period"].diff().eq(1))
    runs = rows.assign(run=fresh.cumsum(), **{name: flags[name] for name in panel.promotions})
    columns = {name: (name, "max") for name in panel.promotions}
    spans = runs.groupby("run").agg(
        sku=("sku", "first"),
        store=("store", "first"),
        start=("period", "min"),
        end=("period", "max"),
        **columns,
    )
    spans = spans[spans["end"] - spans["start"] < longest]
    found = []
    for _, part in spans.groupby(["sku", "start", "end"], sort=True):
        kinds = tuple(name for name in panel.promotions if part[name].any())
        sku, stores = str(part["sku"].iloc[0]), tuple(sorted(part["store"]))
        found.append(Campaign(sku, stores, int(part["start"].iloc[0]), int(part["end"].iloc[0]), kinds))
    return found
