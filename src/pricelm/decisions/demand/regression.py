"""Linear regression with absorbed fixed effects, instruments and standard errors that allow for clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, stats

from pricelm.core.errors import DataError

_TOLERANCE = 1e-10
_MOST_SWEEPS = 2_000
_COLLINEAR = 1e-9


@dataclass(frozen=True)
class Fit:
    """Coefficients with their covariance.

    Parameters
    ----------
    coefficients : numpy.ndarray
        Shape (k,); NaN for a column that the fixed effects or other columns explain completely.
    covariance : numpy.ndarray
        Cluster-robust, shape (k, k); NaN in the same places.
    scores : numpy.ndarray
        Influence of every row on the coefficients, shape (n, k): the sum over a cluster, squared and
        added up, is the covariance before the small-sample factor.
    n_rows, n_clusters : int
        Rows used and clusters they fall in.
    first_stage_f : float, default NaN
        Robust F of the excluded instruments on the first endogenous column.
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    scores: np.ndarray
    n_rows: int
    n_clusters: int
    first_stage_f: float = float("nan")

    @property
    def standard_errors(self) -> np.ndarray:
        """Square roots of the diagonal of the covariance, shape (k,)."""
        return np.sqrt(np.diag(self.covariance))


def demean(
    columns: np.ndarray, groups: Sequence[np.ndarray], weights: np.ndarray | None = None
) -> np.ndarray:
    """Take weighted group means out of columns until none is left: fixed effects, absorbed.

    Parameters
    ----------
    columns : numpy.ndarray
        Shape (n, k).
    groups : sequence of numpy.ndarray
        One array of group numbers 0 .. g-1 a fixed effect, each of shape (n,).
    weights : numpy.ndarray, optional
        Non-negative weight of each row, shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (n, k).

    Examples
    --------
    >>> demean(np.array([[1.0], [3.0], [10.0]]), [np.array([0, 0, 1])]).ravel().tolist()
    [-1.0, 1.0, 0.0]
    """
    out = np.array(columns, dtype=np.float64)
    if not len(groups):
        return out
    row_weights = np.ones(len(out)) if weights is None else weights
    totals = [np.maximum(np.bincount(codes, row_weights), 1e-300) for codes in groups]
    scale = np.sqrt(np.mean(out**2, axis=0)) + 1e-300
    for _ in range(_MOST_SWEEPS):
        moved = 0.0
        for codes, total in zip(groups, totals, strict=True):
            for column in range(out.shape[1]):
                means = np.bincount(codes, row_weights * out[:, column]) / total
                out[:, column] -= means[codes]
                moved = max(moved, float(np.abs(means).max() / scale[column]))
        if len(groups) == 1 or moved < _TOLERANCE:
            break
    return out


def cluster_covariance(scores: np.ndarray, clusters: np.ndarray, n_parameters: int) -> np.ndarray:
    """Return the cluster-robust covariance from the influence of each row.

    Parameters
    ----------
    scores : numpy.ndarray
        Influence of each row, shape (n, k).
    clusters : numpy.ndarray
        Cluster numbers 0 .. g-1, shape (n,); all different for heteroskedasticity alone.
    n_parameters : int
        Parameters that were estimated, absorbed ones nested in the clusters left out.

    Returns
    -------
    numpy.ndarray
        Shape (k, k), with the factor g / (g - 1) * (n - 1) / (n - n_parameters).
    """
    n_rows, n_columns = scores.shape
    n_clusters = int(clusters.max()) + 1
    sums = np.zeros((n_clusters, n_columns))
    np.add.at(sums, clusters, scores)
    factor = n_clusters / max(n_clusters - 1, 1) * (n_rows - 1) / max(n_rows - n_parameters, 1)
    return factor * (sums.T @ sums)


