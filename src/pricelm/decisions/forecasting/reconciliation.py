"""Reconciliation: products of a category add up to the category, and both learn from each other."""

from __future__ import annotations

import numpy as np


def reconcile(
    bottom: np.ndarray,
    bottom_variance: np.ndarray,
    top: np.ndarray,
    top_variance: np.ndarray,
    group: np.ndarray,
) -> np.ndarray:
    """Return bottom forecasts that agree best with forecasts of their sums.

    Minimum trace reconciliation (MinT) with a diagonal error covariance. On a tree of two levels it has a
    closed form: the difference between a sum and its own forecast is shared out by variance, so no matrix of
    the size of the assortment is needed.

    Parameters
    ----------
    bottom, bottom_variance : numpy.ndarray
        Forecasts and error variances, shape (n_series, n_steps).
    top, top_variance : numpy.ndarray
        Those of the groups, shape (n_groups, n_steps).
    group : numpy.ndarray of int
        Group of each series, shape (n_series,).

    Returns
    -------
    numpy.ndarray
        Shape (n_series, n_steps), not negative. The sums by group are the reconciled group forecasts.

    References
    ----------
    Wickramasuriya, Athanasopoulos and Hyndman (2019), "Optimal forecast reconciliation for hierarchical and
    grouped time series through trace minimization".

    Examples
    --------
    >>> two = np.array([[4.0], [6.0]])
    >>> reconcile(two, np.ones((2, 1)), np.array([[16.0]]), np.ones((1, 1)), np.zeros(2, dtype=int)).tolist()
    [[6.0], [8.0]]
    """
    shape = top.shape
    sums, spread = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, group, bottom)
    np.add.at(spread, group, bottom_variance)
    share = (top - sums) / np.maximum(spread + top_variance, 1e-12)
    return np.maximum(bottom + bottom_variance * share[group], 0.0)


def sum_by(values: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the sums over the first axis by group; what is not a number counts as nothing.

    Examples
    --------
    >>> sum_by(np.array([[1.0], [2.0], [np.nan]]), np.array([0, 1, 1]), 2).tolist()
    [[1.0], [2.0]]
    """
    sums = np.zeros((n_groups, *values.shape[1:]))
    np.add.at(sums, group, np.nan_to_num(values))
    return sums


def measured_variances(
    past: np.ndarray, actual: np.ndarray, past_top: np.ndarray, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far sums of bottom forecasts, and forecasts of the sums, were from what came.

    Products of a category err together, so the error of their sum is measured and not added up. Variances are
    relative to the level of the group and shared by all groups: a group by itself has too few origins.

    Parameters
    ----------
    past, actual : numpy.ndarray
        Past forecasts and what came, shape (n_origins, n_series, n_steps).
    past_top : numpy.ndarray
        Past forecasts of the groups, shape (n_origins, n_groups, n_steps).
    group : numpy.ndarray of int
        Group of each series.

    Returns
    -------
    of_sums, of_top : numpy.ndarray
        Variances of each group, shape (n_groups,).
    """
    n_groups = past_top.shape[1]
    truth = np.stack([sum_by(one, group, n_groups) for one in actual])
    added = np.stack([sum_by(one, group, n_groups) for one in np.where(np.isfinite(actual), past, 0.0)])
    whole = np.stack([sum_by(~np.isfinite(one) * 1.0, group, n_groups) for one in actual]) == 0
    level = np.maximum(added.mean(axis=(0, 2)), 1e-9)
    if not whole.any():
        return level, level
    relative = np.broadcast_to(level[None, :, None], truth.shape)[whole]
    of_sums = float(((added - truth)[whole] ** 2 / relative).mean())
    of_top = float(((past_top - truth)[whole] ** 2 / relative).mean())
    return np.maximum(of_sums, 1e-9) * level, np.maximum(of_top, 1e-9) * level
