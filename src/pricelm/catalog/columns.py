"""Which column of a table plays which role: inferred by name, then by content, and open to correction."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.column_map import KINDS, ROLES, ColumnMap
from pricelm.catalog.column_names import columns_named_like
from pricelm.catalog.kinds import attribute_kind, sampled, to_dates
from pricelm.catalog.money import parse_prices
from pricelm.core.errors import ConfigError, DataError

# Prices and dates first: they are the roles that the content can contradict.
__all__ = ["KINDS", "ROLES", "ColumnMap", "infer_columns"]

_ORDER = (
    "price",
    "currency",
    "listing_id",
    "listed_at",
    "title",
    "description",
    "brand",
    "category",
    "condition",
    "image",
)
_PRICED_SHARE = 0.5
_DATED_SHARE = 0.8
_TITLE_LETTERS = 8
_NAMED = {role: f"named like a {role}" for role in ROLES} | {
    "listing_id": "named like an identifier",
    "listed_at": "named like a date of listing",
    "image": "named like an image",
}


def infer_columns(
    frame: pd.DataFrame,
    *,
    overrides: Mapping[str, str | Sequence[str]] | None = None,
    require_price: bool = False,
) -> ColumnMap:
    """Infer the role of every column.

    Names decide first (English and Chinese), then values. A column is numeric if at least 95 % of its
    values are numbers and it is no identifier; categorical if it has few different values (at most 50, or
    5 % of the rows); text otherwise. Codes that are all different, constants, links and further dates are
    ignored.

    Parameters
    ----------
    frame : pandas.DataFrame
        Listings as read, n rows.
    overrides : mapping, optional
        Role name to column, or ``"text"``, ``"numeric"``, ``"categorical"``, ``"ignore"`` to a column or
        columns. A column under "text" that is named like a title or a description keeps that role.
    require_price : bool, default False
        Whether a missing price column is an error, as in training.

    Returns
    -------
    ColumnMap
        Every column of the frame is in it once.

    Raises
    ------
    DataError
        If an override names no column, or a price column is required and missing.
    ConfigError
        If an override's key is not a role or a kind, or a column is named twice.

    Examples
    --------
    >>> frame = pd.DataFrame({"name": ["red mug", "tea pot"], "price_usd": ["4.50", "19"]})
    >>> columns = infer_columns(frame)
    >>> columns.title, columns.price
    ('name', 'price_usd')
    """
    _check_names(frame)
    said = _checked_overrides(frame, overrides or {})
    roles = {role: columns[0] for role, columns in said.items() if role in ROLES}
    reasons = {column: "as you said" for columns in said.values() for column in columns}
    texts = set(said.get("text", ()))
    fixed = {column for columns in said.values() for column in columns} - texts
    for role in _ORDER:
        if role in roles:
            continue
        free = [str(name) for name in frame.columns if name not in fixed and name not in roles.values()]
        if role not in ("title", "description"):
            free = [name for name in free if name not in texts]
        found = _fitting(frame, role, free)
        if found:
            roles[role] = found
            reasons.setdefault(found, _NAMED[role])
    if "price" not in roles:
        _price_by_content(frame, roles, reasons, fixed | texts)
    if require_price and "price" not in roles:
        raise DataError(
            f"expected a column of prices to learn from, got the columns {_listed(frame)}. Name the price "
            "column: --price COLUMN, or overrides={'price': 'COLUMN'}"
        )
    kinds, ignored = _attributes(frame, said, roles, reasons)
    if "title" not in roles and "title" not in said and not texts:
        _title_by_content(frame, roles, kinds, reasons)
    attributes: dict[str, Any] = {kind: tuple(columns) for kind, columns in kinds.items()}
    return ColumnMap(**{**attributes, **roles}, ignored=ignored, reasons=reasons)


def _check_names(frame: pd.DataFrame) -> None:
    odd = [name for name in frame.columns if not isinstance(name, str)]
    if odd:
        raise DataError(f"expected column names that are text, got {odd[:5]}. Use frame.rename(columns=str)")
    if not frame.columns.is_unique:
        twice = sorted(frame.columns[frame.columns.duplicated()])
        raise DataError(
            f"expected every column name once, got {twice[:5]} more than once. Rename or drop them"
        )


def _checked_overrides(
    frame: pd.DataFrame, overrides: Mapping[str, str | Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    said: dict[str, tuple[str, ...]] = {}
    owner: dict[str, str] = {}
    for role, value in overrides.items():
        if role not in (*ROLES, *KINDS, "ignore"):
            raise ConfigError(
                f"expected a role ({', '.join(ROLES)}) or text, numeric, categorical, ignore; got {role!r}"
            )
        columns = (value,) if isinstance(value, str) else tuple(value)
        if role in ROLES and len(columns) != 1:
            raise ConfigError(f"expected one column for {role!r}, got {list(columns)}. Name one")
        for column in columns:
            _check_known(frame, role, column)
            if owner.setdefault(column, role) != role:
                raise ConfigError(
                    f"column {column!r} is named for {owner[column]!r} and for {role!r}. Name it once"
                )
        said[role] = columns
    return said


def _check_known(frame: pd.DataFrame, role: str, column: str) -> None:
    if column not in frame.columns:
        close = difflib.get_close_matches(column, [str(name) for name in frame.columns], n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else "name one of these."
        raise DataError(f"no column {column!r} for {role!r} among {_listed(frame)}: {hint}")


def _listed(frame: pd.DataFrame) -> str:
    names = [str(name) for name in frame.columns]
    return ", ".join(map(repr, names[:30])) + (f" and {len(names) - 30} more" if len(names) > 30 else "")


def _fitting(frame: pd.DataFrame, role: str, free: list[str]) -> str | None:
    """Return the column whose name fits best and whose values do not contradict it."""
    named = columns_named_like(role, free)
    if role == "price":
        priced = [name for name in named if _priced_share(frame[name]) >= _PRICED_SHARE]
        return next(iter(priced or named), None)
    if role == "listed_at":
        named = [name for name in named if to_dates(sampled(frame[name])).notna().mean() >= _DATED_SHARE]
    if role in ("title", "description", "image"):  # a number of pictures is no picture
        named = [name for name in named if not pd.api.types.is_numeric_dtype(frame[name].dtype)]
    return next(iter(named), None)


def _priced_share(series: pd.Series) -> float:
    values = sampled(series)
    return float(np.isfinite(parse_prices(values)[0]).mean()) if len(values) else 0.0


def _price_by_content(
    frame: pd.DataFrame, roles: dict[str, str], reasons: dict[str, str], taken: set[str]
) -> None:
    """Take the one column whose values carry a currency."""
    found = []
    for name in frame.columns:
        if name in taken or name in roles.values() or pd.api.types.is_numeric_dtype(frame[name].dtype):
            continue
        values = sampled(frame[name])
        amount, currency, _ = parse_prices(values.iloc[:1000])
        if len(amount) and (np.isfinite(amount) & (currency != "")).mean() >= _PRICED_SHARE:
            found.append(str(name))
    if len(found) == 1:
        roles["price"] = found[0]
        reasons[found[0]] = "the only column whose values carry a currency"


def _attributes(
    frame: pd.DataFrame, said: dict[str, tuple[str, ...]], roles: dict[str, str], reasons: dict[str, str]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    kinds: dict[str, list[str]] = {kind: [] for kind in KINDS}
    ignored: dict[str, str] = {}
    kind_said = {column: kind for kind in (*KINDS, "ignore") for column in said.get(kind, ())}
    for name in map(str, frame.columns):
        if name in roles.values():
            continue
        if name in kind_said:
            kind, why = kind_said[name], "as you said"
        else:
            kind, why = attribute_kind(name, frame[name])
        if kind in kinds:
            kinds[kind].append(name)
            reasons[name] = why
        else:
            ignored[name] = why
    return kinds, ignored


def _title_by_content(
    frame: pd.DataFrame, roles: dict[str, str], kinds: dict[str, list[str]], reasons: dict[str, str]
) -> None:
    """Promote the wordiest of the remaining columns, if one is wordy at all."""
    best, most = None, float(_TITLE_LETTERS)
    for name in [*kinds["text"], *kinds["categorical"]]:
        values = sampled(frame[name]).astype(str)
        letters = float(values.str.count(r"[^\W\d_]").mean())
        if letters > most and values.nunique() > min(0.5 * len(values), max(50, 0.01 * len(values))):
            best, most = name, letters
    if best is not None:
        kind = "text" if best in kinds["text"] else "categorical"
        kinds[kind].remove(best)
        roles["title"] = best
        reasons[best] = "no column is named like a title, and this one has the most words"
