"""(s, S): look every period, and order up to S when the stock has fallen to s."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.core.errors import LimitError
from pricelm.decisions.inventory.distributions import DiscreteUnits
from pricelm.decisions.inventory.newsvendor import newsvendor
from pricelm.decisions.inventory.reorder import ReorderCosts

_MOST_LEVELS = 20_000
_BLOCK = 256


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
    levels = _LevelCosts(waited_for, costs)
    at = levels.at
    renewal = _Renewal(units)

    def cost(low: int, high: int) -> float:
        visits, together = renewal.visits(high - low)
        return (costs.fixed + float(visits @ levels.down(high, low))) / together

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


class _LevelCosts:
    """Expected cost of leftovers and shortage at whole levels, worked out for a block of them at a time."""

    def __init__(self, units: DiscreteUnits, costs: ReorderCosts) -> None:
        self._mean, self._costs = units.mean, costs
        # what a level of 0, 1, ... leaves unserved: the sum of the chances of more than it, and than the next
        more = 1 - np.cumsum(units.probabilities)
        self._missing = np.maximum(np.cumsum(more[::-1])[::-1], 0.0)
        self._top, self._values = 0, np.empty(0)

    def at(self, level: int) -> float:
        """Return the cost of one level."""
        return float(self.down(level, level - 1)[0])

    def down(self, high: int, low: int) -> np.ndarray:
        """Return the costs of ``high``, ``high - 1``, ... down to the level above ``low``."""
        if high > self._top or self._top - low > self._values.size:
            bottom = min(low, self._top - self._values.size)
            self._work_out(max(high, self._top) + _BLOCK, bottom - _BLOCK)
        return self._values[self._top - high : self._top - low]

    def _work_out(self, top: int, below: int) -> None:
        levels = np.arange(top, below, -1)
        last = self._missing.size - 1
        inside = self._missing[np.clip(levels, 0, last)]
        missing = np.where(levels < 0, self._mean - levels, np.where(levels > last, 0.0, inside))
        both = self._costs.holding + self._costs.shortage
        self._top, self._values = top, self._costs.holding * (levels - self._mean) + both * missing


class _Renewal:
    """Expected visits to each level below S before an order, one level at a time."""

    def __init__(self, units: DiscreteUnits) -> None:
        # the other way round, so that a sum over the levels above is one product
        self._chances = units.probabilities[::-1].copy()
        self._stay = 1 - min(float(units.probabilities[0]), 1 - 1e-12)
        self._visits = np.empty(_BLOCK)
        self._visits[0] = 1 / self._stay
        self._together = [0.0, float(self._visits[0])]

    def visits(self, span: int) -> tuple[np.ndarray, float]:
        """Return the visits of the first levels, and their sum."""
        if span > _MOST_LEVELS:
            raise LimitError(
                f"expected at most {_MOST_LEVELS:,} levels between s and S, got more. Count in cartons"
            )
        if span > self._visits.size:
            self._visits = np.concatenate([self._visits, np.empty(max(span, self._visits.size))])
        last = self._chances.size - 1
        for step in range(len(self._together) - 1, span):
            reach = min(step, last)
            past = self._visits[step - reach : step]
            self._visits[step] = float(self._chances[last - reach : last] @ past) / self._stay
            self._together.append(self._together[-1] + float(self._visits[step]))
        return self._visits[:span], self._together[span]
