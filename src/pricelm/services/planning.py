"""Planning: everything that a plan of prices is made from, and the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pricelm.core.errors import DataError
from pricelm.decisions.optimization.build import PlanConfig
from pricelm.decisions.optimization.demand_table import DemandTable
from pricelm.decisions.optimization.propose import PricePlan, plan_prices
from pricelm.decisions.optimization.solve import SolverConfig
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule_files import RuleBook, parse_rules


@dataclass(frozen=True, eq=False)
class PlanInputs:
    """Everything that decides which prices are proposed.

    Parameters
    ----------
    facts : ProductFacts
        n products with demand in columns of the standard names.
    rules : str, default ""
        YAML of the rules; empty for none.
    cross : mapping, optional
        Cross elasticities by (sku, other sku).
    plan : PlanConfig
        Objective, risk with its number of draws, grid, seed.
    solver : SolverConfig
        Tolerance, time, seed.
    """

    facts: ProductFacts
    rules: str = ""
    cross: Mapping[tuple[str, str], float] | None = None
    plan: PlanConfig = field(default_factory=PlanConfig)
    solver: SolverConfig = field(default_factory=SolverConfig)

    @property
    def book(self) -> RuleBook:
        """The rules, checked."""
        return parse_rules(self.rules) if self.rules else RuleBook()


def demand_of(facts: ProductFacts) -> DemandTable:
    """Return the demand that a table of products carries.

    Raises
    ------
    DataError
        If a column is missing, or demand cannot be used.
    """
    frame = facts.frame
    # demand may have been learned around another price than today's
    return DemandTable.from_frame(
        frame.assign(price=frame["demand_price"]) if "demand_price" in frame.columns else frame
    )


def make_plan(inputs: PlanInputs) -> PricePlan:
    """Propose a price for each product; the same inputs give the same plan.

    Parameters
    ----------
    inputs : PlanInputs
        What it is made from.

    Returns
    -------
    PricePlan
        With status "infeasible" and no recommendations where no prices keep the rules.

    Raises
    ------
    DataError
        If demand is known at one price only for every product, or cannot be used.
    RuleError
        If a rule names what is not there.
    """
    curve = demand_of(inputs.facts)
    if (curve.price_low == curve.price_high).all():
        raise DataError(
            "expected products whose demand is known at several prices, got one price only for each: what "
            "another price would sell is not known. Test prices first, then learn demand again"
        )
    return plan_prices(
        inputs.facts,
        inputs.book,
        curve,
        inputs.plan,
        support=(curve.price_low, curve.price_high),
        cross=inputs.cross,
        solver=inputs.solver,
    )
