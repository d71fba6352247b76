"""The result of an evaluation: what was found, as a table and as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pricelm.evaluation.bootstrap import Difference, Estimate, verdict
from pricelm.evaluation.wording import METRIC_LABELS, estimate_text

MEDIAN_GUESS = "median guess"
LEXICAL = "lexical"
IMAGE = "image"
LANGUAGE_BEFORE = "language before tuning"
LANGUAGE_AFTER = "language after tuning"
TABULAR = "tabular"
BLEND = "blend"
TABLE_METRICS = ("mae", "mdape", "rmsle", "r2_log")


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Parameters
    ----------
    n_rows, n_groups : int
        Listings, and duplicate groups among them.
    currency : str
        Of all prices; ``""`` when not known.
    metrics : dict
        Predictor -> metric -> ``(value, lower, upper)`` with a 95 % bootstrap interval;
        predictors in the order of the tables.
    gains : dict
        Other predictor -> metric -> how much better the blend is (paired bootstrap).
    confidence_level : float
        What the price intervals promise.
    coverage : Estimate
        Share of prices inside their interval, with a 95 % interval.
    mean_width : Estimate
        Mean width of the intervals in currency, with a 95 % interval.
    median_relative_width : float
        Median of interval width over predicted price.
    calibration_curve : pandas.DataFrame
        ``level, coverage, coverage_lower, coverage_upper, rows``: promised against observed, with
        exact 95 % intervals; on all listings at the model's level, on a sample at the others.
    coverage_by_category, coverage_by_band : pandas.DataFrame
        See :func:`pricelm.evaluation.slices.coverage_by_group`; categories by their first
        level, bands by predicted price.
    metrics_by_category : pandas.DataFrame
        See :func:`pricelm.evaluation.slices.metrics_by_slice`.
    advice : str
        Which metric fits these prices, and why.
    predictions : pandas.DataFrame
        ``actual, predicted, lower, upper`` of each listing, in the order of the listings.
    """

    n_rows: int
    n_groups: int
    currency: str
    metrics: dict[str, dict[str, Estimate]]
    gains: dict[str, dict[str, Difference]]
    confidence_level: float
    coverage: Estimate
    mean_width: Estimate
    median_relative_width: float
    calibration_curve: pd.DataFrame
    coverage_by_category: pd.DataFrame
    coverage_by_band: pd.DataFrame
    metrics_by_category: pd.DataFrame
    advice: str
    predictions: pd.DataFrame

    def table(self) -> list[dict[str, str]]:
        """Return one row of texts a predictor, column title -> cell, ready to be shown."""
        rows = []
        for predictor, values in self.metrics.items():
            cells = {
                METRIC_LABELS[name]: estimate_text(name, values[name], self.currency)
                for name in TABLE_METRICS
            }
            rows.append({"predictor": predictor, **cells, "blend is": self.blend_is(predictor)})
        return rows

    def blend_is(self, predictor: str, metric: str = "rmsle") -> str:
        """Return whether the blend is better, worse or equal; ``""`` for the blend itself."""
        return verdict(self.gains[predictor][metric]) if predictor in self.gains else ""

    def to_dict(self) -> dict[str, Any]:
        """Return all but the single predictions as JSON-ready values; NaN becomes None."""
        return {
            "n_rows": self.n_rows,
            "n_groups": self.n_groups,
            "currency": self.currency,
            "metrics": _plain(self.metrics),
            "gains": {
                other: {
                    name: {"value": _plain(gain.value), "interval": _plain([gain.lower, gain.upper]),
                           "blend_is": verdict(gain)}
                    for name, gain in gains.items()
                }
                for other, gains in self.gains.items()
            },
            "confidence_level": self.confidence_level,
            "coverage": _plain(self.coverage),
            "mean_width": _plain(self.mean_width),
            "median_relative_width": _plain(self.median_relative_width),
            "calibration_curve": _records(self.calibration_curve),
            "coverage_by_category": _records(self.coverage_by_category),
            "coverage_by_band": _records(self.coverage_by_band),
            "metrics_by_category": _records(self.metrics_by_category),
            "advice": self.advice,
        }  # fmt: skip


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): _plain(value) for key, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
