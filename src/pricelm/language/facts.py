"""Facts: numbers beside a text, made comparable and safe where they are missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pricelm.core.errors import DataError

# A fact this many standard deviations away says "very large" just as well, and cannot throw the head off.
_FARTHEST = 10.0


@dataclass(frozen=True)
class FactScaler:
    """Standardizes facts with the mean and deviation of the training rows.

    Parameters
    ----------
    means, deviations : tuple of float
        One number a fact.

    Examples
    --------
    >>> scaler = FactScaler.fit(np.array([[1.0], [3.0], [np.nan]]))
    >>> scaler.transform(np.array([[3.0], [np.nan]])).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    means: tuple[float, ...]
    deviations: tuple[float, ...]

    @classmethod
    def fit(cls, facts: np.ndarray) -> FactScaler:
        """Learn the scale of facts, shape (n, k); missing values (NaN, inf) are left out."""
        known = np.where(np.isfinite(facts), facts, np.nan)
        means, deviations = [], []
        for column in known.T:
            values = column[~np.isnan(column)]
            spread = float(values.std()) if values.size else 0.0
            means.append(float(values.mean()) if values.size else 0.0)
            deviations.append(spread if spread > 0 else 1.0)
        return cls(tuple(means), tuple(deviations))

    def transform(self, facts: np.ndarray) -> np.ndarray:
        """Return standardized facts beside missing indicators, shape (n, 2k), float32."""
        missing = ~np.isfinite(facts)
        scaled = (np.where(missing, 0.0, facts) - np.array(self.means)) / np.array(self.deviations)
        scaled = np.where(missing, 0.0, np.clip(scaled, -_FARTHEST, _FARTHEST))
        return np.concatenate([scaled, missing], axis=1).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return the scale as a dictionary that JSON can hold."""
        return {"means": list(self.means), "deviations": list(self.deviations)}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> FactScaler:
        """Read back what :meth:`to_dict` gave."""
        return cls(tuple(map(float, saved["means"])), tuple(map(float, saved["deviations"])))


def check_facts(facts: object, n_rows: int, n_facts: int | None = None) -> np.ndarray:
    """Return facts as a float64 array, or say what is wrong with them.

    Parameters
    ----------
    facts : array-like, shape (n_rows, k)
        Numbers; NaN where unknown.
    n_rows : int
        Number of texts that they belong to.
    n_facts : int, optional
        Number of facts that the model was trained with.

    Returns
    -------
    ndarray of float64, shape (n_rows, k)
        The facts.

    Raises
    ------
    DataError
        If they are not numbers or not of the expected shape.

    Examples
    --------
    >>> check_facts([[1, 2]], n_rows=1).shape
    (1, 2)
    """
    try:
        array = np.asarray(facts, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"expected facts to be an array of numbers with NaN where unknown: {error}"
        ) from error
    wanted = f"({n_rows}, {'k' if n_facts is None else n_facts})"
    if array.ndim != 2 or array.shape[0] != n_rows or array.shape[1] == 0:
        raise DataError(f"expected facts of shape {wanted}, one row a text, got {array.shape}")
    if n_facts is not None and array.shape[1] != n_facts:
        raise DataError(f"expected facts of shape {wanted} as in training, got {array.shape}")
    return array
