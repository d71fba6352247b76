"""Plans: the best prices with intervals, verdicts, costs of rules and reasons."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pricelm.core.errors import DataError
from pricelm.core.nouns import Recommendation, Verdict
from pricelm.core.protocols import DemandCurve
from pricelm.decisions.optimization.build import (
    Assortment,
    CrossElasticities,
    PlanConfig,
    assemble,
)
from pricelm.decisions.optimization.intervals import hold_current, near_best, reduced_values
from pricelm.decisions.optimization.problem import PricingProblem, Solution
from pricelm.decisions.optimization.rationale import action_of, rationale_of
from pricelm.decisions.optimization.solve import SolverConfig, solve
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule_files import RuleBook
from pricelm.knowledge.verdicts import judge_prices, judge_totals

_MOST_CELLS_TO_RESOLVE = 1_000_000


@dataclass(frozen=True, eq=False)
class PricePlan:
    """A plan for an assortment.

    Parameters
    ----------
    status : str
        ``"optimal"``, ``"feasible"`` or ``"infeasible"``.
    recommendations : list of Recommendation
        One a product, in the order of the table; empty when infeasible.
    verdicts : list of Verdict
        What the rules on sums say, with the cost of each.
    rule_costs : dict of str to float
        What each hard rule that costs something costs a period, in the unit of the objective.
    totals : dict of str to dict
        Units, revenue and margin a period, at current and at proposed prices.
    solution : Solution
        What the solver found, before current prices that are good enough were held.
    assortment : Assortment
        What was solved.
    choice : numpy.ndarray
        Column of the grid each, shape (n,).
    """

    status: str
    recommendations: list[Recommendation]
    verdicts: list[Verdict]
    rule_costs: dict[str, float]
    totals: dict[str, dict[str, float]]
    solution: Solution
    assortment: Assortment
    choice: np.ndarray

    @property
    def relax(self) -> tuple[str, ...]:
        """Smallest set of rules to relax, when infeasible."""
        return self.solution.relax


def plan_prices(
    facts: ProductFacts,
    book: RuleBook,
    demand: DemandCurve,
    config: PlanConfig = PlanConfig(),
    *,
    support: tuple[np.ndarray, np.ndarray] | None = None,
    cross: CrossElasticities | None = None,
    solver: SolverConfig = SolverConfig(),
) -> PricePlan:
    """Propose a price for each product.

    Parameters
    ----------
    facts : ProductFacts
        n products.
    book : RuleBook
        The rules.
    demand : DemandCurve
        Units of prices of shape (n, m); with ``draws`` for a choice that minds risk.
    config : PlanConfig
        Objective, risk, grid.
    support : tuple of numpy.ndarray, optional
        Lowest and highest price that demand is known for, shape (n,).
    cross : mapping, optional
        Cross elasticities by (sku, other sku).
    solver : SolverConfig
        Tolerance and time.

    Returns
    -------
    PricePlan
        With status "infeasible" and no recommendations where no prices keep the rules.

    Raises
    ------
    DataError
        If facts or demand cannot be used.
    RuleError
        If a rule names what is not there.

    Examples
    --------
    >>> import pandas as pd
    >>> from pricelm.decisions.optimization.demand_table import DemandTable
    >>> from pricelm.knowledge.rule_files import parse_rules
    >>> table = pd.DataFrame({"sku": ["tea"], "price": [4.0], "unit_cost": [2.0], "units": [100.0],
    ...                       "own_price_elasticity": [-3.0]})
    >>> plan = plan_prices(ProductFacts(table), RuleBook(), DemandTable.from_frame(table))
    >>> plan.recommendations[0].action, plan.recommendations[0].proposed_price
    ('lower', 3.01)
    """
    if not len(facts):
        raise DataError("expected at least one product to price, got none")
    assortment = assemble(facts, book, demand, config, support=support, cross=cross)
    solution = solve(assortment.problem, solver)
    if solution.status == "infeasible":
        return PricePlan("infeasible", [], [], {}, {}, solution, assortment, np.empty(0, int))
    reduced = reduced_values(assortment.problem, solution)
    good = near_best(reduced, solution.choice, config.near_best)
    choice = hold_current(assortment.problem, solution, good, assortment.grid.current)
    held = replace(solution, choice=choice)
    reduced = reduced_values(assortment.problem, held)
    good &= np.isfinite(reduced)
    good[np.arange(len(choice)), choice] = True
    each = _own_costs(assortment, reduced, solution.multipliers)
    costs = {name: float(cost.sum()) for name, cost in each.items() if cost.sum() > 0}
    costs |= _costs_of_ties(assortment, solution, solver)
    units = joint_units(assortment.problem, choice, assortment.units)
    recommendations = _recommendations(assortment, choice, (reduced, good), each, units, config)
    price = assortment.grid.prices[np.arange(len(choice)), choice]
    verdicts = [
        replace(verdict, cost=costs.get(verdict.rule_id, 0.0))
        for verdict in judge_totals(assortment.book, assortment.facts, price, units)
    ]
    status = solution.status
    return PricePlan(
        status,
        recommendations,
        verdicts,
        costs,
        _totals(assortment, price, units),
        solution,
        assortment,
        choice,
    )


def joint_units(problem: PricingProblem, choice: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return expected units with all prices as chosen, cross effects included, shape (n,)."""
    sold = units[np.arange(len(choice)), choice].copy()
    for group in problem.groups:
        sold[group.rows] = group.units(choice[group.rows][None, :])[0]
    return sold


