"""Empirical Bayes: what similar products say about one that has said little itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_FEWEST = 3
_STEPS = 200


@dataclass(frozen=True)
class Prior:
    """What is believed of a product before its own sales are looked at.

    Parameters
    ----------
    mean : float
        Mean over the products of a category.
    spread : float
        Standard deviation between products.
    mean_error : float
        Standard error of ``mean``.
    n_products : int
        Estimates it rests on; 0 for the published one.
    source : str
        Where it comes from, readable.
    """

    mean: float
    spread: float
    mean_error: float
    n_products: int
    source: str

    @property
    def standard_error(self) -> float:
        """How far a new product may be from the mean, one standard deviation."""
        return float(np.hypot(self.spread, self.mean_error))


# Bijmolt, van Heerde and Pieters, "New Empirical Generalizations on the Determinants of Price Elasticity",
# Journal of Marketing Research 42 (2005): 1,851 elasticities, mean -2.62. The spread is taken wide.
PUBLISHED_OWN = Prior(-2.62, 1.5, 0.0, 0, "1,851 published elasticities (Bijmolt and others, 2005)")


def learned_prior(values: np.ndarray, errors: np.ndarray, source: str, wider: Prior) -> Prior:
    """Learn mean and spread of a category from noisy estimates (Paule and Mandel's random effects).

    Parameters
    ----------
    values, errors : numpy.ndarray
        Estimates and their standard errors, shape (n,).
    source : str
        Name of the category, for the record.
    wider : Prior
        What to fall back on below 3 estimates.

    Returns
    -------
    Prior
        Of the category, or ``wider``.

    Examples
    --------
    >>> prior = learned_prior(np.array([-2.0, -2.2, -1.8]), np.full(3, 0.3), "tea", PUBLISHED_OWN)
    >>> round(prior.mean, 2), prior.spread, prior.n_products
    (-2.0, 0.0, 3)
    """
    there = np.isfinite(values) & np.isfinite(errors) & (errors > 0)
    values, errors = values[there], errors[there]
    if len(values) < _FEWEST:
        return wider
    variance = _between(values, errors)
    weights = 1 / (errors**2 + variance)
    mean = float(np.sum(weights * values) / weights.sum())
    return Prior(mean, float(np.sqrt(variance)), float(1 / np.sqrt(weights.sum())), len(values), source)


def shrink(value: float, error: float, prior: Prior) -> tuple[float, float, float]:
    """Combine an estimate with its prior.

    Parameters
    ----------
    value, error : float
        Estimate and standard error.
    prior : Prior
        Of its category.

    Returns
    -------
    value, error, own_weight : float
        Posterior mean and standard deviation, and the share that the product's own sales have in it.

    Examples
    --------
    >>> value, error, weight = shrink(-4.0, 0.5, Prior(-2.0, 0.5, 0.0, 9, "tea"))
    >>> value, round(error, 3), weight
    (-3.0, 0.354, 0.5)
    """
    spread = max(prior.spread, 1e-6)
    own_weight = spread**2 / (spread**2 + error**2)
    mean = own_weight * value + (1 - own_weight) * prior.mean
    variance = own_weight * error**2 + ((1 - own_weight) * prior.mean_error) ** 2
    return mean, float(np.sqrt(variance)), own_weight


def _between(values: np.ndarray, errors: np.ndarray) -> float:
    """Return the variance at which the weighted squares come to their degrees of freedom, by bisection."""

    def excess(variance: float) -> float:
        weights = 1 / (errors**2 + variance)
        mean = np.sum(weights * values) / weights.sum()
        return float(np.sum(weights * (values - mean) ** 2) - (len(values) - 1))

    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, float(np.var(values)) * len(values) + float(np.max(errors)) ** 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2
