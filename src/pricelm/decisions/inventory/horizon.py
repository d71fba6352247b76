"""Several periods with units that differ from one to the next, and deliveries that may come late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pricelm.core.errors import DataError, LimitError
from pricelm.decisions.inventory.distributions import DiscreteUnits
from pricelm.decisions.inventory.lead_time import units_over
from pricelm.decisions.inventory.newsvendor import check_costs

_MOST_STEPS = 2e8


@dataclass(frozen=True)
class HorizonCosts:
    """What the periods are weighed by.

    Parameters
    ----------
    holding, shortage : float
        Cost of a unit left, and of a unit waited for, at the end of a period.
    fixed : float, default 0
        Cost of an order.
    unit_cost : float, default 0
        Cost of a unit.
    leftover_value : float, default 0
        Value of a unit left after the last period; a unit still waited for costs as much.
    discount : float, default 1
        Worth today of a currency unit a period later.
    """

    holding: float
    shortage: float
    fixed: float = 0.0
    unit_cost: float = 0.0
    leftover_value: float = 0.0
    discount: float = 1.0

    def __post_init__(self) -> None:
        check_costs(holding=self.holding, shortage=self.shortage)
        others = (self.fixed, self.unit_cost)
        if (
            not np.isfinite([*others, self.leftover_value]).all()
            or min(others) < 0
            or not 0 < self.discount <= 1
        ):
            raise DataError(
                "negative cost: expected a fixed cost and unit cost of 0 or more and a discount in (0, 1], "
                f"got {self.fixed:g}, {self.unit_cost:g} and {self.discount:g}"
            )


@dataclass(frozen=True, eq=False)
class HorizonPlan:
    """How much to order in every period, whatever has happened before.

    Parameters
    ----------
    positions : numpy.ndarray
        Stock and orders under way less what is waited for, shape (n_positions,).
    order_up_to : numpy.ndarray
        Best position after ordering, shape (n_periods, n_positions); equal to the position: no order.
    cost : numpy.ndarray
        Expected cost from the first period on, by starting position, shape (n_positions,).
    reorder_points, order_up_to_levels : list of int
        s and S of each period: an order is made at s or below, up to S; s is below every position where no
        order is worth it.
    """

    positions: np.ndarray
    order_up_to: np.ndarray
    cost: np.ndarray
    reorder_points: list[int] = field(default_factory=list)
    order_up_to_levels: list[int] = field(default_factory=list)

    def order(self, period: int, position: int) -> int:
        """Return the units to order in a period (from 0) at a position."""
        at = int(np.clip(position, self.positions[0], self.positions[-1])) - int(self.positions[0])
        return max(int(self.order_up_to[period, at]) - position, 0)

    def expected_cost(self, position: int) -> float:
        """Return the expected cost of the whole horizon from a starting position.

        Raises
        ------
        DataError
            If the position is outside those that were worked out.
        """
        at = position - int(self.positions[0])
        if not 0 <= at < self.positions.size:
            raise DataError(
                f"expected a position from {self.positions[0]} to {self.positions[-1]}, got {position}"
            )
        return float(self.cost[at])


def plan_horizon(
    periods: Sequence[DiscreteUnits],
    costs: HorizonCosts,
    lead_times: Mapping[int, float] | None = None,
    start: int = 0,
) -> HorizonPlan:
    """Work out the orders of several periods by dynamic programming on the stock and what is under way.

    With a lead time, an order placed now shows in the costs when it arrives: a position is charged with the
    units of the periods until then. Uncertain lead times keep their order: a later order arrives no earlier.

    Parameters
    ----------
    periods : sequence of DiscreteUnits
        Units of each period. The last ones repeat the last where a lead time reaches past them.
    costs : HorizonCosts
        Costs.
    lead_times : mapping of int to float, optional
        Periods that a delivery takes, with probabilities; 0 by default: it is there before the customers.
    start : int, default 0
        A position that the plan has to know.

    Returns
    -------
    HorizonPlan
        Orders and expected cost.

    Raises
    ------
    DataError
        If there is no period, or no distribution of lead times.
    LimitError
        If the work passes about a minute: count in cartons.

    Examples
    --------
    >>> coin = DiscreteUnits(np.array([0.5, 0.5]))
    >>> plan = plan_horizon([coin, coin], HorizonCosts(holding=1, shortage=9))
    >>> plan.order(0, 0), plan.expected_cost(0)
    (1, 1.0)
    """
    if not periods:
        raise DataError("no demand: expected units for one period or more, got none")
    chances = dict(lead_times or {0: 1.0})
    longest = max(chances)
    beyond = [*periods, *([periods[-1]] * longest)]
    covered = [
        units_over(beyond[at : at + longest + 1], {length + 1: chance for length, chance in chances.items()})
        for at in range(len(periods))
    ]
    positions = _positions(beyond, len(periods), start)
    widest = max(one.probabilities.size for one in covered)
    if len(periods) * positions.size * max(widest, positions.size) > _MOST_STEPS:
        raise LimitError(
            f"expected a horizon of fewer units: {len(periods)} periods of {positions.size:,} positions take "
            "too long. Count in cartons, or plan fewer periods"
        )
    after = -costs.leftover_value * positions.astype(np.float64)
    best, points, tops = [], [], []
    for units, waited_for in zip(reversed(periods), reversed(covered), strict=True):
        value = _later(after, units, costs.leftover_value) * costs.discount + _charged(
            positions, waited_for, costs
        )
        value += costs.unit_cost * positions
        after, target = _ordered(value, positions, costs)
        best.append(target)
        ordering = np.flatnonzero(target > positions)
        points.append(int(positions[ordering[-1]]) if ordering.size else int(positions[0]) - 1)
        tops.append(int(target[ordering[-1]]) if ordering.size else int(positions[0]))
    return HorizonPlan(positions, np.array(best[::-1]), after, points[::-1], tops[::-1])


def _positions(periods: Sequence[DiscreteUnits], n_periods: int, start: int) -> np.ndarray:
    most = sum(one.probabilities.size - 1 for one in periods)
    behind = sum(one.probabilities.size - 1 for one in periods[:n_periods])
    return np.arange(min(start, 0) - behind, max(start, most) + 1)


def _charged(positions: np.ndarray, units: DiscreteUnits, costs: HorizonCosts) -> np.ndarray:
    """Expected cost of leftovers and waiting at every position."""
    sizes = np.arange(units.probabilities.size)
    missing = np.array([units.probabilities @ np.maximum(sizes - one, 0) for one in positions])
    return costs.holding * (positions - units.mean + missing) + costs.shortage * missing


def _later(after: np.ndarray, units: DiscreteUnits, leftover_value: float) -> np.ndarray:
    """Expected cost of the periods to come; below the lowest position each unit costs as the last one."""
    reach = units.probabilities.size - 1
    slope = after[1] - after[0] if after.size > 1 else -leftover_value
    below = after[0] - slope * np.arange(reach, 0, -1)
    return np.convolve(np.concatenate([below, after]), units.probabilities, mode="valid")


def _ordered(value: np.ndarray, positions: np.ndarray, costs: HorizonCosts) -> tuple[np.ndarray, np.ndarray]:
    """Order or not: the cheapest position above, against staying."""
    from_here = np.minimum.accumulate(value[::-1])[::-1]
    where = np.arange(value.size)
    for at in range(value.size - 2, -1, -1):
        where[at] = at if value[at] <= from_here[at + 1] else where[at + 1]
    orders = value - from_here > costs.fixed + 1e-12 * np.abs(value)
    cost = np.where(orders, from_here + costs.fixed, value) - costs.unit_cost * positions
    return cost, np.where(orders, positions[where], positions)
