"""Intervals that hold what they say: sized by the errors of forecasts that had not seen the answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

_FEWEST_SCORES = 150
_FEWEST_OVERALL = 20
_LEVELS = 4
_LEAST_UNITS = 0.05
_MOST_STEPS = 366
_PRIOR_PERIODS = 12.0
_KNOTS = np.round(np.arange(0.01, 1.0, 0.01), 2)


def dispersion(filled: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return variance over mean of each series around its moving level, drawn to that of all.

    Parameters
    ----------
    filled, known : numpy.ndarray
        Units and where they are known, shape (n_series, n_periods).

    Returns
    -------
    numpy.ndarray
        Shape (n_series,); about 1 for customers that come one by one.

    Examples
    --------
    >>> units = np.random.default_rng(0).poisson(5.0, (200, 60)).astype(float)
    >>> bool(abs(dispersion(units, np.ones_like(units, dtype=bool)).mean() - 1) < 0.1)
    True
    """
    level = np.full(len(filled), np.nan)
    squares, means, count = np.zeros(len(filled)), np.zeros(len(filled)), np.zeros(len(filled))
    for at in range(filled.shape[1]):
        now = filled[:, at]
        usable = known[:, at] & np.isfinite(level)
        # the moving level has noise of its own: 1 + memory / (2 - memory)
        squares += np.where(usable, (now - level) ** 2 / (1 + 0.15 / 1.85), 0.0)
        means += np.where(usable, level, 0.0)
        count += usable
        level = np.where(np.isfinite(level), 0.85 * level + 0.15 * np.nan_to_num(now), now)
    usual = float(squares.sum() / max(means.sum(), 1e-9)) if means.sum() > 0 else 1.0
    own = squares / np.maximum(means, 1e-9)
    drawn = (count * np.where(means > 0, own, usual) + _PRIOR_PERIODS * usual) / (count + _PRIOR_PERIODS)
    return np.asarray(np.maximum(drawn, 0.05))


def spread_of(forecasts: np.ndarray, dispersions: np.ndarray) -> np.ndarray:
    """Return the yardstick of the errors: the standard deviation that counts of this level would have."""
    return np.asarray(np.sqrt(dispersions[..., None] * np.maximum(forecasts, _LEAST_UNITS)))


@dataclass(frozen=True)
class Calibration:
    """Past errors in units of the yardstick, by group of series, as quantiles.

    Parameters
    ----------
    reach : numpy.ndarray
        Half-width of the interval, shape (n_groups, n_steps).
    quantiles : numpy.ndarray
        Of the signed errors at 1 % to 99 %, shape (n_groups, 99).
    n_scores : numpy.ndarray of int
        Errors behind each group.
    edges : numpy.ndarray
        Levels that separate the groups of a class, shape (n_classes, n_levels - 1).
    confidence_level : float
        Of the interval.
    """

    reach: np.ndarray
    quantiles: np.ndarray
    n_scores: np.ndarray
    edges: np.ndarray
    confidence_level: float

    def interval(
        self, forecasts: np.ndarray, dispersions: np.ndarray, classes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the interval of each forecast, shape (n_series, n_steps) both."""
        group = self._group(forecasts, classes)
        steps = np.arange(forecasts.shape[1])
        measured = self.reach.shape[1]
        reach = self.reach[group[:, None], np.minimum(steps, measured - 1)[None, :]]
        # beyond what the past could measure, errors grow as a random walk does
        reach = reach * np.sqrt(np.maximum(steps + 1, measured) / measured)[None, :]
        half = reach * spread_of(forecasts, dispersions)
        return np.maximum(forecasts - half, 0.0), forecasts + half

    def quantile(
        self, forecasts: np.ndarray, dispersions: np.ndarray, classes: np.ndarray, level: float
    ) -> np.ndarray:
        """Return one quantile of the units of each forecast, shape (n_series, n_steps)."""
        at = self.quantiles[self._group(forecasts, classes)]
        error = np.array([np.interp(level, _KNOTS, one) for one in at])[:, None]
        return np.maximum(forecasts + error * spread_of(forecasts, dispersions), 0.0)

    def _group(self, forecasts: np.ndarray, classes: np.ndarray) -> np.ndarray:
        return _group_numbers(forecasts.mean(axis=1), classes, self.edges)


def calibrate(
    past: np.ndarray,
    actual: np.ndarray,
    dispersions: np.ndarray,
    classes: np.ndarray,
    level: float,
    n_classes: int,
) -> Calibration | None:
    """Size intervals by past errors.

    Parameters
    ----------
    past, actual : numpy.ndarray
        Past forecasts, and what came with NaN where it is not known, shape (n_origins, n_series, n_steps).
    dispersions : numpy.ndarray
        Of each series, shape (n_series,).
    classes : numpy.ndarray of int
        Of each series, from 0.
    level : float
        Confidence level.
    n_classes : int
        How many classes there are.

    Returns
    -------
    Calibration or None
        None below 20 past errors. Series are grouped by class and level; a group with few errors takes those
        of its class, or all.
    """
    scores = (actual - past) / spread_of(past, dispersions)
    there = np.isfinite(scores)
    if int(there.sum()) < _FEWEST_OVERALL:
        return None
    levels = past.mean(axis=2)
    edges = np.full((n_classes, _LEVELS - 1), np.inf)
    for one in range(n_classes):
        inside = levels[:, classes == one]
        if inside.size:
            edges[one] = np.quantile(inside, np.arange(1, _LEVELS) / _LEVELS)
    group = np.stack([_group_numbers(one, classes, edges) for one in levels])
    n_groups, n_steps = n_classes * _LEVELS, past.shape[2]
    reach = np.empty((n_groups, n_steps))
    quantiles, counts = np.empty((n_groups, len(_KNOTS))), np.zeros(n_groups, dtype=np.intp)
    for one in range(n_groups):
        rows = group == one
        if int(there[rows].sum()) < _FEWEST_SCORES:
            rows = np.broadcast_to(classes == one // _LEVELS, group.shape)
        if int(there[rows].sum()) < _FEWEST_SCORES:
            rows = np.ones(group.shape, dtype=bool)
        errors, known = scores[rows], there[rows]
        counts[one] = int(known.sum())
        quantiles[one] = np.quantile(errors[known], _KNOTS)
        overall = _conformal(np.abs(errors[known]), level)
        for step in range(n_steps):
            own = np.abs(errors[:, step][known[:, step]])
            reach[one, step] = _conformal(own, level) if len(own) >= _FEWEST_SCORES else overall
    return Calibration(np.maximum.accumulate(reach, axis=1), quantiles, counts, edges, level)


def unchecked(n_classes: int, level: float) -> Calibration:
    """Return intervals of the yardstick alone, for data too short to size them by past errors."""
    n_groups = n_classes * _LEVELS
    reach = np.full((n_groups, _MOST_STEPS), stats.norm.ppf((1 + level) / 2))
    quantiles = np.tile(stats.norm.ppf(_KNOTS), (n_groups, 1))
    edges = np.full((n_classes, _LEVELS - 1), np.inf)
    return Calibration(reach, quantiles, np.zeros(n_groups, dtype=np.intp), edges, level)


def _conformal(scores: np.ndarray, level: float) -> float:
    """Return the score that a new one stays below with probability ``level``."""
    rank = int(np.ceil((len(scores) + 1) * level))
    return float(np.sort(scores)[min(rank, len(scores)) - 1])


def _group_numbers(levels: np.ndarray, classes: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.asarray(classes * _LEVELS + (levels[:, None] > edges[classes]).sum(axis=1), dtype=np.intp)
