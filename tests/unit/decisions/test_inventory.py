"""Inventory against published figures, brute force and other formulations of the same problem."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from benchmarks.inventory import inventory_rows
from pricelm.core.errors import DataError, LimitError
from pricelm.decisions.demand import ElasticityCurve
from pricelm.decisions.inventory import (
    DiscreteUnits,
    HorizonCosts,
    JointProduct,
    LeadTime,
    NormalUnits,
    ReorderCosts,
    ScipyUnits,
    StockProduct,
    economic_order_quantity,
    newsvendor,
    plan_horizon,
    plan_stock,
    price_and_stock,
    protected_units,
    reorder_levels,
    reorder_policy,
    stock_cost,
    units_from_draws,
)
from pricelm.decisions.inventory.joint import expected_profit
from pricelm.decisions.inventory.lead_time import units_over
from pricelm.decisions.inventory.reorder import reorder_cost, reorder_counts

LEAD = NormalUnits(1300 / 12, 150 / 12**0.5)
COSTS = ReorderCosts(8, 0.225, 7.5)
chances = st.lists(st.integers(0, 5), min_size=2, max_size=5).filter(lambda one: sum(one[1:]) > 0)


def drawn(weights: list[int]) -> DiscreteUnits:
    return DiscreteUnits(np.array(weights) / sum(weights))


def test_published_figures_are_met() -> None:
    rows = inventory_rows()
    assert len(rows) >= 10
    assert [f"{row.case} {row.metric}: {row.ours}" for row in rows if not row.ok] == []


@given(chances, st.floats(0.1, 5), st.floats(0.1, 9))
@settings(max_examples=40, deadline=None)
def test_no_whole_stock_is_cheaper_than_the_newsvendors(weights: list[int], low: float, high: float) -> None:
    units = drawn(weights)
    best = newsvendor(units, low, high)
    every = [
        sum(p * (low * max(y - x, 0) + high * max(x - y, 0)) for x, p in enumerate(units.probabilities))
        for y in range(7)
    ]
    assert best.cost == pytest.approx(min(every))
    assert every[int(best.level)] == pytest.approx(min(every))


def test_distributions_agree_with_each_other() -> None:
    draws = np.random.default_rng(0).gamma(4, 20, 20_000)
    for stock in (0.0, 60.0, 140.0):
        by_draws = units_from_draws(draws).shortage(stock)
        assert by_draws == pytest.approx(np.maximum(draws - stock, 0).mean(), abs=0.05)
        assert ScipyUnits(stats.gamma(4, scale=20)).shortage(stock) == pytest.approx(by_draws, abs=1.0)
        assert ScipyUnits(stats.norm(80, 9)).shortage(stock) == pytest.approx(
            NormalUnits(80, 9).shortage(stock), abs=1e-9
        )
    assert NormalUnits(7, 0).shortage(5) == 2 and NormalUnits(7, 0).quantile(0.9) == 7


def test_the_exact_reorder_cost_is_the_integral_and_its_minimum_is_found() -> None:
    r, q = 126.8, 328.5
    inside = integrate.quad(lambda y: stock_cost(LEAD, y, 0.225, 7.5), r, r + q)[0]
    assert reorder_cost(1300, LEAD, COSTS, (r, q)) == pytest.approx((8 * 1300 + inside) / q)
    best = reorder_policy(1300, LEAD, COSTS)
    around = [
        reorder_cost(1300, LEAD, COSTS, (best.reorder_point + a, best.order_quantity + b))
        for a in (-2, -0.2, 0, 0.2, 2)
        for b in (-5, -0.5, 0, 0.5, 5)
    ]
    assert best.cost <= min(around) + 1e-9
    heuristic = reorder_policy(1300, LEAD, COSTS, "safety stock")
    assert best.cost < heuristic.cost


def test_certain_demand_gives_back_the_economic_order_quantity() -> None:
    found = reorder_policy(1300, NormalUnits(100, 0), COSTS)
    steady = economic_order_quantity(1300, 8, 0.225, shortage=7.5)
    assert found.order_quantity == pytest.approx(steady.quantity, rel=1e-4)
    assert found.cost == pytest.approx(steady.cost, rel=1e-8)


@given(chances, st.floats(1, 40))
@settings(max_examples=20, deadline=None)
def test_whole_reorder_quantities_equal_brute_force(weights: list[int], fixed: float) -> None:
    units, costs = drawn(weights), ReorderCosts(fixed, 1.0, 5.0)
    found = reorder_counts(units.mean, units, costs)
    sums = np.cumsum([0.0, *(stock_cost(units, y, 1.0, 5.0) for y in range(-24, 60))])

    def cost(r: int, q: int) -> float:
        return float(fixed * units.mean + sums[r + q + 25] - sums[r + 25]) / q

    every = [cost(r, q) for r in range(-25, 6) for q in range(1, 50)]
    assert found.cost == pytest.approx(min(every))
    assert cost(int(found.reorder_point), int(found.order_quantity)) == pytest.approx(found.cost)


def chain_cost(units: DiscreteUnits, low: int, high: int, costs: ReorderCosts) -> float:
    """Long-run cost of (s, S) from the stationary chain of the position after ordering."""
    n, chance = high - low, units.probabilities
    move = np.zeros((n, n))
    for at in range(n):
        for x, p in enumerate(chance):
            after = low + 1 + at - x
            move[at, n - 1 if after <= low else after - low - 1] += p
    values, vectors = np.linalg.eig(move.T)
    share = np.real(vectors[:, np.argmin(abs(values - 1))])
    share /= share.sum()
    orders = [sum(p for x, p in enumerate(chance) if low + 1 + at - x <= low) for at in range(n)]
    each = [stock_cost(units, low + 1 + at, costs.holding, costs.shortage) for at in range(n)]
    return float(share @ (np.array(each) + costs.fixed * np.array(orders)))


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.floats(0.5, 20), st.floats(1.5, 9))
@settings(max_examples=8, deadline=None)
def test_reorder_levels_equal_brute_force(weights: list[int], fixed: float, shortage: float) -> None:
    units, costs = drawn(weights), ReorderCosts(fixed, 1.0, shortage)
    found = reorder_levels(units, costs)
    every = [chain_cost(units, s, top, costs) for s in range(-12, 4) for top in range(s + 1, 14)]
    assert found.cost == pytest.approx(min(every), abs=1e-7)
    assert chain_cost(units, found.reorder_point, found.order_up_to, costs) == pytest.approx(found.cost)


def naive_horizon(periods: list[DiscreteUnits], costs: HorizonCosts, lead: int, start: int) -> float:
    """Orders under way are kept apart, one slot a period; every order up to 8 units is tried."""
    total = len(periods) + lead

    @cache
    def cost(period: int, stock: int, under_way: tuple[int, ...]) -> float:
        if period == total:
            return 0.0
        best = np.inf
        for order in range(8) if period < len(periods) else (0,):
            slots = (*under_way, order)
            here = stock + slots[0]
            now = costs.unit_cost * order + costs.fixed * (order > 0)
            units = periods[min(period, len(periods) - 1)]
            for x, p in enumerate(units.probabilities):
                after = here - x
                # what is in stock before the first order arrives cannot be changed
                end = costs.holding * max(after, 0) + costs.shortage * max(-after, 0)
                charged = end if period >= lead else 0.0
                now += p * (charged + cost(period + 1, after, slots[1:]))
            best = min(best, now)
        return best

    return cost(0, start, (0,) * lead)


@pytest.mark.parametrize("lead", [0, 1])
@pytest.mark.parametrize("fixed", [0.0, 3.0])
def test_the_horizon_equals_a_search_with_orders_kept_apart(lead: int, fixed: float) -> None:
    periods = [drawn([1, 2, 1]), drawn([0, 1, 3]), drawn([2, 1])]
    costs = HorizonCosts(holding=1.0, shortage=6.0, fixed=fixed, unit_cost=0.5)
    plan = plan_horizon(periods, costs, {lead: 1.0})
    assert plan.expected_cost(0) == pytest.approx(naive_horizon(periods, costs, lead, 0))


def test_an_uncertain_lead_time_asks_for_more_stock() -> None:
    periods = [drawn([1, 2, 3, 2, 1])] * 4
    costs = HorizonCosts(holding=1.0, shortage=9.0)
    sure, unsure = (plan_horizon(periods, costs, chance) for chance in ({1: 1.0}, {0: 0.5, 2: 0.5}))
    assert unsure.order_up_to_levels[0] > sure.order_up_to_levels[0]
    assert unsure.expected_cost(0) > sure.expected_cost(0)
    mixed = units_over(periods, {1: 0.5, 3: 0.5})
    known = protected_units(NormalUnits(periods[0].mean, periods[0].deviation), LeadTime(2, 1))
    assert (mixed.mean, mixed.deviation) == pytest.approx((known.mean, known.deviation))


def test_the_horizon_of_steady_demand_nears_the_long_run_policy() -> None:
    units, costs = drawn([1, 2, 3, 2]), ReorderCosts(4.0, 1.0, 5.0)
    plan = plan_horizon([units] * 40, HorizonCosts(1.0, 5.0, fixed=4.0))
    levels = reorder_levels(units, costs)
    assert (plan.reorder_points[0], plan.order_up_to_levels[0]) == (levels.reorder_point, levels.order_up_to)


@given(chances, st.floats(-3.0, -1.1), st.floats(0.5, 3.0), st.floats(-1.0, 0.9))
@settings(max_examples=20, deadline=None)
def test_price_and_stock_equal_brute_force(
    weights: list[int], slope: float, cost: float, left: float
) -> None:
    curve = ElasticityCurve("tea", 4.0, 6.0, slope, 0.0, 0.0, 3.0, 6.0)
    shape = drawn(weights)

    def around(mean: float) -> DiscreteUnits:
        return units_from_draws(np.repeat(np.arange(len(weights)), weights) * mean / shape.mean)

    left *= cost
    product = JointProduct(cost, left, goodwill=0.3)
    prices = np.array([3.2, 4.0, 5.0, 5.9])
    best = price_and_stock(curve, prices, product, around)
    profits = []
    for price, mean in zip(prices, curve.units(prices), strict=True):
        units = around(float(mean))
        for stock in range(80):
            each = [
                price * min(x, stock) + left * max(stock - x, 0) - cost * stock - 0.3 * max(x - stock, 0)
                for x in range(units.probabilities.size)
            ]
            profits.append(float(units.probabilities @ each))
    assert best.profit == pytest.approx(max(profits))
    again = expected_profit(best.price, best.stock, around(best.mean_units), product)
    assert again == pytest.approx(best.profit)


def test_uncertain_demand_prices_otherwise_than_certain_demand() -> None:
    curve = ElasticityCurve("tea", 4.0, 100.0, -2.0, 0.0, 0.0, 2.0, 9.0)
    prices = np.linspace(2.5, 9, 66)
    best = price_and_stock(curve, prices, JointProduct(2.0, noise=0.6))
    assert best.riskless_price == pytest.approx(4.0)
    assert best.price > best.riskless_price


def test_plans_choose_a_policy_and_say_when_to_order() -> None:
    tea = StockProduct("tea", 50, 8, 0.1, 2.0, lead_time=2)
    rows = [
        tea,
        StockProduct("mug", 2, 2, 0.1, 2.0, lead_time=1, order_cost=5.0, on_hand=1),
        StockProduct("rice", 400, 60, 0.05, 1.0, lead_time=1, order_cost=20.0, on_hand=5000),
        StockProduct("pen", 0, 1, 0.1, 2.0, lead_time=1),
        StockProduct("hat", -1, 1, 0.1, 2.0, lead_time=1),
        StockProduct("cup", 5, 1, 0.1, 0.0, lead_time=1),
        StockProduct("bag", 5, 1, 0.1, 1.0, lead_time=-1),
    ]
    plans = list(plan_stock(rows))
    assert [plan.policy for plan in plans] == ["base stock", "(s, S)", "(r, Q)", *["none"] * 4]
    assert [plan.order_now for plan in plans[:3]] == [True, True, False]
    names = [plan.refusal.split(":")[0] for plan in plans[3:]]
    assert names == ["no demand", "negative demand", "no shortage cost", "negative lead time"]
    level = stats.norm.ppf(2.0 / 2.1, 150, 8 * 3**0.5)
    assert plans[0].order_up_to == pytest.approx(level) and plans[0].order_units == np.ceil(level)
    assert plans[2].cover_days == pytest.approx(5000 / 400 * 7)


def test_more_uncertainty_means_more_safety_stock() -> None:
    def plan(**changes: float) -> float:
        row = {"units": 300.0, "deviation": 30.0, "holding": 0.1, "shortage": 3.0, "lead_time": 1.0} | changes
        return next(plan_stock([StockProduct("tea", **row)])).safety_stock or 0.0

    steps = [plan(), plan(deviation=60.0), plan(deviation=60.0, lead_time_deviation=0.5)]
    assert all(low < high for low, high in pairwise(steps))


def test_an_order_lifts_the_stock_above_the_reorder_point() -> None:
    rice = StockProduct("rice", 400, 60, 0.05, 1.0, lead_time=3, order_cost=5.0, on_hand=-900)
    plan = next(plan_stock([rice]))
    assert plan.policy == "(r, Q)"
    assert plan.order_units - 900 > (plan.reorder_point or 0.0)


def test_what_is_no_distribution_or_cost_is_refused() -> None:
    for wrong in ([], [0.5, 0.6], [-0.5, 1.5], [np.nan, 1.0]):
        with pytest.raises(DataError, match="no distribution"):
            DiscreteUnits(np.array(wrong))
    with pytest.raises(DataError, match="negative demand"):
        units_from_draws(np.array([-1.0]))
    with pytest.raises(DataError, match="negative demand"):
        DiscreteUnits.of(stats.poisson(1e9))
    with pytest.raises(DataError, match="no fixed cost"):
        ReorderCosts(0, 1, 1)
    with pytest.raises(DataError, match="shortage cheaper than stock"):
        reorder_policy(10, NormalUnits(10, 2), ReorderCosts(500, 1, 0.1), "expected inventory")
    with pytest.raises(DataError, match="costs above prices"):
        price_and_stock(ElasticityCurve("a", 2, 9, -2, 0, 0, 1, 3), np.array([2.0]), JointProduct(2.5))
    with pytest.raises(LimitError, match="cartons"):
        plan_horizon([DiscreteUnits(np.full(5000, 1 / 5000))] * 20, HorizonCosts(1, 2))
