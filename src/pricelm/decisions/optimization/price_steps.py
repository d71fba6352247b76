"""Where a proposed price comes from: what demand and cost ask for, then what each rule makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricelm.decisions.optimization.propose import PricePlan

_SAME = 0.005


@dataclass(frozen=True)
class PriceStep:
    """One cause on the way from the current price to the proposed one.

    Parameters
    ----------
    cause : str
        What moves the price: ``"demand and cost"``, the id of a rule, and the like.
    price : float
        The best price once this cause is taken in, in currency.
    """

    cause: str
    price: float


def price_steps(plan: PricePlan, row: int) -> list[PriceStep]:
    """Return the way of one product from its current price to the proposed one.

    Causes are taken in one after the other: demand and cost alone, rules on sums at their shadow prices,
    rules on single prices from the most important on, being sure enough to earn more, all that ties products
    together, and holding a current price that is nearly as good. The order matters where two rules forbid the
    same prices: the more important one is named.

    Parameters
    ----------
    plan : PricePlan
        A plan that is not infeasible.
    row : int
        Position of the product.

    Returns
    -------
    list of PriceStep
        The current price first; causes that do not move the price are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> from pricelm.decisions.optimization.demand_table import DemandTable
    >>> from pricelm.decisions.optimization.propose import plan_prices
    >>> from pricelm.knowledge.facts import ProductFacts
    >>> from pricelm.knowledge.rule_files import parse_rules
    >>> table = pd.DataFrame({"sku": ["tea"], "price": [4.0], "unit_cost": [2.0], "units": [100.0],
    ...                       "own_price_elasticity": [-3.0]})
    >>> book = parse_rules("version: 1\\nrules:\\n- {id: step, kind: maximum_step, down: 0.1}")
    >>> plan = plan_prices(ProductFacts(table), book, DemandTable.from_frame(table))
    >>> [(one.cause, one.price) for one in price_steps(plan, 0)]
    [('now', 4.0), ('demand and cost', 3.01), ('step', 3.6)]
    """
    problem, grid = plan.assortment.problem, plan.assortment.grid
    prices = problem.prices[row]
    worth = problem.value[row]
    free = grid.fresh[row].copy()
    now = float(prices[grid.current[row]])
    found: list[tuple[str, float]] = [("demand and cost", _best(prices, worth, free, now))]
    if len(problem.limits):
        worth = worth - plan.solution.multipliers @ problem.usage[:, row]
        binding = [
            name
            for name, one in zip(problem.portfolio_ids, plan.solution.multipliers, strict=True)
            if one > 0
        ]
        found.append((", ".join(binding) or "rules on sums", _best(prices, worth, free, now)))
    for name in sorted(problem.broken, key=lambda one: -problem.priorities.get(one, 50)):
        kept = free & ~problem.broken[name][row]
        if kept.any():
            free = kept
            found.append((name, _best(prices, worth, free, now)))
    if (free & problem.allowed[row]).any():
        free = free & problem.allowed[row]
        found.append(("sure enough", _best(prices, worth, free, now)))
    found.append(("other products", float(prices[plan.solution.choice[row]])))
    found.append(("nearly as good", float(prices[plan.choice[row]])))
    steps = [PriceStep("now", now)]
    for cause, price in found:
        if abs(price - steps[-1].price) >= _SAME:
            steps.append(PriceStep(cause, price))
    return steps


def _best(prices: np.ndarray, worth: np.ndarray, free: np.ndarray, now: float) -> float:
    """Return the best open price; of equal ones the nearest to the current price."""
    open_worth = np.where(free, worth, -np.inf)
    top = open_worth >= open_worth.max() - 1e-9 * max(abs(float(open_worth.max())), 1.0)
    candidates = prices[top]
    return float(candidates[np.abs(candidates - now).argmin()])
