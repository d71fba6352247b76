"""Forecasting: a baseline at the regular price by an ensemble, made coherent, times the price effect."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from pricelm.catalog.sales import CheckedSales
from pricelm.core.errors import DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.decisions.demand.learn import learn_demand
from pricelm.decisions.demand.panel import weekly_panel
from pricelm.decisions.demand.records import DemandModel
from pricelm.decisions.forecasting.assembly import Records
from pricelm.decisions.forecasting.baseline import Base, Reconciled
from pricelm.decisions.forecasting.classes import CLASSES
from pricelm.decisions.forecasting.config import ForecastConfig
from pricelm.decisions.forecasting.history import Learned, learn_level, past_origins
from pricelm.decisions.forecasting.members import chosen_members
from pricelm.decisions.forecasting.prices import future_prices, price_responses
from pricelm.decisions.forecasting.records import SalesForecast
from pricelm.decisions.forecasting.series import prepare_series


def forecast(
    sales: CheckedSales,
    config: ForecastConfig = ForecastConfig(),
    price_path: pd.DataFrame | None = None,
    demand: DemandModel | None = None,
    progress: Progress = Silence(),
) -> SalesForecast:
    """Forecast the units of every product and store at a stated price path.

    Past units are brought to the regular price by the elasticity of the demand ladder, forecast by an
    ensemble, reconciled with their categories, and brought to the stated prices by the same elasticity: what
    the forecast says of another price is what the ladder says.

    Parameters
    ----------
    sales : CheckedSales
        Checked sales.
    config : ForecastConfig
        Horizon, frequency and levels.
    price_path : pandas.DataFrame, optional
        Coming prices: sku, store (``""`` for all), date (NaT for all), price. The regular price where nothing
        is stated.
    demand : DemandModel, optional
        Learned from the same sales if it is not given.
    progress : Progress
        Told what happens.

    Returns
    -------
    SalesForecast
        Products by store, and categories; refused series with their reason.

    Raises
    ------
    DataError
        If no series is long enough, or the sales cannot be used.
    """
    table = prepare_series(sales, config)
    if demand is None:
        demand = learn_demand(weekly_panel(sales), progress=progress)
    old = table.known.sum(axis=1) >= config.min_observations
    if not old.any():
        longest = int(table.known.sum(axis=1).max())
        raise DataError(
            f"too few observations: expected at least {config.min_observations} known {config.period}s of "
            f"some product, got {longest} at most"
        )
    responses = price_responses(table, demand)
    base = Base(table, responses, old)
    ends, n_steps = past_origins(table.units.shape[1], config)
    members = chosen_members(config, table.units.shape[1])
    progress.start("forecasting", 2 * (len(ends) + 1))
    bottom = learn_level(members, base.bottom(), config, progress)
    top = learn_level(members, base.top(), config, progress)
    made = Reconciled(base, bottom, top, ends, n_steps)
    starts = table.starts[-1] + pd.to_timedelta(
        config.period_days * np.arange(1, config.horizon + 1), unit="D"
    )
    prices, notes = future_prices(table, pd.DatetimeIndex(starts), price_path, config.period_days)
    series = Records(base, made, bottom, config).write(prices)
    return SalesForecast(
        series,
        tuple(day.date().isoformat() for day in starts),
        config.period_days,
        config.confidence_level,
        sales.currency,
        [{"sku": sku, "store": store, "reason": why} for (sku, store), why in sorted(table.refusals.items())],
        {"products": _members(bottom), "categories": _members(top)},
        made.facts,
        [*table.notes, *notes],
        asdict(config),
    )


def _members(level: Learned) -> dict[str, dict[str, object]]:
    ensemble = level.ensemble
    return {
        CLASSES[one]: {
            "series": int((level.classes == one).sum()),
            "weights": dict(zip(ensemble.names, ensemble.weights[one].round(4).tolist(), strict=True)),
            "past_errors": {
                name: _finite(error) for name, error in zip(ensemble.names, ensemble.errors[one], strict=True)
            },
            "past_error": _finite(ensemble.own_errors[one]),
        }
        for one in range(len(CLASSES))
        if (level.classes == one).any()
    }


def _finite(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
