"""What the price of a product is compared with: controls, fixed effects and instruments of one category."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricelm.decisions.demand.panel import SalesPanel
from pricelm.decisions.demand.regression import demean, numbered

# below this many product-store series a week's effect would eat what the price did in it
_SERIES_FOR_WEEK_EFFECTS = 20
_SMALLEST_UNITS = 0.5
_KNOWN_SHARE = 0.9


@dataclass(frozen=True)
class Design:
    """The rows of one category, in numbers.

    Parameters
    ----------
    rows : pandas.DataFrame
        The panel's rows, n of them.
    log_price : numpy.ndarray
        Shape (n,).
    rival_price : numpy.ndarray
        Mean log price of the other products in the same store and week, each against its own mean, (n,).
    log_cost, rival_cost : numpy.ndarray or None
        The same for unit costs; None where costs are not known or do not move.
    flags : numpy.ndarray
        Promotion columns and the competitor's log price, shape (n, c).
    season : numpy.ndarray
        Trend and yearly waves, shape (n, s).
    series, store, period : numpy.ndarray
        Numbers of the product-store series, the store and the period, shape (n,) each.
    """

    rows: pd.DataFrame
    log_price: np.ndarray
    rival_price: np.ndarray
    log_cost: np.ndarray | None
    rival_cost: np.ndarray | None
    flags: np.ndarray
    season: np.ndarray
    series: np.ndarray
    store: np.ndarray
    period: np.ndarray

    @property
    def week_effects(self) -> bool:
        """Whether there are enough series to compare only within a week."""
        return int(self.series.max()) + 1 >= _SERIES_FOR_WEEK_EFFECTS

    @property
    def log_units(self) -> np.ndarray:
        """Logarithm of the units, at least that of half a unit, shape (n,)."""
        return np.log(np.maximum(self.rows["units"].to_numpy(np.float64), _SMALLEST_UNITS))

    @property
    def has_rivals(self) -> bool:
        """Whether other products' prices moved."""
        return bool(np.ptp(self.rival_price) > 0)

    def within(self, columns: np.ndarray) -> np.ndarray:
        """Take out series, and weeks where there are series enough, from columns of shape (n, k)."""
        groups = [self.series, self.period] if self.week_effects else [self.series]
        return demean(columns, groups)

    def treatments(self) -> np.ndarray:
        """Return own log price, and the rivals' where it moves, shape (n, 1) or (n, 2)."""
        return np.column_stack([self.log_price, *([self.rival_price] if self.has_rivals else [])])

    def instruments(self) -> np.ndarray | None:
        """Return cost columns as many as treatments, or None, shape of :meth:`treatments`."""
        if self.log_cost is None:
            return None
        if not self.has_rivals:
            return self.log_cost[:, None]
        if self.rival_cost is None or not np.ptp(self.rival_cost) > 0:
            return None
        return np.column_stack([self.log_cost, self.rival_cost])

    def controls(self) -> np.ndarray:
        """Return what else moves demand, shape (n, c); c may be 0."""
        return self.flags if self.week_effects else np.column_stack([self.flags, self.season])


def category_design(panel: SalesPanel, rows: pd.DataFrame) -> Design:
    """Put the rows of a category into numbers.

    Parameters
    ----------
    panel : SalesPanel
        Where they come from.
    rows : pandas.DataFrame
        Rows of ``panel.usable``, n of them.

    Returns
    -------
    Design
        As described there.
    """
    rows = rows.reset_index(drop=True)
    series = numbered((rows["sku"] + "\x1f" + rows["store"]).to_numpy(str))
    store = numbered(rows["store"].to_numpy(str))
    period = numbered(rows["period"].to_numpy())
    log_price = np.log(rows["price"].to_numpy(np.float64))
    cost = _known_logs(rows["unit_cost"])
    if cost is not None and (rows["unit_cost"] >= rows["price"]).mean() > 1 - _KNOWN_SHARE:
        cost = None
    rival_cost = None if cost is None else _of_rivals(cost, series, store, period)
    flags = [rows[name].to_numpy(np.float64) for name in panel.promotions]
    competitor = _known_logs(rows["competitor_price"])
    if competitor is not None:
        flags.append(competitor)
    return Design(
        rows,
        log_price,
        _of_rivals(log_price, series, store, period),
        cost,
        rival_cost,
        np.nan_to_num(np.column_stack(flags)) if flags else np.empty((len(rows), 0)),
        panel.season(rows["period"].to_numpy()),
        series,
        store,
        period,
    )


def _known_logs(values: pd.Series) -> np.ndarray | None:
    """Return logarithms, gaps filled by the mean, or None where too little is known or nothing moves."""
    numbers = values.to_numpy(np.float64)
    there = np.isfinite(numbers) & (numbers > 0)
    if there.mean() < _KNOWN_SHARE or np.ptp(numbers[there]) == 0:
        return None
    logs = np.full(len(numbers), np.nan)
    logs[there] = np.log(numbers[there])
    return np.where(there, logs, np.nanmean(logs))


def _of_rivals(values: np.ndarray, series: np.ndarray, store: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Return the mean of the other products in the store and week, each against its own mean."""
    own = demean(values[:, None], [series])[:, 0]
    cell = store.astype(np.int64) * (int(period.max()) + 1) + period
    cell = numbered(cell)
    total, count = np.bincount(cell, own)[cell], np.bincount(cell)[cell]
    return np.where(count > 1, (total - own) / np.maximum(count - 1, 1), 0.0)
