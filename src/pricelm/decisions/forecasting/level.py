"""The level of demand now: exponential smoothing of many series at once, for when an answer cannot wait.

It knows no seasons, no categories and no price path; :func:`pricelm.decisions.forecasting.forecast` does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import DataError

WEIGHTS = (0.05, 0.1, 0.2, 0.3, 0.5)
"""What a new period may weigh; each series takes the one that would have missed least."""
LEAST_PERIODS = 8
_FIRST = 4


@dataclass(frozen=True)
class DemandLevels:
    """Units expected a period, from now on.

    Parameters
    ----------
    units, deviation : numpy.ndarray
        Expected units of a coming period and their standard deviation, shape (n_series,); NaN where fewer
        than eight periods are known.
    weight : numpy.ndarray
        Weight of a new period in each series.
    """

    units: np.ndarray
    deviation: np.ndarray
    weight: np.ndarray


def demand_levels(demand: np.ndarray, at_least: np.ndarray | None = None) -> DemandLevels:
    """Return where the demand of each series stands.

    Parameters
    ----------
    demand : numpy.ndarray
        Units by period, oldest first, NaN where not known, shape (n_series, n_periods).
    at_least : numpy.ndarray of bool, optional
        Where everything in stock was sold, so that demand was as much or more: such a period raises a level
        and never lowers it.

    Returns
    -------
    DemandLevels
        The deviation is that of the errors one period ahead, and never below the chance of customers who come
        one by one (the root of the units).

    Raises
    ------
    DataError
        If the shapes do not fit, or units are negative.

    Examples
    --------
    >>> found = demand_levels(np.array([[20.0] * 12, [np.nan] * 12]))
    >>> found.units.tolist(), found.deviation.round(2).tolist()
    ([20.0, nan], [4.47, nan])
    """
    demand = np.asarray(demand, dtype=np.float64)
    bounds = np.zeros(demand.shape, dtype=bool) if at_least is None else np.asarray(at_least, dtype=bool)
    if demand.ndim != 2 or bounds.shape != demand.shape or (demand < 0).any():
        raise DataError(
            f"expected units of 0 or more by series and period, got shapes {demand.shape} and {bounds.shape}"
        )
    known = np.isfinite(demand)
    order = np.cumsum(known, axis=1)
    enough = known.sum(axis=1) >= LEAST_PERIODS
    start = _start(demand, known & (order <= _FIRST))
    counted = known & (order > _FIRST)
    levels, squares = np.empty((len(WEIGHTS), len(demand))), np.empty((len(WEIGHTS), len(demand)))
    for at, weight in enumerate(WEIGHTS):
        levels[at], squares[at] = _smoothed(demand, bounds, counted, start, weight)
    best = np.argmin(squares, axis=0)
    series = np.arange(len(demand))
    units = np.where(enough, levels[best, series], np.nan)
    error = np.sqrt(squares[best, series] / np.maximum(counted.sum(axis=1), 1))
    deviation = np.where(enough, np.maximum(error, np.sqrt(np.maximum(units, 0.0))), np.nan)
    return DemandLevels(units, deviation, np.array(WEIGHTS)[best])


def _start(demand: np.ndarray, first: np.ndarray) -> np.ndarray:
    sums = np.where(first, demand, 0.0).sum(axis=1)
    return np.asarray(sums / np.maximum(first.sum(axis=1), 1))


def _smoothed(
    demand: np.ndarray, bounds: np.ndarray, counted: np.ndarray, start: np.ndarray, weight: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the last level of each series and the sum of its squared errors one period ahead."""
    level, squares = start.copy(), np.zeros(len(start))
    for period in range(demand.shape[1]):
        seen = np.where(bounds[:, period], np.fmax(demand[:, period], level), demand[:, period])
        error = np.where(counted[:, period], seen - level, 0.0)
        squares += error**2
        level = level + weight * error
    return level, squares
