"""Price observations in: which seller asked which price for what, when; checked row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pricelm.catalog.column_names import normalized_name
from pricelm.catalog.currencies import currency_code
from pricelm.catalog.kinds import to_dates
from pricelm.catalog.money import parse_prices
from pricelm.catalog.readers import read_listings
from pricelm.catalog.rows import shorten
from pricelm.core.errors import ConfigError, DataError

OBSERVATION_ROLES = ("sku", "seller", "price", "observed_at", "currency")
_NAMES = {
    "sku": "sku their_sku product_id item_id product item barcode ean gtin upc 货号 商品编号",
    "seller": "seller shop competitor retailer store chain source 店铺 卖家",
    "price": "price sale_price selling_price unit_price 价格 售价",
    "observed_at": "observed_at date day seen_at timestamp time crawled_at 日期 时间",
    "currency": "currency currency_code 币种",
}
_REJECTED = ["row", "column", "value", "reason"]


@dataclass(frozen=True, eq=False)
class CheckedObservations:
    """Price observations that can be used.

    Parameters
    ----------
    rows : pandas.DataFrame
        sku, seller (str), price (float64), observed_at (datetime64[ns]).
    rejected : pandas.DataFrame
        The others: row, column, value, reason.
    currency : str
        ISO code of all prices, or ``""``.
    """

    rows: pd.DataFrame
    rejected: pd.DataFrame
    currency: str = ""


def read_observations(
    source: str | Path,
    *,
    now: pd.Timestamp,
    query: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> CheckedObservations:
    """Read and check observed prices.

    A row is rejected for a price that is zero or cannot be read, a missing sku, seller or date, a date after
    ``now``, a ``repeated row``, and a ``duplicated observation``: two prices of one offer at one time.

    Parameters
    ----------
    source : str or pathlib.Path
        As for :func:`pricelm.read_listings`.
    now : pandas.Timestamp
        Nothing can be observed later.
    query : str, optional
        SQL query, with a database address.
    columns : mapping, optional
        Role to column, where names do not tell.

    Returns
    -------
    CheckedObservations
        At least one row.

    Raises
    ------
    DataError
        If a column is missing, currencies are mixed, or no row can be used.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "seen.csv"
    >>> _ = path.write_text("sku,seller,price,date\\na,rival,2.50,2024-01-01\\na,rival,0,2024-01-02\\n")
    >>> seen = read_observations(path, now=pd.Timestamp("2024-01-03"))
    >>> len(seen.rows), seen.rejected["reason"].tolist()
    (1, ['price is zero'])
    """
    frame = read_listings(source, query=query)
    named = _columns(frame, columns or {}, str(source))
    reason, culprit = np.full(len(frame), "", dtype=object), np.full(len(frame), "", dtype=object)

    def reject(where: np.ndarray, role: str, why: str) -> None:
        fresh = np.asarray(where, dtype=bool) & (reason == "")
        reason[fresh], culprit[fresh] = why, named[role]

    rows = pd.DataFrame(index=frame.index)
    for role in ("sku", "seller"):
        rows[role] = (
            frame[named[role]].astype(object).where(frame[named[role]].notna(), "").astype(str).str.strip()
        )
        reject((rows[role] == "").to_numpy(), role, f"no {role}")
    amount, written, why = parse_prices(frame[named["price"]])
    for kind in sorted(set(why) - {""}):
        reject(why == kind, "price", f"price is {kind}")
    rows["price"], rows["observed_at"] = amount, to_dates(frame[named["observed_at"]])
    reject(rows["observed_at"].isna().to_numpy(), "observed_at", "not a date")
    reject((rows["observed_at"] > now).to_numpy(), "observed_at", "observed in the future")
    for keys, text in (
        (["sku", "seller", "price", "observed_at"], "repeated row"),
        (["sku", "seller", "observed_at"], "duplicated observation: several prices of one offer at one time"),
    ):
        usable = reason == ""
        again = np.zeros(len(rows), dtype=bool)
        again[usable] = rows.loc[usable, keys].duplicated(keep="first" if len(keys) == 4 else False)
        reject(again, "observed_at", text)
    kept = reason == ""
    rejected = _rejected(frame, reason, culprit)
    if not kept.any():
        raise DataError(
            f"{source}: none of {len(frame):,} observations can be used, most often because of: "
            f"{rejected['reason'].value_counts().index[0]}"
        )
    currency = _currency(frame, named, written, kept, str(source))
    return CheckedObservations(rows.loc[kept].reset_index(drop=True), rejected, currency)


def _columns(frame: pd.DataFrame, said: Mapping[str, str], source: str) -> dict[str, str]:
    named: dict[str, str] = {}
    have = [str(name) for name in frame.columns]
    for role, column in said.items():
        if role not in OBSERVATION_ROLES:
            raise ConfigError(f"expected a role of {', '.join(OBSERVATION_ROLES)}, got {role!r}")
        if column not in have:
            raise DataError(f"{source}: expected a column {column!r} for {role}, got {', '.join(have[:30])}")
        named[role] = column
    by_name = {normalized_name(column): column for column in reversed(have)}
    for role, names in _NAMES.items():
        found = [
            by_name[name] for name in names.split() if name in by_name and by_name[name] not in named.values()
        ]
        if role not in named and found:
            named[role] = found[0]
    missing = [role for role in OBSERVATION_ROLES[:4] if role not in named]
    if missing:
        raise DataError(
            f"{source}: expected observations with a column of {' and of '.join(missing)}, got "
            f"{', '.join(have[:30])}. Name it: --column {missing[0]}=COLUMN"
        )
    return named


def _currency(
    frame: pd.DataFrame, named: Mapping[str, str], written: np.ndarray, kept: np.ndarray, source: str
) -> str:
    stated = written
    if "currency" in named:
        texts = frame[named["currency"]].fillna("").astype(str)
        codes = texts.map({text: currency_code(text) or text.strip().upper() for text in texts.unique()})
        stated = np.where(codes.to_numpy() == "", written, codes.to_numpy())
    found = sorted({str(code) for code in stated[kept]} - {""})
    if len(found) > 1:
        raise DataError(
            f"currency mix: {source}: expected one currency, got {', '.join(found[:5])}. Compare each by "
            "itself, or convert them"
        )
    return found[0] if found else ""


def _rejected(frame: pd.DataFrame, reason: np.ndarray, culprit: np.ndarray) -> pd.DataFrame:
    out = np.flatnonzero(reason != "")
    values = [shorten(frame[culprit[at]].iloc[at]) for at in out]
    rows = pd.DataFrame(
        {"row": frame.index[out], "column": culprit[out], "value": values, "reason": reason[out]},
        columns=_REJECTED,
    )
    ragged = pd.DataFrame(list(frame.attrs.get("rejected", [])), columns=_REJECTED)
    both = [part for part in (ragged, rows) if len(part)]
    return pd.concat(both, ignore_index=True) if both else rows
