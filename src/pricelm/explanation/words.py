"""The words that moved a price: leave one out, price the listing again, compare.

The predictor is only ever asked for prices, so every kind of model is explained in the
same way, and the effect is in money rather than in a score.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pricelm.core.errors import ConfigError
from pricelm.core.nouns import WordEffect

if TYPE_CHECKING:
    import pandas as pd

    from pricelm.catalog.columns import ColumnMap

_ROLES = ("title", "brand", "description")
_CJK = r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
# Chinese writes no spaces; most of its words have two characters.
_PIECE = re.compile(rf"{_CJK}{{1,2}}|[^\W_](?:(?!{_CJK})[^\s,;:!?()\[\]{{}}，。；：！？（）、])*")
_TRAILING = re.compile(r"[\W_]+\Z")


class Pricer(Protocol):
    """Whatever prices raw listings."""

    def predict(self, X: pd.DataFrame) -> Any:
        """Return one price a listing, shape (n_listings,)."""
        ...


def explain_words(
    model: Pricer, listings: pd.DataFrame, columns: ColumnMap, *, max_words: int = 60
) -> list[tuple[WordEffect, ...]]:
    """Say what each word of a listing does to its predicted price.

    Every word of the title, the brand, the description and the text attributes is left out in turn,
    wherever it stands in that column, and the listing is priced again. Runs of Chinese or Japanese
    characters are taken in pieces of two. All variants of all listings are priced in one call.

    Parameters
    ----------
    model : Pricer
        Fitted model with ``predict``.
    listings : pandas.DataFrame, n rows
        Raw listings, with the columns that the model was fitted on.
    columns : ColumnMap
        Roles of these columns; a model has them as ``columns_``.
    max_words : int, default 60
        Most words a listing, counted from the start of the title.

    Returns
    -------
    list of tuple of WordEffect, length n
        For each listing, the words by the size of their effect, largest first. The effect is the price
        with the word minus the price without it, in the currency of the prices. A word whose removal
        leaves nothing to price from is left out.

    Raises
    ------
    ConfigError
        If ``max_words`` is below 1.

    Notes
    -----
    Effects are those of the model, one word at a time. They need not add up to the price: of two words
    that say the same, either can be missed.

    References
    ----------
    Zeiler, M. D. and Fergus, R. (2014). Visualizing and understanding convolutional networks. ECCV
    (occlusion). Li, J., Monroe, W. and Jurafsky, D. (2016). Understanding neural networks through
    representation erasure. arXiv:1612.08220 (the same for words).

    Examples
    --------
    >>> import pandas as pd
    >>> from pricelm import ColumnMap
    >>> class GoldIsDear:
    ...     def predict(self, X):
    ...         return X["title"].str.contains("gold").map({True: 90.0, False: 20.0}).to_numpy()
    >>> listings = pd.DataFrame({"title": ["gold ring"]})
    >>> effects = explain_words(GoldIsDear(), listings, ColumnMap(title="title"))
    >>> [(effect.word, effect.effect) for effect in effects[0]]
    [('gold', 70.0), ('ring', 0.0)]
    """
    if max_words < 1:
        raise ConfigError(f"expected max_words of at least 1, got {max_words}")
    if len(listings) == 0:
        return []
    fields = _text_columns(listings, columns)
    texts = {field: _texts(listings[field]) for field in fields}
    rows = list(range(len(listings)))
    changes: list[tuple[int, str, str]] = []
    for row in rows:
        words = [(field, word) for field in fields for word in split_words(texts[field][row])]
        changes += [(row, field, word) for field, word in words[:max_words]]
    variants = listings.iloc[rows + [row for row, _, _ in changes]].reset_index(drop=True)
    for field in fields:
        variants[field] = texts[field] + [
            _without(texts[field][row], word) if changed == field else texts[field][row]
            for row, changed, word in changes
        ]
    prices = np.asarray(model.predict(variants), dtype=float)
    effects: list[list[WordEffect]] = [[] for _ in rows]
    for (row, field, word), price in zip(changes, prices[len(rows) :], strict=True):
        effect = float(prices[row] - price)
        if np.isfinite(effect):
            effects[row].append(WordEffect(word, field, effect))
    return [tuple(sorted(found, key=lambda one: -abs(one.effect))) for found in effects]


def split_words(text: str) -> list[str]:
    """Cut a text into the words that are explained, each once, in the order of their first appearance.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    list of str
        Words as written, without the punctuation around them; upper and lower case are the same word.

    Examples
    --------
    >>> split_words("Levi's jeans, blue (blue) 3.5 oz.")
    ["Levi's", 'jeans', 'blue', '3.5', 'oz']
    >>> split_words("补水面膜12片装")
    ['补水', '面膜', '12', '片装']
    """
    found: dict[str, str] = {}
    for match in _PIECE.finditer(text):
        word = _TRAILING.sub("", match.group())
        found.setdefault(word.casefold(), word)
    return list(found.values())


def _text_columns(listings: pd.DataFrame, columns: ColumnMap) -> list[str]:
    named: Sequence[str | None] = [getattr(columns, role) for role in _ROLES]
    return [name for name in (*named, *columns.text) if name is not None and name in listings.columns]


def _texts(column: pd.Series) -> list[str]:
    return [str(value) for value in column.astype(object).where(column.notna(), "")]


def _without(text: str, word: str) -> str:
    wanted = word.casefold()
    pieces, end = [], 0
    for match in _PIECE.finditer(text):
        bare = _TRAILING.sub("", match.group())
        if bare.casefold() == wanted:
            pieces.append(text[end : match.start()])
            end = match.start() + len(bare)
    return " ".join("".join([*pieces, text[end:]]).split())
