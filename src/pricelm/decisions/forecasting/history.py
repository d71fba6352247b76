"""The past of a forecast: what the members would have said from earlier days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricelm.core.protocols import Progress
from pricelm.decisions.forecasting.classes import CLASSES, series_classes
from pricelm.decisions.forecasting.config import ForecastConfig
from pricelm.decisions.forecasting.ensemble import Backtest, Ensemble, fit_ensemble
from pricelm.decisions.forecasting.members import Histories, Member, all_forecasts

_LEAST_HISTORY = 8
_SHARE_FOR_TEST = 5


@dataclass(frozen=True)
class Learned:
    """One level of the hierarchy: its members, weighed, in the past and ahead.

    Parameters
    ----------
    ensemble : Ensemble
        The weights.
    classes : numpy.ndarray of int
        Class of each series.
    past : numpy.ndarray
        Shape (n_origins, n_series, n_steps).
    ahead : numpy.ndarray
        Shape (n_series, horizon).
    """

    ensemble: Ensemble
    classes: np.ndarray
    past: np.ndarray
    ahead: np.ndarray


def past_origins(n_periods: int, config: ForecastConfig) -> tuple[list[int], int]:
    """Return from where the past is forecast, and how many steps.

    Parameters
    ----------
    n_periods : int
        Length of the data.
    config : ForecastConfig
        Horizon and number of origins.

    Returns
    -------
    ends : list of int
        Number of periods known at each origin, newest first; none when the data is too short.
    n_steps : int
        At most the horizon, and at most a fifth of the data.

    Examples
    --------
    >>> past_origins(52, ForecastConfig(horizon=8)), past_origins(12, ForecastConfig(horizon=8))
    (([44, 40, 36], 8), ([10, 9, 8], 2))
    """
    n_steps = max(1, min(config.horizon, n_periods // _SHARE_FOR_TEST))
    stride = max(1, n_steps // 2)
    ends = [n_periods - n_steps - stride * back for back in range(config.n_origins)]
    return [end for end in ends if end >= _LEAST_HISTORY], n_steps


def actual_units(values: np.ndarray, known: np.ndarray, ends: Sequence[int], n_steps: int) -> np.ndarray:
    """Return what came after each origin, shape (n_origins, n_series, n_steps).

    It is NaN where it is not known, and for a series that had hardly begun at the origin.
    """
    found = []
    for end in ends:
        begun = (known[:, :end].sum(axis=1) >= _LEAST_HISTORY)[:, None]
        inside = known[:, end : end + n_steps] & begun
        found.append(np.where(inside, values[:, end : end + n_steps], np.nan))
    return np.array(found).reshape(len(ends), len(values), n_steps)


def learn_level(
    members: Sequence[Member], histories: Histories, config: ForecastConfig, progress: Progress
) -> Learned:
    """Forecast one level of the hierarchy from past origins and from today.

    Parameters
    ----------
    members : sequence of Member
        The methods.
    histories : Histories
        Demand at the regular price.
    config : ForecastConfig
        Horizon and origins.
    progress : Progress
        Told of each origin.

    Returns
    -------
    Learned
        Without origins in the data the members count alike.
    """
    ends, n_steps = past_origins(histories.demand.shape[1], config)
    classes = series_classes(histories.demand)
    past = []
    for end in ends:
        past.append(all_forecasts(members, histories.until(end), n_steps))
        progress.advance()
    shape = (len(ends), len(members), len(histories.demand), n_steps)
    backtest = Backtest(
        np.array(past).reshape(shape), actual_units(histories.demand, histories.known, ends, n_steps)
    )
    names = [member.name for member in members]
    ensemble, combined = fit_ensemble(names, backtest, classes)
    ahead = ensemble.combine(all_forecasts(members, histories, config.horizon), classes)
    progress.advance()
    return Learned(ensemble, classes, combined, ahead)


def rationale(ensemble: Ensemble, number: int) -> str:
    """Say which members a class of series rests on, and what they got wrong in the past."""
    parts = [
        f"{name} {weight:.0%}"
        for weight, name in sorted(zip(ensemble.weights[number], ensemble.names, strict=True), reverse=True)
        if weight >= 0.01
    ]
    said = f"{', '.join(parts)} for {CLASSES[number]} series"
    errors = dict(zip(ensemble.names, ensemble.errors[number], strict=True))
    if not np.isfinite(ensemble.own_errors[number]):
        return f"{said}; too little past to test it"
    best = min(errors, key=lambda name: errors[name])
    return (
        f"{said}; in the past {ensemble.own_errors[number]:.0%} of such units were missed, by the best "
        f"single member ({best}) {errors[best]:.0%}"
    )