def _own_costs(assortment: Assortment, reduced: np.ndarray, multipliers: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each hard rule on single prices costs each product: the best without it, less the best.

    Other rules stay, shadow prices too; a rule that another one covers costs nothing.
    """
    problem = assortment.problem
    if not problem.broken:
        return {}
    broken_by = np.sum(list(problem.broken.values()), axis=0)
    worth = problem.value - np.tensordot(multipliers, problem.usage, axes=1)
    best = np.where(np.isfinite(reduced), reduced, -np.inf).max(axis=1)
    tied = {row for link in problem.links for row in link.inequality.rows}
    tied |= {int(row) for group in problem.groups for row in group.rows}
    single = np.ones(len(best), dtype=bool)
    single[list(tied)] = False
    single[assortment.stuck] = False
    costs = {}
    for name, mask in problem.broken.items():
        freed = mask & (broken_by == 1) & assortment.grid.fresh & assortment.grid.supported
        top = np.where(freed, worth, -np.inf).max(axis=1)
        costs[name] = np.where(single & (top > best), top - best, 0.0)
    return costs


def _costs_of_ties(assortment: Assortment, solution: Solution, solver: SolverConfig) -> dict[str, float]:
    """Return what each hard rule on sums or between prices costs: the optimum without it, less this one."""
    problem = assortment.problem
    if problem.prices.size > _MOST_CELLS_TO_RESOLVE:
        return {}
    costs = {}
    for k, name in enumerate(problem.portfolio_ids):
        if np.isinf(problem.caps[k]) and solution.multipliers[k] > 0:
            keep = [other for other in range(len(problem.limits)) if other != k]
            without = replace(
                problem,
                usage=problem.usage[keep],
                limits=problem.limits[keep],
                caps=problem.caps[keep],
                portfolio_ids=[problem.portfolio_ids[other] for other in keep],
                groups=[
                    replace(
                        group,
                        usage_fixed=group.usage_fixed[keep],
                        usage_per_unit=group.usage_per_unit[keep],
                    )
                    for group in problem.groups
                ],
            )
            costs[name] = max(solve(without, solver).value - solution.value, 0.0)
    for name in dict.fromkeys(link.rule_id for link in problem.links if link.penalty is None):
        without = replace(problem, links=[link for link in problem.links if link.rule_id != name])
        costs[name] = max(solve(without, solver).value - solution.value, 0.0)
    # what lies within the solver's own tolerance is no cost
    least = solver.tolerance * max(abs(solution.value), 1e-9)
    return {name: cost for name, cost in costs.items() if cost > least}


def _recommendations(
    assortment: Assortment,
    choice: np.ndarray,
    judged: tuple[np.ndarray, np.ndarray],
    costs: dict[str, np.ndarray],
    units: np.ndarray,
    config: PlanConfig,
) -> list[Recommendation]:
    reduced, good = judged
    facts, grid = assortment.facts, assortment.grid
    at = np.arange(len(choice))
    price = grid.prices[at, choice]
    low = np.where(good, grid.prices, np.inf).min(axis=1)
    high = np.where(good, grid.prices, -np.inf).max(axis=1)
    gain = assortment.problem.value[at, choice] - assortment.problem.value[at, grid.current]
    for group in assortment.problem.groups:
        # with cross effects the gain of one product is what it brings to its whole group
        gain[group.rows] = _group_gains(assortment, group.rows, reduced, choice)
    margin = (price - assortment.costs[:, 0]) * units
    verdicts = judge_prices(assortment.book, facts, price, units)
    earned = config.objective.text
    made = []
    for row in range(len(choice)):
        own = tuple(_with_cost(one, costs, row) for one in verdicts[row])
        recommendation = Recommendation(
            str(facts.skus[row]),
            action_of(
                float(facts.price[row]),
                float(price[row]),
                supported=bool(grid.supported[row, choice[row]]),
                stuck=row in assortment.conflicts,
            ),
            float(facts.price[row]),
            float(price[row]),
            float(low[row]),
            float(high[row]),
            float(units[row]),
            float(price[row] * units[row]),
            float(margin[row]),
            float(gain[row]),
            own,
            "",
            facts.currency,
        )
        reason = rationale_of(
            recommendation,
            earned,
            unsure=bool(assortment.unsure[row]),
            conflict=assortment.conflicts.get(row, ()),
        )
        made.append(replace(recommendation, rationale=reason))
    return made


def _with_cost(verdict: Verdict, costs: dict[str, np.ndarray], row: int) -> Verdict:
    cost = float(costs[verdict.rule_id][row]) if verdict.rule_id in costs else 0.0
    # most cost nothing, and a copy of each would take longer than the verdict did
    return replace(verdict, bound=verdict.bound or cost > 0, cost=cost) if cost else verdict


def _group_gains(
    assortment: Assortment, rows: np.ndarray, reduced: np.ndarray, choice: np.ndarray
) -> np.ndarray:
    current = assortment.grid.current[rows]
    worth = np.where(np.isfinite(reduced[rows]), reduced[rows], np.nan)
    at = np.arange(len(rows))
    return np.nan_to_num(worth[at, choice[rows]] - worth[at, current], nan=0.0)


def _totals(assortment: Assortment, price: np.ndarray, units: np.ndarray) -> dict[str, dict[str, float]]:
    cost = assortment.costs[:, 0]
    now, before = assortment.facts.price, assortment.units
    current = before[np.arange(len(price)), assortment.grid.current]
    return {
        "current": _sums(now, current, cost),
        "proposed": _sums(price, units, cost),
    }


def _sums(price: np.ndarray, units: np.ndarray, cost: np.ndarray) -> dict[str, float]:
    return {
        "units": float(units.sum()),
        "revenue": float((price * units).sum()),
        "margin": float(((price - cost) * units).sum()),
    }
