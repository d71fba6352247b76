"""From facts, rules and demand to a pricing problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import DemandCurve, UncertainDemand
from pricelm.decisions.optimization.grids import Grid, GridConfig, price_grid
from pricelm.decisions.optimization.objective import Objective, Risk, rows_at_once
from pricelm.decisions.optimization.problem import CrossGroup, Link, PricingProblem
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.lint import smallest_conflict
from pricelm.knowledge.rule import TOLERANCE
from pricelm.knowledge.rule_files import RuleBook

CrossElasticities = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class PlanConfig:
    """What is wanted of a plan.

    Parameters
    ----------
    objective : Objective
        What to earn.
    risk : Risk
        How to judge uncertain demand.
    grid : GridConfig
        Which prices to look at.
    near_best : float, default 0.01
        Prices within this share of the best profit form the interval; a current price inside is held.
    seed : int, default 0
        Of drawn demand.
    """

    objective: Objective = Objective()
    risk: Risk = Risk()
    grid: GridConfig = GridConfig()
    near_best: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.near_best < 1:
            raise ConfigError(f"expected near_best from 0 to below 1, got {self.near_best}")


@dataclass(frozen=True, eq=False)
class Assortment:
    """A problem with what it was made of.

    Parameters
    ----------
    facts : ProductFacts
        n products, with the units expected at current prices in a column ``units``.
    book : RuleBook
        The rules.
    grid : Grid
        Prices.
    units : numpy.ndarray
        Expected units at each, others at their current price, shape (n, m).
    costs : numpy.ndarray
        Unit costs, shape (n, 1); NaN where they are not known.
    problem : PricingProblem
        Ready to be solved.
    stuck : numpy.ndarray
        Positions of products without a price that keeps their own rules; they are held at the current one.
    unsure : numpy.ndarray
        Whether the risk setting left only the current price, bool of shape (n,).
    conflicts : dict of int to tuple of str
        For each stuck product, the smallest set of its rules that contradict each other.
    """

    facts: ProductFacts
    book: RuleBook
    grid: Grid
    units: np.ndarray
    costs: np.ndarray
    problem: PricingProblem
    stuck: np.ndarray
    unsure: np.ndarray
    conflicts: dict[int, tuple[str, ...]] = field(default_factory=dict)


def assemble(
    facts: ProductFacts,
    book: RuleBook,
    demand: DemandCurve,
    config: PlanConfig = PlanConfig(),
    *,
    support: tuple[np.ndarray, np.ndarray] | None = None,
    cross: CrossElasticities | None = None,
) -> Assortment:
    """Build the problem.

    Parameters
    ----------
    facts : ProductFacts
        n products.
    book : RuleBook
        Rules.
    demand : DemandCurve
        ``units`` of prices of shape (n, m).
    config : PlanConfig
        Objective, risk, grid.
    support : tuple of numpy.ndarray, optional
        Lowest and highest price that demand is known for, shape (n,); NaN or None where it is not said.
    cross : mapping, optional
        (sku, other sku) to what a percent of the other's price does to the sku's units, in percent.

    Returns
    -------
    Assortment
        The problem with what it was made of.

    Raises
    ------
    DataError
        If costs are needed and missing, or demand is not finite.
    RuleError
        If a rule names what is not there, or is in another currency.
    """
    book = book.in_currency(facts.currency)
    unknown = np.full(len(facts), np.nan)
    grid = price_grid(facts, book, support or (unknown, unknown), config.grid)
    units = _checked_units(demand, grid.prices, facts)
    at = np.arange(len(facts))
    with_units = facts.frame.assign(units=units[at, grid.current])
    facts = ProductFacts(with_units, facts.today, facts.currency)
    costs = _costs(facts, config.objective)
    value, sure = _judged(demand, grid, units, costs, config)
    slacks = {rule.id: rule.slack(facts, grid.prices, units) for rule in book.price_rules}
    broken = {rule.id: slacks[rule.id] < -TOLERANCE for rule in book.price_rules if rule.hard}
    ruled = grid.fresh & ~_any(broken, grid.prices.shape)
    stuck = np.flatnonzero(~ruled.any(axis=1))
    allowed = ruled & sure
    # a price that a rule forces is taken even if it is not sure to earn more
    forced = ~allowed.any(axis=1)
    allowed[forced] = ruled[forced]
    unsure = ~forced & (allowed.sum(axis=1) == 1) & (ruled.sum(axis=1) > 1)
    allowed[stuck] = False
    allowed[stuck, grid.current[stuck]] = True
    for rule in book.price_rules:
        if rule.penalty is not None:
            value = value + rule.penalty * np.minimum(slacks[rule.id], 0.0)
    usage = [rule.usage(facts, grid.prices, units) for rule in book.portfolio_rules]
    problem = PricingProblem(
        grid.prices,
        value,
        allowed,
        np.array(usage).reshape(len(usage), *grid.prices.shape),
        np.array([rule.limit for rule in book.portfolio_rules], dtype=np.float64),
        np.array([np.inf if rule.penalty is None else rule.penalty for rule in book.portfolio_rules]),
        _links(book, facts, set(stuck.tolist())),
        _cross_groups(facts, book, grid, units, costs, value, config.objective, cross) if cross else (),
        [rule.id for rule in book.portfolio_rules],
        broken,
        {rule.id: rule.priority for rule in book},
    )
    return Assortment(facts, book, grid, units, costs, problem, stuck, unsure, _conflicts(broken, stuck))


def _conflicts(broken: dict[str, np.ndarray], stuck: np.ndarray) -> dict[int, tuple[str, ...]]:
    names = list(broken)
    return {
        int(row): tuple(
            names[at] for at in smallest_conflict(np.array([~broken[name][row] for name in names]).T)
        )
        for row in stuck
    }


def _checked_units(demand: DemandCurve, prices: np.ndarray, facts: ProductFacts) -> np.ndarray:
    units = np.asarray(demand.units(prices), dtype=np.float64)
    if units.shape != prices.shape:
        raise ConfigError(f"expected demand to give units of shape {prices.shape}, got {units.shape}")
    bad = ~(np.isfinite(units) & (units >= 0)).all(axis=1)
    if bad.any():
        sku = facts.skus[int(np.flatnonzero(bad)[0])]
        raise DataError(
            f"expected finite units of 0 or more at every price, got others for {sku!r}. Check demand"
        )
    return units


def _costs(facts: ProductFacts, objective: Objective) -> np.ndarray:
    if objective.needs_cost:
        return facts.costs("the objective margin")[:, None]
    if "unit_cost" in facts.frame.columns:
        return facts.numbers("unit_cost", "the margin")[:, None]
    return np.full((len(facts), 1), np.nan)


def _judged(
    demand: DemandCurve, grid: Grid, units: np.ndarray, costs: np.ndarray, config: PlanConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Return the value of each price under the risk setting, and whether it is sure enough to earn more."""
    sure = np.ones(grid.prices.shape, dtype=bool)
    if not config.risk.needs_draws:
        return config.objective.value(grid.prices, units, costs), sure
    if not isinstance(demand, UncertainDemand):
        raise ConfigError(
            "expected a demand with draws for a choice that minds risk, got one without; use "
            "Risk('mean', confidence=0)"
        )
    n, m = grid.prices.shape
    value = np.empty((n, m))
    step = rows_at_once(config.risk.n_draws, m)
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        part = demand if len(rows) == n else _part(demand, rows)
        drawn = part.draws(grid.prices[rows], config.risk.n_draws, config.seed)
        earned = config.objective.value(grid.prices[rows], drawn, costs[rows])
        value[rows] = config.risk.summarize(earned)
        now = np.take_along_axis(earned, grid.current[rows][None, :, None], axis=2)
        sure[rows] = (earned >= now).mean(axis=0) >= config.risk.confidence
    if config.risk.measure == "mean":
        value = config.objective.value(grid.prices, units, costs)
    return value, sure


