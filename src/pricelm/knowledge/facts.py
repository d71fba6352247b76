"""Product facts: the table that rules and prices are about, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from pricelm.core.errors import DataError, RuleError
from pricelm.knowledge.settings import nearest, read_texts, setting

_TRUE = frozenset({"1", "1.0", "true", "yes", "y", "t", "x", "是"})


@dataclass(frozen=True)
class Scope:
    """Which products a rule is about; what is given has to hold together, nothing given means all.

    Parameters
    ----------
    sku, brand : tuple of str
        Exact values.
    category : tuple of str
        Categories with everything below them: ``Home`` holds ``Home/Kitchen`` and not ``Homeware``.
    where : dict of str to tuple of str
        Any other column to the values that it may have.

    Examples
    --------
    >>> Scope(category=("Home",)).describe()
    'category Home'
    """

    sku: tuple[str, ...] = setting("exact skus", read_texts, default=())
    category: tuple[str, ...] = setting("categories, with all below them", read_texts, default=())
    brand: tuple[str, ...] = setting("exact brands", read_texts, default=())
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def describe(self) -> str:
        """Say in words what is meant."""
        parts = {"sku": self.sku, "category": self.category, "brand": self.brand, **self.where}
        words = [
            f"{name} {', '.join(values[:5])}{' ...' if len(values) > 5 else ''}"
            for name, values in parts.items()
            if values
        ]
        return "; ".join(words) or "all products"


@dataclass(frozen=True, eq=False)
class ProductFacts:
    """What is known of n products.

    Parameters
    ----------
    frame : pandas.DataFrame
        A row a product. ``sku`` and ``price`` (the current one, above zero) are needed; ``unit_cost``,
        ``category``, ``brand`` and any other column are there for the rules that name them.
    today : datetime.date, default the day of the call
        The day that windows, ages and exit dates are counted from.
    currency : str, default ""
        ISO 4217 code.

    Raises
    ------
    DataError
        If a column is missing, a sku appears twice, or a current price is no positive number.

    Examples
    --------
    >>> facts = ProductFacts(pd.DataFrame({"sku": ["a", "b"], "price": [2.0, 3.0], "brand": ["x", "y"]}))
    >>> facts.selected(Scope(brand=("x",))).tolist()
    [True, False]
    """

    frame: pd.DataFrame
    today: date = field(default_factory=date.today)
    currency: str = ""

    def __post_init__(self) -> None:
        for name in ("sku", "price"):
            if name not in self.frame.columns:
                shown = ", ".join(map(str, self.frame.columns[:30]))
                raise DataError(f"expected products with a column {name!r}, got the columns {shown}")
        repeated = self.frame["sku"].astype(str).duplicated()
        if repeated.any():
            sku = str(self.frame.loc[repeated, "sku"].iloc[0])
            raise DataError(
                f"expected every sku once, got {int(repeated.sum()):,} repeated rows, the first of {sku!r}. "
                "Keep one row a product"
            )
        bad = ~(np.isfinite(self.price) & (self.price > 0))
        if bad.any():
            where = int(np.flatnonzero(bad)[0])
            raise DataError(
                f"expected a current price above zero for every product, got {self.price[where]} for "
                f"{self.skus[where]!r}. Correct it or leave the product out"
            )

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def skus(self) -> np.ndarray:
        """The skus as text, shape (n,)."""
        return self.frame["sku"].astype(str).to_numpy(dtype=object)

    @cached_property
    def price(self) -> np.ndarray:
        """Current prices, shape (n,)."""
        return pd.to_numeric(self.frame["price"], errors="coerce").to_numpy(dtype=np.float64)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Sku to row position."""
        return {str(sku): row for row, sku in enumerate(self.skus)}

    def take(self, rows: np.ndarray) -> ProductFacts:
        """Return the facts of some rows."""
        if len(rows) == len(self) and rows.dtype != bool and np.array_equal(rows, np.arange(len(self))):
            return self
        return ProductFacts(self.frame.iloc[rows], self.today, self.currency)

    def column(self, name: str, asked_by: str) -> pd.Series:
        """Return a column, or say which one was probably meant."""
        if name not in self.frame.columns:
            known = [str(one) for one in self.frame.columns[:30]]
            close = nearest(name, map(str, self.frame.columns))
            raise RuleError(
                f"{asked_by}: expected the products to have a column {name!r}, got "
                f"{', '.join(known)}{close or '. Add the column or change the rule'}"
            )
        return self.frame[name]

    def numbers(self, name: str, asked_by: str) -> np.ndarray:
        """Return a column of numbers, shape (n,); NaN where it is empty.

        Raises
        ------
        RuleError
            If the column is not there, or holds a value that is no finite number.
        """
        raw = self.column(name, asked_by)
        values = pd.to_numeric(raw, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = (np.isnan(values) & ~_empty(raw)) | np.isinf(values)
        if wrong.any():
            where = int(np.flatnonzero(wrong)[0])
            raise RuleError(
                f"{asked_by}: expected numbers in the column {name!r}, got {str(raw.iloc[where])[:80]!r} for "
                f"{self.skus[where]!r}. Correct it or leave it empty"
            )
        return values

    def costs(self, asked_by: str) -> np.ndarray:
        """Return unit costs, shape (n,); none may be missing.

        Raises
        ------
        RuleError
            If a cost is missing or negative.
        """
        costs = self.numbers("unit_cost", asked_by)
        bad = ~(costs >= 0)
        if bad.any():
            sku = self.skus[int(np.flatnonzero(bad)[0])]
            raise RuleError(
                f"{asked_by}: expected a unit_cost of 0 or more for every product it is about, got none for "
                f"{int(bad.sum()):,}, the first {sku!r}. Fill it in, or narrow the scope of the rule"
            )
        return costs

    def texts(self, name: str, asked_by: str) -> np.ndarray:
        """Return a column as text, shape (n,); ``""`` where it is empty."""
        raw = self.column(name, asked_by)
        return np.where(_empty(raw), "", raw.astype(str).str.strip().to_numpy(dtype=object))

    def flags(self, name: str, asked_by: str) -> np.ndarray:
        """Return a column of yes and no, shape (n,); 1, true, yes and x mean yes."""
        return np.array([text.lower() in _TRUE for text in self.texts(name, asked_by)], dtype=bool)

    def days_since(self, name: str, asked_by: str) -> np.ndarray:
        """Return days from a column of dates to today, shape (n,); NaN where it is empty.

        Raises
        ------
        RuleError
            If a value is no date.
        """
        raw = self.column(name, asked_by)
        days = pd.to_datetime(raw, errors="coerce", format="mixed", utc=True)
        wrong = days.isna().to_numpy() & ~_empty(raw)
        if wrong.any():
            where = int(np.flatnonzero(wrong)[0])
            raise RuleError(
                f"{asked_by}: expected dates such as 2026-12-24 in the column {name!r}, got "
                f"{str(raw.iloc[where])[:80]!r} for {self.skus[where]!r}. Correct it or leave it empty"
            )
        today = pd.Timestamp(self.today, tz="UTC")
        return ((today - days.dt.normalize()) / pd.Timedelta(days=1)).to_numpy(dtype=np.float64)

    def selected(self, scope: Scope, asked_by: str = "scope") -> np.ndarray:
        """Tell which products a scope is about, bool of shape (n,)."""
        chosen = np.ones(len(self), dtype=bool)
        exact: dict[str, Sequence[str]] = {"sku": scope.sku, "brand": scope.brand, **scope.where}
        for name, values in exact.items():
            if values:
                chosen &= np.isin(self.texts(name, asked_by).astype(str), np.array(values, dtype=str))
        if scope.category:
            paths = self.texts("category", asked_by)
            chosen &= np.array(
                [any(_below(path, top) for top in scope.category) for path in paths], dtype=bool
            )
        return chosen


def _below(path: str, top: str) -> bool:
    top = top.strip("/")
    return path == top or path.startswith(f"{top}/")


def _empty(raw: pd.Series) -> np.ndarray:
    missing = raw.isna().to_numpy()
    if raw.dtype == object or pd.api.types.is_string_dtype(raw.dtype):
        missing = missing | (raw.astype(str).str.strip() == "").to_numpy()
    return np.asarray(missing, dtype=bool)
