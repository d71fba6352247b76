"""A first look at a file of listings: its columns, and what each seems to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pricelm.catalog.columns import infer_columns
from pricelm.catalog.readers import read_chunks
from pricelm.core.errors import DataError

PREVIEW_ROLES = (
    "price", "title", "description", "listing_id", "brand", "category", "condition", "listed_at",
)  # fmt: skip
_ROWS = 2_000
_MOST_COLUMNS = 200


@dataclass(frozen=True)
class ListingPreview:
    """What stands in a file.

    Parameters
    ----------
    columns : tuple of str
        Names of the columns.
    roles : dict of str to str
        Role to column, as inferred.
    """

    columns: tuple[str, ...]
    roles: dict[str, str]


def preview_listings(file: Path) -> ListingPreview:
    """Read the beginning of a file of listings.

    Parameters
    ----------
    file : pathlib.Path
        CSV, TSV, JSON lines, Parquet or Excel.

    Returns
    -------
    ListingPreview
        Its columns and their roles.

    Raises
    ------
    DataError
        If it cannot be read, or has more than 200 columns.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "mine.csv"
    >>> _ = file.write_text("name,price\\nred mug,4.50\\ntea pot,19\\n")
    >>> preview_listings(file).roles
    {'price': 'price', 'title': 'name'}
    """
    frame = next(iter(read_chunks(file, chunk_rows=_ROWS)))
    if frame.shape[1] > _MOST_COLUMNS:
        raise DataError(f"expected at most {_MOST_COLUMNS} columns, got {frame.shape[1]:,}: leave some out")
    columns = infer_columns(frame)
    roles = {role: name for role in PREVIEW_ROLES if (name := getattr(columns, role))}
    return ListingPreview(tuple(map(str, frame.columns)), roles)
