"""Raw rows: frames with row numbers, and what is kept of a row that cannot be used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

VALUE_CHARS = 200


class Rejections(list[dict[str, Any]]):
    """A list of rejected rows that travels in ``DataFrame.attrs``.

    Each entry is a dictionary with ``row`` (1-based data row number), ``column``, ``value`` (at most 200
    characters of it) and ``reason``.

    Examples
    --------
    >>> rejections = Rejections()
    >>> rejections.add(3, "price", "N/A", "price is not a number")
    >>> rejections[0]["row"]
    3
    """

    def add(self, row: int, column: str, value: object, reason: str) -> None:
        """Append one rejected row."""
        self.append({"row": row, "column": column, "value": shorten(value), "reason": reason})

    def __deepcopy__(self, memo: dict[int, Any]) -> Rejections:
        # pandas copies attrs deeply in every operation on a frame; entries are never changed, so share them.
        return self


def shorten(value: object) -> str:
    """Return a value as text of at most 200 characters; missing values become ``""``."""
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NaT:
        return ""
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= VALUE_CHARS else text[: VALUE_CHARS - 3] + "..."


def text_frame(columns: dict[str, Iterable[Any]], rows: list[int]) -> pd.DataFrame:
    """Build a frame of text columns, indexed by row number, with ``""`` as missing.

    Equal strings of a column share one object, which saves most of the memory of categories and brands.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, values in columns.items():
        seen: dict[Any, Any] = {"": np.nan}
        array = np.empty(len(rows), dtype=object)
        array[:] = [seen.setdefault(value, value) for value in values]
        arrays[name] = array
    return pd.DataFrame(arrays, index=row_index(rows), copy=False)


def row_index(rows: Iterable[int]) -> pd.Index:
    """Return 1-based data row numbers as the index named "row"."""
    return pd.Index(np.fromiter(rows, dtype=np.int64), name="row")


def unique_names(names: Iterable[object]) -> list[str]:
    """Return header cells as column names: stripped, never empty, never twice the same.

    Examples
    --------
    >>> unique_names(["id", "", "id "])
    ['id', 'unnamed_2', 'id.1']
    """
    result: list[str] = []
    taken: set[str] = set()
    for position, name in enumerate(names, start=1):
        base = ("" if name is None else str(name)).strip() or f"unnamed_{position}"
        candidate, copies = base, 0
        while candidate in taken:
            copies += 1
            candidate = f"{base}.{copies}"
        taken.add(candidate)
        result.append(candidate)
    return result
