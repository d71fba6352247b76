"""The log of decisions: what was asked, with which probability every price could have come, and what it
earned."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pricelm.core.errors import DataError
from pricelm.decisions.dynamic.records import MOST_PRICES, Shop
from pricelm.decisions.dynamic.rehearsal import Course

COLUMNS = ("day", "shop", "sku", "price", "propensity", "units", "unit_cost", "prices", "propensities")
_SUM_TOLERANCE = 1e-3
_MOST_TEXT = 10_000


@dataclass(frozen=True, eq=False)
class DecisionLog:
    """Decisions of a policy, one a row.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``day`` (int), ``shop``, ``sku`` (str), ``price``, ``units``, ``unit_cost`` (float).
    prices : numpy.ndarray
        The menu of each row, NaN where it is shorter, shape (n, K).
    propensities : numpy.ndarray
        The probability of each price, 0 where the rules forbade it, shape (n, K).
    column : numpy.ndarray
        Column of the price that was asked, shape (n,).
    """

    frame: pd.DataFrame
    prices: np.ndarray
    propensities: np.ndarray
    column: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def profit(self) -> np.ndarray:
        """Margin times units of each row, shape (n,)."""
        frame = self.frame
        return ((frame["price"] - frame["unit_cost"]) * frame["units"]).to_numpy(dtype=np.float64)

    @property
    def free(self) -> np.ndarray:
        """Whether there was a choice, bool of shape (n,): a price held by a rule tells nothing of others."""
        return np.asarray((self.propensities > 0).sum(axis=1) > 1)

    def take(self, rows: np.ndarray) -> DecisionLog:
        """Return some rows."""
        return DecisionLog(
            self.frame.iloc[rows], self.prices[rows], self.propensities[rows], self.column[rows]
        )

    def table(self) -> pd.DataFrame:
        """Return the log as a table that can be stored; the menu and its probabilities are JSON lists."""
        shown = self.frame.copy()
        at = np.arange(len(shown))
        shown["propensity"] = np.round(self.propensities[at, self.column], 6)
        known = np.isfinite(self.prices)
        for name, values, digits in (("prices", self.prices, 4), ("propensities", self.propensities, 6)):
            rounded = np.round(values.astype(float), digits).tolist()
            shown[name] = [
                json.dumps([one for one, there in zip(row, kept, strict=True) if there])
                for row, kept in zip(rounded, known, strict=True)
            ]
        return shown[list(COLUMNS)]


def log_of(course: Course, shop: Shop) -> DecisionLog:
    """Return the log of a rehearsed policy.

    Raises
    ------
    DataError
        If the rehearsal kept no log.
    """
    if course.probabilities is None:
        raise DataError("expected a rehearsal that kept its log, got one without. Ask for it with keep_log")
    days, n = course.units.shape
    products = len(shop.facts)
    rows = np.tile(np.tile(np.arange(products), n // products), days)
    column = course.column.ravel().astype(int)
    frame = pd.DataFrame(
        {
            "day": np.repeat(np.arange(days), n),
            "shop": np.tile(np.repeat(np.arange(n // products), products), days).astype(str),
            "sku": shop.facts.skus[rows],
            "price": shop.prices[rows, column],
            "units": course.units.ravel(),
            "unit_cost": shop.costs[rows],
        }
    )
    return DecisionLog(frame, shop.prices[rows], course.probabilities.reshape(days * n, -1), column)


def read_log(table: pd.DataFrame) -> DecisionLog:
    """Check a stored log.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns day, sku, price, units, unit_cost, prices, propensities; ``shop`` if there are
        several.

    Raises
    ------
    DataError
        If a column is missing or a row cannot be what it should be; the message names the first.
    """
    for name in COLUMNS:
        if name not in table.columns and name not in ("shop", "propensity"):
            raise DataError(
                f"expected a log of decisions with the columns {', '.join(COLUMNS)}, got none named "
                f"{name!r}. "
                "Without the probability of every price nothing can be said of another policy"
            )
    if table.empty:
        raise DataError("expected a log with at least one decision, got an empty one")
    numbers = {
        name: pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
        for name in ("day", "price", "units", "unit_cost")
    }
    for name, values in numbers.items():
        _refuse(~np.isfinite(values) | (values < 0), name, "a number of 0 or more", table)
    menus, chances = (_lists(table, name) for name in ("prices", "propensities"))
    width = max(map(len, menus))
    prices, propensities = np.full((len(table), width), np.nan), np.zeros((len(table), width))
    for row, (menu, chance) in enumerate(zip(menus, chances, strict=True)):
        if len(menu) != len(chance):
            raise _wrong(row, "propensities", "a probability for each of the prices", table)
        prices[row, : len(menu)], propensities[row, : len(menu)] = menu, chance
    _refuse((propensities < 0).any(axis=1), "propensities", "probabilities of 0 or more", table)
    total = propensities.sum(axis=1)
    _refuse(np.abs(total - 1) > _SUM_TOLERANCE, "propensities", "probabilities that sum to 1", table)
    distance = np.abs(prices - numbers["price"][:, None])
    column = np.where(np.isnan(distance), np.inf, distance).argmin(axis=1)
    at = np.arange(len(table))
    _refuse(distance[at, column] > 1e-3, "price", "one of the prices of its row", table)
    _refuse(propensities[at, column] <= 0, "price", "a price with a probability above 0", table)
    shop = table["shop"].astype(str) if "shop" in table.columns else pd.Series("", index=table.index)
    frame = pd.DataFrame({**numbers, "shop": shop.to_numpy(), "sku": table["sku"].astype(str).to_numpy()})
    frame["day"] = frame["day"].astype(int)
    return DecisionLog(frame, prices, propensities / total[:, None], column)


def _lists(table: pd.DataFrame, name: str) -> list[list[float]]:
    found = []
    for row, text in enumerate(table[name].astype(str)):
        try:
            values = json.loads(text) if len(text) <= _MOST_TEXT else None
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, list) or not 0 < len(values) <= MOST_PRICES:
            raise _wrong(row, name, f"a JSON list of 1 to {MOST_PRICES} numbers", table)
        if not all(type(one) in (int, float) and np.isfinite(one) for one in values):
            raise _wrong(row, name, "a JSON list of finite numbers", table)
        found.append([float(one) for one in values])
    return found


def _refuse(bad: Any, name: str, expected: str, table: pd.DataFrame) -> None:
    if bad.any():
        raise _wrong(int(np.flatnonzero(bad)[0]), name, expected, table)


def _wrong(row: int, name: str, expected: str, table: pd.DataFrame) -> DataError:
    shown = str(table[name].iloc[row])[:80]
    return DataError(f"row {row + 1} of the log: expected {name} to be {expected}, got {shown!r}. Correct it")
