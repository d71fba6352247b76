"""Poisson regression with absorbed fixed effects (PPML): zeros stay in, elasticities come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from pricelm.core.errors import DataError
from pricelm.decisions.demand.regression import Fit, demean, least_squares

_TOLERANCE = 1e-9
_MOST_STEPS = 100
_MOST_ROUNDS = 30
_ROUND_TOLERANCE = 1e-5
_SMALLEST_MEAN = 1e-8
_LARGEST_STEP = 30.0


@dataclass(frozen=True)
class PoissonFit:
    """A fitted Poisson regression.

    Parameters
    ----------
    fit : Fit
        Coefficients of the columns, with cluster-robust covariance.
    means : numpy.ndarray
        Expected units of each kept row, shape (n_kept,).
    kept : numpy.ndarray
        Rows that were used, shape (n_kept,): a group without a single sale tells nothing and is left out.
    """

    fit: Fit
    means: np.ndarray
    kept: np.ndarray


def poisson_regression(
    y: np.ndarray,
    x: np.ndarray,
    groups: Sequence[np.ndarray],
    *,
    clusters: np.ndarray | None = None,
    sold_out: np.ndarray | None = None,
) -> PoissonFit:
    """Fit ``E[y] = exp(x b + fixed effects)`` by pseudo maximum likelihood.

    Iteratively reweighted least squares, the fixed effects taken out by weighted demeaning at every step
    (Correia, Guimaraes and Zylkin, 2020). Only the mean has to be right; the variance need not be Poisson.

    Parameters
    ----------
    y : numpy.ndarray
        Units, not negative, shape (n,).
    x : numpy.ndarray
        Columns, shape (n, k), without a constant.
    groups : sequence of numpy.ndarray
        Group numbers of each fixed effect, shape (n,) each; at least one.
    clusters : numpy.ndarray, optional
        Cluster numbers, shape (n,).
    sold_out : numpy.ndarray of bool, optional
        Rows where everything in stock was sold: demand was at least that much. They enter with the demand
        expected beyond it (EM of the censored Poisson model).

    Returns
    -------
    PoissonFit
        Coefficients, expected units and the rows used.

    Raises
    ------
    DataError
        If nothing was sold, or the iteration does not settle.

    Examples
    --------
    >>> price = np.log(np.array([1.0, 2.0, 4.0, 1.0, 2.0, 4.0]))
    >>> store = np.array([0, 0, 0, 1, 1, 1])
    >>> units = np.exp(3 + store) * np.exp(-2 * price)
    >>> poisson_regression(units, price[:, None], [store]).fit.coefficients.round(6).tolist()
    [-2.0]
    """
    kept = _telling(y, groups)
    if not len(kept):
        raise DataError("expected at least one sale to learn demand from, got none")
    y, x = y[kept].astype(np.float64), x[kept]
    codes = [np.unique(group[kept], return_inverse=True)[1] for group in groups]
    cluster_codes = None if clusters is None else np.unique(clusters[kept], return_inverse=True)[1]
    censored = np.zeros(len(y), dtype=bool) if sold_out is None else sold_out[kept]
    demand = y
    eta = np.log(np.maximum((y + y.mean()) / 2, _SMALLEST_MEAN))
    for _ in range(_MOST_ROUNDS):
        fit, eta = _settled(demand, x, codes, eta, cluster_codes)
        means = np.exp(eta)
        if not censored.any():
            break
        expected = demand.copy()
        expected[censored] = demand_beyond(y[censored], means[censored])
        moved = float(np.abs(expected - demand).max() / (1 + demand.max()))
        demand = expected
        if moved < _ROUND_TOLERANCE:
            break
    return PoissonFit(fit, means, kept)


def demand_beyond(stock: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return the expected demand of Poisson customers given that it was at least the stock.

    Parameters
    ----------
    stock : numpy.ndarray
        Units that were there and were all sold, shape (n,).
    means : numpy.ndarray
        Expected units, shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (n,); never below the stock.

    Examples
    --------
    >>> demand_beyond(np.array([0.0, 5.0, 50.0]), np.array([3.0, 5.0, 5.0])).round(2).tolist()
    [3.0, 6.57, 50.11]
    """
    whole = np.ceil(stock)
    # P(D >= s) = gammainc(s, mean), and E[D; D >= s] = mean P(D >= s - 1)
    tail = np.where(whole > 0, special.gammainc(np.maximum(whole, 1), means), 1.0)
    before = np.where(whole > 1, special.gammainc(np.maximum(whole - 1, 1), means), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = means * before / tail
    return np.where(np.isfinite(expected), np.maximum(expected, stock), stock)


def _settled(
    y: np.ndarray, x: np.ndarray, codes: list[np.ndarray], eta: np.ndarray, clusters: np.ndarray | None
) -> tuple[Fit, np.ndarray]:
    deviance = np.inf
    for _ in range(_MOST_STEPS):
        means = np.maximum(np.exp(eta), _SMALLEST_MEAN)
        working = eta + (y - means) / means
        both = demean(np.column_stack([working, x]), codes, means)
        fit = least_squares(both[:, 0], both[:, 1:], clusters=clusters, weights=means)
        residual = both[:, 0] - both[:, 1:] @ np.nan_to_num(fit.coefficients)
        fresh = np.clip(working - residual, -_LARGEST_STEP, _LARGEST_STEP)
        now = _deviance(y, np.exp(fresh))
        for _ in range(20):  # a step that overshoots is halved
            if not np.isfinite(deviance) or now <= deviance * (1 + 1e-8) + 1e-8:
                break
            fresh = (fresh + eta) / 2
            now = _deviance(y, np.exp(fresh))
        settled = np.isfinite(deviance) and abs(deviance - now) <= _TOLERANCE * (now + 0.1)
        eta, deviance = fresh, now
        if settled:
            return fit, eta
    raise DataError(
        f"the Poisson regression did not settle in {_MOST_STEPS} steps: some column tells exactly where "
        "nothing was sold. Leave out flags that are set in a few weeks only"
    )


def _deviance(y: np.ndarray, means: np.ndarray) -> float:
    return float(2 * np.sum(special.xlogy(y, y) - special.xlogy(y, means) - y + means))


def _telling(y: np.ndarray, groups: Sequence[np.ndarray]) -> np.ndarray:
    """Return the rows of groups that sold something; leaving one out may empty another."""
    kept = np.arange(len(y))
    while len(kept):
        there = np.ones(len(kept), dtype=bool)
        for group in groups:
            codes = np.unique(group[kept], return_inverse=True)[1]
            there &= (np.bincount(codes, y[kept]) > 0)[codes]
        if there.all():
            break
        kept = kept[there]
    return kept
