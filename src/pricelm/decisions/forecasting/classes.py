"""How often and how evenly a series sells: the classes of Syntetos and Boylan."""

from __future__ import annotations

from typing import Literal

import numpy as np

SeriesClass = Literal["smooth", "erratic", "intermittent", "lumpy"]
CLASSES: tuple[SeriesClass, ...] = ("smooth", "erratic", "intermittent", "lumpy")
_LONG_INTERVAL = 1.32
_UNEVEN = 0.49


def series_classes(filled: np.ndarray) -> np.ndarray:
    """Return the class number of each series, a position in ``CLASSES``.

    Parameters
    ----------
    filled : numpy.ndarray
        Units, NaN before the first, shape (n_series, n_periods).

    Returns
    -------
    numpy.ndarray of int
        Shape (n_series,). Intermittent and lumpy sell less than once in 1.32 periods; erratic and lumpy
        have a squared coefficient of variation of the sizes of at least 0.49.

    References
    ----------
    Syntetos, Boylan and Croston (2005), "On the categorization of demand patterns".

    Examples
    --------
    >>> steady, rare = [5.0, 6, 5, 4, 5, 6], [0.0, 0, 3, 0, 0, 3]
    >>> [CLASSES[one] for one in series_classes(np.array([steady, rare]))]
    ['smooth', 'intermittent']
    """
    there = np.isfinite(filled)
    sold = np.where(there, filled, 0.0) > 0
    n_sold = sold.sum(axis=1)
    interval = there.sum(axis=1) / np.maximum(n_sold, 1)
    sizes = np.where(sold, filled, 0.0)
    mean = sizes.sum(axis=1) / np.maximum(n_sold, 1)
    square = (sizes**2).sum(axis=1) / np.maximum(n_sold, 1)
    uneven = (square - mean**2) / np.maximum(mean**2, 1e-12)
    return (2 * (interval >= _LONG_INTERVAL) + (uneven >= _UNEVEN)).astype(np.intp)
