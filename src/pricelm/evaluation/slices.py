"""Where the model is good and where it is not: coverage and metrics by group.

Coverage is tested by group with the exact binomial test; because many groups are looked
at, p-values are corrected by Holm's method before any group is called significant.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from pricelm.core.errors import ConfigError, DataError
from pricelm.evaluation.bootstrap import Estimate
from pricelm.evaluation.metrics import METRICS, inside, price_pair

SMALLER_GROUPS = "(all smaller ones)"
_SIGNIFICANCE = 0.05
_FEWEST_CLUSTERS = 5


def binomial_coverage(hits: int, rows: int, confidence: float = 0.95) -> Estimate:
    """Return an observed coverage with its exact (Clopper-Pearson) interval.

    Parameters
    ----------
    hits : int
        Listings whose price lies in its interval.
    rows : int
        All listings, at least 1.
    confidence : float, default 0.95
        Confidence of the interval.

    Raises
    ------
    DataError
        If ``hits`` is not between 0 and ``rows``, or there are no rows.

    Examples
    --------
    >>> [round(end, 3) for end in binomial_coverage(90, 100)]
    [0.9, 0.824, 0.951]
    """
    if not 0 <= hits <= rows or rows == 0:
        raise DataError(f"expected hits between 0 and a positive number of rows, got {hits} of {rows}")
    tail = (1 - confidence) / 2
    lower = float(stats.beta.ppf(tail, hits, rows - hits + 1)) if hits else 0.0
    upper = float(stats.beta.ppf(1 - tail, hits + 1, rows - hits)) if hits < rows else 1.0
    return Estimate(hits / rows, lower, upper)


def holm(p_values: ArrayLike) -> np.ndarray:
    """Return p-values corrected by Holm's step-down method.

    Parameters
    ----------
    p_values : array-like, shape (n_tests,)
        Raw p-values.

    Returns
    -------
    numpy.ndarray
        Corrected p-values in the same order; rejecting those below 0.05 keeps the chance
        of any false alarm below 5 %.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    stepped = np.maximum.accumulate(raw[order] * np.arange(raw.size, 0, -1))
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def coverage_by_group(
    actual: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    group: ArrayLike,
    level: float,
    min_rows: int = 100,
    clusters: ArrayLike | None = None,
) -> pd.DataFrame:
    """Test in every group whether intervals hold the share of prices that they promise.

    Parameters
    ----------
    actual, lower, upper : array-like, shape (n_listings,)
        Actual prices and the ends of their intervals.
    group : array-like, shape (n_listings,)
        Label of each listing, for example its category.
    level : float
        Promised coverage, for example 0.9.
    min_rows : int, default 100
        Smaller groups are left out; they cannot show anything.
    clusters : array-like, shape (n_listings,), optional
        Cluster of each listing, for example its group of near-duplicates. Copies of one product
        miss together, so a hundred of them say little more than one: with clusters the p-value
        is the larger of the exact binomial one and that of a t-test on cluster totals.

    Returns
    -------
    pandas.DataFrame
        One row a group, largest first: ``group, rows, coverage, coverage_lower,
        coverage_upper`` (exact 95 % interval of independent rows), ``p_value`` (two-sided),
        ``holm_p, significant`` (below 0.05 after Holm's correction).

    Raises
    ------
    ConfigError
        If ``level`` is not between 0 and 1.
    DataError
        If the shapes differ.

    Examples
    --------
    >>> table = coverage_by_group([5.0] * 100, [4.0] * 100, [6.0] * 100, ["tea"] * 100, level=0.9)
    >>> table[["group", "rows", "coverage", "significant"]].values.tolist()
    [['tea', 100, 1.0, True]]
    """
    if not 0 < level < 1:
        raise ConfigError(f"expected a coverage level between 0 and 1, got {level}; 0.9 is usual")
    hit = inside(actual, lower, upper)
    labels = _labels(group, hit.size)
    units = np.arange(hit.size) if clusters is None else _labels(clusters, hit.size)
    table = pd.DataFrame({"group": labels, "hit": hit, "cluster": units})
    sizes = table["group"].value_counts(sort=True)
    rows = []
    for label in sorted(sizes[sizes >= min_rows].index, key=lambda name: (-sizes[name], name)):
        part = table[table["group"] == label]
        p_value = _coverage_p_value(part["hit"].to_numpy(), part["cluster"].to_numpy(), level)
        estimate = binomial_coverage(int(part["hit"].sum()), len(part))
        rows.append((label, len(part), *estimate, p_value))
    columns = ["group", "rows", "coverage", "coverage_lower", "coverage_upper", "p_value"]
    tested = pd.DataFrame(rows, columns=columns)
    tested["holm_p"] = holm(tested["p_value"])
    tested["significant"] = tested["holm_p"] < _SIGNIFICANCE
    return tested


