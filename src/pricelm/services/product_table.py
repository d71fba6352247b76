"""Tables of products with prices, costs and demand: read, checked row by row, made into facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from pricelm.catalog.column_names import normalized_name
from pricelm.catalog.currencies import currency_code
from pricelm.catalog.kinds import to_numbers
from pricelm.catalog.money import parse_prices
from pricelm.catalog.readers import read_listings, shown_source
from pricelm.core.errors import ConfigError, DataError, LimitError
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.settings import nearest

ROLES = (
    "sku", "price", "unit_cost", "units", "own_price_elasticity", "elasticity_se", "price_low", "price_high",
    "currency", "category", "brand",
)  # fmt: skip
MOST_PRODUCTS = 200_000
_DEMAND = ("units", "own_price_elasticity", "elasticity_se", "price_low", "price_high")
_ALIASES = {"elasticity": "own_price_elasticity", "cost": "unit_cost", "current_price": "price"}
_STEEPEST = 50.0


@dataclass(frozen=True)
class ProductTable:
    """Checked products.

    Parameters
    ----------
    facts : ProductFacts
        What is known of them, with demand in columns of the standard names.
    rejected : pandas.DataFrame
        Rows that cannot be used: row, column, value, reason.
    warnings : list of str
        What should be known.
    """

    facts: ProductFacts
    rejected: pd.DataFrame
    warnings: list[str]


def read_products(
    source: str | Path,
    *,
    query: str | None = None,
    columns: Mapping[str, str] | None = None,
    today: date | None = None,
    demand: str | Path | None = None,
    need_demand: bool = True,
    need_cost: bool = True,
) -> ProductTable:
    """Read and check a table of products.

    Parameters
    ----------
    source : str or pathlib.Path
        File or database address with the columns sku and price, and others by need.
    query : str, optional
        SQL query, with a database address.
    columns : mapping, optional
        Standard name to the name in the table.
    today : datetime.date, optional
        The day that rules count from.
    demand : str or pathlib.Path, optional
        Table of demand with the same skus, where the products have no such columns themselves.
    need_demand, need_cost : bool, default True
        Whether rows without are rejected.

    Returns
    -------
    ProductTable
        At least one product.

    Raises
    ------
    DataError
        If a needed column is missing, the currency changes, or no row can be used.
    LimitError
        If there are more than 200,000 products.
    """
    name = shown_source(source)
    frame = _named(read_listings(source, query=query), columns or {}, name)
    if len(frame) > MOST_PRODUCTS:
        raise LimitError(
            f"{name}: expected at most {MOST_PRODUCTS:,} products, got {len(frame):,}. Split them by "
            "category, or use solve_blocks in Python, which takes any number"
        )
    broken = pd.DataFrame(frame.attrs.get("rejected", []), columns=["row", "column", "value", "reason"])
    needed = ["sku", "price", *(["unit_cost"] if need_cost else [])]
    if demand is not None:
        frame = _with_demand(frame, demand)
    if need_demand:
        needed += ["units", "own_price_elasticity"]
    _check_columns(frame, needed, name)
    frame.attrs = {}
    check = _Check(frame.reset_index(names="row"))
    currency = check.prices()
    check.identities()
    check.numbers(need_demand=need_demand, need_cost=need_cost)
    kept, rejected = check.split()
    if kept.empty:
        first = rejected.iloc[0]
        raise DataError(
            f"{name}: none of {len(frame):,} products can be used; the first because {first['column']!r} "
            f"{first['reason']}, got {first['value']!r}"
        )
    facts = ProductFacts(kept.reset_index(drop=True), today or date.today(), currency)
    return ProductTable(facts, pd.concat([broken, rejected], ignore_index=True), check.warnings)


def _named(frame: pd.DataFrame, columns: Mapping[str, str], source: str) -> pd.DataFrame:
    """Give the columns of known roles their standard names."""
    attrs = dict(frame.attrs)
    wanted: dict[str, str] = {}
    for role, name in columns.items():
        if role not in ROLES:
            raise ConfigError(f"expected a role of {', '.join(ROLES)}, got {role!r}{nearest(role, ROLES)}")
        if name not in frame.columns:
            close = nearest(name, map(str, frame.columns))
            raise DataError(f"{source}: expected a column {name!r} for {role}, and it is not there{close}")
        wanted[name] = role
    for name in map(str, frame.columns):
        plain = normalized_name(name)
        role = _ALIASES.get(plain, plain)
        taken = role in wanted.values() or (role != name and role in frame.columns)
        if role in ROLES and not taken and name not in wanted:
            wanted[name] = role
    frame = frame.rename(columns={name: role for name, role in wanted.items() if name != role})
    frame = frame.loc[:, ~frame.columns.duplicated()]
    frame.attrs = attrs
    return frame


def _check_columns(frame: pd.DataFrame, needed: list[str], source: str) -> None:
    for name in needed:
        if name not in frame.columns:
            close = nearest(name, map(str, frame.columns))
            hint = close or f". Name it with --column {name}=COLUMN"
            if name in _DEMAND:
                hint = f"{close}. `pricelm demand` learns it from sales: give its table with --demand"
            raise DataError(
                f"{source}: expected a column {name!r}, got {', '.join(map(str, frame.columns[:30]))}{hint}"
            )


def _with_demand(frame: pd.DataFrame, demand: str | Path) -> pd.DataFrame:
    """Join the demand of each sku; its reference price becomes ``demand_price``."""
    table = _named(read_listings(demand), {}, str(demand))
    _check_columns(table, ["sku", "price", "units", "own_price_elasticity"], str(demand))
    table["sku"] = table["sku"].astype(str).str.strip()
    repeated = table["sku"].duplicated()
    if repeated.any():
        sku = table.loc[repeated, "sku"].iloc[0]
        raise DataError(f"{demand}: expected every sku once, got {sku!r} again. Keep one row a product")
    own = [name for name in ("price", *_DEMAND, "refusal") if name in table.columns]
    table = table[["sku", *own]].rename(columns={"price": "demand_price"})
    frame = frame.drop(columns=[name for name in table.columns if name != "sku" and name in frame.columns])
    frame["sku"] = frame["sku"].astype(str).str.strip()
    rows = frame.index
    joined = frame.merge(table, on="sku", how="left")
    joined.index = rows
    return joined


class _Check:
    """Looks at every row once, and remembers the first reason against it."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame, self.raw = frame, frame.copy(deep=False)
        self.reason = np.full(len(frame), "", dtype=object)
        self.culprit = np.full(len(frame), "", dtype=object)
        self.warnings: list[str] = []

    def reject(self, rows: np.ndarray, column: str, reason: str) -> None:
        fresh = rows & (self.reason == "")
        self.reason[fresh], self.culprit[fresh] = reason, column

    def prices(self) -> str:
        """Read current prices and find the one currency of all.

        Raises
        ------
        DataError
            If there are several currencies.
        """
        amount, written, reason = parse_prices(self.frame["price"])
        for kind in sorted(set(reason) - {""}):
            self.reject(reason == kind, "price", f"price is {kind}")
        self.frame["price"] = amount
        stated = written
        if "currency" in self.frame.columns:
            texts = self.frame["currency"].fillna("").astype(str)
            codes = texts.map({text: currency_code(text) or text.strip().upper() for text in texts.unique()})
            stated = np.where(codes.to_numpy() == "", written, codes.to_numpy())
        found = sorted({str(code) for code in stated[self.reason == ""]} - {""})
        if len(found) > 1:
            raise DataError(
                f"expected one currency, got {', '.join(found[:5])}: sums over products would mean nothing. "
                "Price each currency by itself, or convert them"
            )
        return found[0] if found else ""

    def identities(self) -> None:
        """Reject products without a sku, and all of those that share one."""
        sku = self.frame["sku"].fillna("").astype(str).str.strip()
        self.frame["sku"] = sku
        self.reject((sku == "").to_numpy(), "sku", "sku is missing")
        self.reject(sku.duplicated(keep=False).to_numpy(), "sku", "sku is in several rows")

    def numbers(self, *, need_demand: bool, need_cost: bool) -> None:
        """Read costs and demand."""
        if "unit_cost" in self.frame.columns:
            cost = self._money("unit_cost")
            if need_cost:
                self.reject(np.isnan(cost), "unit_cost", "unit_cost is missing or no number of 0 or more")
            self.reject(
                cost >= self.frame["price"].to_numpy(), "unit_cost", "unit_cost is not below the price"
            )
        if not need_demand:
            return
        for name in _DEMAND:
            if name in self.frame.columns:
                self._number(name)
        frame = self.frame
        units, slope = frame["units"].to_numpy(), frame["own_price_elasticity"].to_numpy()
        self.reject(~(units >= 0), "units", "units are missing, negative or no number")
        self.reject(np.isnan(slope), "own_price_elasticity", "own_price_elasticity is missing or no number")
        self.reject(slope >= 0, "own_price_elasticity", "own_price_elasticity is not below 0")
        self.reject(
            slope < -_STEEPEST, "own_price_elasticity", f"own_price_elasticity is below -{_STEEPEST:g}"
        )
        if "elasticity_se" in frame.columns:
            self.reject(frame["elasticity_se"].to_numpy() < 0, "elasticity_se", "elasticity_se is negative")
        if "price_low" in frame.columns and "price_high" in frame.columns:
            low, high = frame["price_low"].to_numpy(), frame["price_high"].to_numpy()
            self.reject((low > high) | (low <= 0), "price_low", "price_low is not up to price_high")
        if "demand_price" in frame.columns:
            self._number("demand_price")
            bad = ~(self.frame["demand_price"].to_numpy() > 0)
            self.reject(bad, "sku", "no demand is known for the sku")

    def _money(self, name: str) -> np.ndarray:
        amount, _, reason = parse_prices(self.frame[name])
        values = np.where(reason == "zero", 0.0, amount)
        self.frame[name] = values
        return values

    def _number(self, name: str) -> None:
        raw = self.frame[name]
        plain = pd.to_numeric(raw, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        values = np.where(np.isfinite(plain), plain, np.nan)
        if np.isnan(values).any() and not pd.api.types.is_numeric_dtype(raw.dtype):
            values = np.where(np.isnan(values), to_numbers(raw), values)
        self.frame[name] = values

    def split(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the rows to use, and the others with the reason."""
        out = self.reason != ""
        values = [
            str(self.raw[column].iloc[row])[:200]
            for row, column in zip(np.flatnonzero(out), self.culprit[out], strict=True)
        ]
        rejected = pd.DataFrame(
            {
                "row": self.frame["row"][out],
                "column": self.culprit[out],
                "value": values,
                "reason": self.reason[out],
            }
        )
        return self.frame.loc[~out].drop(columns="row"), rejected
