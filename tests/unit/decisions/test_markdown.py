"""Markdowns against exhaustive search."""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pricelm.core.errors import DataError, LimitError
from pricelm.decisions.markdown import MarkdownProduct, plan_markdown
from pricelm.decisions.markdown.programme import ladder

PRICES = np.array([10.0, 7.0, 4.0])
units = st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3), min_size=2, max_size=3)


@given(units, st.integers(0, 9), st.sampled_from([-1.0, 0.0, 3.0]))
@settings(max_examples=40, deadline=None)
def test_certain_demand_equals_every_path_tried(asked: list[list[int]], stock: int, left: float) -> None:
    plan = plan_markdown(MarkdownProduct(PRICES, np.array(asked, float), stock, left, certain=True))
    best = -np.inf
    for path in combinations_with_replacement(range(3), len(asked)):
        rest, revenue = stock, 0.0
        for period, step in enumerate(path):
            sold = min(asked[period][step], rest)
            rest, revenue = rest - sold, revenue + PRICES[step] * sold
        best = max(best, revenue + left * rest)
    assert plan.revenue == pytest.approx(best)
    assert plan.usual_prices == sorted(plan.usual_prices, reverse=True)


def every_policy(prices: np.ndarray, rates: np.ndarray, stock: int, left: float) -> list[tuple[float, float]]:
    """Revenue and units left of every policy of two periods: a step now, and one for each stock later."""
    found = []
    chances = stats.poisson.pmf(np.arange(60), rates[..., None])
    sales = [
        [float(np.minimum(np.arange(60), rest) @ one) for one in chances[1]] for rest in range(stock + 1)
    ]
    for now in range(len(prices)):
        for later in product(range(now, len(prices)), repeat=stock + 1):
            revenue = over = 0.0
            for x in range(60):
                chance = float(chances[0, now, x])
                rest = stock - min(x, stock)
                step = later[rest]
                sold = sales[rest][step]
                revenue += chance * (prices[now] * (stock - rest) + prices[step] * sold)
                over += chance * (rest - sold)
            found.append((revenue + left * over, over))
    return found


def test_uncertain_demand_equals_every_policy_tried() -> None:
    for rates, left in (([[1.0, 2.0], [0.6, 1.5]], 0.0), ([[0.4, 0.9], [1.0, 3.0]], -2.0)):
        prices = np.array([10.0, 6.0])
        plan = plan_markdown(MarkdownProduct(prices, np.array(rates), 3, left))
        revenue, over = max(every_policy(prices, np.array(rates), 3, left))
        assert plan.revenue == pytest.approx(revenue, abs=1e-6)
        assert plan.sell_through == pytest.approx(1 - over / 3, abs=1e-6)


def test_a_sell_through_target_is_met_at_a_cost() -> None:
    rates = np.array([[1.0, 1.6, 3.0]] * 4)
    free = plan_markdown(MarkdownProduct(PRICES, rates, 8))
    bound = plan_markdown(MarkdownProduct(PRICES, rates, 8, sell_through=0.9))
    assert free.sell_through < 0.9 <= bound.sell_through
    assert (
        bound.sell_through_cost == pytest.approx(free.revenue - bound.revenue) and bound.sell_through_cost > 0
    )
    assert free.revenue > free.held_revenue
    with pytest.raises(DataError, match=r"out of reach.*at most 0\.\d+"):
        plan_markdown(MarkdownProduct(PRICES, rates, 80, sell_through=0.9))


def test_slow_sales_bring_the_markdown_forward() -> None:
    plan = plan_markdown(MarkdownProduct(PRICES, np.array([[2.0, 3.0, 5.0]] * 4), 12))
    prices = [plan.price(2, stock, 10.0) for stock in range(1, 13)]
    assert prices == sorted(prices, reverse=True) and prices[0] > prices[-1]
    assert plan.price(2, 12, 4.0) == 4.0
    with pytest.raises(DataError, match="expected a price"):
        plan.price(2, 12, 5.0)


def test_wrong_ladders_and_demands_are_refused() -> None:
    rates = np.ones((2, 3))
    for wrong, name in (
        ({"prices": PRICES[::-1]}, "prices do not fall"),
        ({"prices": np.array([])}, "no prices"),
        ({"units": np.ones((2, 2))}, "no demand"),
        ({"units": -rates}, "negative demand"),
        ({"leftover_value": 5.0}, "leftovers above prices"),
        ({"stock": -1}, "stock of 0"),
    ):
        with pytest.raises(DataError, match=name):
            MarkdownProduct(**{"prices": PRICES, "units": rates, "stock": 4} | wrong)
    with pytest.raises(LimitError, match="cartons"):
        MarkdownProduct(PRICES, rates, 100_000)
    assert ladder(9.99).tolist()[:2] == [9.99, 8.99]
