"""Logit demand from market shares (Berry, 1994), with prices instrumented by efficient two-step GMM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import DataError
from pricelm.decisions.demand.regression import demean, numbered, two_stage


@dataclass(frozen=True)
class MarketLogit:
    """Estimated logit demand.

    Parameters
    ----------
    price_coefficient : float
        Utility of a unit of price after the second step.
    first_step : float
        The same by two-stage least squares.
    standard_error : float
        Robust, of the second step.
    """

    price_coefficient: float
    first_step: float
    standard_error: float

    def own_elasticities(self, shares: np.ndarray, prices: np.ndarray) -> np.ndarray:
        """Return the elasticity of each product's share to its own price, shape (n,)."""
        return self.price_coefficient * prices * (1 - shares)

    def cross_elasticities(self, shares: np.ndarray, prices: np.ndarray) -> np.ndarray:
        """Return the elasticity of any other product's share to each price, shape (n,)."""
        return -self.price_coefficient * prices * shares


def market_logit(
    market: np.ndarray, product: np.ndarray, shares: np.ndarray, prices: np.ndarray, instruments: np.ndarray
) -> MarketLogit:
    """Fit ``log share - log outside share = product effect + b price`` by GMM.

    Parameters
    ----------
    market, product : numpy.ndarray
        Names, shape (n,).
    shares, prices : numpy.ndarray
        Share of each product in its market and its price, shape (n,); the shares of a market sum to below 1.
    instruments : numpy.ndarray
        What moves prices and not tastes, shape (n, m).

    Returns
    -------
    MarketLogit
        Price coefficient of both steps.

    Raises
    ------
    DataError
        If a market's shares leave nothing to the outside good.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> cost, taste = rng.normal(size=(2, 900))
    >>> prices = 2 + cost / 4 + taste / 9
    >>> odds = np.exp(-1.5 * prices + taste / 3)
    >>> market = np.arange(900) // 3
    >>> shares = odds / (1 + np.bincount(market, odds)[market])
    >>> fit = market_logit(market, np.arange(900) % 3, shares, prices, cost[:, None])
    >>> abs(fit.price_coefficient + 1.5) < 0.2
    True
    """
    markets = numbered(market)
    outside = 1 - np.bincount(markets, shares)[markets]
    if (shares <= 0).any() or (outside <= 0).any():
        raise DataError(
            "expected positive shares that sum to below 1 in every market, got "
            f"{float(np.min(shares)):g} as the smallest and {float(np.min(outside)):g} left for the "
            "outside good"
        )
    utility = np.log(shares / outside)
    columns = np.column_stack([utility, prices, instruments])
    within = demean(columns, [numbered(product)])
    y, x, z = within[:, 0], within[:, 1:2], within[:, 2:]
    first = two_stage(y, x, z).coefficients
    moments = z * (y - x @ first)[:, None]
    weight = np.linalg.inv(np.cov(moments.T, bias=True).reshape(z.shape[1], -1))
    slope = z.T @ x
    inverse = np.linalg.inv(slope.T @ weight @ slope)
    second = inverse @ (slope.T @ weight @ (z.T @ y))
    error = float(np.sqrt(inverse[0, 0] * len(y)))
    return MarketLogit(float(second[0]), float(first[0]), error)
