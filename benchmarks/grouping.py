"""Which rows must stay on one side of a split: equal titles, labelled matches, near-duplicates."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import pandas as pd

SEED = 42
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Fold:
    """Positions of the rows to train on and to test on."""

    train: np.ndarray
    test: np.ndarray


def normalized_title(title: str) -> str:
    """Return a title without case, punctuation and width variants, for telling equal titles.

    Examples
    --------
    >>> normalized_title("Alisha  Solid Women's SHORTS!") == normalized_title("alisha solid womens shorts")
    True
    """
    folded = unicodedata.normalize("NFKC", title).casefold().replace("'", "")
    return " ".join(re.findall(r"\w+", folded))


def title_groups(titles: pd.Series) -> np.ndarray:
    """Return one number a listing, shared by listings of equal normalized title."""
    return pd.factorize(titles.map(normalized_title))[0].astype(np.int64)


def join_matches(titles: pd.Series, groups: np.ndarray, pairs: pd.DataFrame) -> np.ndarray:
    """Merge the groups of titles that a table of two columns calls the same product."""
    parent = {int(group): int(group) for group in np.unique(groups)}

    def root(group: int) -> int:
        while parent[group] != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group

    group_of = dict(zip(titles.map(normalized_title), groups, strict=True))
    for left, right in pairs.map(normalized_title).itertuples(index=False):
        if left in group_of and right in group_of:
            parent[root(int(group_of[left]))] = root(int(group_of[right]))
    return np.array([root(int(group)) for group in groups], dtype=np.int64)


def grouped_split(groups: np.ndarray, *, test_share: float = TEST_SHARE, seed: int = SEED) -> Fold:
    """Split rows at random so that a group is never on both sides.

    Parameters
    ----------
    groups : ndarray, shape (n_listings,)
        Rows of one number stay together.
    test_share : float, default 0.2
        Share of the rows to test on, reached from below or by one group more.
    seed : int, default 42
        Order of the groups.

    Returns
    -------
    Fold
        Sorted positions.

    Examples
    --------
    >>> fold = grouped_split(np.array([0, 0, 1, 1, 2, 2, 3, 3]), test_share=0.25)
    >>> len(fold.test), len(fold.train)
    (2, 6)
    """
    names, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    before = np.cumsum(sizes[order]) - sizes[order]
    chosen = np.zeros(len(names), dtype=bool)
    chosen[order[before < test_share * len(groups)]] = True
    in_test = chosen[member]
    return Fold(np.flatnonzero(~in_test), np.flatnonzero(in_test))
