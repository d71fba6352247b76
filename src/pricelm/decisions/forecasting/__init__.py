"""Forecasting: units of the coming weeks or days at a stated price, with intervals and reasons.

Checked sales in, records out: nothing here reads a file or decides on a price.
"""

from pricelm.decisions.forecasting.config import ForecastConfig
from pricelm.decisions.forecasting.forecast import forecast
from pricelm.decisions.forecasting.level import DemandLevels, demand_levels
from pricelm.decisions.forecasting.records import SalesForecast, SeriesForecast
from pricelm.decisions.forecasting.series import SeriesTable, prepare_series

__all__ = [
    "DemandLevels",
    "ForecastConfig",
    "SalesForecast",
    "SeriesForecast",
    "SeriesTable",
    "demand_levels",
    "forecast",
    "prepare_series",
]
