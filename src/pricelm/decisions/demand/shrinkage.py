"""What similar products say about one that has said little itself.

A handful of products cannot tell how far products lie apart, so no single spread is taken: results are mixed
over all spreads by how well each one explains the estimates (Gelman, "Prior distributions for variance
parameters in hierarchical models", Bayesian Analysis 1 (2006)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_FEWEST = 3
_GRID = 400
_WIDEST = 4.0


@dataclass(frozen=True)
class Prior:
    """What is believed of a product before its own sales are looked at.

    Parameters
    ----------
    mean : float
        Mean over the products of a category.
    spread : float
        Standard deviation between products; where it was learned, the root of the mean of its square.
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


@dataclass(frozen=True)
class Pool:
    """The estimates of a category put together, under every spread that they may have.

    Parameters
    ----------
    spreads, shares : numpy.ndarray
        Spreads between products and their posterior probability, shape (g,) each.
    means, mean_errors : numpy.ndarray
        Mean over the products and its standard error under each spread, shape (g,) each.
    n_products : int
        Estimates it rests on.
    source : str
        Where it comes from, readable.
    """

    spreads: np.ndarray
    shares: np.ndarray
    means: np.ndarray
    mean_errors: np.ndarray
    n_products: int
    source: str

    @classmethod
    def of(cls, prior: Prior) -> Pool:
        """Return the pool of a prior whose spread is taken as known."""
        spread, mean, error = (np.array([one]) for one in (prior.spread, prior.mean, prior.mean_error))
        return cls(spread, np.ones(1), mean, error, prior.n_products, prior.source)

    @property
    def prior(self) -> Prior:
        """Mean and variance of the mixture, as a prior for a product without an estimate."""
        mean = float(self.shares @ self.means)
        error = np.sqrt(self.shares @ (self.mean_errors**2 + (self.means - mean) ** 2))
        spread = np.sqrt(self.shares @ self.spreads**2)
        return Prior(mean, float(spread), float(error), self.n_products, self.source)

    def shrink(self, value: float, error: float) -> tuple[float, float, float]:
        """Combine a product's estimate with those of its category.

        Parameters
        ----------
        value, error : float
            Estimate and standard error.

        Returns
        -------
        value, error, own_weight : float
            Posterior mean and standard deviation, and the share that the product's own sales have in it.

        Examples
        --------
        >>> value, error, weight = Pool.of(Prior(-2.0, 0.5, 0.0, 9, "tea")).shrink(-4.0, 0.5)
        >>> value, round(error, 3), weight
        (-3.0, 0.354, 0.5)
        """
        between = np.maximum(self.spreads, 1e-6) ** 2
        weights = between / (between + error**2)
        means = weights * value + (1 - weights) * self.means
        variances = weights * error**2 + ((1 - weights) * self.mean_errors) ** 2
        mean = float(self.shares @ means)
        variance = self.shares @ (variances + (means - mean) ** 2)
        return mean, float(np.sqrt(variance)), float(self.shares @ weights)


def pooled(values: np.ndarray, errors: np.ndarray, source: str, wider: Pool, *, scale: float = 1.0) -> Pool:
    """Learn mean and spread of a category from noisy estimates.

    Parameters
    ----------
    values, errors : numpy.ndarray
        Estimates and their standard errors, shape (n,).
    source : str
        Name of the category, for the record.
    wider : Pool
        What to fall back on below 3 estimates.
    scale : float, default 1.0
        Of the half-normal prior on the spread: two thirds of it lie below.

    Returns
    -------
    Pool
        Of the category, or ``wider``.

    Examples
    --------
    >>> pool = pooled(np.array([-2.0, -2.2, -1.8]), np.full(3, 0.3), "tea", Pool.of(PUBLISHED_OWN))
    >>> round(pool.prior.mean, 2), round(pool.prior.spread, 2), pool.n_products
    (-2.0, 0.5, 3)
    """
    there = np.isfinite(values) & np.isfinite(errors) & (errors > 0)
    values, errors = values[there, None], errors[there, None]
    if len(values) < _FEWEST:
        return wider
    # finer where spreads are small: a square is as exact for errors of 0.01 as for errors of 1
    place = (np.arange(_GRID) + 0.5) / _GRID
    spreads = _WIDEST * scale * place**2
    weights = 1 / (errors**2 + spreads**2)
    precision = weights.sum(axis=0)
    means = (weights * values).sum(axis=0) / precision
    misfit = (weights * (values - means) ** 2).sum(axis=0)
    # the restricted likelihood, which integrates over the mean; place is the width of the grid's cells
    logs = np.log(place) - 0.5 * (spreads / scale) ** 2
    logs += 0.5 * (np.log(weights).sum(axis=0) - np.log(precision) - misfit)
    shares = np.exp(logs - logs.max())
    return Pool(spreads, shares / shares.sum(), means, 1 / np.sqrt(precision), len(values), source)
