"""One pass over a table of listings: what each value becomes, and which rows are out, with the reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.cleaning import clean_column
from pricelm.catalog.column_map import ROLES, ColumnMap
from pricelm.catalog.currencies import currency_code, currency_in_name
from pricelm.catalog.kinds import to_dates, to_numbers
from pricelm.catalog.money import parse_prices
from pricelm.catalog.rows import shorten
from pricelm.core.errors import DataError

LONGEST_TEXT = 20_000
HIGHEST_PRICE = 1e9
_FAR_ABOVE = 1_000
_FAR_ABOVE_QUANTILE = 0.999
# Fewer prices than this say nothing about what is usual.
_FAR_ABOVE_MIN_ROWS = 20
_TEXT_ROLES = ("title", "description", "brand", "category", "condition")
# What a price can be told from; the picture is not among it, because it may turn out to be unusable.
_TELLING_ROLES = _TEXT_ROLES


@dataclass
class RowCheck:
    """The state of one check: which rows are out, and why."""

    frame: pd.DataFrame
    columns: ColumnMap
    training: bool
    warnings: list[str] = field(default_factory=list)
    currency: str = ""

    def __post_init__(self) -> None:
        encoding = str(self.frame.attrs.get("encoding", ""))
        if "some lines" in encoding:
            self.warnings.append(f"not all of the file is UTF-8; it was read as {encoding}")
        # Later steps look at values only; without attrs pandas has less to carry along.
        self.frame = self.frame.copy(deep=False)
        self.frame.attrs = {}
        rows = len(self.frame)
        self.reason = np.full(rows, "", dtype=object)
        self.culprit = np.full(rows, "", dtype=object)
        self._check_columns()

    def _check_columns(self) -> None:
        missing = [name for name in self.columns.read_columns() if name not in self.frame.columns]
        if not self.training:
            missing = [name for name in missing if name != self.columns.price]
        if missing and self.training:
            raise DataError(
                f"expected the columns {missing}, got {list(map(str, self.frame.columns))[:30]}. Name the "
                "columns as they are in the file"
            )
        if missing:
            self.warnings.append(f"missing columns, taken as empty: {', '.join(missing)}")

    def source(self, column: str | None) -> pd.Series | None:
        return self.frame[column] if column is not None and column in self.frame.columns else None

    def reject(self, rows: np.ndarray, column: str | None, reason: str) -> None:
        """Put rows out, unless an earlier reason has done so."""
        fresh = rows & (self.reason == "")
        self.reason[fresh] = reason
        self.culprit[fresh] = column or ""

    def texts(self) -> pd.DataFrame:
        """Return the frame of canonical columns other than the price."""
        made: dict[str, Any] = {}
        for role in ROLES:
            source = self.source(getattr(self.columns, role))
            if role == "listing_id":
                made[role] = self._ids(source)
            elif role == "listed_at":
                made[role] = self._dates(source)
            elif role == "image":
                made[role] = self._places(source)
            elif role in _TEXT_ROLES:
                made[role] = self._text(source)
        return pd.DataFrame(made, index=self.frame.index)

    def _text(self, source: pd.Series | None) -> pd.Series | str:
        if source is None:
            return ""
        texts = clean_column(source)
        long = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) > LONGEST_TEXT
        if long.any():
            count = f"{int(long.sum()):,} texts"
            self.warnings.append(f"{count} of {source.name!r} were cut at {LONGEST_TEXT:,} characters")
            texts[long] = texts[long].str.slice(0, LONGEST_TEXT)
        return texts

    def _places(self, source: pd.Series | None) -> pd.Series | str:
        """Return paths and links as they are: to clean one is to name another file."""
        if source is None:
            return ""
        return source.astype(object).where(source.notna(), "").astype(str).str.strip()

    def _ids(self, source: pd.Series | None) -> pd.Series:
        rows = pd.Series(self.frame.index.astype(str), index=self.frame.index, dtype=object)
        if source is None:
            return rows
        ids = clean_column(source)
        ids = ids.where(ids != "", rows)
        repeated = int(ids.duplicated().sum())
        if repeated:
            self.warnings.append(f"{repeated:,} rows repeat an earlier {source.name!r}; it is not unique")
        return ids

    def _dates(self, source: pd.Series | None) -> pd.Series:
        if source is None:
            return pd.Series(pd.NaT, index=self.frame.index, dtype="datetime64[ns]")
        dates = to_dates(source)
        unread = int((dates.isna() & source.notna()).sum())
        if unread:
            self.warnings.append(f"{unread:,} values of {source.name!r} are not dates and were left empty")
        return dates

    def prices(self, listings: pd.DataFrame, expected: str | None) -> np.ndarray | None:
        """Add price and currency; reject rows without a usable price when training."""
        source = self.source(self.columns.price)
        stated = self._stated_currency()
        if source is None:
            self._settle_currency(listings, stated, expected)
            return None
        amount, written, reason = parse_prices(source)
        stated = np.where(stated == "", written, stated)
        if self.columns.price and not (stated != "").any():
            stated = np.where(np.isfinite(amount), currency_in_name(self.columns.price), "").astype(object)
        if self.training:
            for kind in sorted(set(reason) - {""}):
                self.reject(reason == kind, self.columns.price, f"price is {kind}")
        listings["price"] = amount
        self._settle_currency(listings, stated, expected)
        return amount

    def _stated_currency(self) -> np.ndarray:
        source = self.source(self.columns.currency)
        if source is None:
            return np.full(len(self.frame), "", dtype=object)
        texts = clean_column(source)
        codes = {text: currency_code(text) for text in texts.unique()}
        unknown = sorted(text for text, code in codes.items() if code is None)
        if unknown:
            shown = ", ".join(map(shorten, unknown[:5]))
            self.warnings.append(f"unknown currencies in {source.name!r}: {shown}")
        return texts.map({text: text if code is None else code for text, code in codes.items()}).to_numpy()

    def _settle_currency(self, listings: pd.DataFrame, stated: np.ndarray, expected: str | None) -> None:
        usable = stated[(self.reason == "") & (stated != "")]
        expected = currency_code(expected or "") or expected
        self.currency = expected or (Counter(usable).most_common(1)[0][0] if len(usable) else "")
        listings["currency"] = np.where(stated == "", self.currency, stated).astype(object)
        other = (stated != "") & (stated != self.currency)
        if not other.any():
            return
        culprit = self.columns.currency or self.columns.price
        if self.training:
            self.reject(other, culprit, f"currency is not {self.currency}")
        else:
            self.warnings.append(f"{int(other.sum()):,} rows are in another currency than {self.currency}")

    def attributes(self, listings: pd.DataFrame) -> None:
        """Add the attributes in their kinds."""
        made: dict[str, Any] = {}
        for name in self.columns.numeric:
            source = self.source(name)
            made[self.columns.checked_name(name)] = np.nan if source is None else to_numbers(source)
        for name in (*self.columns.categorical, *self.columns.text):
            made[self.columns.checked_name(name)] = self._text(self.source(name))
        for name, values in made.items():
            listings[name] = values

    def reject_empty(self, listings: pd.DataFrame) -> None:
        """Reject rows that have nothing to tell a price from."""
        telling = np.zeros(len(listings), dtype=bool)
        named = map(self.columns.checked_name, (*self.columns.categorical, *self.columns.text))
        for name in (*_TELLING_ROLES, *named):
            telling |= (listings[name] != "").to_numpy()
        for name in map(self.columns.checked_name, self.columns.numeric):
            telling |= listings[name].notna().to_numpy()
        self.reject(~telling, "", "no text and no attribute")

    def reject_absurd(self, price: np.ndarray) -> None:
        """Reject prices that can only be errors."""
        self.reject(price > HIGHEST_PRICE, self.columns.price, f"price is absurd: above {HIGHEST_PRICE:,.0f}")
        usable = price[self.reason == ""]
        if len(usable) < _FAR_ABOVE_MIN_ROWS:
            return
        # The lower of the two neighbours, so that one wild price among a few hundred is not its own measure.
        usual = float(np.quantile(usable, _FAR_ABOVE_QUANTILE, method="lower"))
        rule = f"above {_FAR_ABOVE:,} times the {_FAR_ABOVE_QUANTILE:.1%} quantile {usual:g}"
        self.reject(price > _FAR_ABOVE * usual, self.columns.price, f"price is absurd: {rule}")

    def rejected_rows(self) -> pd.DataFrame:
        """Return the rows that are out, with columns row, column, value and reason."""
        positions = np.flatnonzero(self.reason != "")
        culprits = self.culprit[positions]
        values = np.full(len(positions), "", dtype=object)
        for name in set(culprits) - {""}:
            blamed = culprits == name
            source = self.frame[name].to_numpy(dtype=object)
            values[blamed] = [shorten(value) for value in source[positions[blamed]]]
        return pd.DataFrame(
            {
                "row": self.frame.index[positions],
                "column": culprits,
                "value": values,
                "reason": self.reason[positions],
            }
        )
