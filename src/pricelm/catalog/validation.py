"""Checked listings out: a frame of known columns and types, and a reason for every row not in it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pricelm.catalog.column_map import ROLES, ColumnMap
from pricelm.catalog.row_check import RowCheck
from pricelm.core.errors import DataError

_REJECTED_COLUMNS = ["row", "column", "value", "reason"]


@dataclass(frozen=True)
class CleaningReport:
    """What checking a table of listings found.

    Parameters
    ----------
    rows_read : int
        Rows of the source, ragged ones included.
    rows_kept : int
        Rows that can be used.
    counts : dict of str to int
        Rejected rows by reason; together with ``rows_kept`` they make ``rows_read``.
    warnings : list of str
        What was kept but should be known, one sentence each.
    currency : str
        ISO code of the prices, or ``""``.
    """

    rows_read: int
    rows_kept: int
    counts: dict[str, int]
    warnings: list[str]
    currency: str


@dataclass(frozen=True)
class Checked:
    """Checked listings.

    Parameters
    ----------
    listings : pandas.DataFrame
        Rows that can be used, with their source row numbers as index.
    rejected : pandas.DataFrame
        The others, with columns row, column, value and reason.
    report : CleaningReport
        Counts and warnings.
    """

    listings: pd.DataFrame
    rejected: pd.DataFrame
    report: CleaningReport


def check_listings(
    frame: pd.DataFrame, columns: ColumnMap, *, training: bool, currency: str | None = None
) -> Checked:
    """Clean and check listings.

    Parameters
    ----------
    frame : pandas.DataFrame
        Listings as read, n rows; ``attrs["rejected"]`` of the reader is counted in.
    columns : ColumnMap
        The role of each column.
    training : bool
        Whether prices are needed. When scoring, a row is rejected only if there is nothing to price it
        from, and columns that are missing count as empty.
    currency : str, optional
        ISO code that prices should have; by default the one of most rows.

    Returns
    -------
    Checked
        The listings have the columns listing_id, title, description, brand, category, condition, currency,
        image (str, ``""`` when missing), listed_at (datetime64[ns]), price (float64; only if it is in the
        frame) and the attributes under ``columns.checked_name``: float64 or str.

    Raises
    ------
    DataError
        When training: if a column is missing, no row is left, or all prices are equal.

    Examples
    --------
    >>> frame = pd.DataFrame({"name": ["mug", "pot", "pan"], "cost": ["4.50", "N/A", "9"]}, index=[1, 2, 3])
    >>> checked = check_listings(frame, ColumnMap(title="name", price="cost"), training=True)
    >>> checked.listings["price"].to_dict(), checked.report.counts
    ({1: 4.5, 3: 9.0}, {'price is not a number': 1})
    """
    check = RowCheck(frame, columns, training)
    listings = check.texts()
    price = check.prices(listings, currency)
    check.attributes(listings)
    check.reject_empty(listings)
    if training and price is not None:
        check.reject_absurd(price)
    rejected = _all_rejected(frame, check)
    kinds = rejected["reason"].str.split(":").str[0]
    kept = check.reason == ""
    report = CleaningReport(
        rows_read=int(kept.sum()) + len(rejected),
        rows_kept=int(kept.sum()),
        counts={str(kind): int(count) for kind, count in kinds.value_counts().items()},
        warnings=check.warnings,
        currency=check.currency,
    )
    if not kept.all():
        listings = listings.loc[kept]
    if training:
        _check_learnable(listings, report)
    order = [name for name in ROLES if name in listings.columns]
    order += [name for name in listings.columns if name not in ROLES]
    return Checked(listings[order], rejected, report)


def append_rejected(path: str | Path, rejected: pd.DataFrame) -> None:
    """Append rejected rows to a CSV file; its first rows bring the header.

    Parameters
    ----------
    path : str or pathlib.Path
        The file, made if it is not there.
    rejected : pandas.DataFrame
        As in ``Checked.rejected``; nothing is written if it is empty.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rejected.csv"
    >>> append_rejected(path, pd.DataFrame([{"row": 3, "column": "", "value": "x", "reason": "y"}]))
    >>> path.read_text().split()
    ['row,column,value,reason', '3,,x,y']
    """
    if rejected.empty:
        return
    with Path(path).open("ab") as file:
        text = io.StringIO()
        rejected[_REJECTED_COLUMNS].to_csv(text, index=False, header=file.tell() == 0, lineterminator="\n")
        # One write, so that a reader or a second writer sees whole lines.
        file.write(text.getvalue().encode("utf-8", errors="replace"))


def _all_rejected(frame: pd.DataFrame, check: RowCheck) -> pd.DataFrame:
    ragged = pd.DataFrame(list(frame.attrs.get("rejected", [])), columns=_REJECTED_COLUMNS)
    unusable = check.rejected_rows()
    if ragged.empty:
        return unusable
    if unusable.empty:
        return ragged
    both = pd.concat([ragged, unusable], ignore_index=True)
    # A caller's own frame may be indexed by anything; row numbers are put in the file's order.
    return both.sort_values("row", kind="stable", ignore_index=True) if both["row"].dtype == "int64" else both


def _check_learnable(listings: pd.DataFrame, report: CleaningReport) -> None:
    if listings.empty:
        counts = ", ".join(f"{reason}: {count:,}" for reason, count in report.counts.items())
        raise DataError(
            f"expected listings with prices, but none of {report.rows_read:,} rows is usable "
            f"({counts or 'none were read'}). Check which column is the price and how it is written"
        )
    if "price" in listings and len(listings) > 1 and listings["price"].nunique() == 1:
        raise DataError(
            f"expected different prices to learn from, but all {len(listings):,} are "
            f"{listings['price'].iloc[0]:g}. Check which column is the price"
        )
