"""What the market showed goes into the store: listings, observed prices, sales; the rest is told by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.column_names import normalized_name
from pricelm.catalog.columns import infer_columns
from pricelm.catalog.currencies import currency_code
from pricelm.catalog.kinds import to_dates
from pricelm.catalog.money import parse_prices
from pricelm.catalog.readers import read_chunks
from pricelm.catalog.sales import read_sales
from pricelm.core.errors import DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.services.recording import plain
from pricelm.services.rejections import RejectedRows
from pricelm.services.store_admin import StorePlace, opened_store
from pricelm.storage.base import to_amount
from pricelm.storage.database import Store
from pricelm.storage.market import SeenPrice, put_listings, put_observations, put_sales

_REJECTED = ["row", "column", "value", "reason"]
_LONGEST = {"sku": 200, "seller": 200, "brand": 200, "category": 400, "condition": 80}


@dataclass(frozen=True)
class LoadRequest:
    """What is read into a store.

    Parameters
    ----------
    kind : {"listings", "observations", "sales"}
        What the rows are.
    source : str or pathlib.Path
        File or database address.
    query : str, optional
        SQL query, with a database address.
    folder : pathlib.Path, default the current one
        Where ``rejected.csv`` goes.
    """

    kind: str
    source: str | Path
    query: str | None = None
    folder: Path = Path()


@dataclass(frozen=True)
class LoadResult:
    """What was read.

    Parameters
    ----------
    kind : str
        What the rows are.
    rows : int
        Rows that are in the store now.
    rejected : pathlib.Path or None
        The others, with their reason.
    rejected_counts : dict of str to int
        Their number by reason.
    """

    kind: str
    rows: int
    rejected: Path | None
    rejected_counts: dict[str, int]


def load_market(place: StorePlace, request: LoadRequest, progress: Progress = Silence()) -> LoadResult:
    """Read listings, observations or sales into a store; reading the same file again changes nothing.

    Parameters
    ----------
    place : str or Store
        The store, by its address or open.
    request : LoadRequest
        What is read.
    progress : Progress
        Told how many rows are in.

    Returns
    -------
    LoadResult
        How many rows came in, and which did not.

    Raises
    ------
    DataError
        If the table cannot be read, lacks a column, or has no usable row.
    StoreError
        If the store cannot be used; chunks that were read before stay.
    """
    loaders: dict[str, Callable[[Store, LoadRequest, RejectedRows], Iterator[int]]] = {
        "listings": _listings,
        "observations": _observations,
        "sales": _sales,
    }
    if request.kind not in loaders:
        raise DataError(f"expected {', '.join(loaders)}, got {request.kind!r}")
    count = 0
    with opened_store(place) as store, RejectedRows(request.folder / "load") as rejected:
        progress.start(f"reading {request.kind}", 0)
        for rows in loaders[request.kind](store, request, rejected):
            count += rows
            progress.advance(rows)
        if not count:
            reasons = "; ".join(rejected.counts) or "there are none"
            raise DataError(f"{_shown(request)}: expected usable rows, got none: {reasons}")
    return LoadResult(request.kind, count, rejected.written, dict(rejected.counts))


def _observations(store: Store, request: LoadRequest, rejected: RejectedRows) -> Iterator[int]:
    for frame in read_chunks(request.source, query=request.query, chunk_rows=20_000):
        names = {normalized_name(str(name)): name for name in frame.columns}
        missing = [one for one in ("sku", "seller", "price", "observed_at") if one not in names]
        if missing:
            raise DataError(
                f"{_shown(request)}: expected the columns sku, seller, price and observed_at, got "
                f"{', '.join(map(str, frame.columns[:30]))}: {missing[0]} is missing"
            )
        check = _Rows(frame)
        sku = check.text(names["sku"], "sku")
        seller = check.text(names["seller"], "seller")
        price, written = check.price(names["price"])
        times = to_dates(frame[names["observed_at"]])
        check.reject(times.isna().to_numpy(), names["observed_at"], "not a time")
        currency = check.currency(names.get("currency"), written)
        rejected.add(check.rejected())
        seen = [
            SeenPrice(
                sku[at],
                seller[at],
                times.iloc[at].tz_localize("UTC").to_pydatetime(),
                price[at],
                currency[at],
            )
            for at in check.kept()
        ]
        if seen:
            with store.writing() as session:
                put_observations(session, seen)
        yield len(seen)


def _listings(store: Store, request: LoadRequest, rejected: RejectedRows) -> Iterator[int]:
    columns = None
    for frame in read_chunks(request.source, query=request.query, chunk_rows=5_000):
        columns = columns or infer_columns(frame)
        if columns.listing_id is None or columns.listing_id not in frame.columns:
            raise DataError(f"{_shown(request)}: expected a column with an identifier such as sku, got none")
        check = _Rows(frame)
        sku = check.text(columns.listing_id, "sku")
        roles = {
            name: getattr(columns, name)
            for name in ("title", "description", "brand", "category", "condition")
        }
        texts = {
            role: [str(value)[: _LONGEST.get(role)] for value in frame[name].fillna("")]
            for role, name in roles.items()
            if name in frame.columns
        }
        amount, written, _ = parse_prices(frame[columns.price]) if columns.price else (None, None, None)
        currency = check.currency(columns.currency, written)
        known = {columns.listing_id, columns.price, columns.currency, *roles.values()}
        extra = [name for name in frame.columns if name not in known]
        rows = [
            {role: values[at] for role, values in texts.items()}
            | {
                "sku": sku[at],
                "price": None if amount is None or np.isnan(amount[at]) else to_amount(amount[at]),
                "currency": currency[at],
                "attributes": {str(name): _attribute(frame[name].iloc[at]) for name in extra},
            }
            for at in check.kept()
        ]
        rejected.add(check.rejected())
        with store.writing() as session:
            yield put_listings(session, rows)


def _sales(store: Store, request: LoadRequest, rejected: RejectedRows) -> Iterator[int]:
    checked = read_sales(request.source, query=request.query)
    rejected.add(checked.rejected)
    frame = checked.sales
    if checked.promotions:
        frame = frame.assign(promoted=frame[list(checked.promotions)].max(axis=1))
    optional = ("regular_price", "unit_cost", "on_hand", "promoted")
    # purchases of several customers at one price are one row of the store
    keys = ["sku", "date", "store", "price"]
    firsts = {name: "max" if name == "promoted" else "first" for name in optional if name in frame.columns}
    grouped = frame.groupby(keys, sort=True, as_index=False).agg({"units": "sum", **firsts})
    rows = (
        {
            "sku": str(row["sku"])[: _LONGEST["sku"]],
            "day": row["date"].date(),
            "shop": str(row["store"])[:80],
            "price": row["price"],
            "units": row["units"],
            **{name: plain(row.get(name)) for name in optional},
        }
        for row in grouped.to_dict("records")
    )
    with store.writing() as session:
        put_sales(session, rows)
    yield len(frame)


class _Rows:
    """The rows of a chunk: which are out, and the first reason why."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._reason = np.full(len(frame), "", dtype=object)
        self._column = np.full(len(frame), "", dtype=object)

    def reject(self, where: np.ndarray, column: str, reason: str) -> None:
        fresh = where & (self._reason == "")
        self._reason[fresh], self._column[fresh] = reason, column

    def text(self, column: str, role: str) -> np.ndarray:
        values = self._frame[column].fillna("").astype(str).str.strip()
        self.reject((values == "").to_numpy(), column, f"no {role}")
        self.reject((values.str.len() > _LONGEST[role]).to_numpy(), column, f"{role} is too long")
        return values.to_numpy(dtype=object)

    def price(self, column: str) -> tuple[list[Any], np.ndarray]:
        amount, written, reason = parse_prices(self._frame[column])
        for kind in sorted(set(reason) - {""}):
            self.reject(reason == kind, column, f"price is {kind}")
        return [None if np.isnan(one) else to_amount(one) for one in amount], written

    def currency(self, column: str | None, written: np.ndarray | None) -> list[str]:
        found = [""] * len(self._frame) if written is None else list(written)
        if column is None or column not in self._frame.columns:
            return found
        stated = [
            currency_code(str(one)) or str(one).strip().upper() for one in self._frame[column].fillna("")
        ]
        bad = np.array([bool(one) and not (len(one) == 3 and one.isalpha()) for one in stated])
        self.reject(bad, column, "not a currency")
        return [one or other for one, other in zip(stated, found, strict=True)]

    def kept(self) -> list[int]:
        return [int(at) for at in np.flatnonzero(self._reason == "")]

    def rejected(self) -> pd.DataFrame:
        out = np.flatnonzero(self._reason != "").tolist()
        rows = [
            (
                self._frame.index[at],
                self._column[at],
                str(self._frame[self._column[at]].iloc[at])[:200],
                self._reason[at],
            )
            for at in out
        ]
        broken = pd.DataFrame(self._frame.attrs.get("rejected", []), columns=_REJECTED)
        return pd.concat([broken, pd.DataFrame(rows, columns=_REJECTED)], ignore_index=True)


def _attribute(value: Any) -> Any:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)


def _shown(request: LoadRequest) -> str:
    return "the query" if "://" in str(request.source) else str(request.source)
