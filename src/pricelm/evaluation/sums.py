"""Metrics written as sums over rows, so that a resample costs one matrix product.

Apart from the median, a metric is a formula over a few sums: RMSE is the root of a sum
of squares over a count. Summing per duplicate group once and weighting the groups gives
every bootstrap replicate without touching the rows again. The tests hold each entry
against its plain function in ``metrics``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pricelm.evaluation.metrics import absolute_percentage_errors, price_pair

RowFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class SumMetric:
    """A metric that needs nothing but sums over rows.

    Parameters
    ----------
    rows : callable
        ``(actual, predicted) -> (n_listings, n_terms)``, what is summed.
    finish : callable
        ``(..., n_terms) sums -> (...)`` metric values. The first term is always the count.
    """

    rows: RowFunction
    finish: Callable[[np.ndarray], np.ndarray]


def row_mean(row_values: RowFunction) -> SumMetric:
    """Return the metric that is the mean of a value per row.

    Parameters
    ----------
    row_values : callable
        ``(actual, predicted) -> (n_listings,)``.

    Examples
    --------
    >>> import numpy as np
    >>> share_over = row_mean(lambda actual, predicted: predicted > actual)
    >>> rows = share_over.rows(np.array([1.0, 2.0]), np.array([2.0, 1.0]))
    >>> float(share_over.finish(rows.sum(axis=0)))
    0.5
    """
    return SumMetric(
        rows=lambda actual, predicted: _columns(row_values(actual, predicted)),
        finish=lambda sums: sums[..., 1] / sums[..., 0],
    )


def _columns(*terms: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(terms[0])), *terms]).astype(np.float64)


def _squared(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return (actual - predicted) ** 2


def _squared_log(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    first, second = price_pair(actual, predicted, lowest=0.0)
    return _squared(np.log1p(first), np.log1p(second))


def _variance_rows(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    # centering changes no variance and saves the digits that a large mean would eat
    centered = actual - actual.mean()
    return _columns(_squared(actual, predicted), centered, centered**2)


def _variance_rows_log(actual: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    first, second = price_pair(actual, predicted, lowest=0.0)
    return _variance_rows(np.log1p(first), np.log1p(second))


def _explained(sums: np.ndarray) -> np.ndarray:
    count, residual, total, squares = np.moveaxis(sums, -1, 0)
    spread = squares - total**2 / count
    # a resample of equal prices leaves only rounding noise as its spread
    real = spread > 1e-12 * squares
    return np.where(real, 1.0 - residual / np.where(real, spread, 1.0), np.nan)


def _root_mean(sums: np.ndarray) -> np.ndarray:
    return np.sqrt(sums[..., 1] / sums[..., 0])


SUM_METRICS: dict[str, SumMetric] = {
    "mse": row_mean(_squared),
    "rmse": SumMetric(lambda actual, predicted: _columns(_squared(actual, predicted)), _root_mean),
    "mae": row_mean(lambda actual, predicted: np.abs(actual - predicted)),
    "mape": row_mean(absolute_percentage_errors),
    "wape": SumMetric(
        rows=lambda actual, predicted: _columns(np.abs(actual - predicted), actual),
        finish=lambda sums: sums[..., 1] / sums[..., 2],
    ),
    "rmsle": SumMetric(lambda actual, predicted: _columns(_squared_log(actual, predicted)), _root_mean),
    "r2": SumMetric(_variance_rows, _explained),
    "r2_log": SumMetric(_variance_rows_log, _explained),
}