def metrics_by_slice(
    actual: ArrayLike,
    predicted: ArrayLike,
    group: ArrayLike,
    metrics: Sequence[str] = ("mae", "mdape", "rmsle"),
    min_rows: int = 30,
) -> pd.DataFrame:
    """Compute metrics within every group.

    Parameters
    ----------
    actual, predicted : array-like, shape (n_listings,)
        Prices.
    group : array-like, shape (n_listings,)
        Label of each listing.
    metrics : sequence of str, default ("mae", "mdape", "rmsle")
        Names of ``METRICS``.
    min_rows : int, default 30
        Smaller groups are left out.

    Returns
    -------
    pandas.DataFrame
        One row a group, largest first: ``group, rows``, the metrics, and ``median_price``.

    Raises
    ------
    ConfigError
        If a metric has an unknown name.

    Examples
    --------
    >>> metrics_by_slice([1.0, 9.0], [2.0, 9.0], ["a", "b"], ["mae"], min_rows=1).values.tolist()
    [['a', 1, 1.0, 1.0], ['b', 1, 0.0, 9.0]]
    """
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise ConfigError(f"expected metrics out of {', '.join(METRICS)}, got {', '.join(unknown)}")
    first, second = price_pair(actual, predicted)
    labels = _labels(group, first.size)
    sizes = pd.Series(labels).value_counts(sort=True)
    rows = []
    for label in sizes[sizes >= min_rows].index:
        here = labels == label
        values = [METRICS[name](first[here], second[here]) for name in metrics]
        rows.append((label, int(here.sum()), *values, float(np.median(first[here]))))
    return pd.DataFrame(rows, columns=["group", "rows", *metrics, "median_price"])


def pool_small_groups(group: ArrayLike, min_rows: int = 100) -> np.ndarray:
    """Give all groups with fewer rows than ``min_rows`` the one label ``SMALLER_GROUPS``.

    Examples
    --------
    >>> pool_small_groups(["tea", "tea", "ink"], min_rows=2).tolist()
    ['tea', 'tea', '(all smaller ones)']
    """
    labels = pd.Series(np.asarray(group)).astype(str)
    return labels.where(labels.map(labels.value_counts()) >= min_rows, SMALLER_GROUPS).to_numpy()


def price_bands(prices: ArrayLike, n_bands: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Cut prices into bands with about equally many listings.

    Parameters
    ----------
    prices : array-like, shape (n_listings,)
        Prices; for a coverage test pass predicted ones, since a group that is chosen by
        its actual prices is covered too little at both ends by construction.
    n_bands : int, default 5
        Number of bands wanted; fewer come out when many prices are equal.

    Returns
    -------
    tuple of numpy.ndarray
        Band label of each listing, and the inner edges.

    Examples
    --------
    >>> labels, edges = price_bands([1.0, 2.0, 3.0, 4.0], n_bands=2)
    >>> labels.tolist(), edges.tolist()
    (['below 2.50', 'below 2.50', '2.50 and more', '2.50 and more'], [2.5])
    """
    values = np.asarray(prices, dtype=np.float64)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, n_bands + 1)[1:-1]))
    edges = edges[(edges > values.min()) & (edges <= values.max())]
    ends = [f"{edge:,.2f}" for edge in edges]
    if not ends:
        return np.full(values.shape, "all prices", dtype=object), edges
    middle = [f"{low} to {high}" for low, high in pairwise(ends)]
    names = np.array([f"below {ends[0]}", *middle, f"{ends[-1]} and more"], dtype=object)
    return names[np.digitize(values, edges)], edges


def _coverage_p_value(hit: np.ndarray, cluster: np.ndarray, level: float) -> float:
    exact = float(stats.binomtest(int(hit.sum()), hit.size, level).pvalue)
    _, members = np.unique(cluster, return_inverse=True)
    totals = np.bincount(members, weights=hit - level)
    if totals.size == hit.size:
        return exact
    if totals.size < _FEWEST_CLUSTERS:
        return 1.0
    spread = float(np.sqrt(np.sum((totals - totals.mean()) ** 2) * totals.size / (totals.size - 1)))
    statistic = abs(totals.sum()) / max(spread, np.finfo(float).tiny)
    return max(exact, float(2 * stats.t.sf(statistic, totals.size - 1)))


def _labels(group: ArrayLike, n_rows: int) -> np.ndarray:
    labels = np.asarray(group)
    if labels.shape != (n_rows,):
        raise DataError(f"expected one group label for each of {n_rows} listings, got shape {labels.shape}")
    return labels.astype(str).astype(object)
