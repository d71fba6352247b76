"""Groups of listings within which intervals must hold: category levels and price bands.

A group that is small borrows from the larger one around it: each group's distribution of
scores is its own, mixed with its parent's as if the parent were a fixed number of further
rows. The chain runs from all listings over the top category, its price band and the second
category level to the third.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_DEPTHS = 3
_BANDS = 3
_FEWEST_ROWS = 25
_PSEUDO_ROWS = 50.0
_UNKNOWN = -1


class PriceGroups:
    """Which group, at every level of the chain, a listing belongs to.

    Attributes
    ----------
    names_ : list of list of str
        For each category depth the paths with at least 25 rows.
    band_edges_ : ndarray of shape (2,)
        Log prices between the three price bands.

    Examples
    --------
    >>> category = np.array(["toys/cars"] * 30 + ["books"] * 30, dtype=object)
    >>> groups = PriceGroups().fit(category, np.linspace(1, 5, 60))
    >>> groups.names_[0]
    ['books', 'toys']
    """

    def fit(self, category: np.ndarray, predicted: np.ndarray) -> PriceGroups:
        """Learn groups from category paths (n,) and predicted log prices (n,)."""
        self.names_ = []
        for depth in range(1, _DEPTHS + 1):
            names, counts = np.unique(_prefixes(category, depth), return_counts=True)
            frequent = (str(n) for n, c in zip(names, counts, strict=True) if c >= _FEWEST_ROWS and n)
            self.names_.append(list(frequent))
        self.band_edges_ = np.quantile(predicted, np.linspace(0, 1, _BANDS + 1)[1:-1])
        return self

    def category_codes(self, category: np.ndarray) -> np.ndarray:
        """Return the code at each category depth, -1 where the path is rare, shape (n, 3)."""
        columns = []
        for depth, names in enumerate(self.names_, start=1):
            codes = {name: code for code, name in enumerate(names)}
            columns.append([codes.get(str(name), _UNKNOWN) for name in _prefixes(category, depth)])
        return np.array(columns, dtype=np.int64).T.reshape(len(category), _DEPTHS)

    def chains(self, category: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Return each row's groups from wide to narrow, shape (n, 4).

        The columns are top category, top category x price band, second and third level; -1 means
        that the row has no group there. Rare top categories form one group together.
        """
        codes = self.category_codes(category)
        top = codes[:, 0] + 1
        band = np.searchsorted(self.band_edges_, predicted, side="right")
        return np.column_stack([top, top * _BANDS + band, codes[:, 1], codes[:, 2]])

    def to_dict(self) -> dict[str, Any]:
        """Return the groups as JSON-ready values."""
        return {"names": self.names_, "band_edges": [float(edge) for edge in self.band_edges_]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PriceGroups:
        """Rebuild the groups from `to_dict`."""
        groups = cls()
        groups.names_ = values["names"]
        groups.band_edges_ = np.array(values["band_edges"])
        return groups


def shrunk_weights(chain: Sequence[int], chains: np.ndarray) -> tuple[np.ndarray, float]:
    """Weigh known rows by how near their groups are to those of one listing.

    Parameters
    ----------
    chain : sequence of int, length 4
        The groups of the listing.
    chains : ndarray of shape (n, 4)
        The groups of the known rows.

    Returns
    -------
    weights : ndarray of shape (n,)
        Non-negative, summing to one.
    rows : float
        How many rows decide, for the finite-sample correction: all, since all take part.
    """
    weights = np.full(len(chains), 1 / len(chains))
    for column, group in enumerate(chain):
        members = chains[:, column] == group
        count = int(members.sum())
        if group == _UNKNOWN or count == 0:
            continue
        weights = (members + _PSEUDO_ROWS * weights) / (count + _PSEUDO_ROWS)
    return weights, float(len(chains))


def mondrian_weights(chain: Sequence[int], chains: np.ndarray) -> tuple[np.ndarray, float]:
    """Weigh only the rows of the same top category and price band; all rows where there are none."""
    members = chains[:, 1] == chain[1]
    if not members.any():
        members = np.ones(len(chains), dtype=bool)
    return members / members.sum(), float(members.sum())


def _prefixes(category: np.ndarray, depth: int) -> np.ndarray:
    """Cut category paths at a depth; empty where the path is shorter, except for the top."""
    cut = []
    for path in category:
        parts = str(path).split("/")
        cut.append("/".join(parts[:depth]) if len(parts) >= depth else "")
    return np.array(cut, dtype=object)
