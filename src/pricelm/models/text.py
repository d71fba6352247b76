"""What the members read: one text a listing, and the pieces that it is made of.

The language member reads one sentence-like text a listing; the lexical member reads
the same words field by field, because a word in a title weighs more than the same
word in a description.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.columns import ColumnMap

_CJK_SHARE_THAT_MAKES_A_TEXT_CHINESE = 0.2
_CJK = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"


@dataclass(frozen=True)
class FeatureColumns:
    """The columns of a checked listing frame that the members may read.

    Parameters
    ----------
    text, numeric, categorical : tuple of str
        Attribute columns by kind, as they are named in the checked frame.

    Examples
    --------
    >>> FeatureColumns(categorical=("color",)).attributes
    ('color',)
    """

    text: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()

    @property
    def attributes(self) -> tuple[str, ...]:
        """All attribute columns."""
        return (*self.text, *self.numeric, *self.categorical)

    @classmethod
    def from_map(cls, columns: ColumnMap) -> FeatureColumns:
        """Take the attribute columns of a column map, by their names in the checked frame."""
        return cls(
            text=tuple(columns.checked_name(name) for name in columns.text),
            numeric=tuple(columns.checked_name(name) for name in columns.numeric),
            categorical=tuple(columns.checked_name(name) for name in columns.categorical),
        )

    def to_dict(self) -> dict[str, list[str]]:
        """Return the columns as JSON-ready lists."""
        return {"text": list(self.text), "numeric": list(self.numeric), "categorical": list(self.categorical)}

    @classmethod
    def from_dict(cls, values: dict[str, Sequence[str]]) -> FeatureColumns:
        """Rebuild the columns from `to_dict`."""
        return cls(**{kind: tuple(values.get(kind, ())) for kind in ("text", "numeric", "categorical")})


def strings(listings: pd.DataFrame, column: str) -> list[str]:
    """Return one column as strings, empty where the column or the value is missing."""
    if column not in listings.columns:
        return [""] * len(listings)
    values = listings[column]
    if values.dtype == object:
        return ["" if value is None or value != value else str(value) for value in values]
    return ["" if value != value else str(value) for value in values.to_numpy()]


def headline(listings: pd.DataFrame) -> list[str]:
    """Return title and brand, the words that say most about a price."""
    pairs = zip(strings(listings, "title"), strings(listings, "brand"), strict=True)
    return [f"{title} {brand}".strip() for title, brand in pairs]


def long_text(listings: pd.DataFrame, features: FeatureColumns) -> list[str]:
    """Return description and text attributes."""
    columns = [strings(listings, name) for name in ("description", *features.text)]
    return [" ".join(part for part in parts if part) for parts in zip(*columns, strict=True)]


def compose_text(listings: pd.DataFrame, features: FeatureColumns) -> list[str]:
    """Write each listing as one text for a pretrained language model.

    Parameters
    ----------
    listings : pandas.DataFrame
        Checked listings, n rows.
    features : FeatureColumns
        The attribute columns to write out.

    Returns
    -------
    list of str
        n texts: brand and title, category path, condition, named attributes, and the
        long texts last, so that cutting at a maximum length cuts the least telling part.

    Examples
    --------
    >>> frame = pd.DataFrame({"title": ["Keyboard"], "brand": ["Razer"], "category": ["Electronics/Parts"]})
    >>> compose_text(frame, FeatureColumns())
    ['Razer Keyboard. Electronics > Parts']
    """
    titles, brands = strings(listings, "title"), strings(listings, "brand")
    heads = [
        f"{b} {t}" if b and b.lower() not in t.lower() else t for t, b in zip(titles, brands, strict=True)
    ]
    categories = [value.replace("/", " > ") for value in strings(listings, "category")]
    conditions = [f"condition {value}" if value else "" for value in strings(listings, "condition")]
    named = [
        [f"{name} {_plain(value)}" if value else "" for value in strings(listings, name)]
        for name in (*features.categorical, *features.numeric)
    ]
    parts = zip(heads, categories, conditions, *named, long_text(listings, features), strict=True)
    return [". ".join(piece for piece in pieces if piece) for pieces in parts]


def is_chinese(texts: Sequence[str]) -> bool:
    """Tell whether a fifth or more of the letters are Chinese or Japanese characters.

    Examples
    --------
    >>> is_chinese(["护肤套装 50ml"]), is_chinese(["skin care set"])
    (True, False)
    """
    joined = pd.Series(["".join(texts[:: max(1, len(texts) // 2000)])])
    cjk = int(joined.str.count(_CJK).iloc[0])
    letters = int(joined.str.count(r"[^\W\d_]").iloc[0])
    return cjk >= _CJK_SHARE_THAT_MAKES_A_TEXT_CHINESE * max(letters, 1)


def _plain(value: Any) -> str:
    text = str(value)
    return text[:-2] if text.endswith(".0") else text


def log_price(prices: np.ndarray) -> np.ndarray:
    """Return ``log(1 + price)``, the scale on which every member learns."""
    return np.log1p(np.asarray(prices, dtype=float))


def from_log_price(values: np.ndarray) -> np.ndarray:
    """Return prices for log prices; never negative.

    The inverse of a median is the median of the inverse, so a prediction of the
    median log price becomes a prediction of the median price without a correction.
    """
    return np.maximum(np.expm1(np.clip(values, 0.0, 30.0)), 0.0)
