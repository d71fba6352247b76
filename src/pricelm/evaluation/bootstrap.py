"""Confidence intervals of metrics by resampling duplicate groups, fast.

Near-duplicate listings are not independent evidence, so whole groups are drawn, never
single rows of one. All predictors and metrics share the same draws: the difference of
two of them is then a paired difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pricelm.core.errors import ConfigError, DataError
from pricelm.evaluation.metrics import (
    HIGHER_IS_BETTER,
    MetricFunction,
    absolute_percentage_errors,
    price_pair,
)
from pricelm.evaluation.sums import SUM_METRICS, SumMetric

MetricLike = str | SumMetric | MetricFunction
# bounds the weights in memory at once (int32 and float64 copies: 48 MB) whatever the number of rows
_CHUNK_CELLS = 4_000_000


@dataclass(frozen=True)
class Resampling:
    """How a bootstrap is drawn.

    Parameters
    ----------
    n : int, default 1000
        Number of resamples, at least 2.
    level : float, default 0.95
        Confidence level of the intervals.
    seed : int, default 0
        Same seed, same interval.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Examples
    --------
    >>> Resampling(n=200).level
    0.95
    """

    n: int = 1000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n < 2:
            raise ConfigError(f"expected at least 2 resamples, got n={self.n}; 1000 is usual")
        if not 0 < self.level < 1:
            raise ConfigError(f"expected a confidence level between 0 and 1, got {self.level}; 0.95 is usual")


class Estimate(NamedTuple):
    """A metric with its confidence interval; the ends are NaN when there is one group only."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Difference:
    """How much better one predictor is than another: positive is better, for every metric.

    Parameters
    ----------
    value : float
        Gain in units of the metric.
    lower, upper : float
        Confidence interval of the gain.
    """

    value: float
    lower: float
    upper: float


def verdict(difference: Difference) -> str:
    """Return ``"better"``, ``"worse"``, or ``"equal"`` when the interval holds zero.

    Examples
    --------
    >>> verdict(Difference(0.02, 0.01, 0.03)), verdict(Difference(0.02, -0.01, 0.05))
    ('better', 'equal')
    """
    if difference.lower > 0:
        return "better"
    return "worse" if difference.upper < 0 else "equal"


@dataclass(frozen=True)
class Replicates:
    """Metric values of every resample.

    Parameters
    ----------
    values : dict
        Predictor -> metric -> array of shape (1 + n_resamples,); the first is the metric
        on the rows as they are.
    level : float
        Confidence level of the intervals made from them.
    """

    values: dict[str, dict[str, np.ndarray]]
    level: float

    def estimate(self, predictor: str, metric: str) -> Estimate:
        """Return a metric of a predictor with its interval."""
        values = self.values[predictor][metric]
        return Estimate(float(values[0]), *_percentiles(values[1:], self.level))

    def difference(self, predictor: str, reference: str, metric: str) -> Difference:
        """Return how much better ``predictor`` is than ``reference``."""
        gain = self.values[reference][metric] - self.values[predictor][metric]
        if metric in HIGHER_IS_BETTER:
            gain = -gain
        return Difference(float(gain[0]), *_percentiles(gain[1:], self.level))


