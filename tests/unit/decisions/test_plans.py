"""Plans: closed forms, support, holding, risk, verdicts, costs of rules, the frontier."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pricelm.core.errors import ConfigError, DataError, RuleError
from pricelm.decisions.optimization.build import PlanConfig, assemble
from pricelm.decisions.optimization.demand_table import DemandTable
from pricelm.decisions.optimization.frontier import efficient_frontier
from pricelm.decisions.optimization.grids import GridConfig, price_grid
from pricelm.decisions.optimization.objective import Objective, Risk
from pricelm.decisions.optimization.page import plan_page
from pricelm.decisions.optimization.propose import PricePlan, plan_prices
from pricelm.decisions.optimization.solve import SolverConfig
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule_files import RuleBook, parse_rules

# the closed forms know one demand curve
EXPECTED = Risk("mean", confidence=0)
FINE = PlanConfig(risk=EXPECTED, grid=GridConfig(401, 0.6), near_best=0.0)


def table(n: int = 6, **changes: Any) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    price = np.round(rng.uniform(3, 12, n), 2)
    frame = pd.DataFrame(
        {
            "sku": [f"p{number}" for number in range(n)],
            "price": price,
            "unit_cost": np.round(price * rng.uniform(0.4, 0.7, n), 2),
            "units": np.round(rng.uniform(20, 200, n), 1),
            "own_price_elasticity": -np.round(rng.uniform(1.5, 3.5, n), 2),
            "elasticity_se": 0.2,
        }
    )
    return frame.assign(**changes)


def plan(
    frame: pd.DataFrame, rules: str = "", config: PlanConfig = PlanConfig(risk=EXPECTED), **more: Any
) -> PricePlan:
    book = parse_rules(f"version: 1\nrules:\n{rules}") if rules else RuleBook()
    facts = ProductFacts(frame, date(2026, 11, 23), "EUR")
    demand = DemandTable.from_frame(frame)
    return plan_prices(facts, book, demand, config, support=(demand.price_low, demand.price_high), **more)


def test_the_best_price_is_the_markup_that_theory_knows() -> None:
    frame = table(own_price_elasticity=[-2.0, -2.5, -3.0, -4.0, -2.2, -3.3])
    slope = frame["own_price_elasticity"]
    best = frame["unit_cost"] * slope / (1 + slope)
    inside = ((best / frame["price"] - 1).abs() < 0.55).to_numpy()
    found = [one.proposed_price for one in plan(frame, config=FINE).recommendations]
    assert inside.sum() >= 4
    assert np.array(found)[inside] == pytest.approx(best[inside], rel=0.01)


def test_no_price_lies_outside_what_demand_is_known_for_unless_it_says_test_first() -> None:
    frame = table(own_price_elasticity=-1.2)
    frame = frame.assign(price_low=frame["price"] * 0.95, price_high=frame["price"] * 1.04)
    for one, high in zip(plan(frame).recommendations, frame["price_high"], strict=True):
        assert one.proposed_price <= high + 1e-9 and one.price_high <= high + 1e-9
    beyond = plan(frame, config=PlanConfig(risk=EXPECTED, grid=GridConfig(explore=0.1))).recommendations
    assert {one.action for one in beyond} == {"test first"}
    assert all("test first" in one.rationale for one in beyond)


def test_a_current_price_that_is_good_enough_is_held() -> None:
    frame = table(own_price_elasticity=-2.0).assign(unit_cost=lambda one: one["price"] / 2 * 1.03)
    held = plan(frame, config=PlanConfig(risk=EXPECTED, near_best=0.01)).recommendations
    assert {one.action for one in held} == {"hold"}
    assert all(one.price_low <= one.current_price <= one.price_high for one in held)
    assert {one.action for one in plan(frame, config=FINE).recommendations} == {"raise"}


def test_every_price_of_an_interval_is_nearly_the_best() -> None:
    made = plan(table(), config=PlanConfig(risk=EXPECTED, grid=GridConfig(101), near_best=0.01))
    value, grid = made.assortment.problem.value, made.assortment.grid
    for row, one in enumerate(made.recommendations):
        within = (grid.prices[row] >= one.price_low) & (grid.prices[row] <= one.price_high)
        assert (value[row, within] >= 0.99 * value[row].max() - 1e-9).all()


def test_verdicts_name_the_rule_that_holds_a_price_and_what_it_costs() -> None:
    frame = table(own_price_elasticity=-1.3)
    free, held = plan(frame, config=FINE), plan(frame, "- {id: cap, kind: maximum_step, up: 0.05}", FINE)
    for loose, tight in zip(free.recommendations, held.recommendations, strict=True):
        [verdict] = tight.verdicts
        assert verdict.bound and verdict.satisfied and "cap" in tight.rationale
        assert tight.proposed_price <= tight.current_price * 1.05 + 1e-9
        assert verdict.cost == pytest.approx(loose.gain - tight.gain, rel=1e-3)
    assert held.rule_costs["cap"] == pytest.approx(sum(one.verdicts[0].cost for one in held.recommendations))


def test_rules_on_sums_and_between_prices_are_kept_and_costed() -> None:
    rules = (
        "- {id: units, kind: total_floor, measure: units, share_of_current: 1.0}\n"
        "- {id: same, kind: family, skus: [p0, p1]}\n- {id: few, kind: change_count, at_most: 4}"
    )
    made, free = plan(table(), rules, FINE), plan(table(), config=FINE)
    assert made.status == "optimal"
    assert made.totals["proposed"]["units"] >= made.totals["current"]["units"] * (1 - 1e-6)
    prices = [one.proposed_price for one in made.recommendations]
    assert prices[0] == pytest.approx(prices[1])
    assert sum(one.action != "hold" for one in made.recommendations) <= 4
    assert all(verdict.satisfied for verdict in made.verdicts)
    assert 0 < max(made.rule_costs.values()) <= free.solution.value - made.solution.value + 1e-6


def test_a_product_without_a_price_is_held_for_review_and_the_others_go_on() -> None:
    rules = (
        "- {id: low, kind: price_floor, amount: 99, scope: {sku: p2}}\n"
        "- {id: top, kind: price_ceiling, amount: 50}"
    )
    made = plan(table(), rules)
    stuck = made.recommendations[2]
    assert stuck.action == "review" and stuck.proposed_price == stuck.current_price
    assert "low" in stuck.rationale
    assert [one.action == "review" for one in made.recommendations].count(True) == 1


def test_what_cannot_be_kept_is_infeasible_and_names_the_rule() -> None:
    made = plan(table(), "- {id: dream, kind: total_floor, measure: margin, amount: 1000000}")
    assert made.status == "infeasible" and made.relax == ("dream",) and made.recommendations == []
    assert "'dream'" in made.solution.reason


def test_soft_rules_give_way_at_their_price() -> None:
    frame = table(own_price_elasticity=-1.3)
    dear = plan(frame, "- {id: cap, kind: maximum_step, up: 0.05, penalty: 100000}", FINE)
    cheap = plan(frame, "- {id: cap, kind: maximum_step, up: 0.05, penalty: 0.0001}", FINE)
    assert all(one.verdicts[0].satisfied for one in dear.recommendations)
    assert not any(one.verdicts[0].satisfied for one in cheap.recommendations)


def test_cross_effects_are_priced_together() -> None:
    frame = table(2, own_price_elasticity=-2.0)
    cross = {("p0", "p1"): 0.8, ("p1", "p0"): 0.8}
    config = PlanConfig(risk=EXPECTED, grid=GridConfig(41, 0.5), near_best=0.0)
    alone, together = plan(frame, config=config), plan(frame, config=config, cross=cross)
    for one, other in zip(alone.recommendations, together.recommendations, strict=True):
        assert other.proposed_price > one.proposed_price, "substitutes of one owner are priced higher"
    price, cost, base = (frame[name].to_numpy() for name in ("price", "unit_cost", "units"))
    grid = together.assortment.grid.prices
    best = -np.inf
    for left in grid[0]:
        for right in grid[1]:
            now = np.array([left, right]) / price
            units = base * now**-2.0 * now[::-1] ** 0.8
            best = max(best, float(((np.array([left, right]) - cost) * units).sum()))
    assert together.solution.value == pytest.approx(best)
    assert together.totals["proposed"]["margin"] == pytest.approx(best)


def test_risk_makes_choices_careful() -> None:
    frame = table(elasticity_se=1.2)
    mean = plan(frame, config=PlanConfig(risk=EXPECTED, near_best=0.0))
    careful = plan(frame, config=PlanConfig(risk=Risk("cvar", 0.1, 0.95), near_best=0.0))
    moves = [
        np.abs([one.proposed_price / one.current_price - 1 for one in made.recommendations]).sum()
        for made in (mean, careful)
    ]
    assert moves[1] < moves[0]
    again = plan(frame, config=PlanConfig(risk=Risk("cvar", 0.1, 0.95), near_best=0.0))
    prices = [[one.proposed_price for one in made.recommendations] for made in (careful, again)]
    assert prices[0] == prices[1]


def test_risk_measures_against_plain_arithmetic() -> None:
    earned = np.random.default_rng(0).normal(size=(200, 3, 2))
    ordered = np.sort(earned, axis=0)
    assert Risk("cvar", 0.1).summarize(earned) == pytest.approx(ordered[:20].mean(axis=0))
    assert Risk("quantile", 0.1).summarize(earned) == pytest.approx(np.quantile(earned, 0.1, axis=0))


def test_the_frontier_trades_margin_for_revenue() -> None:
    made = plan(table(), config=PlanConfig(risk=EXPECTED, grid=GridConfig(41, 0.5)))
    points = efficient_frontier(made.assortment, against="revenue", points=7, solver=SolverConfig(1e-8))
    margins, revenues = [one.margin for one in points], [one.revenue for one in points]
    assert len(points) > 2
    assert margins == sorted(margins, reverse=True) and revenues == sorted(revenues)
    grid, units, cost = made.assortment.grid.prices, made.assortment.units, made.assortment.costs
    assert margins[0] == pytest.approx(((grid - cost) * units).max(axis=1).sum())
    assert revenues[-1] == pytest.approx((grid * units).max(axis=1).sum())


def test_grids_hold_the_current_price_and_end_as_rules_ask() -> None:
    facts = ProductFacts(pd.DataFrame({"sku": ["a", "b"], "price": [4.37, 20.0], "brand": ["x", "y"]}))
    book = parse_rules(
        "version: 1\nrules:\n- {id: n, kind: price_ending, endings: [0.99], scope: {brand: x}}"
    )
    unknown = np.full(2, np.nan)
    grid = price_grid(facts, book, (unknown, unknown))
    others = np.delete(grid.prices[0], grid.current[0])
    assert grid.prices[0, grid.current[0]] == 4.37
    assert np.round(others % 1, 2) == pytest.approx(np.full(20, 0.99))
    assert (np.diff(grid.prices, axis=1) >= 0).all() and grid.fresh[:, 0].all()


def test_the_page_escapes_what_a_shop_wrote() -> None:
    frame = table(own_price_elasticity=-1.3)
    frame["sku"] = [f"<script>{number}" for number in range(6)]
    made = plan(frame, '- {id: "<b>", kind: maximum_step, up: 0.05}')
    page = plan_page(made, "<i>", "now", efficient_frontier(made.assortment))
    assert "<script>" not in page and "&lt;script&gt;0" in page and "<b>&" not in page
    assert page.count("<svg") == 13 and "demand and cost" in page and "Efficient frontier" in page


@pytest.mark.parametrize(
    ("change", "config", "error", "message"),
    [
        ({"unit_cost": np.nan}, PlanConfig(), RuleError, "unit_cost of 0 or more"),
        ({"units": -1.0}, PlanConfig(), DataError, "units and errors of 0 or more"),
        ({"own_price_elasticity": np.nan}, PlanConfig(), DataError, "finite demand"),
        ({"price": [1.0, 2, 3, 4, 5, 0]}, PlanConfig(), DataError, "above zero"),
    ],
)
def test_bad_numbers_are_refused(
    change: dict[str, Any], config: PlanConfig, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        plan(table(**change), config=config)


@pytest.mark.parametrize(
    "make",
    [
        lambda: GridConfig(1),
        lambda: GridConfig(span=2),
        lambda: Risk("cvr"),
        lambda: Risk(level=0),
        lambda: Objective(0, 0, 0),
        lambda: Objective.parse("profit"),
        lambda: Objective.parse("margin=x"),
        lambda: PlanConfig(near_best=1),
    ],
)
def test_bad_options_are_refused(make: Any) -> None:
    with pytest.raises(ConfigError, match="expected"):
        make()


def test_a_demand_without_draws_cannot_mind_risk() -> None:
    class Flat:
        def units(self, prices: np.ndarray) -> np.ndarray:
            return np.ones_like(prices)

    facts = ProductFacts(table())
    assert assemble(facts, RuleBook(), Flat(), PlanConfig(risk=EXPECTED)).units.shape == (6, 21)
    with pytest.raises(ConfigError, match="draws"):
        assemble(facts, RuleBook(), Flat())
