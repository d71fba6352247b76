"""Who forecasts beside pricelm: seasonal naive, ETS and plain LightGBM, as their libraries come."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

LEVEL = 90


@dataclass(frozen=True)
class Said:
    """Forecasts with the ends of their 90 % interval and their median, shape (n_series, n_steps) each."""

    units: np.ndarray
    low: np.ndarray
    high: np.ndarray
    median: np.ndarray


def long_frame(units: np.ndarray, begins: np.ndarray, prices: np.ndarray | None = None) -> pd.DataFrame:
    """Return unique_id, ds, y (and price) of every series from its first sale on."""
    series, period = np.nonzero(np.arange(units.shape[1])[None, :] >= begins[:, None])
    frame = pd.DataFrame({"unique_id": series, "ds": period, "y": units[series, period]})
    return frame if prices is None else frame.assign(price=prices[series, period])


def statistical_peers(units: np.ndarray, begins: np.ndarray, horizon: int, season: int) -> dict[str, Said]:
    """Return seasonal naive and AutoETS of statsforecast, with their own intervals."""
    from statsforecast import StatsForecast
    from statsforecast.models import AutoETS, Naive, SeasonalNaive

    models = [SeasonalNaive(season, alias="naive"), AutoETS(season if season == 7 else 1, alias="ets")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = StatsForecast(models, freq=1, n_jobs=2, fallback_model=Naive())
        told = run.forecast(df=long_frame(units, begins), h=horizon, level=[LEVEL])
    return {
        "seasonal naive": _said(told, "naive", len(units)),
        "ETS": _said(told, "ets", len(units)),
    }


def plain_boosting(
    units: np.ndarray, begins: np.ndarray, prices: np.ndarray, horizon: int, frequency: str
) -> Said:
    """Return LightGBM under mlforecast as it comes, with lags, a rolling mean, the price, its intervals."""
    import lightgbm
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean
    from mlforecast.utils import PredictionIntervals

    lags = [1, 2, 3, 4] if frequency == "weekly" else [1, 2, 3, 7, 14]
    booster = lightgbm.LGBMRegressor(random_state=0, verbose=-1, n_jobs=2)
    model = MLForecast(
        {"boosting": booster},
        freq=1,
        lags=lags,
        lag_transforms={1: [RollingMean(4 if frequency == "weekly" else 7)]},
        date_features=[] if frequency == "weekly" else [weekday],
    )
    known = units.shape[1]
    series, period = np.indices((len(units), horizon)).reshape(2, -1)
    coming = pd.DataFrame(
        {"unique_id": series, "ds": period + known, "price": prices[series, period + known]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(
            long_frame(units, begins, prices[:, :known]),
            static_features=[],
            prediction_intervals=PredictionIntervals(n_windows=2, h=horizon),
        )
        told = model.predict(horizon, X_df=coming, level=[LEVEL])
    return _said(told, "boosting", len(units))


def weekday(periods: np.ndarray) -> np.ndarray:
    """Return the day of the week of a period that is a day."""
    return np.asarray(periods) % 7


def _said(told: pd.DataFrame, name: str, n_series: int) -> Said:
    told = told.sort_values(["unique_id", "ds"])
    parts = [told[column].to_numpy(np.float64).reshape(n_series, -1) for column in _columns(name)]
    units, low, high = (np.maximum(np.nan_to_num(part), 0.0) for part in parts)
    return Said(units, low, high, units)


def _columns(name: str) -> tuple[str, str, str]:
    return name, f"{name}-lo-{LEVEL}", f"{name}-hi-{LEVEL}"
