"""Sales as series of equal length: what is known, what is censored, what is refused, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pricelm.catalog.sales import CheckedSales
from pricelm.core.errors import DataError, LimitError
from pricelm.decisions.demand.poisson import demand_beyond
from pricelm.decisions.forecasting.config import ForecastConfig

_MONDAY = pd.Timestamp("1970-01-05")
_MOST_CELLS = 40_000_000
_MOST_SILENT = 8
_RECENT = 13
_MEMORY = 0.2


@dataclass(frozen=True)
class SeriesTable:
    """Series of units, one a product and store, that all end in the same period.

    Parameters
    ----------
    keys : pandas.DataFrame
        sku, store, category; one row a series.
    starts : pandas.DatetimeIndex
        First day of each period, shape (n_periods,).
    units : numpy.ndarray
        Units as sold, NaN where they are not known, shape (n_series, n_periods).
    filled : numpy.ndarray
        Demand: as ``units``, with expected units where they are not known or the stock ran out; NaN only
        before the first sale.
    known : numpy.ndarray of bool
        Where ``units`` says what the demand was.
    prices : numpy.ndarray
        Price of each period, carried on where there is none.
    reference : numpy.ndarray
        Price that counts as the usual one, shape (n_series,).
    refusals : dict of tuple to str
        (sku, store) to the name and detail of why there is no forecast; store ``""`` for all stores.
    notes : list of str
        What was assumed about the data.
    """

    keys: pd.DataFrame
    starts: pd.DatetimeIndex
    units: np.ndarray
    filled: np.ndarray
    known: np.ndarray
    prices: np.ndarray
    reference: np.ndarray
    refusals: dict[tuple[str, str], str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def category(self) -> np.ndarray:
        """Category number of each series, in the order of `categories`."""
        return np.unique(self.keys["category"].to_numpy(str), return_inverse=True)[1]

    @property
    def categories(self) -> list[str]:
        """Names of the categories, sorted."""
        return sorted(self.keys["category"].astype(str).unique())


def prepare_series(checked: CheckedSales, config: ForecastConfig = ForecastConfig()) -> SeriesTable:
    """Lay sales out as series without holes.

    Parameters
    ----------
    checked : CheckedSales
        Checked sales.
    config : ForecastConfig
        Frequency, and what a missing period means.

    Returns
    -------
    SeriesTable
        Every series that is not refused.

    Raises
    ------
    DataError
        If the sales come less often than the forecast is asked for, or no series is left.
    LimitError
        If there are too many series and periods for memory.

    Examples
    --------
    >>> days = pd.date_range("2024-01-01", periods=4, freq="7D")
    >>> sales = pd.DataFrame({"sku": "a", "store": "", "category": "", "date": days[[0, 1, 3]],
    ...     "price": 2.0, "units": [5.0, 4.0, 3.0]})
    >>> table = prepare_series(CheckedSales(sales, (), pd.DataFrame()))
    >>> table.units.tolist(), table.notes[0][:30]
    ([[5.0, 4.0, 0.0, 3.0]], '1 week without a row counts as')
    """
    grid = _Grid(checked, config)
    as_zero = grid.missing_means_zero()
    units, prices, sold_out = grid.lay_out(as_zero)
    known = np.isfinite(units) & ~sold_out
    filled = fill_unknown(units, known, sold_out)
    grid.refuse_silent(units)
    kept = np.array([key not in grid.refusals for key in grid.labels()], dtype=bool)
    if not kept.any():
        first = next(iter(grid.refusals.values()), "nothing was sold")
        raise DataError(f"expected at least one series to forecast, got none: {first}")
    return SeriesTable(
        grid.keys.loc[kept].reset_index(drop=True),
        grid.starts,
        units[kept],
        filled[kept],
        known[kept],
        prices[kept],
        grid.reference(prices, units)[kept],
        grid.refusals,
        grid.notes,
    )


def fill_unknown(units: np.ndarray, known: np.ndarray, sold_out: np.ndarray) -> np.ndarray:
    """Put expected units where demand is not known, from earlier periods only.

    Parameters
    ----------
    units : numpy.ndarray
        Units, NaN where not known, shape (n_series, n_periods).
    known, sold_out : numpy.ndarray of bool
        Where they are demand, and where they are only the stock there was.

    Returns
    -------
    numpy.ndarray
        Demand; NaN before the first number of a series.

    Examples
    --------
    >>> units = np.array([[4.0, 4.0, np.nan, 3.0]])
    >>> out = np.array([[False, False, False, True]])
    >>> fill_unknown(units, np.isfinite(units) & ~out, out).round(2).tolist()
    [[4.0, 4.0, 4.0, 4.77]]
    """
    filled = units.copy()
    level = np.full(len(units), np.nan)
    for at in range(units.shape[1]):
        now = units[:, at]
        begun = np.isfinite(level)
        gap = begun & ~np.isfinite(now)
        filled[gap, at] = level[gap]
        limited = sold_out[:, at] & np.isfinite(now)
        expected = np.where(begun, level, now)[limited]
        filled[limited, at] = demand_beyond(now[limited], expected)
        fresh = known[:, at] | (limited & ~begun)
        level = np.where(fresh, np.where(begun, (1 - _MEMORY) * level + _MEMORY * now, filled[:, at]), level)
    return filled


class _Grid:
    """Rows of sales on their way to arrays."""

    def __init__(self, checked: CheckedSales, config: ForecastConfig) -> None:
        self.checked, self.config = checked, config
        self.notes: list[str] = []
        refused = checked.sales["sku"].isin(list(checked.refusals))
        self.refusals = {(str(sku), ""): why for sku, why in checked.refusals.items()}
        sales = checked.sales[~refused]
        if sales.empty:
            raise DataError(
                f"expected sales to forecast, got none: {next(iter(checked.refusals.values()), '')}"
            )
        self._check_spacing(sales["date"])
        sales = sales.assign(period=self._period(sales["date"]))
        sales = self._whole_weeks(sales)
        self.first, self.last = int(sales["period"].min()), int(sales["period"].max())
        self.keys = sales.groupby(["sku", "store"], sort=True)["category"].first().reset_index()
        self.n_periods = self.last - self.first + 1
        if len(self.keys) * self.n_periods > _MOST_CELLS:
            raise LimitError(
                f"expected at most {_MOST_CELLS:,} series times periods, got {len(self.keys):,} series of "
                f"{self.n_periods:,} {config.period}s. Forecast fewer products at a time (--products)"
            )
        self.sales = sales
        days = pd.to_timedelta(np.arange(self.first, self.last + 1) * config.period_days, unit="D")
        self.starts = pd.DatetimeIndex(_MONDAY + days)

    def labels(self) -> list[tuple[str, str]]:
        return list(zip(self.keys["sku"].astype(str), self.keys["store"].astype(str), strict=True))

    def _period(self, dates: pd.Series) -> np.ndarray:
        days = (dates - _MONDAY).dt.days.to_numpy()
        return np.floor_divide(days, self.config.period_days).astype(np.int64)

    def _check_spacing(self, dates: pd.Series) -> None:
        gaps = np.diff(np.unique((dates - _MONDAY).dt.days.to_numpy()))
        usual = float(np.median(gaps)) if len(gaps) else 0.0
        self.daily = usual < 2
        if usual > 1.5 * self.config.period_days and usual > 2:
            every = f"every {usual:g} days"
            raise DataError(
                f"expected sales at least once a {self.config.period}, got dates {every}. "
                + ("Ask for a weekly forecast" if usual <= 8 else "Give weekly or daily sales")
            )

    def _whole_weeks(self, sales: pd.DataFrame) -> pd.DataFrame:
        """Leave out a first or last week that the daily rows cover in part: its units are too few."""
        if self.config.frequency != "weekly" or not self.daily:
            return sales
        days = (sales["date"] - _MONDAY).dt.days
        for end, period in (("last", int(sales["period"].max())), ("first", int(sales["period"].min()))):
            covered = (days.max() - 7 * period + 1) if end == "last" else (7 * period + 7 - days.min())
            if covered < 7 and sales["period"].nunique() > 1:
                sales = sales[sales["period"] != period]
                self.notes.append(f"the {end} week is left out: its rows cover {covered} of 7 days")
        return sales

    def missing_means_zero(self) -> bool:
        if self.config.missing != "auto":
            return self.config.missing == "zero"
        return "customer" in self.sales or not bool((self.sales["units"] == 0).any())

    def lay_out(self, as_zero: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        sales, shape = self.sales, (len(self.keys), self.n_periods)
        codes = pd.MultiIndex.from_frame(self.keys[["sku", "store"]])
        at = (
            codes.get_indexer(pd.MultiIndex.from_frame(sales[["sku", "store"]])),
            sales["period"] - self.first,
        )
        flat = np.ravel_multi_index((at[0], at[1].to_numpy()), shape)
        bought = sales["units"].to_numpy(np.float64)
        weight = np.maximum(bought, 1e-9)
        size = shape[0] * shape[1]
        count = np.bincount(flat, minlength=size)
        total = np.bincount(flat, bought, minlength=size)
        weights = np.bincount(flat, weight, minlength=size)
        spent = np.bincount(flat, weight * sales["price"].to_numpy(np.float64), minlength=size)
        there = count.reshape(shape) > 0
        units = np.where(there, total.reshape(shape), np.nan)
        with np.errstate(invalid="ignore"):
            prices = np.where(there, (spent / weights).reshape(shape), np.nan)
        sold_out = self._stock(flat, size, shape, units)
        self._quiet(units, there, as_zero)
        if as_zero:
            _without_first_sale(units)
        carried = pd.DataFrame(prices).ffill(axis=1).bfill(axis=1)
        return units, carried.to_numpy(np.float64), sold_out & np.isfinite(units)

    def _stock(self, flat: np.ndarray, size: int, shape: tuple[int, int], units: np.ndarray) -> np.ndarray:
        """Blank periods in which there was nothing to sell, and return those in which all was sold."""
        if "on_hand" not in self.sales:
            return np.zeros(shape, dtype=bool)
        stock = self.sales["on_hand"].to_numpy(np.float64)
        bought = self.sales["units"].to_numpy(np.float64)
        empty = (stock <= 0) & (bought <= 0)
        out = (stock > 0) & (bought >= stock)
        rows = np.bincount(flat, minlength=size)
        units[(np.bincount(flat, empty, minlength=size) == rows).reshape(shape) & (units == 0)] = np.nan
        partly = np.bincount(flat, empty | out, minlength=size) > 0
        self.notes += _count_note(
            int(partly.sum()), self.config.period, "with a stock-out does not say the demand"
        )
        return partly.reshape(shape)

    def _quiet(self, units: np.ndarray, there: np.ndarray, as_zero: bool) -> None:
        begun = np.maximum.accumulate(there, axis=1)
        gaps = begun & ~there
        lost = self._lost(units.shape) & gaps if "customer" not in self.sales else np.zeros_like(gaps)
        name = self.config.period
        self.notes += _count_note(int(lost.sum()), name, "lost its row (see rejected rows) and is not known")
        zeros = gaps & ~lost
        if as_zero:
            units[zeros] = 0.0
            if "customer" not in self.sales:
                told = (
                    "counts as nothing sold, since the sales never say 0 (--missing unknown if it is not so)"
                )
                self.notes += _count_note(int(zeros.sum()), name, f"without a row {told}")
        else:
            self.notes += _count_note(int(zeros.sum()), name, "is a gap: it has no row and is not known")

    def _lost(self, shape: tuple[int, int]) -> np.ndarray:
        found = np.zeros(shape, dtype=bool)
        lost = self.checked.lost
        if len(lost):
            codes = pd.MultiIndex.from_frame(self.keys[["sku", "store"]])
            row = codes.get_indexer(pd.MultiIndex.from_frame(lost[["sku", "store"]]))
            at = self._period(pd.to_datetime(lost["date"])) - self.first
            inside = (row >= 0) & (at >= 0) & (at < shape[1])
            found[row[inside], at[inside]] = True
        return found

    def refuse_silent(self, units: np.ndarray) -> None:
        """Refuse series that ended: what is not known for months cannot be carried on."""
        longest = max(self.config.horizon, _MOST_SILENT)
        last = units.shape[1] - 1 - np.argmax(np.isfinite(units)[:, ::-1], axis=1)
        for key, at, row in zip(self.labels(), last, units, strict=True):
            silent = units.shape[1] - 1 - int(at)
            if silent > longest:
                self.refusals[key] = (
                    f"ended: its last row is {silent} {self.config.period}s before the last of the sales"
                )
            elif not np.nansum(row) > 0:
                self.refusals[key] = "no sales: nothing was sold in any period"

    def reference(self, prices: np.ndarray, units: np.ndarray) -> np.ndarray:
        usual = np.median(prices[:, -_RECENT:], axis=1)
        if "regular_price" not in self.sales:
            return usual
        newest = self.sales.sort_values("date").groupby(["sku", "store"])["regular_price"].last()
        stated = newest.reindex(pd.MultiIndex.from_frame(self.keys[["sku", "store"]])).to_numpy(np.float64)
        return np.where(stated > 0, stated, usual)


def _without_first_sale(units: np.ndarray) -> None:
    """Let a series that is only known from its first sale begin after it.

    A history that begins with a sale because it was begun by one shows more sales than there will be.
    """
    sold = np.nan_to_num(units) > 0
    first = np.argmax(sold, axis=1)
    late = (first > 0) & (sold.sum(axis=1) > 1)
    units[late, first[late]] = np.nan


def _count_note(count: int, period: str, said: str) -> list[str]:
    return [f"{count:,} {period}{'s' if count > 1 else ''} {said}"] if count else []
