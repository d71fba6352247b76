"""Listings as a request sends them, checked cell by cell before any model sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pandas as pd

from pricelm.catalog.columns import ColumnMap
from pricelm.core.errors import DataError
from pricelm.services.quoting import DESCRIBING_ROLES

Cell = str | int | float | bool | None

_MOST_CHARACTERS = 100_000
_LARGEST_WHOLE = 2**63
_MOST_COLUMNS = 1000
_MOST_PROBLEMS = 20


@dataclass(frozen=True)
class CellProblem:
    """What is wrong with one cell.

    Parameters
    ----------
    row : int
        Position of the listing in the request, from 0.
    column : str
        Name of its field.
    message : str
        What was expected, what came, what to do.
    """

    row: int
    column: str
    message: str


class ListingsRefused(DataError):
    """Some listings of a request cannot be read; it names rows and columns."""

    def __init__(self, problems: Sequence[CellProblem]) -> None:
        first = problems[0]
        more = "" if len(problems) == 1 else f" (and {len(problems) - 1} more)"
        super().__init__(f"row {first.row}, column {first.column!r}: {first.message}{more}")
        self.problems = tuple(problems[:_MOST_PROBLEMS])
        self.count = len(problems)


def readable_columns(columns: ColumnMap) -> tuple[str, ...]:
    """Return the columns that a request may fill: all that the model reads but price and picture.

    A picture would be a path on the machine of the service, and no stranger names those.
    """
    return tuple(name for name in columns.read_columns() if name not in (columns.price, columns.image))


def read_rows(listings: Sequence[Mapping[str, Any]], columns: ColumnMap) -> list[dict[str, Cell]]:
    """Put the fields of listings into the columns that a model reads.

    Parameters
    ----------
    listings : sequence of mapping
        Each by role (``"title"``) or by column name.
    columns : ColumnMap
        Roles of the model's columns.

    Returns
    -------
    list of dict
        Each by column name.

    Raises
    ------
    ListingsRefused
        If a field is not known, given twice, or not a text, a number, true, false or null.

    Examples
    --------
    >>> read_rows([{"title": "red mug"}], ColumnMap(title="name"))
    [{'name': 'red mug'}]
    """
    names = {role: column for role in DESCRIBING_ROLES if (column := getattr(columns, role))}
    if columns.listing_id:
        names["listing_id"] = columns.listing_id
    names |= {column: column for column in readable_columns(columns)}
    rows: list[dict[str, Cell]] = []
    problems: list[CellProblem] = []
    for number, listing in enumerate(listings):
        row: dict[str, Cell] = {}
        for field, value in listing.items():
            message = _field_problem(field, names, row) or _value_problem(value)
            if message:
                problems.append(CellProblem(number, field[:100], message))
            else:
                row[names[field]] = value
        rows.append(row)
    if problems:
        raise ListingsRefused(problems)
    return rows


def rows_to_frame(rows: Sequence[Mapping[str, Cell]], columns: ColumnMap) -> pd.DataFrame:
    """Return rows as raw listings, with every column that the model reads."""
    names = readable_columns(columns)
    return pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names})


def row_text(row: Mapping[str, Cell]) -> str:
    """Return the words of a row, to estimate what it costs to read it."""
    return ". ".join(str(value) for value in row.values() if value is not None)


def _field_problem(field: str, names: Mapping[str, str], row: Mapping[str, Cell]) -> str:
    if field not in names:
        close = get_close_matches(field[:100], names, n=2) if len(names) <= _MOST_COLUMNS else []
        known = f"did you mean {' or '.join(close)}?" if close else f"it reads {', '.join(list(names)[:30])}"
        return f"the model reads no such field; {known}"
    if names[field] in row:
        return f"the column {names[field]} is given twice, by its name and by its role; give it once"
    return ""


def _value_problem(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        if len(value) > _MOST_CHARACTERS:
            return f"expected at most {_MOST_CHARACTERS:,} characters, got {len(value):,}; shorten it"
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            return "expected text, got half of a character (a lone surrogate); encode the text as UTF-8"
        return ""
    if isinstance(value, int):
        return "" if abs(value) < _LARGEST_WHOLE else "expected a number below 2^63; send a code as text"
    if isinstance(value, float):
        return (
            "" if math.isfinite(value) else "expected a finite number; leave the field out if it is not known"
        )
    kind = (
        "list" if isinstance(value, list) else "object" if isinstance(value, dict) else type(value).__name__
    )
    return f"expected a text, a number, true, false or null, got a JSON {kind}"
