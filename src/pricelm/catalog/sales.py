"""Sales in: checked rows of what was sold where, when, at which price, and a name for what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from pricelm.catalog.currencies import currency_code, currency_in_name
from pricelm.catalog.kinds import to_dates, to_numbers
from pricelm.catalog.money import parse_prices
from pricelm.catalog.readers import read_listings
from pricelm.catalog.rows import shorten
from pricelm.catalog.sales_columns import SalesColumns, infer_sales_columns
from pricelm.core.errors import DataError

MOST_UNITS = 1e9
_JUMP = 8.0
_REPEATED = "repeated row"
_YES = frozenset({"1", "true", "yes", "y", "t", "是", "有"})
_NO = frozenset({"0", "false", "no", "n", "f", "", "none", "nan", "否", "无"})
_WHERE = ("sku", "store", "date")
_REJECTED_COLUMNS = ["row", "column", "value", "reason"]


@dataclass(frozen=True)
class CheckedSales:
    """Sales that can be used.

    Parameters
    ----------
    sales : pandas.DataFrame
        sku, store, category (str), date (datetime64[ns]), price, units (float64), then regular_price,
        on_hand, unit_cost, competitor_price (float64) and customer (str) where the table has them, and the
        promotion columns as float64 under their own names; index is the source's row number.
    promotions : tuple of str
        The promotion columns.
    rejected : pandas.DataFrame
        The other rows: row, column, value, reason.
    refusals : dict of str to str
        Product to why nothing may be concluded from its rows: it starts with the name of the refusal.
    warnings : list of str
        What was kept but should be known.
    currency : str
        ISO code of the prices, or ``""``.
    lost : pandas.DataFrame
        sku, store and date of the rejected rows that name them: what was sold there is not known, which is
        not the same as nothing.
    """

    sales: pd.DataFrame
    promotions: tuple[str, ...]
    rejected: pd.DataFrame
    refusals: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    currency: str = ""
    lost: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(_WHERE)))

    @property
    def counts(self) -> dict[str, int]:
        """Number of rejected rows by reason."""
        kinds = self.rejected["reason"].str.split(":").str[0]
        return {str(kind): int(count) for kind, count in kinds.value_counts().items()}


def read_sales(
    source: str | Path, *, query: str | None = None, columns: Mapping[str, str | Sequence[str]] | None = None
) -> CheckedSales:
    """Read and check a file or query of sales.

    Parameters
    ----------
    source : str or pathlib.Path
        As for :func:`pricelm.read_listings`.
    query : str, optional
        SQL query, with a URL.
    columns : mapping, optional
        Role to column, where names do not tell.

    Returns
    -------
    CheckedSales
        Usable rows, the others with their reason, and products that are refused.

    Raises
    ------
    DataError
        If the table cannot be read or has no usable row.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "sales.csv"
    >>> _ = path.write_text("sku,date,price,units\\na,2024-01-01,2.50,9\\na,2024-01-08,2.50,-1\\n")
    >>> checked = read_sales(path)
    >>> len(checked.sales), checked.counts
    (1, {'negative units': 1})
    """
    frame = read_listings(source, query=query)
    return check_sales(frame, infer_sales_columns(frame, columns))


def check_sales(frame: pd.DataFrame, columns: SalesColumns) -> CheckedSales:
    """Check sales row by row, then product by product.

    A row is rejected for a price or date that cannot be read, ``negative units`` (returns) and a
    ``duplicated week``: two rows for one product, store and date, of which no one can say which is right
    (with a column of customers they are purchases, and all count). A product is refused for a ``currency
    change`` or a ``unit change``: its prices before and after do not mean the same.

    Parameters
    ----------
    frame : pandas.DataFrame
        Sales as read; ``attrs["rejected"]`` is counted in.
    columns : SalesColumns
        The role of each column.

    Returns
    -------
    CheckedSales
        As described there.

    Raises
    ------
    DataError
        If no row is left.
    """
    check = _Check(frame, columns)
    sales = check.read()
    check.reject_duplicates(sales)
    kept = check.reason == ""
    rejected = check.rejected_rows()
    # of a row that merely stands there twice, one was kept
    lost = sales.loc[~kept & (check.reason != _REPEATED) & (sales["sku"] != ""), list(_WHERE)].dropna()
    sales = sales.loc[kept]
    if sales.empty:
        first = rejected["reason"].value_counts().index[0] if len(rejected) else "none were read"
        raise DataError(
            f"expected sales with a product, a date, a price and units, but none of {len(frame):,} rows is "
            f"usable, most often because of: {first}. Check the columns {columns.to_dict()}"
        )
    currency = check.settle_currency(kept)
    refusals = unit_changes(sales) | check.changes(kept)
    return CheckedSales(sales, columns.promotions, rejected, refusals, check.warnings, currency, lost)


class _Check:
    """The rows of one table: which are out, and why."""

    def __init__(self, frame: pd.DataFrame, columns: SalesColumns) -> None:
        self.frame, self.columns = frame, columns
        self.reason = np.full(len(frame), "", dtype=object)
        self.culprit = np.full(len(frame), "", dtype=object)
        self.currency = np.full(len(frame), "", dtype=object)
        self.warnings: list[str] = []

    def reject(self, where: np.ndarray, column: str, reason: str) -> None:
        fresh = where & (self.reason == "")
        self.reason[fresh], self.culprit[fresh] = reason, column

    def read(self) -> pd.DataFrame:
        columns, frame = self.columns, self.frame
        sales = pd.DataFrame(index=frame.index)
        sales["sku"] = self._text(columns.sku)
        sales["store"] = self._text(columns.store) if columns.store else ""
        sales["category"] = self._text(columns.category) if columns.category else ""
        sales["date"] = to_dates(frame[columns.date])
        amount, written, reason = parse_prices(frame[columns.price])
        units = to_numbers(frame[columns.units])
        self.reject((sales["sku"] == "").to_numpy(), columns.sku, "no product")
        self.reject(sales["date"].isna().to_numpy(), columns.date, "not a date")
        for kind in sorted(set(reason) - {""}):
            self.reject(reason == kind, columns.price, f"price is {kind}")
        self.reject(np.isnan(units), columns.units, "units are not a number")
        self.reject(units < 0, columns.units, "negative units")
        self.reject(units > MOST_UNITS, columns.units, f"units are absurd: above {MOST_UNITS:,.0f}")
        sales["price"], sales["units"] = amount, units
        self._further(sales)
        self._currencies(written)
        return sales

    def _further(self, sales: pd.DataFrame) -> None:
        for role in ("regular_price", "unit_cost", "competitor_price"):
            column = getattr(self.columns, role)
            if column:
                sales[role] = parse_prices(self.frame[column])[0]
        if self.columns.on_hand:
            sales["on_hand"] = to_numbers(self.frame[self.columns.on_hand])
        if self.columns.customer:
            sales["customer"] = self._text(self.columns.customer)
        for column in self.columns.promotions:
            sales[column] = _flag(self.frame[column])
        if "unit_cost" in sales:
            above = float((sales["unit_cost"] >= sales["price"]).mean())
            if above > 0:
                self.warnings.append(
                    f"costs above prices: in {above:.1%} of the rows the unit cost is not below"
                )

    def _text(self, column: str) -> pd.Series:
        source = self.frame[column]
        return source.astype(object).where(source.notna(), "").astype(str).str.strip()

    def _currencies(self, written: np.ndarray) -> None:
        if self.columns.currency:
            texts = self._text(self.columns.currency)
            codes = {text: currency_code(text) or text for text in texts.unique()}
            self.currency = texts.map(codes).to_numpy(dtype=object)
        else:
            self.currency = np.where(written == "", currency_in_name(self.columns.price), written)

    def settle_currency(self, kept: np.ndarray) -> str:
        stated = self.currency[kept]
        stated = stated[stated != ""]
        return str(pd.Series(stated).value_counts().index[0]) if len(stated) else ""

    def changes(self, kept: np.ndarray) -> dict[str, str]:
        """Return the products whose currency or unit of measure changes."""
        refusals: dict[str, str] = {}
        sku = self._text(self.columns.sku).to_numpy()[kept]
        if self.columns.unit:
            units = self._text(self.columns.unit).str.lower().to_numpy()[kept]
            refusals |= _several("unit change", sku, units)
        stated = self.currency[kept]
        usual = self.settle_currency(kept)
        foreign = (stated != "") & (stated != usual)
        for product in np.unique(sku[foreign]):
            codes = sorted(set(stated[sku == product]) - {""})
            refusals[str(product)] = (
                f"currency change: prices in {' and '.join(codes)}, the others in {usual}"
            )
        return refusals

    def reject_duplicates(self, sales: pd.DataFrame) -> None:
        if self.columns.customer:
            return
        usable = self.reason == ""
        key = ["sku", "store", "date"]
        twice = np.zeros(len(sales), dtype=bool)
        twice[usable] = sales.loc[usable, key].duplicated(keep=False).to_numpy()
        if not twice.any():
            return
        repeated = np.zeros(len(sales), dtype=bool)
        repeated[usable] = sales.loc[usable].duplicated().to_numpy()
        self.reject(repeated, self.columns.date, _REPEATED)
        usable &= ~repeated
        twice[:] = False
        twice[usable] = sales.loc[usable, key].duplicated(keep=False).to_numpy()
        self.reject(twice, self.columns.date, "duplicated week: several rows for one product, store and date")

    def rejected_rows(self) -> pd.DataFrame:
        out = np.flatnonzero(self.reason != "")
        values = [shorten(self.frame[self.culprit[at]].iloc[at]) for at in out]
        rows = pd.DataFrame(
            {
                "row": self.frame.index[out],
                "column": self.culprit[out],
                "value": values,
                "reason": self.reason[out],
            },
            columns=_REJECTED_COLUMNS,
        )
        ragged = pd.DataFrame(list(self.frame.attrs.get("rejected", [])), columns=_REJECTED_COLUMNS)
        both = [part for part in (ragged, rows) if len(part)]
        return pd.concat(both, ignore_index=True) if both else rows


def _flag(source: pd.Series) -> np.ndarray:
    """Read yes/no, 0/1 or a share; an unknown word counts as yes: something was going on."""
    numbers = to_numbers(source)
    texts = source.astype(object).where(source.notna(), "").astype(str).str.strip().str.lower()
    words = np.where(texts.isin(_YES), 1.0, np.where(texts.isin(_NO), 0.0, 1.0))
    return np.where(np.isfinite(numbers), numbers, words)


def _several(name: str, sku: np.ndarray, values: np.ndarray) -> dict[str, str]:
    pairs = pd.DataFrame({"sku": sku, "value": values}).query("value != ''").drop_duplicates()
    counts = pairs.groupby("sku")["value"].agg(list)
    return {
        str(key): f"{name}: {' and '.join(sorted(found))}" for key, found in counts.items() if len(found) > 1
    }


def unit_changes(sales: pd.DataFrame) -> dict[str, str]:
    """Return the products whose price moves by a factor that only another unit or currency explains.

    Parameters
    ----------
    sales : pandas.DataFrame
        sku and price.

    Returns
    -------
    dict of str to str
        Product to the refusal.
    """
    spread = sales.groupby("sku")["price"].agg(["min", "max"])
    wild = spread[spread["max"] > _JUMP * spread["min"]]
    return {
        str(sku): f"unit change: prices from {row['min']:g} to {row['max']:g} do not mean the same unit"
        for sku, row in wild.iterrows()
    }
