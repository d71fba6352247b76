"""A market under logit demand: shares at any prices, and its parts found from what is seen.

Utility of product j is ``quality_j - price_sensitivity * price_j``, that of buying nothing 0; shares follow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pricelm.core.errors import DataError


@dataclass(frozen=True, eq=False)
class LogitMarket:
    """Products of several sellers that compete for the same customers.

    Parameters
    ----------
    quality : numpy.ndarray
        Utility at price 0, shape (n,).
    cost : numpy.ndarray
        Unit cost, shape (n,), in currency.
    seller : numpy.ndarray
        Who sets the price of each product, shape (n,).
    price_sensitivity : float
        Utility that a unit of currency costs, above 0.

    Raises
    ------
    DataError
        If the shapes differ, a number is not finite, or the sensitivity is not above 0.

    Examples
    --------
    >>> market = LogitMarket(np.array([2.0, 2.0]), np.array([1.0, 1.0]), np.array(["a", "b"]), 4.0)
    >>> market.shares(np.array([1.5, 1.5])).round(3).tolist()
    [0.018, 0.018]
    """

    quality: np.ndarray
    cost: np.ndarray
    seller: np.ndarray
    price_sensitivity: float

    def __post_init__(self) -> None:
        lengths = {len(self.quality), len(self.cost), len(self.seller)}
        if lengths != {len(self.quality)} or not len(self.quality):
            raise DataError(
                f"expected quality, cost and seller of every product, got {len(self.quality)}, "
                f"{len(self.cost)} and {len(self.seller)}"
            )
        if not (np.isfinite(self.quality).all() and np.isfinite(self.cost).all()):
            raise DataError("expected finite qualities and costs; leave products without them out")
        if not (np.isfinite(self.price_sensitivity) and self.price_sensitivity > 0):
            raise DataError(f"expected a price sensitivity above 0, got {self.price_sensitivity}")

    @classmethod
    def seen(
        cls, prices: np.ndarray, shares: np.ndarray, seller: np.ndarray, price_sensitivity: float,
        cost: np.ndarray | None = None,
    ) -> LogitMarket:  # fmt: skip
        """Find the qualities that explain shares, and the costs that explain prices where none are known.

        A cost that is NaN is set to what makes the present prices of its seller the best ones, given those of
        the others: it takes the sellers at their word that they maximize profit.

        Parameters
        ----------
        prices, shares : numpy.ndarray
            Shape (n,); shares above 0 that sum to below 1, the rest buys nothing.
        seller : numpy.ndarray
            Shape (n,).
        price_sensitivity : float
            As of the market.
        cost : numpy.ndarray, optional
            Unit costs, NaN where not known.

        Raises
        ------
        DataError
            If shares leave nothing to those who buy nothing.
        """
        outside = 1 - shares.sum()
        if (shares <= 0).any() or outside <= 0:
            raise DataError(
                f"expected shares above 0 that sum to below 1, got {shares.min():g} as the smallest and a "
                f"sum of {shares.sum():g}. Raise the market size, or leave products without sales out"
            )
        quality = np.log(shares / outside) + price_sensitivity * prices
        together = _sum_by(seller, shares)
        implied = prices - 1 / (price_sensitivity * (1 - together))
        known = np.full(len(prices), np.nan) if cost is None else np.asarray(cost, dtype=np.float64)
        return cls(quality, np.where(np.isnan(known), implied, known), seller, price_sensitivity)

    def shares(self, prices: np.ndarray) -> np.ndarray:
        """Return the share of customers that each product gets, shape (n,)."""
        utility = self.quality - self.price_sensitivity * prices
        top = max(float(utility.max()), 0.0)
        odds = np.exp(utility - top)
        return np.asarray(odds / (np.exp(-top) + odds.sum()))

    def profits(self, prices: np.ndarray) -> dict[str, float]:
        """Return the profit of each seller, per customer of the market, in currency."""
        earned = (prices - self.cost) * self.shares(prices)
        return {str(name): float(earned[self.seller == name].sum()) for name in np.unique(self.seller)}

    def own_elasticities(self, prices: np.ndarray) -> np.ndarray:
        """Return the elasticity of each product's share to its own price, shape (n,)."""
        return np.asarray(-self.price_sensitivity * prices * (1 - self.shares(prices)))

    def merged(self) -> LogitMarket:
        """Return the market as if one seller set all prices: the level of a cartel."""
        return replace(self, seller=np.full(len(self.cost), "all"))


def sensitivity_from_elasticity(prices: np.ndarray, shares: np.ndarray, elasticities: np.ndarray) -> float:
    """Return the price sensitivity that fits known own price elasticities best.

    Parameters
    ----------
    prices, shares, elasticities : numpy.ndarray
        Shape (n,); products whose elasticity is NaN say nothing.

    Raises
    ------
    DataError
        If no elasticity below 0 is known.

    Examples
    --------
    >>> round(sensitivity_from_elasticity(np.array([2.0]), np.array([0.25]), np.array([-3.0])), 6)
    2.0
    """
    known = np.isfinite(elasticities) & (elasticities < 0)
    if not known.any():
        raise DataError(
            "expected an own_price_elasticity below 0 for at least one product: without it the answer of "
            "customers to prices is not known. Learn it with `pricelm demand`, or state it with --elasticity"
        )
    return float(np.median(-elasticities[known] / (prices[known] * (1 - shares[known]))))


def _sum_by(names: np.ndarray, values: np.ndarray) -> np.ndarray:
    _, group = np.unique(names, return_inverse=True)
    return np.asarray(np.bincount(group, values)[group])
