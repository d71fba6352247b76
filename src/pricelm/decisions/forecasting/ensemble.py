"""The ensemble: how much each member counts, by what it would have got wrong in the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from pricelm.decisions.forecasting.classes import CLASSES

_FEWEST_POINTS = 60
_PRIOR_POINTS = 40.0


@dataclass(frozen=True)
class Backtest:
    """What would have been forecast from past origins.

    Parameters
    ----------
    forecasts : numpy.ndarray
        Shape (n_origins, n_members, n_series, n_steps).
    actual : numpy.ndarray
        What came, NaN where it is not known, shape (n_origins, n_series, n_steps).
    """

    forecasts: np.ndarray
    actual: np.ndarray


@dataclass(frozen=True)
class Ensemble:
    """Weights of the members for every class of series.

    Parameters
    ----------
    names : tuple of str
        The members.
    weights : numpy.ndarray
        Not negative, each row sums to 1, shape (n_classes, n_members).
    errors : numpy.ndarray
        Absolute error over units in the past, of each member, shape (n_classes, n_members); NaN where a
        class has no past.
    own_errors : numpy.ndarray
        The same of the ensemble, with weights from the other origins, shape (n_classes,).
    """

    names: tuple[str, ...]
    weights: np.ndarray
    errors: np.ndarray
    own_errors: np.ndarray

    def combine(self, forecasts: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Return the weighted forecasts, shape (n_series, n_steps), from (n_members, n_series, n_steps)."""
        return np.asarray(np.einsum("sm,msh->sh", self.weights[classes], forecasts))


def fit_ensemble(
    names: Sequence[str], backtest: Backtest, classes: np.ndarray
) -> tuple[Ensemble, np.ndarray]:
    """Weigh the members by their past errors.

    Squared errors count relative to the level, as they do for counts. A class with little past is drawn to
    equal weights.

    Parameters
    ----------
    names : sequence of str
        The members.
    backtest : Backtest
        Their past.
    classes : numpy.ndarray of int
        Class of each series, shape (n_series,).

    Returns
    -------
    Ensemble
        The weights.
    past : numpy.ndarray
        What the ensemble would have said with weights learned from the other origins, shape (n_origins,
        n_series, n_steps): its errors are those of forecasts that had not seen the answer.

    Examples
    --------
    >>> actual = np.full((2, 50, 4), 10.0)
    >>> forecasts = np.stack([actual, actual * 2], axis=1)
    >>> ensemble, past = fit_ensemble(["good", "bad"], Backtest(forecasts, actual), np.zeros(50, dtype=int))
    >>> ensemble.weights[0].round(2).tolist()
    [0.83, 0.17]
    """
    n_origins, n_members = backtest.forecasts.shape[:2]
    weights = np.stack([_weights(backtest, classes == one, slice(None)) for one in range(len(CLASSES))])
    past = np.empty((n_origins, *backtest.forecasts.shape[2:]))
    for origin in range(n_origins):
        others = [one for one in range(n_origins) if one != origin] or [origin]
        apart = np.stack([_weights(backtest, classes == one, others) for one in range(len(CLASSES))])
        past[origin] = np.einsum("sm,msh->sh", apart[classes], backtest.forecasts[origin])
    errors = np.full((len(CLASSES), n_members), np.nan)
    own = np.full(len(CLASSES), np.nan)
    for one in range(len(CLASSES)):
        inside = classes == one
        actual = backtest.actual[:, inside]
        own[one] = relative_error(past[:, inside], actual)
        for member in range(n_members):
            errors[one, member] = relative_error(backtest.forecasts[:, member, inside], actual)
    return Ensemble(tuple(names), weights, errors, own), past


def relative_error(forecasts: np.ndarray, actual: np.ndarray) -> float:
    """Return the sum of absolute errors over the sum of units; NaN where nothing is known or sold.

    Examples
    --------
    >>> relative_error(np.array([8.0, 9.0]), np.array([10.0, np.nan]))
    0.2
    """
    there = np.isfinite(actual)
    total = float(np.abs(actual[there]).sum())
    return float(np.abs(forecasts[there] - actual[there]).sum()) / total if total > 0 else float("nan")


def _weights(backtest: Backtest, inside: np.ndarray, origins: slice | list[int]) -> np.ndarray:
    forecasts = backtest.forecasts[origins][:, :, inside]
    actual = backtest.actual[origins][:, inside]
    n_members = forecasts.shape[1]
    equal = np.full(n_members, 1 / n_members)
    there = np.isfinite(actual)
    if int(there.sum()) < _FEWEST_POINTS:
        return equal
    x = np.stack([forecasts[:, member][there] for member in range(n_members)], axis=1)
    spread = np.sqrt(x.mean(axis=1) + 0.1)[:, None]
    x, y = x / spread, actual[there] / spread[:, 0]
    # normal equations: the sum of the weights as one heavy equation, equal weights as some light ones
    scale = float((x**2).mean())
    gram = x.T @ x + np.eye(n_members) * _PRIOR_POINTS * scale + 1e6 * scale * len(y)
    right = x.T @ y + equal * _PRIOR_POINTS * scale + 1e6 * scale * len(y)
    root = np.linalg.cholesky(gram)
    found = optimize.nnls(root.T, np.linalg.solve(root, right))[0]
    return np.asarray(found / found.sum()) if found.sum() > 0 else equal