def bootstrap_interval(
    actual: ArrayLike,
    predicted: ArrayLike,
    metric: MetricLike,
    groups: ArrayLike | None = None,
    resampling: Resampling = Resampling(),
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of one metric.

    Parameters
    ----------
    actual, predicted : array-like, shape (n_listings,)
        Prices.
    metric : str, SumMetric or callable
        A name of ``METRICS`` (fast), or any ``(actual, predicted) -> float`` (slow).
    groups : array-like, shape (n_listings,), optional
        Duplicate group of each listing; by default each row is its own.
    resampling : Resampling
        Number of resamples, confidence level and seed.

    Returns
    -------
    tuple of float
        Lower and upper end; both NaN when there are fewer than two groups.

    Examples
    --------
    >>> actual = np.arange(1.0, 101.0)
    >>> low, high = bootstrap_interval(actual, actual + 2.0, "mae")
    >>> low, high
    (2.0, 2.0)
    """
    drawn = resample(actual, {"it": predicted}, {"metric": metric}, groups, resampling)
    estimate = drawn.estimate("it", "metric")
    return estimate.lower, estimate.upper


def paired_difference(
    actual: ArrayLike,
    predicted: ArrayLike,
    reference: ArrayLike,
    metric: MetricLike,
    groups: ArrayLike | None = None,
    resampling: Resampling = Resampling(),
) -> Difference:
    """Return how much better one set of predictions is than another, on the same resamples.

    Parameters
    ----------
    actual, predicted, reference : array-like, shape (n_listings,)
        Actual prices, the predictions in question, and those they are compared with.
    metric : str, SumMetric or callable
        As in :func:`bootstrap_interval`; one that has no name counts as an error (less is better).
    groups : array-like, shape (n_listings,), optional
        Duplicate group of each listing.
    resampling : Resampling
        Number of resamples, confidence level and seed.

    Returns
    -------
    Difference
        Positive when ``predicted`` is better than ``reference``, whichever way the metric points.

    Examples
    --------
    >>> actual = np.arange(1.0, 101.0)
    >>> paired_difference(actual, actual + 1.0, actual + 3.0, "mae")
    Difference(value=2.0, lower=2.0, upper=2.0)
    """
    name = metric if isinstance(metric, str) else "metric"
    drawn = resample(actual, {"it": predicted, "other": reference}, {name: metric}, groups, resampling)
    return drawn.difference("it", "other", name)


def resample(
    actual: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    metrics: Mapping[str, MetricLike],
    groups: ArrayLike | None = None,
    resampling: Resampling = Resampling(),
) -> Replicates:
    """Compute several metrics of several predictors on the same resamples.

    Parameters
    ----------
    actual : array-like, shape (n_listings,)
        Actual prices.
    predictions : mapping of str to array-like, shape (n_listings,)
        Predicted prices by predictor.
    metrics : mapping of str to MetricLike
        Metrics by the name they get in the result.
    groups : array-like, shape (n_listings,), optional
        Duplicate group of each listing.
    resampling : Resampling
        Number of resamples, confidence level and seed.

    Returns
    -------
    Replicates
        The metric values of every resample.

    Raises
    ------
    ConfigError
        If a metric has an unknown name.
    DataError
        If shapes differ or a price cannot be used by a metric.

    Examples
    --------
    >>> drawn = resample([1.0, 2.0, 3.0], {"a": [1.0, 2.0, 4.0]}, {"mae": "mae"})
    >>> round(drawn.estimate("a", "mae").value, 3)
    0.333
    """
    pairs = {name: price_pair(actual, predicted) for name, predicted in predictions.items()}
    codes, n_groups = _group_codes(groups, len(np.asarray(actual)))
    keys = [(predictor, metric) for predictor in pairs for metric in metrics]
    plans = [_plan(metrics[metric], *pairs[predictor], codes) for predictor, metric in keys]
    parts = [[plan(weights) for plan in plans] for weights in _weights(n_groups, len(codes), resampling)]
    values: dict[str, dict[str, np.ndarray]] = {predictor: {} for predictor in pairs}
    for position, (predictor, metric) in enumerate(keys):
        values[predictor][metric] = np.concatenate([part[position] for part in parts])
    return Replicates(values, resampling.level)


def _percentiles(values: np.ndarray, level: float) -> tuple[float, float]:
    real = values[np.isfinite(values)]
    if real.size == 0:
        return float("nan"), float("nan")
    lower, upper = np.quantile(real, [(1 - level) / 2, (1 + level) / 2])
    return float(lower), float(upper)


def _group_codes(groups: ArrayLike | None, n_rows: int) -> tuple[np.ndarray, int]:
    if groups is None:
        return np.arange(n_rows), n_rows
    labels = np.asarray(groups)
    if labels.shape != (n_rows,):
        raise DataError(
            f"expected one duplicate group for each of {n_rows} listings, got shape {labels.shape}; "
            "pass groups=None when duplicates are not known"
        )
    unique, codes = np.unique(labels, return_inverse=True)
    return codes, len(unique)


def _weights(n_groups: int, n_rows: int, resampling: Resampling) -> Iterator[np.ndarray]:
    """Yield how often each group is drawn, (n_in_chunk, n_groups) int32; first every group once."""
    yield np.ones((1, n_groups), dtype=np.int32)
    if n_groups < 2:
        # a single group resampled is itself: an interval of width zero would pretend certainty
        return
    generator = np.random.default_rng(resampling.seed)
    size = max(1, _CHUNK_CELLS // n_rows)
    for start in range(0, resampling.n, size):
        count = min(size, resampling.n - start)
        draws = generator.integers(0, n_groups, size=(count, n_groups))
        draws += np.arange(count)[:, None] * n_groups
        drawn = np.bincount(draws.ravel(), minlength=count * n_groups)
        yield drawn.reshape(count, n_groups).astype(np.int32)


Plan = Callable[[np.ndarray], np.ndarray]


def _plan(metric: MetricLike, actual: np.ndarray, predicted: np.ndarray, codes: np.ndarray) -> Plan:
    """Return the function from group weights, (n, n_groups), to metric values, (n,)."""
    if metric == "mdape":
        return _median_plan(absolute_percentage_errors(actual, predicted), codes)
    if isinstance(metric, str):
        if metric not in SUM_METRICS:
            known = ", ".join([*SUM_METRICS, "mdape"])
            raise ConfigError(f"expected a metric out of {known}, got {metric!r}; or pass a function")
        metric = SUM_METRICS[metric]
    if isinstance(metric, SumMetric):
        return _sum_plan(metric, actual, predicted, codes)
    return _function_plan(metric, actual, predicted, codes)


def _sum_plan(metric: SumMetric, actual: np.ndarray, predicted: np.ndarray, codes: np.ndarray) -> Plan:
    rows = metric.rows(actual, predicted)
    sums = np.column_stack([np.bincount(codes, weights=term) for term in rows.T])
    return lambda weights: metric.finish(weights.astype(np.float64) @ sums)


def _median_plan(errors: np.ndarray, codes: np.ndarray) -> Plan:
    order = np.argsort(errors, kind="stable")
    ordered, ordered_codes = errors[order], codes[order]

    def medians(weights: np.ndarray) -> np.ndarray:
        reached = np.cumsum(np.take(weights, ordered_codes, axis=1), axis=1, dtype=np.int32)
        total = reached[:, -1:]
        # the two middle draws, which are the same one when their number is odd
        low = np.argmax(reached > (total - 1) // 2, axis=1)
        high = np.argmax(reached > total // 2, axis=1)
        return (ordered[low] + ordered[high]) / 2

    return medians


def _function_plan(
    function: MetricFunction, actual: np.ndarray, predicted: np.ndarray, codes: np.ndarray
) -> Plan:
    positions = np.arange(len(codes))

    def values(weights: np.ndarray) -> np.ndarray:
        drawn = (np.repeat(positions, row[codes]) for row in weights)
        return np.array([function(actual[rows], predicted[rows]) for rows in drawn])

    return values
