"""Members: methods that each turn histories into forecasts, all behind one small protocol."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from pricelm.core.extras import require
from pricelm.decisions.forecasting.config import ForecastConfig

_YEARS_FOR_SEASON = 2
_PURPOSE = "forecast sales"


@dataclass(frozen=True)
class Histories:
    """Demand at the regular price up to some period.

    Parameters
    ----------
    demand : numpy.ndarray
        Units, NaN before a series begins, shape (n_series, n_periods).
    known : numpy.ndarray of bool
        Where demand was seen and not filled in.
    groups : pandas.DataFrame
        sku and category numbers, one row a series.
    """

    demand: np.ndarray
    known: np.ndarray
    groups: pd.DataFrame

    def until(self, end: int) -> Histories:
        """Return the first ``end`` periods."""
        return Histories(self.demand[:, :end], self.known[:, :end], self.groups)

    def long(self) -> pd.DataFrame:
        """Return unique_id, ds, y and known, one row a series and period."""
        series, period = np.nonzero(np.isfinite(self.demand))
        y = self.demand[series, period]
        return pd.DataFrame({"unique_id": series, "ds": period, "y": y, "known": self.known[series, period]})


class Member(Protocol):
    """A method of forecasting."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def forecast(self, histories: Histories, horizon: int) -> np.ndarray:
        """Return units at the regular price, not negative, shape (n_series, horizon)."""
        ...


@dataclass(frozen=True)
class Statistical:
    """A method of statsforecast, fitted to every series by itself.

    Parameters
    ----------
    name : str
        As it is reported.
    kind : str
        Name of the class in ``statsforecast.models``.
    options : tuple of tuple
        Its arguments.
    """

    name: str
    kind: str
    options: tuple[tuple[str, Any], ...] = ()

    def forecast(self, histories: Histories, horizon: int) -> np.ndarray:
        """Return units at the regular price, not negative, shape (n_series, horizon)."""
        models = require("statsforecast.models", extra="decide", purpose=_PURPOSE)
        model = getattr(models, self.kind)(**dict(self.options))
        found = np.zeros((len(histories.demand), horizon))
        for at, row in enumerate(histories.demand):
            y = row[np.isfinite(row)]
            if len(y):
                found[at] = _one(model, y, horizon)
        return np.maximum(found, 0.0)


def _one(model: Any, y: np.ndarray, horizon: int) -> np.ndarray:
    short = np.full(horizon, y.mean())
    if len(y) < 3 or not y.any():
        return short
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a series that is constant makes optimizers complain
        try:
            mean = np.asarray(model.forecast(y=y, h=horizon)["mean"], dtype=np.float64)
        except (ValueError, IndexError, ZeroDivisionError, RuntimeError):
            return short
    return np.where(np.isfinite(mean), mean, short)


@dataclass(frozen=True)
class Boosting:
    """Gradient boosting over all series at once, by mlforecast: what neighbours sold helps.

    Parameters
    ----------
    frequency : str
        Of the periods.
    seed : int
        Of LightGBM.
    name : str
        As it is reported.
    """

    frequency: str = "weekly"
    seed: int = 0
    name: str = "boosting"

    def forecast(self, histories: Histories, horizon: int) -> np.ndarray:
        """Return units at the regular price, not negative, shape (n_series, horizon)."""
        long = histories.long()
        for column in ("sku", "category"):
            long[column] = histories.groups[column].to_numpy()[long["unique_id"]]
        long["weight"] = np.where(long.pop("known"), 1.0, 0.05)
        model = self._model(int(long.groupby("unique_id").size().max()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(long, static_features=["sku", "category"], weight_col="weight", dropna=False)
            ahead = model.predict(horizon)
        found = np.zeros((len(histories.demand), horizon))
        found[ahead["unique_id"].to_numpy(), np.tile(np.arange(horizon), len(ahead) // horizon)] = ahead[
            self.name
        ]
        return np.maximum(found, 0.0)

    def _model(self, longest: int) -> Any:
        mlforecast = require("mlforecast", extra="decide", purpose=_PURPOSE)
        past = require("mlforecast.lag_transforms", extra="decide", purpose=_PURPOSE)
        import lightgbm

        lags = [1, 2, 3, 4, 7, 14, 28] if self.frequency == "daily" else [1, 2, 3, 4, 52]
        windows = (7, 28) if self.frequency == "daily" else (4, 8, 16)
        rolling = [past.RollingMean(window, min_samples=1) for window in windows]
        neighbours = [
            past.RollingMean(windows[1], min_samples=1, groupby=[name]) for name in ("sku", "category")
        ]
        booster = lightgbm.LGBMRegressor(
            objective="tweedie",
            tweedie_variance_power=1.2,
            n_estimators=150,
            learning_rate=0.05,
            num_leaves=31,
            min_child_samples=50,
            colsample_bytree=0.7,
            subsample=0.8,
            subsample_freq=1,
            random_state=self.seed,
            n_jobs=1,
            verbose=-1,
            deterministic=True,
            force_row_wise=True,
        )
        weekday = [_weekday] if self.frequency == "daily" else []
        return mlforecast.MLForecast(
            models={self.name: booster},
            freq=1,
            lags=[lag for lag in lags if lag < longest],
            lag_transforms={1: [past.ExpandingMean(), *rolling, *neighbours]},
            date_features=weekday,
        )


def _weekday(periods: Any) -> Any:
    return np.asarray(periods) % 7


def chosen_members(config: ForecastConfig, n_periods: int) -> list[Member]:
    """Return the members that data of this length can carry.

    Parameters
    ----------
    config : ForecastConfig
        Frequency, and whether boosting takes part.
    n_periods : int
        Length of the longest series.

    Returns
    -------
    list of Member
        Means, smoothing, a method for intermittent series, a seasonal one from two seasons on, boosting.

    Examples
    --------
    >>> [one.name for one in chosen_members(ForecastConfig(boosting=False), 60)]
    ['mean', 'recent mean', 'smoothing', 'intermittent']
    """
    recent = 28 if config.frequency == "daily" else 8
    found: list[Member] = [
        Statistical("mean", "HistoricAverage"),
        Statistical("recent mean", "WindowAverage", (("window_size", recent),)),
        Statistical("smoothing", "SimpleExponentialSmoothingOptimized"),
        Statistical("intermittent", "TSB", (("alpha_d", 0.1), ("alpha_p", 0.1))),
    ]
    if n_periods >= _YEARS_FOR_SEASON * config.season:
        found.append(
            Statistical(
                "seasonal", "SeasonalExponentialSmoothingOptimized", (("season_length", config.season),)
            )
        )
    if config.boosting:
        found.append(Boosting(config.frequency, config.seed))
    return found


def all_forecasts(members: Sequence[Member], histories: Histories, horizon: int) -> np.ndarray:
    """Return the forecasts of every member, shape (n_members, n_series, horizon)."""
    return np.stack([member.forecast(histories, horizon) for member in members])
