"""From whatever the caller holds to checked listings, for fitting and for pricing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import column_or_1d

from pricelm.catalog.columns import ColumnMap, infer_columns
from pricelm.catalog.leaks import Leak, drop_leaks, find_leaks
from pricelm.catalog.validation import CleaningReport, check_listings
from pricelm.core.errors import DataError

Columns = ColumnMap | Mapping[str, str | Sequence[str]] | None
_TARGET = "price"


@dataclass(frozen=True)
class TrainingSet:
    """Checked listings with prices, and what was found on the way.

    Parameters
    ----------
    listings : pandas.DataFrame
        Checked listings, n rows.
    columns : ColumnMap
        The roles of the raw columns.
    rejected : pandas.DataFrame
        Rows that cannot be used, with row, column, value and reason.
    report : CleaningReport
        Counts and warnings.
    leaks : list of Leak
        Columns and texts that give the price away.
    """

    listings: pd.DataFrame
    columns: ColumnMap
    rejected: pd.DataFrame
    report: CleaningReport
    leaks: list[Leak]


def as_frame(X: Any) -> pd.DataFrame:
    """Return ``X`` as a data frame with string column names.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_listings, n_columns)
        Arrays get the column names x0, x1, ...

    Raises
    ------
    DataError
        If ``X`` is not a table.
    """
    if isinstance(X, pd.DataFrame):
        return X.rename(columns=str)
    if hasattr(X, "toarray"):
        raise DataError(
            "expected a data frame or a dense array, got a sparse matrix: sparse data is not supported; "
            "pass X.toarray()"
        )
    array = np.asarray(X)
    if np.iscomplexobj(array):
        raise DataError("Complex data not supported: expected a table of numbers and texts")
    if array.ndim != 2:
        raise DataError(
            f"Expected 2D array, got {array.ndim}D array instead: pass a data frame, or an array of rows. "
            "Reshape your data with X.reshape(-1, 1) for one column or X.reshape(1, -1) for one listing"
        )
    return pd.DataFrame(array, columns=[f"x{number}" for number in range(array.shape[1])])


def prepare_training(
    X: Any, y: Any = None, *, columns: Columns = None, currency: str | None = None, keep_leaks: bool = False
) -> TrainingSet:
    """Check listings to learn from.

    Parameters
    ----------
    X : DataFrame or array-like
        Raw listings.
    y : array-like of shape (n_listings,), optional
        Prices; without it they are read from the price column of ``X``.
    columns : ColumnMap or mapping, optional
        Roles of the columns, or overrides of the inferred ones.
    currency : str, optional
        Currency of the prices when the data does not say it.
    keep_leaks : bool, default False
        Keep columns that nearly equal the price.

    Raises
    ------
    DataError
        If there is nothing to learn from; the message says why.
    """
    frame = as_frame(X)
    if frame.shape[0] < 2:
        raise DataError(
            f"expected listings to learn from, got {frame.shape[0]} sample(s) (shape={frame.shape}) while a "
            "minimum of 2 is required: give more rows"
        )
    if frame.shape[1] == 0:
        raise DataError(
            f"expected columns, got 0 feature(s) (shape={frame.shape}) while a minimum of 1 is required."
        )
    if not frame.index.is_unique:
        frame = frame.reset_index(drop=True)
    overrides: Columns = columns
    if y is not None:
        frame = _with_target(frame, y)
        if isinstance(columns, ColumnMap):
            overrides = replace(columns, price=_TARGET)
        else:
            overrides = {**(columns or {}), "price": _TARGET}
    if isinstance(overrides, ColumnMap):
        found = overrides
    else:
        found = infer_columns(frame, overrides=overrides, require_price=True)
    checked = check_listings(frame, found, training=True, currency=currency)
    prices = checked.listings["price"].to_numpy(dtype=float)
    leaks = find_leaks(frame.loc[checked.listings.index], found, prices)
    if leaks and not keep_leaks:
        found = drop_leaks(found, leaks)
        checked = replace(
            checked, listings=check_listings(frame, found, training=True, currency=currency).listings
        )
    return TrainingSet(checked.listings, found, checked.rejected, checked.report, leaks)


def prepare_scoring(
    X: Any, columns: ColumnMap, *, n_array_columns: int | None = None
) -> tuple[pd.DataFrame, np.ndarray]:
    """Check listings to price, keeping their order and number.

    Parameters
    ----------
    X : DataFrame or array-like
        Raw listings, n rows.
    columns : ColumnMap
        The roles learned at fitting time. A column that is not there is taken as empty.
    n_array_columns : int, optional
        Number of columns an array must have.

    Returns
    -------
    listings : pandas.DataFrame
        Checked listings that can be priced, m rows.
    positions : ndarray of shape (m,)
        Their positions in ``X``; rows with nothing to read are left out.

    Raises
    ------
    DataError
        If none of the columns that the model reads is there.
    """
    if not isinstance(X, pd.DataFrame) and n_array_columns is not None:
        X = as_frame(X)
        if X.shape[1] != n_array_columns:
            raise DataError(
                f"X has {X.shape[1]} features, but PriceModel is expecting {n_array_columns} features as "
                "input"
            )
    frame = as_frame(X)
    read = [name for name in columns.read_columns() if name != columns.price]
    missing = [name for name in read if name not in frame.columns]
    told = [name for name in read if name not in (columns.listing_id, columns.currency, columns.listed_at)]
    if told and all(name in missing for name in told):
        raise DataError(
            f"expected at least one of the columns {told}, got {list(frame.columns)}: "
            "name the columns as in training, or map them"
        )
    if len(frame) == 0:
        return frame, np.empty(0, dtype=int)
    frame = frame.reset_index(drop=True)
    for name in missing:
        frame[name] = np.nan
    checked = check_listings(frame, replace(columns, price=None), training=False)
    return checked.listings, checked.listings.index.to_numpy(dtype=int)


def _with_target(frame: pd.DataFrame, y: Any) -> pd.DataFrame:
    prices = np.asarray(y)
    if prices.ndim == 2 and prices.shape[1] == 1:
        prices = column_or_1d(y, warn=True)
    if prices.ndim != 1 or len(prices) != len(frame):
        raise DataError(
            f"expected y with one price for each of the {len(frame)} listings, got shape {prices.shape}: "
            "inconsistent numbers of samples"
        )
    return frame.drop(columns=[_TARGET], errors="ignore").assign(**{_TARGET: prices})
