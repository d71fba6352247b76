"""How far predicted prices are from actual ones, and how well intervals hold them.

Every function takes price arrays of shape (n_listings,) and returns one float. The
names in :data:`METRICS` are the ones that tables, bundles and benchmarks use.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from pricelm.core.errors import DataError

MetricFunction = Callable[[ArrayLike, ArrayLike], float]


def price_pair(
    actual: ArrayLike, predicted: ArrayLike, *, lowest: float = -np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Check two price arrays and return them as float64.

    Parameters
    ----------
    actual, predicted : array-like, shape (n_listings,)
        Prices in one currency.
    lowest : float, default -inf
        Smallest value that the metric can use in either array.

    Returns
    -------
    tuple of numpy.ndarray
        Both as float64, shape (n_listings,).

    Raises
    ------
    DataError
        If the shapes differ, nothing is there, or a value is not finite or too small.

    Examples
    --------
    >>> price_pair([1, 2], [1, 3])[1]
    array([1., 3.])
    """
    first = np.asarray(actual, dtype=np.float64)
    second = np.asarray(predicted, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or first.size == 0:
        raise DataError(
            "expected actual and predicted prices of the same shape (n_listings,) with at least one row, "
            f"got shapes {first.shape} and {second.shape}; pass one prediction for each actual price"
        )
    for name, values in (("actual", first), ("predicted", second)):
        bad = ~(np.isfinite(values) & (values >= lowest))
        if bad.any():
            wanted = "finite" if lowest == -np.inf else f"finite and at least {lowest:g}"
            raise DataError(
                f"expected every {name} price to be {wanted}, got {values[bad][0]} at position "
                f"{int(np.flatnonzero(bad)[0])} ({int(bad.sum())} such rows); leave these rows out"
            )
    return first, second


def absolute_percentage_errors(actual: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    """Return ``|actual - predicted| / actual`` of every listing.

    Raises
    ------
    DataError
        If an actual price is 0 or negative, because nothing can be a percentage of it.

    Examples
    --------
    >>> absolute_percentage_errors([10, 20], [11, 15])
    array([0.1 , 0.25])
    """
    first, second = price_pair(actual, predicted)
    if (first <= 0).any():
        raise DataError(
            f"expected positive actual prices for a percentage error, got {first[first <= 0][0]:g}; "
            "leave listings without a positive price out, or use mae or rmsle"
        )
    return np.abs(first - second) / first


def mse(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean squared error, in squared currency.

    Examples
    --------
    >>> mse([1, 2], [1, 4])
    2.0
    """
    first, second = price_pair(actual, predicted)
    return float(np.mean((first - second) ** 2))


def rmse(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Return the root of the mean squared error, in currency; large misses rule it.

    Examples
    --------
    >>> rmse([1, 2, 3, 4], [1, 2, 3, 8])
    2.0
    """
    return float(np.sqrt(mse(actual, predicted)))


def mae(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean absolute error, in currency.

    Examples
    --------
    >>> mae([1, 2], [1, 4])
    1.0
    """
    first, second = price_pair(actual, predicted)
    return float(np.mean(np.abs(first - second)))


def mape(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean absolute percentage error as a share, 0.25 for 25 %.

    Examples
    --------
    >>> round(mape([10, 20], [11, 15]), 3)
    0.175
    """
    return float(np.mean(absolute_percentage_errors(actual, predicted)))


def mdape(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Return the median absolute percentage error as a share: half of the prices are nearer.

    Examples
    --------
    >>> round(mdape([10, 10, 10], [11, 12, 90]), 3)
    0.2
    """
    return float(np.median(absolute_percentage_errors(actual, predicted)))


def wape(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Return the sum of absolute errors over the sum of actual prices, as a share.

    Raises
    ------
    DataError
        If the actual prices sum to 0.

    Examples
    --------
    >>> round(wape([10, 30], [12, 30]), 3)
    0.05
    """
    first, second = price_pair(actual, predicted, lowest=0.0)
    if first.sum() == 0:
        raise DataError("expected actual prices with a positive sum for wape, got only zeros; use mae")
    return float(np.abs(first - second).sum() / first.sum())


def rmsle(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Return the root mean squared difference of ``log1p`` prices; 0.1 is about 10 % off.

    Examples
    --------
    >>> round(rmsle([9, 99], [9, 99 * 2 + 1]), 4)
    0.4901
    """
    first, second = price_pair(actual, predicted, lowest=0.0)
    return rmse(np.log1p(first), np.log1p(second))


def r2(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Return the share of price variance explained; NaN when all actual prices are equal.

    Examples
    --------
    >>> r2([1, 2, 3], [1, 2, 3])
    1.0
    """
    first, second = price_pair(actual, predicted)
    spread = np.sum((first - first.mean()) ** 2)
    if spread == 0:
        return float("nan")
    return float(1.0 - np.sum((first - second) ** 2) / spread)


def r2_log(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Return :func:`r2` of ``log1p`` prices, the share of relative price differences explained.

    Examples
    --------
    >>> r2_log([1, 10, 100], [1, 10, 100])
    1.0
    """
    first, second = price_pair(actual, predicted, lowest=0.0)
    return r2(np.log1p(first), np.log1p(second))


METRICS: dict[str, MetricFunction] = {
    "mse": mse,
    "rmse": rmse,
    "mae": mae,
    "mape": mape,
    "mdape": mdape,
    "wape": wape,
    "rmsle": rmsle,
    "r2": r2,
    "r2_log": r2_log,
}

HIGHER_IS_BETTER = frozenset({"r2", "r2_log", "band_accuracy"})


def regression_metrics(actual: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Return every metric of :data:`METRICS`, by name.

    Examples
    --------
    >>> regression_metrics([10, 20], [10, 20])["mae"]
    0.0
    """
    return {name: function(actual, predicted) for name, function in METRICS.items()}


def band_hits(actual: ArrayLike, predicted: ArrayLike, edges: ArrayLike) -> np.ndarray:
    """Return whether each prediction falls in the price band of the actual price.

    Parameters
    ----------
    actual, predicted : array-like, shape (n_listings,)
        Prices.
    edges : array-like, shape (n_bands - 1,)
        Ascending inner edges; a price on an edge belongs to the band above it.

    Returns
    -------
    numpy.ndarray
        Booleans, shape (n_listings,).

    Raises
    ------
    DataError
        If the edges do not ascend.

    Examples
    --------
    >>> band_hits([5, 15], [9, 25], edges=[10, 20])
    array([ True, False])
    """
    first, second = price_pair(actual, predicted)
    cuts = np.asarray(edges, dtype=np.float64)
    if cuts.ndim != 1 or not (np.diff(cuts) > 0).all():
        raise DataError(
            f"expected ascending edges of price bands, got {cuts.tolist()}; sort them, no repeats"
        )
    return np.digitize(first, cuts) == np.digitize(second, cuts)


def band_accuracy(actual: ArrayLike, predicted: ArrayLike, edges: ArrayLike) -> float:
    """Return the share of listings whose predicted price falls in the actual price band.

    See :func:`band_hits` for the parameters.

    Examples
    --------
    >>> band_accuracy([5, 15], [9, 25], edges=[10, 20])
    0.5
    """
    return float(np.mean(band_hits(actual, predicted, edges)))


def pinball_loss(actual: ArrayLike, predicted: ArrayLike, quantile: float) -> float:
    """Return the mean pinball loss of predicted quantiles, in currency.

    Parameters
    ----------
    actual, predicted : array-like, shape (n_listings,)
        Prices and predicted quantiles of the price.
    quantile : float
        The quantile that was predicted, between 0 and 1.

    Raises
    ------
    DataError
        If ``quantile`` is not between 0 and 1.

    Examples
    --------
    >>> round(pinball_loss([10, 10], [8, 12], quantile=0.9), 3)
    1.0
    """
    if not 0 < quantile < 1:
        raise DataError(f"expected a quantile between 0 and 1, got {quantile}; use 0.9 for the 90 % quantile")
    first, second = price_pair(actual, predicted)
    miss = first - second
    return float(np.mean(np.maximum(quantile * miss, (quantile - 1) * miss)))


def inside(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> np.ndarray:
    """Return whether each actual price lies in its interval, ends included.

    Examples
    --------
    >>> inside([5, 15], [4, 4], [6, 6])
    array([ True, False])
    """
    first, low = price_pair(actual, lower)
    _, high = price_pair(actual, upper)
    return (low <= first) & (first <= high)


def coverage(actual: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> float:
    """Return the share of actual prices that lie in their interval.

    Examples
    --------
    >>> coverage([5, 15], [4, 4], [6, 6])
    0.5
    """
    return float(np.mean(inside(actual, lower, upper)))


def mean_width(lower: ArrayLike, upper: ArrayLike) -> float:
    """Return the mean width of the intervals, in currency.

    Examples
    --------
    >>> mean_width([4, 4], [6, 8])
    3.0
    """
    low, high = price_pair(lower, upper)
    return float(np.mean(high - low))


def advise_metric(prices: ArrayLike) -> str:
    """Say which metric fits these prices, and why.

    Parameters
    ----------
    prices : array-like, shape (n_listings,)
        Positive actual prices.

    Returns
    -------
    str
        One to three sentences for a person.

    Examples
    --------
    >>> print(advise_metric([9, 10, 10, 11, 12]))
    Use MAE or RMSE: prices are of one size (the top 5% start at 1.3 times the bottom 5%), so an error \
in money means the same everywhere.
    """
    values, _ = price_pair(prices, prices, lowest=0.0)
    low, high = np.quantile(values, [0.05, 0.95])
    if high < 5 * low:
        ratio = high / low
        return (
            f"Use MAE or RMSE: prices are of one size (the top 5% start at {ratio:.1f} times the bottom "
            "5%), so an error in money means the same everywhere."
        )
    spread = f"{high / low:.0f} times" if low > 0 else "far above"
    advice = (
        f"Use RMSLE or MdAPE: the top 5% of prices start at {spread} the bottom 5%, so an error counts "
        "as a share of the price; RMSE and R2 of the price are ruled by the few dearest listings."
    )
    if np.quantile(values, 0.25) < 1:
        advice += (
            " A quarter of the prices are below 1, where log1p flattens differences and a percentage "
            "explodes: look at MAE there too."
        )
    return advice + " For the total over a basket or a stock, use WAPE."
