"""Price and stock chosen together: a dearer product sells less, and needs less stock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import DataError
from pricelm.core.protocols import DemandCurve
from pricelm.decisions.inventory.distributions import NormalUnits, UncertainUnits


@dataclass(frozen=True)
class JointProduct:
    """What a unit costs and brings back.

    Parameters
    ----------
    unit_cost : float
        Cost of a unit, in currency.
    leftover_value : float, default 0
        What a unit left over is worth; negative where it costs to be rid of it.
    goodwill : float, default 0
        Cost of a customer sent away, beyond the lost margin.
    noise : float, default 0.3
        Deviation of the units as a share of their mean, beyond the chance of single customers.

    Raises
    ------
    DataError
        If a number is not finite, negative, or leftovers are worth more than they cost.
    """

    unit_cost: float
    leftover_value: float = 0.0
    goodwill: float = 0.0
    noise: float = 0.3

    def __post_init__(self) -> None:
        numbers = (self.unit_cost, self.goodwill, self.noise, self.leftover_value)
        if not np.isfinite(numbers).all() or min(numbers[:3]) < 0 or self.leftover_value >= self.unit_cost:
            raise DataError(
                "no unit cost: expected costs of 0 or more and leftovers worth less than they cost, got a "
                f"unit cost of {self.unit_cost:g}, leftovers worth {self.leftover_value:g}, goodwill "
                f"{self.goodwill:g}, noise {self.noise:g}"
            )

    def units(self, mean: float) -> NormalUnits:
        """Return the units around a mean: the chance of single customers, and noise."""
        return NormalUnits(mean, float(np.sqrt(mean + (self.noise * mean) ** 2)))


@dataclass(frozen=True)
class JointChoice:
    """The best price with its stock.

    Parameters
    ----------
    price : float
        In currency.
    stock : float
        Units to have.
    profit : float
        Expected profit, in currency.
    mean_units : float
        Units expected to be asked for.
    riskless_price : float
        The best price if demand were certain.
    """

    price: float
    stock: float
    profit: float
    mean_units: float
    riskless_price: float


def price_and_stock(
    curve: DemandCurve,
    prices: np.ndarray,
    product: JointProduct,
    distribution: Callable[[float], UncertainUnits] | None = None,
) -> JointChoice:
    """Choose price and stock for one selling period together.

    Parameters
    ----------
    curve : DemandCurve
        Expected units at a price.
    prices : numpy.ndarray
        Prices to choose from, in currency, shape (n,); those that the rules allow.
    product : JointProduct
        Costs.
    distribution : callable, optional
        From mean units to their distribution; ``product.units`` by default.

    Returns
    -------
    JointChoice
        Best of all prices; each has its best stock, which is a newsvendor's.

    Raises
    ------
    DataError
        If there is no price, or none above the unit cost (``costs above prices``).

    Examples
    --------
    >>> class Line:
    ...     def units(self, prices):
    ...         return 100 - 10 * prices
    >>> best = price_and_stock(Line(), np.array([5.0, 6.0, 7.0]), JointProduct(unit_cost=2.0))
    >>> best.price, round(best.stock, 1)
    (6.0, 45.8)
    """
    asked = np.asarray(prices, dtype=np.float64).ravel()
    if not asked.size or not np.isfinite(asked).all():
        raise DataError(f"no prices: expected one price or more to choose from, got {asked.tolist()[:5]}")
    asked = asked[asked > product.unit_cost]
    if not asked.size:
        raise DataError(f"costs above prices: no price is above the unit cost of {product.unit_cost:g}")
    means = np.maximum(np.asarray(curve.units(asked), dtype=np.float64), 0.0)
    shape = distribution or product.units
    choices = [
        _at_price(float(price), shape(float(mean)), product) for price, mean in zip(asked, means, strict=True)
    ]
    best = int(np.argmax([profit for _, profit in choices]))
    sure = int(np.argmax((asked - product.unit_cost) * means))
    stock, profit = choices[best]
    return JointChoice(float(asked[best]), stock, profit, float(means[best]), float(asked[sure]))


def expected_profit(price: float, stock: float, units: UncertainUnits, product: JointProduct) -> float:
    """Return the expected profit of a price with a stock."""
    missing = units.shortage(stock)
    sold = units.mean - missing
    left = stock - sold
    earned = price * sold + product.leftover_value * left
    return earned - product.unit_cost * stock - product.goodwill * missing


def _at_price(price: float, units: UncertainUnits, product: JointProduct) -> tuple[float, float]:
    under = price + product.goodwill - product.unit_cost
    over = product.unit_cost - product.leftover_value
    stock = max(units.quantile(under / (under + over)), 0.0)
    return stock, expected_profit(price, stock, units, product)
