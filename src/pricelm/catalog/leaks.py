"""Leaks: columns that know the price already, and prices written in the text.

A model that reads a leak looks excellent on the test part and fails on a new product, whose price nobody has
written anywhere yet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
import pandas as pd

from pricelm.catalog.columns import ColumnMap
from pricelm.catalog.money import parse_prices
from pricelm.core.errors import ConfigError

_SAMPLE_ROWS = 50_000
_MIN_ROWS = 10
_MIN_DISTINCT = 10
_EQUAL_SHARE = 0.9
_EQUAL_TOLERANCE = 0.002
# What another price of the same thing looks like (a list price, a cost): the same order of magnitude, a
# proportional move (a slope of about 1 in logs), and little left unexplained. Weight, carats and floor area
# also follow the price, but in another unit, with another slope, or more loosely.
_SAME_SCALE = (0.2, 5.0)
_PROPORTIONAL = (0.75, 1.25)
_MIN_CORRELATION = 0.8
# The same price in another currency or with a tax: any scale, but an almost constant ratio.
_CONSTANT_RATIO_SPREAD = 0.02
_TEXT_SHARE = 0.01
_ATTRIBUTE_ROLES = ("brand", "category", "condition")

_AMOUNT = r"(?:\d{1,3}(?:,\d{3}){1,3}|\d{1,9})(?:\.\d{1,2})?"
_WRITTEN_PRICE = re.compile(
    rf"""
    (?: [$€£¥￥₹]|(?<![a-z])(?:rs\.?|inr|usd|us\$|eur|gbp|rmb|cny)) \s{{0,2}} (?P<after>{_AMOUNT})(?![\d])
    | (?<![\d.,])(?P<before>{_AMOUNT}) \s{{0,2}} (?:元|块钱|€|£|(?:dollars?|bucks|usd|euros?|rmb)(?![a-z]))
    | (?<![\d.,])(?P<cents>(?:\d{{1,3}}(?:,\d{{3}}){{1,3}}|\d{{1,9}})\.\d{{2}})(?![\d.])
    """,
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class Leak:
    """A place where the price can be read off.

    Parameters
    ----------
    column : str
        Column of the listings.
    kind : {"equal", "near-equal", "price in text"}
        The column is the price, follows it like another price of the same thing, or mentions it.
    evidence : str
        The measurement, in words, with an example.
    share : float
        Share of the rows, 0 to 1, in which it is so: where the column equals the price (equal), where it
        has a value (near-equal), where the text holds the price (price in text).
    """

    column: str
    kind: Literal["equal", "near-equal", "price in text"]
    evidence: str
    share: float


def find_leaks(frame: pd.DataFrame, columns: ColumnMap, price: np.ndarray) -> list[Leak]:
    """Find the columns that give the price away.

    Parameters
    ----------
    frame : pandas.DataFrame, n rows
        The listings as read.
    columns : ColumnMap
        The role of each column; the price itself, identifiers and ignored columns are not examined.
    price : numpy.ndarray of float, shape (n,)
        The price of each row, in any currency; rows that are not finite and positive are passed over.

    Returns
    -------
    list of Leak
        In the order of the columns. At most 50,000 rows, evenly spread, are examined.

    Raises
    ------
    ConfigError
        If ``price`` has another length than ``frame``.

    Examples
    --------
    >>> price = np.arange(10.0, 60.0)
    >>> frame = pd.DataFrame({"title": [f"mug {n}" for n in range(50)], "list_price": price * 1.2})
    >>> find_leaks(frame, ColumnMap(title="title", numeric=("list_price",)), price)[0].kind
    'near-equal'
    """
    if len(price) != len(frame):
        raise ConfigError(f"expected one price for each of {len(frame)} rows, got {len(price)} prices")
    usable = np.flatnonzero(np.isfinite(price) & (price > 0))
    if len(usable) < _MIN_ROWS:
        return []
    if len(usable) > _SAMPLE_ROWS:
        usable = usable[np.linspace(0, len(usable) - 1, _SAMPLE_ROWS).astype(np.int64)]
    frame, price = frame.iloc[usable], np.asarray(price, dtype=float)[usable]
    roles = [getattr(columns, role) for role in _ATTRIBUTE_ROLES]
    attributes = [*(name for name in roles if name), *columns.numeric, *columns.categorical, *columns.text]
    texts = [*(name for name in (columns.title, columns.description) if name), *columns.text]
    texts += [*columns.categorical, *(name for name in roles if name)]
    found = {name: _column_leak(name, frame[name], price) for name in attributes if name != columns.price}
    for name in texts:
        found[name] = found.get(name) or _text_leak(name, frame[name], price)
    position = {name: index for index, name in enumerate(frame.columns)}
    return sorted((leak for leak in found.values() if leak), key=lambda leak: position[leak.column])


def drop_leaks(columns: ColumnMap, leaks: Sequence[Leak]) -> ColumnMap:
    """Take the columns that equal or nearly equal the price out of use.

    A price written in a text is reported only: the text is what the model learns from.

    Parameters
    ----------
    columns : ColumnMap
        The roles before.
    leaks : sequence of Leak
        As found by :func:`find_leaks`.

    Returns
    -------
    ColumnMap
        The roles after, with the leaking columns among the ignored ones and the evidence as reason.

    Examples
    --------
    >>> leak = Leak("list_price", "near-equal", "correlation 0.99", 1.0)
    >>> drop_leaks(ColumnMap(title="title", numeric=("list_price",)), [leak]).ignored
    {'list_price': 'leak, near-equal: correlation 0.99'}
    """
    dropped = {
        leak.column: f"leak, {leak.kind}: {leak.evidence}" for leak in leaks if leak.kind != "price in text"
    }
    changes: dict[str, object] = {"ignored": {**columns.ignored, **dropped}}
    for field in fields(columns):
        value = getattr(columns, field.name)
        if isinstance(value, tuple):
            changes[field.name] = tuple(name for name in value if name not in dropped)
        elif field.name in _ATTRIBUTE_ROLES and value in dropped:
            changes[field.name] = None
    return replace(columns, **changes)  # type: ignore[arg-type]


def _column_leak(name: str, column: pd.Series, price: np.ndarray) -> Leak | None:
    amount = _amounts(column)
    known = np.isfinite(amount) & (amount > 0)
    share_known = float(known.mean())
    if known.sum() < _MIN_ROWS:
        return None
    amount, price = amount[known], price[known]
    equal = np.abs(amount - price) <= _EQUAL_TOLERANCE * price
    if equal.mean() >= _EQUAL_SHARE and len(np.unique(price)) > 1:
        evidence = f"equals the price in {equal.mean():.0%} of the rows that have a value"
        return Leak(name, "equal", evidence, float(equal.mean()) * share_known)
    if min(len(np.unique(amount)), len(np.unique(price))) < _MIN_DISTINCT:
        return None
    log_amount, log_price = np.log(amount), np.log(price)
    low, ratio, high = np.quantile(log_price - log_amount, [0.25, 0.5, 0.75])
    if high - low <= _CONSTANT_RATIO_SPREAD:
        evidence = f"the price is {np.exp(ratio):.4g} times this column in nearly every row"
        return Leak(name, "near-equal", evidence, share_known)
    correlation = float(np.corrcoef(log_amount, log_price)[0, 1])
    # the slope of the principal axis treats both prices alike
    slope = float(np.std(log_price) / np.std(log_amount))
    if (
        correlation >= _MIN_CORRELATION
        and _SAME_SCALE[0] <= np.exp(ratio) <= _SAME_SCALE[1]
        and _PROPORTIONAL[0] <= slope <= _PROPORTIONAL[1]
    ):
        evidence = (
            f"moves with the price like another price of the same thing (correlation of logs "
            f"{correlation:.2f}, the price is typically {np.exp(ratio):.2f} times this column)"
        )
        return Leak(name, "near-equal", evidence, share_known)
    return None


def _amounts(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float, na_value=np.nan)
    return parse_prices(column)[0]


def _text_leak(name: str, column: pd.Series, price: np.ndarray) -> Leak | None:
    rows = 0
    example = ""
    for text, amount in zip(column.fillna("").astype(str), price.tolist(), strict=True):
        for match in _WRITTEN_PRICE.finditer(text):
            written = match["after"] or match["before"] or match["cents"]
            if abs(float(written.replace(",", "")) - amount) < 0.005:
                rows += 1
                example = example or match.group().strip()
                break
    share = rows / len(price)
    if share < _TEXT_SHARE:
        return None
    return Leak(name, "price in text", f"the price stands in {rows} texts, for example as {example!r}", share)