def _part(demand: UncertainDemand, rows: np.ndarray) -> UncertainDemand:
    take = getattr(demand, "take", None)
    if take is None:
        raise ConfigError(
            "expected a demand that can be split (take), for so many products and draws at once"
        )
    found: UncertainDemand = take(rows)
    return found


def _any(masks: dict[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    return np.logical_or.reduce(list(masks.values())) if masks else np.zeros(shape, dtype=bool)


def _links(book: RuleBook, facts: ProductFacts, stuck: set[int]) -> list[Link]:
    return [
        Link(rule.id, one, rule.penalty)
        for rule in book.coupling_rules
        for one in rule.inequalities(facts)
        if not stuck.intersection(one.rows)
    ]


def _cross_groups(
    facts: ProductFacts,
    book: RuleBook,
    grid: Grid,
    units: np.ndarray,
    costs: np.ndarray,
    value: np.ndarray,
    objective: Objective,
    cross: CrossElasticities,
) -> list[CrossGroup]:  # fmt: skip
    """Group products that move each other's sales; the worth of a price is linear in its units."""
    effects: dict[tuple[int, int], float] = {}
    for (sku, other), elasticity in cross.items():
        pair = facts.positions.get(sku, -1), facts.positions.get(other, -1)
        if min(pair) >= 0 and pair[0] != pair[1] and elasticity:
            if not np.isfinite(elasticity) or abs(elasticity) > 10:
                raise DataError(
                    f"expected cross elasticities within 10, got {elasticity} for {sku!r} and {other!r}"
                )
            effects[pair] = float(elasticity)
    relative = np.log(grid.prices / facts.price[:, None])
    each = objective.value(grid.prices, np.ones_like(units), np.nan_to_num(costs))
    nothing = np.zeros_like(units)
    usages = [
        (rule.usage(facts, grid.prices, nothing), rule.usage(facts, grid.prices, nothing + 1))
        for rule in book.portfolio_rules
    ]
    groups = []
    for rows in _joined(effects):
        factor = np.zeros((len(rows), len(rows), grid.prices.shape[1]))
        for i, row in enumerate(rows):
            for k, rival in enumerate(rows):
                factor[i, k] = effects.get((row, rival), 0.0) * relative[rival]
        fixed = [zero[rows] for zero, _ in usages]
        slope = [one[rows] - zero[rows] for zero, one in usages]
        shape = (len(usages), len(rows), grid.prices.shape[1])
        groups.append(
            CrossGroup(
                np.array(rows),
                units[rows],
                factor,
                # risk and soft rules are judged with the others at their current price
                value[rows] - each[rows] * units[rows],
                each[rows],
                np.array(fixed).reshape(shape),
                np.array(slope).reshape(shape),
            )
        )
    return groups


def _joined(effects: Mapping[tuple[int, int], float]) -> list[list[int]]:
    groups: dict[int, set[int]] = {}
    for one, other in effects:
        merged = groups.get(one, {one}) | groups.get(other, {other})
        for row in merged:
            groups[row] = merged
    unique = {id(group): sorted(group) for group in groups.values()}
    return sorted(unique.values())
