"""Blocking: which pairs are worth a closer look, without looking at all of them.

Two products are candidates when they share a rare key: a word, two words in a row, a model number. A key that
many products have tells nothing and costs much, so lists of products longer than a limit are left out; the
work for a product is bounded by that limit, however many products there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from pricelm.core.errors import ConfigError
from pricelm.decisions.competition.offers import Offers, membership

_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class BlockingConfig:
    """How many candidates are looked at.

    Parameters
    ----------
    candidates : int, default 15
        At most so many a product, seen from either side.
    longest_list : int, default 400
        A key that more products of a seller have is not used.

    Raises
    ------
    ConfigError
        If a number is not above 0.
    """

    candidates: int = 15
    longest_list: int = 400

    def __post_init__(self) -> None:
        if self.candidates < 1 or self.longest_list < 1:
            raise ConfigError(
                f"expected at least 1 candidate and lists of 1 product, got {self.candidates} and "
                f"{self.longest_list}"
            )


@dataclass(frozen=True)
class Candidates:
    """Pairs of row numbers, each once, in order.

    Parameters
    ----------
    own, theirs : numpy.ndarray
        Rows of the two sellers' offers, int64, shape (n_pairs,).
    """

    own: np.ndarray
    theirs: np.ndarray

    def __len__(self) -> int:
        return len(self.own)


def block(own: Offers, theirs: Offers, config: BlockingConfig = BlockingConfig()) -> Candidates:
    """Return the pairs that share the rarest keys.

    Parameters
    ----------
    own, theirs : Offers
        The two sellers.
    config : BlockingConfig
        Limits.

    Returns
    -------
    Candidates
        For every product of either side its best candidates on the other.

    Examples
    --------
    >>> shop = Offers(("1", "2"), ("acme kettle k100", "oak chair"), ("", ""), ("", ""))
    >>> rival = Offers(("x",), ("kettle by acme, K-100",), ("",), ("",))
    >>> block(shop, rival).own.tolist()
    [0]
    """
    if not len(own) or not len(theirs):
        return Candidates(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    left, right = membership(_keys(own), _keys(theirs))
    counts = np.asarray(left.sum(axis=0)).ravel(), np.asarray(right.sum(axis=0)).ravel()
    usable = (counts[0] > 0) & (counts[1] > 0)
    usable &= (counts[0] <= config.longest_list) & (counts[1] <= config.longest_list)
    rarity = np.log((len(own) + len(theirs) + 1) / (counts[0] + counts[1] + 1))[usable].astype(np.float32)
    left, right = left[:, usable], right[:, usable]
    weighted = left.multiply(rarity[None, :] ** 2).tocsr()
    # long texts share more keys by chance
    length = np.sqrt(np.maximum(np.asarray(right.multiply(rarity[None, :] ** 2).sum(axis=1)).ravel(), 1e-9))
    transposed = sparse.diags(1 / length.astype(np.float32)).dot(right).T.tocsr()
    found_own, found_theirs = _best_of_rows(weighted, transposed, config.candidates)
    own_length = np.sqrt(np.maximum(np.asarray(weighted.sum(axis=1)).ravel(), 1e-9))
    back = sparse.diags(1 / own_length.astype(np.float32)).dot(left).T.tocsr()
    back_weighted = right.multiply(rarity[None, :] ** 2).tocsr()
    more_theirs, more_own = _best_of_rows(back_weighted, back, config.candidates)
    pairs = np.unique(
        np.concatenate([found_own, more_own]) * np.int64(len(theirs))
        + np.concatenate([found_theirs, more_theirs])
    )
    return Candidates(pairs // len(theirs), pairs % len(theirs))


def _keys(offers: Offers) -> list[list[str]]:
    rows = zip(offers.words, offers.codes, strict=True)
    return [
        [*words, *(f"{a} {b}" for a, b in pairwise(words)), *(f"#{one}" for one in codes)]
        for words, codes in rows
    ]


def _best_of_rows(
    weighted: sparse.csr_matrix, transposed: sparse.csr_matrix, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column of the best columns of each row of a product of two matrices."""
    rows: list[np.ndarray] = [np.empty(0, dtype=np.int64)]
    columns: list[np.ndarray] = [np.empty(0, dtype=np.int64)]
    for start in range(0, weighted.shape[0], _ROWS_AT_ONCE):
        product = (weighted[start : start + _ROWS_AT_ONCE] @ transposed).tocoo()
        order = np.lexsort((product.col, -product.data, product.row))
        row = product.row[order]
        first = np.searchsorted(row, row, side="left")
        kept = order[np.arange(len(row)) - first < most]
        rows.append(product.row[kept].astype(np.int64) + start)
        columns.append(product.col[kept].astype(np.int64))
    return np.concatenate(rows), np.concatenate(columns)
