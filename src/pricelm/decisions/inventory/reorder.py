"""(r, Q): order Q units when stock and orders under way fall to r. Exact, and by usual approximations."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
from scipy import optimize, stats

from pricelm.core.errors import DataError
from pricelm.decisions.inventory.distributions import DiscreteUnits, NormalUnits
from pricelm.decisions.inventory.newsvendor import check_costs, newsvendor, stock_cost
from pricelm.decisions.inventory.order_quantity import economic_order_quantity

Method = Literal["exact", "expected inventory", "safety stock"]
_MOST_ROUNDS = 1000
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class ReorderCosts:
    """What (r, Q) is weighed by.

    Parameters
    ----------
    fixed : float
        Cost of an order, in currency.
    holding : float
        Cost of holding a unit for a period.
    shortage : float
        ``exact`` and ``safety stock``: cost of a unit that is waited for, a period. ``expected inventory``:
        cost of a unit that is missing, however long.

    Raises
    ------
    DataError
        If one is not above zero.
    """

    fixed: float
    holding: float
    shortage: float

    def __post_init__(self) -> None:
        check_costs(fixed=self.fixed, holding=self.holding, shortage=self.shortage)


@dataclass(frozen=True)
class ReorderPolicy:
    """When and how much to order.

    Parameters
    ----------
    reorder_point, order_quantity : float
        Units.
    cost : float
        Expected cost a period, in currency; by the approximation itself for ``expected inventory``.
    method : str
        How it was found.
    """

    reorder_point: float
    order_quantity: float
    cost: float
    method: Method


def reorder_policy(
    rate: float, units: NormalUnits, costs: ReorderCosts, method: Method = "exact"
) -> ReorderPolicy:
    """Return the reorder point and the order quantity.

    Parameters
    ----------
    rate : float
        Expected units a period.
    units : NormalUnits
        Units that may be asked for during the lead time.
    costs : ReorderCosts
        Costs.
    method : str, default "exact"
        ``"exact"`` minimizes the exact cost of continuous review; ``"expected inventory"`` is the classical
        approximation of Hadley and Whitin; ``"safety stock"`` takes the economic order quantity and a
        newsvendor level.

    Returns
    -------
    ReorderPolicy
        The policy.

    Raises
    ------
    DataError
        If there is no demand, or shortage is cheaper than an order (then there is no such policy).

    Examples
    --------
    >>> units = NormalUnits(1300 / 12, 150 / 12**0.5)
    >>> found = reorder_policy(1300, units, ReorderCosts(8, 0.225, 7.5), "expected inventory")
    >>> round(found.reorder_point, 3), round(found.order_quantity, 3), round(found.cost, 3)
    (213.97, 318.59, 95.451)

    References
    ----------
    Snyder and Shen, Fundamentals of Supply Chain Theory, 2nd edition, chapter 5. Zheng, On properties of
    stochastic inventory systems, Management Science 38 (1992).
    """
    quantity = economic_order_quantity(rate, costs.fixed, costs.holding).quantity
    if method == "expected inventory":
        return _expected_inventory(rate, units, costs, quantity)
    if method == "safety stock":
        point = newsvendor(units, costs.holding, costs.shortage).level
        return ReorderPolicy(point, quantity, reorder_cost(rate, units, costs, (point, quantity)), method)
    return _exact(rate, units, costs)


def reorder_cost(rate: float, units: NormalUnits, costs: ReorderCosts, policy: tuple[float, float]) -> float:
    """Return the exact expected cost a period of a policy (r, Q) under continuous review."""
    point, quantity = policy
    middle = point + quantity / 2 - units.mean
    missing = _second_shortage(units, point) - _second_shortage(units, point + quantity)
    both = costs.holding + costs.shortage
    return costs.fixed * rate / quantity + costs.holding * middle + both * missing / quantity


def reorder_counts(rate: float, units: DiscreteUnits, costs: ReorderCosts) -> ReorderPolicy:
    """Return the best (r, Q) for customers who come one at a time, in whole units.

    The cost of Q is the mean of the Q cheapest levels plus the share of an order; levels are added while that
    lowers it.

    Examples
    --------
    >>> found = reorder_counts(1.5, DiscreteUnits.of(stats.poisson(3)), ReorderCosts(100, 20, 150))
    >>> found.reorder_point, found.order_quantity, round(found.cost, 3)
    (3.0, 5.0, 107.924)
    """
    best = newsvendor(units, costs.holding, costs.shortage)

    def at(level: int) -> float:
        return stock_cost(units, level, costs.holding, costs.shortage)

    low = high = int(best.level)
    total, cost = costs.fixed * rate + at(low), float("inf")
    for quantity in range(1, _most_units(rate, units, costs)):
        if total / quantity >= cost:
            break
        cost = total / quantity
        down, up = at(low - 1), at(high + 1)
        total += min(down, up)
        low, high = (low - 1, high) if down <= up else (low, high + 1)
    else:
        raise DataError("fixed cost too high: the best order is larger than a hundred economic ones")
    # the last level that was tried made it dearer
    kept_low = low + 1 if at(low) > at(high) else low
    return ReorderPolicy(float(kept_low - 1), float(quantity - 1), cost, "exact")


def _most_units(rate: float, units: DiscreteUnits, costs: ReorderCosts) -> int:
    steady = economic_order_quantity(rate, costs.fixed, costs.holding, costs.shortage).quantity
    return int(100 * (steady + units.deviation + 1))


def _second_shortage(units: NormalUnits, level: float) -> float:
    """Integral of the expected shortage from ``level`` upwards."""
    if units.deviation == 0:
        return max(units.mean - level, 0.0) ** 2 / 2
    z = (level - units.mean) / units.deviation
    return float(units.deviation**2 * ((z**2 + 1) * stats.norm.sf(z) - z * stats.norm.pdf(z)) / 2)


def _exact(rate: float, units: NormalUnits, costs: ReorderCosts) -> ReorderPolicy:
    """At the best r for a Q, the newsvendor costs of r and of r + Q are equal; the cost of Q is convex."""
    peak = newsvendor(units, costs.holding, costs.shortage).level
    steady = economic_order_quantity(rate, costs.fixed, costs.holding, costs.shortage).quantity
    wide = 10 * (steady + units.deviation) + 1

    def best_point(quantity: float) -> float:
        def difference(point: float) -> float:
            low = stock_cost(units, point, costs.holding, costs.shortage)
            return low - stock_cost(units, point + quantity, costs.holding, costs.shortage)

        return float(optimize.brentq(difference, peak - quantity - _TOLERANCE, peak + _TOLERANCE, xtol=1e-10))

    def cost(quantity: float) -> float:
        return reorder_cost(rate, units, costs, (best_point(quantity), quantity))

    found = optimize.minimize_scalar(
        cost, bounds=(1e-6 * steady, wide), method="bounded", options={"xatol": 1e-8}
    )
    quantity = float(found.x)
    return ReorderPolicy(best_point(quantity), quantity, float(found.fun), "exact")


def _expected_inventory(
    rate: float, units: NormalUnits, costs: ReorderCosts, quantity: float
) -> ReorderPolicy:
    point, before = 0.0, (np.inf, np.inf)
    for _ in range(_MOST_ROUNDS):
        chance = quantity * costs.holding / (costs.shortage * rate)
        if chance >= 1:
            raise DataError(
                f"shortage cheaper than stock: at a shortage cost of {costs.shortage:g} missing units cost "
                "less than an order. Use the exact method, or check the costs"
            )
        point = units.quantile(1 - chance)
        missing = units.shortage(point)
        quantity = sqrt(2 * rate * (costs.fixed + costs.shortage * missing) / costs.holding)
        if max(abs(quantity - before[0]), abs(point - before[1])) <= _TOLERANCE * max(1.0, quantity):
            break
        before = (quantity, point)
    per_order = costs.fixed + costs.shortage * units.shortage(point)
    cost = costs.holding * (point - units.mean + quantity / 2) + per_order * rate / quantity
    return ReorderPolicy(point, quantity, cost, "expected inventory")
