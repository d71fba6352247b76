"""Drawn markets: true demand that only the judge knows, and what an estimate from noisy weeks makes of it.

True demand is no constant elasticity: it bends, as a logit of the price does, so that the estimate is wrong
in shape as well as by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricelm.decisions.optimization.demand_table import DemandTable
from pricelm.knowledge.facts import ProductFacts

_WEEKS = 52
_NOISE = 0.35


@dataclass(frozen=True, eq=False)
class DrawnMarket:
    """A market with its truth.

    Parameters
    ----------
    price, cost : numpy.ndarray
        Current prices and unit costs, shape (n,).
    size, steepness, middle : numpy.ndarray
        Units = size / (1 + exp(steepness * (price / middle - 1))), shape (n,).
    low, high : numpy.ndarray
        Lowest and highest price seen, shape (n,).
    estimated : DemandTable
        What 52 noisy weeks tell.
    """

    price: np.ndarray
    cost: np.ndarray
    size: np.ndarray
    steepness: np.ndarray
    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray
    estimated: DemandTable

    def units(self, price: np.ndarray) -> np.ndarray:
        """Return true units a week, shape (n,) or (n, m) in and out."""
        shape = (-1, *(1,) * (price.ndim - 1))
        size, steepness, middle = (one.reshape(shape) for one in (self.size, self.steepness, self.middle))
        return size / (1 + np.exp(steepness * (price / middle - 1)))

    def profit(self, price: np.ndarray) -> np.ndarray:
        """Return true profit a week at one price each, shape (n,)."""
        return (price - self.cost) * self.units(price)

    def best_profit(self) -> np.ndarray:
        """Return what an oracle earns that knows the truth and prices inside what was seen, shape (n,)."""
        steps = np.linspace(0.0, 1.0, 401)
        prices = self.low[:, None] + (self.high - self.low)[:, None] * steps
        best = ((prices - self.cost[:, None]) * self.units(prices)).max(axis=1)
        return np.maximum(best, self.profit(self.price))


def draw_market(n: int, seed: int) -> DrawnMarket:
    """Draw a market of n products and estimate its demand from weeks of varied prices.

    Examples
    --------
    >>> market = draw_market(5, 0)
    >>> bool((market.best_profit() >= market.profit(market.price)).all())
    True
    """
    rng = np.random.default_rng(seed)
    price = np.round(rng.lognormal(2.3, 0.7, n), 2)
    cost = price * rng.uniform(0.35, 0.75, n)
    size, steepness = rng.lognormal(5, 0.8, n), rng.uniform(2.0, 6.0, n)
    middle = price * rng.uniform(0.8, 1.3, n)
    moves = rng.choice([0.8, 0.9, 1.0, 1.0, 1.0, 1.1, 1.2], (n, _WEEKS))
    weekly = price[:, None] * moves
    expected = size[:, None] / (1 + np.exp(steepness[:, None] * (weekly / middle[:, None] - 1)))
    log_units = np.log(expected) + rng.normal(0, _NOISE, (n, _WEEKS))
    log_price = np.log(moves)
    centered = log_price - log_price.mean(axis=1, keepdims=True)
    spread = (centered**2).sum(axis=1)
    slope = (centered * log_units).sum(axis=1) / spread
    left = log_units - log_units.mean(axis=1, keepdims=True) - slope[:, None] * centered
    error = np.sqrt((left**2).sum(axis=1) / (_WEEKS - 2) / spread)
    slope, error = _shrunk(slope, error)
    level = np.exp((log_units - slope[:, None] * log_price).mean(axis=1))
    low, high = weekly.min(axis=1), weekly.max(axis=1)
    estimated = DemandTable(price, level, slope, error, low, high)
    return DrawnMarket(price, cost, size, steepness, middle, low, high, estimated)


def market_facts(market: DrawnMarket) -> ProductFacts:
    """Return the products as the optimizer sees them."""
    skus = [f"p{number}" for number in range(len(market.price))]
    return ProductFacts(pd.DataFrame({"sku": skus, "price": market.price, "unit_cost": market.cost}))


def _shrunk(slope: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pull estimates towards their mean by what each knows, as the demand ladder does."""
    spread = max(float(slope.var() - (error**2).mean()), 0.01)
    weight = spread / (spread + error**2)
    return weight * slope + (1 - weight) * slope.mean(), np.sqrt(weight) * error
