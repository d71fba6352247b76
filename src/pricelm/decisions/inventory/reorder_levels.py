"""(s, S): look every period, and order up to S when the stock has fallen to s."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import LimitError
from pricelm.decisions.inventory.distributions import DiscreteUnits
from pricelm.decisions.inventory.newsvendor import newsvendor, stock_cost
from pricelm.decisions.inventory.reorder import ReorderCosts

_MOST_LEVELS = 20_000


@dataclass(frozen=True)
class LevelPolicy:
    """When to order, and up to where.

    Parameters
    ----------
    reorder_point, order_up_to : int
        Units in stock and under way.
    cost : float
        Expected cost a period, in currency.
    """

    reorder_point: int
    order_up_to: int
    cost: float


def reorder_levels(
    units: DiscreteUnits, costs: ReorderCosts, covered: DiscreteUnits | None = None
) -> LevelPolicy:
    """Return the best (s, S) of a long run, exactly (Zheng and Federgruen 1991).

    Parameters
    ----------
    units : DiscreteUnits
        Units that may be asked for in a period.
    costs : ReorderCosts
        Cost of an order, of a unit left at the end of a period, and of a unit waited for at its end.
    covered : DiscreteUnits, optional
        Units of lead time and period together; those of the period by default (no lead time).

    Returns
    -------
    LevelPolicy
        The policy of least expected cost a period.

    Raises
    ------
    LimitError
        If it needs more than 20,000 levels: count in cartons then.

    Examples
    --------
    >>> from scipy import stats
    >>> poisson = DiscreteUnits.of(stats.poisson(6))
    >>> found = reorder_levels(poisson, ReorderCosts(fixed=5, holding=1, shortage=4))
    >>> found.reorder_point, found.order_up_to, round(found.cost, 4)
    (4, 10, 8.0341)
    """
    waited_for = covered or units
    start = int(newsvendor(waited_for, costs.holding, costs.shortage).level)
    known: dict[int, float] = {}

    def at(level: int) -> float:
        if level not in known:
            known[level] = stock_cost(waited_for, level, costs.holding, costs.shortage)
        return known[level]

    renewal = _Renewal(units)

    def cost(low: int, high: int) -> float:
        span = high - low
        levels = np.array([at(high - step) for step in range(span)])
        visits = renewal.visits(span)
        return (costs.fixed + float(visits @ levels)) / float(visits.sum())

    low, high = start - 1, start
    while cost(low, high) > at(low):
        low -= 1
    best, top = cost(low, high), high
    high += 1
    while at(high) <= best:
        if cost(low, high) < best:
            top = high
            while cost(low, high) <= at(low + 1):
                low += 1
            best = cost(low, top)
        high += 1
    return LevelPolicy(low, top, best)


class _Renewal:
    """Expected visits to each level below S before an order, one level at a time."""

    def __init__(self, units: DiscreteUnits) -> None:
        self._chances = units.probabilities
        self._visits = [1 / (1 - min(float(units.probabilities[0]), 1 - 1e-12))]

    def visits(self, span: int) -> np.ndarray:
        if span > _MOST_LEVELS:
            raise LimitError(
                f"expected at most {_MOST_LEVELS:,} levels between s and S, got more. Count in cartons"
            )
        stay = 1 - min(float(self._chances[0]), 1 - 1e-12)
        while len(self._visits) < span:
            step = len(self._visits)
            reach = min(step, self._chances.size - 1)
            past = np.array(self._visits[step - reach : step][::-1])
            self._visits.append(float(self._chances[1 : reach + 1] @ past) / stay)
        return np.array(self._visits[:span])