def least_squares(
    y: np.ndarray, x: np.ndarray, *, clusters: np.ndarray | None = None, weights: np.ndarray | None = None
) -> Fit:
    """Fit ordinary or weighted least squares on columns that are demeaned already, or hold a constant.

    Parameters
    ----------
    y : numpy.ndarray
        Shape (n,).
    x : numpy.ndarray
        Shape (n, k).
    clusters : numpy.ndarray, optional
        Cluster numbers, shape (n,); every row its own by default (HC1).
    weights : numpy.ndarray, optional
        Shape (n,).

    Returns
    -------
    Fit
        Coefficients, covariance and influences.

    Examples
    --------
    >>> fit = least_squares(np.array([1.0, 3.1, 4.9]), np.column_stack([np.ones(3), np.arange(3)]))
    >>> fit.coefficients.round(2).tolist()
    [1.05, 1.95]
    """
    return two_stage(y, x, x, clusters=clusters, weights=weights)


def two_stage(
    y: np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    *,
    clusters: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> Fit:
    """Fit two-stage least squares.

    Parameters
    ----------
    y : numpy.ndarray
        Outcome, shape (n,).
    x : numpy.ndarray
        Regressors, shape (n, k); the first one is the endogenous price.
    z : numpy.ndarray
        Instruments and the exogenous regressors, shape (n, m), m >= k; with ``z is x`` this is ordinary
        least squares.
    clusters : numpy.ndarray, optional
        Cluster numbers, shape (n,); every row its own by default.
    weights : numpy.ndarray, optional
        Shape (n,).

    Returns
    -------
    Fit
        Coefficients, covariance and influences; without ``first_stage_f``.

    Raises
    ------
    DataError
        If there are fewer rows than columns, or fewer instruments than regressors.
    """
    n_rows, n_columns = x.shape
    if n_rows <= n_columns or z.shape[1] < n_columns:
        raise DataError(
            f"expected more rows than the {n_columns} regressors and as many instruments, got {n_rows} rows "
            f"and {z.shape[1]} instruments. Take fewer controls, or more data"
        )
    root = np.ones(n_rows) if weights is None else np.sqrt(weights)
    ys, xs, zs = y * root, x * root[:, None], z * root[:, None]
    fitted = xs if z is x else _projected(zs, xs)
    keep = _independent(fitted)
    coefficients = np.full(n_columns, np.nan)
    covariance = np.full((n_columns, n_columns), np.nan)
    scores = np.zeros((n_rows, n_columns))
    used = fitted[:, keep]
    inverse = linalg.pinvh(used.T @ used)
    beta = inverse @ (used.T @ ys)
    residual = ys - xs[:, keep] @ beta
    influence = (used * residual[:, None]) @ inverse
    groups = np.arange(n_rows) if clusters is None else clusters
    coefficients[keep], scores[:, keep] = beta, influence
    covariance[np.ix_(keep, keep)] = cluster_covariance(influence, groups, len(keep))
    return Fit(coefficients, covariance, scores, n_rows, int(groups.max()) + 1)


def interval(value: float, standard_error: float, n_clusters: int, level: float) -> tuple[float, float]:
    """Return a confidence interval by Student's t with one degree of freedom fewer than clusters.

    Examples
    --------
    >>> [round(end, 2) for end in interval(-2.0, 0.5, 10_000, 0.9)]
    [-2.82, -1.18]
    """
    reach = float(stats.t.ppf((1 + level) / 2, max(n_clusters - 1, 1))) * standard_error
    return value - reach, value + reach


def numbered(values: np.ndarray) -> np.ndarray:
    """Return values as group numbers 0 .. g-1.

    Examples
    --------
    >>> numbered(np.array(["b", "a", "b"])).tolist()
    [1, 0, 1]
    """
    return np.unique(values, return_inverse=True)[1].reshape(-1)


def _projected(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    return z @ np.linalg.lstsq(z, x, rcond=None)[0]


def _independent(x: np.ndarray) -> np.ndarray:
    """Return the columns that the earlier ones do not explain: the first of two equal ones stays."""
    kept: list[int] = []
    basis: list[np.ndarray] = []
    for column in range(x.shape[1]):
        length = float(np.linalg.norm(x[:, column]))
        rest = x[:, column].copy()
        for _ in range(2):  # the second pass takes out what rounding left
            for vector in basis:
                rest -= vector * (vector @ rest)
        left = float(np.linalg.norm(rest))
        if length > 0 and left > _COLLINEAR * length and left > 1e-12:
            kept.append(column)
            basis.append(rest / left)
    return np.array(kept, dtype=np.intp)
