"""What two sellers write about their products, read so that it can be compared; no price has a place here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from pricelm.core.errors import DataError

_PART = re.compile(r"[^\W_]+")
_JOINED = re.compile(r"[^\W_]+(?:[-./'][^\W_]+)*")
_NUMBER = re.compile(r"(?<![^\W_])\d+(?:\.\d+)?(?![^\W\d_])")
_NOT_WORD = re.compile(r"[\W_]+")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+")
_SHORTEST_CODE = 4
_SHORTEST_NUMBER_CODE = 5
_LONGEST_TEXT = 2_000
TEXT_ROLES = ("title", "brand", "model")


@dataclass(frozen=True)
class Offers:
    """The texts of one seller's products; prices have no field here, so that they can be no evidence.

    Parameters
    ----------
    skus : tuple of str
        Identifiers, each once.
    titles : tuple of str
        What the product is called, not empty.
    brands, models : tuple of str
        Brand and model number where the seller states them, else ``""``.

    Raises
    ------
    DataError
        If a sku appears twice.

    Examples
    --------
    >>> offers = Offers(("a",), ("Acme TEW-455 kettle 1.7 l",), ("Acme",), ("",))
    >>> sorted(offers.codes[0]), sorted(offers.numbers[0])
    (['tew455'], ['1.7', '455'])
    """

    skus: tuple[str, ...]
    titles: tuple[str, ...]
    brands: tuple[str, ...]
    models: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.skus)) < len(self.skus):
            repeated = pd.Series(self.skus)
            sku = repeated[repeated.duplicated()].iloc[0]
            raise DataError(f"duplicates: expected every sku once, got {sku!r} again. Keep one row a product")

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Offers:
        """Take ``sku``, ``title`` and, where they are, ``brand`` and ``model``; no other column."""
        columns = [
            tuple(frame[name].fillna("").astype(str).str.strip()) if name in frame else ("",) * len(frame)
            for name in ("sku", *TEXT_ROLES)
        ]
        return cls(*columns)

    def __len__(self) -> int:
        return len(self.skus)

    @cached_property
    def texts(self) -> list[str]:
        """Title, brand and model together, folded: width and case count for nothing."""
        rows = zip(self.titles, self.brands, self.models, strict=True)
        return [fold(" ".join(row)) for row in rows]

    @cached_property
    def words(self) -> list[list[str]]:
        """Words of the texts; of Chinese, pairs of neighbors."""
        return [words_of(text) for text in self.texts]

    @cached_property
    def codes(self) -> list[frozenset[str]]:
        """What looks like a model number: letters with digits, or many digits."""
        return [_codes(text) for text in self.texts]

    @cached_property
    def numbers(self) -> list[frozenset[str]]:
        """Numbers that stand by themselves in the title."""
        return [frozenset(_plain(one) for one in _NUMBER.findall(fold(title))) for title in self.titles]

    @cached_property
    def squashed(self) -> list[str]:
        """The texts without anything between letters and digits."""
        return [_NOT_WORD.sub("", text) for text in self.texts]

    @cached_property
    def squashed_models(self) -> list[str]:
        """Model numbers without signs."""
        return [_NOT_WORD.sub("", fold(model)) for model in self.models]

    @cached_property
    def squashed_brands(self) -> list[str]:
        """Brands without signs."""
        return [_NOT_WORD.sub("", fold(brand)) for brand in self.brands]


def fold(text: str) -> str:
    """Return a text in lower case and one width, at most 2,000 characters of it."""
    text = text[:_LONGEST_TEXT]
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def words_of(text: str) -> list[str]:
    """Return the words of a folded text.

    Examples
    --------
    >>> words_of("red-wine 0.75l"), words_of("红葡萄酒")
    (['red', 'wine', '0', '75l'], ['红葡', '葡萄', '萄酒'])
    """
    found: list[str] = []
    for word in _PART.findall(text):
        run = "" if word.isascii() else "".join(_CJK.findall(word))
        if not run:
            found.append(word)
            continue
        found += [run[at : at + 2] for at in range(max(len(run) - 1, 1))]
        found += [part for part in _CJK.split(word) if part]
    return found


def membership(
    own: Sequence[Sequence[str]] | Sequence[frozenset[str]],
    theirs: Sequence[Sequence[str]] | Sequence[frozenset[str]],
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return who has which key, as matrices of 0 and 1 over the same columns."""
    columns: dict[str, int] = {}
    made = []
    for rows in (own, theirs):
        ends, indices = [0], []
        for row in rows:
            indices += sorted(columns.setdefault(key, len(columns)) for key in dict.fromkeys(row))
            ends.append(len(indices))
        made.append((np.array(indices, dtype=np.int64), np.array(ends, dtype=np.int64)))
    width = max(len(columns), 1)
    first, second = (
        sparse.csr_matrix((np.ones(len(at), dtype=np.float32), at, ends), shape=(len(ends) - 1, width))
        for at, ends in made
    )
    return first, second


def _codes(text: str) -> frozenset[str]:
    found = set()
    for joined in _JOINED.findall(text):
        for part in {_NOT_WORD.sub("", joined), *_PART.findall(joined)}:
            digits = sum(letter.isdigit() for letter in part)
            long = len(part) >= _SHORTEST_NUMBER_CODE or (len(part) >= _SHORTEST_CODE and digits < len(part))
            if digits and long:
                found.add(part)
    return frozenset(found)


def _plain(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number
