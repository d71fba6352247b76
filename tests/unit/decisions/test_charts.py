"""Charts of decisions: what moved a price, calendars and stocks."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from pricelm.decisions.charts import Run, calendar_chart, cover_chart, stock_path_chart, waterfall_chart
from pricelm.decisions.optimization.demand_table import DemandTable
from pricelm.decisions.optimization.price_steps import price_steps
from pricelm.decisions.optimization.propose import PricePlan, plan_prices
from pricelm.knowledge.facts import ProductFacts
from pricelm.knowledge.rule_files import parse_rules


def made(rules: str) -> PricePlan:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "sku": [f"p{number}" for number in range(8)],
            "price": np.round(rng.uniform(4, 9, 8), 2),
            "units": rng.uniform(50, 90, 8),
            "own_price_elasticity": rng.uniform(-3.5, -1.3, 8),
            "elasticity_se": 0.1,
        }
    )
    frame["unit_cost"] = frame["price"] * rng.uniform(0.4, 0.7, 8)
    return plan_prices(
        ProductFacts(frame), parse_rules(f"version: 1\nrules:\n{rules}"), DemandTable.from_frame(frame)
    )


@pytest.mark.parametrize(
    "rules",
    [
        "- {id: step, kind: maximum_step, up: 0.05, down: 0.05}",
        "- {id: n, kind: price_ending, endings: [0.49, 0.99]}\n- {id: m, kind: margin_floor, unit_margin: 2}",
        "- {id: few, kind: change_count, at_most: 2}\n- {id: step, kind: maximum_step, up: 0.1, down: 0.1}",
    ],
)
def test_the_steps_lead_from_the_current_price_to_the_proposed_one(rules: str) -> None:
    plan = made(rules)
    assert plan.status == "optimal"
    for row, one in enumerate(plan.recommendations):
        steps = price_steps(plan, row)
        assert steps[0].cause == "now" and steps[0].price == one.current_price
        assert steps[-1].price == pytest.approx(one.proposed_price)
        prices = [step.price for step in steps]
        assert all(abs(a - b) >= 0.005 for a, b in pairwise(prices))


def test_a_step_limit_is_the_cause_where_it_holds() -> None:
    plan = made("- {id: step, kind: maximum_step, up: 0.05, down: 0.05}")
    held = [
        [step.cause for step in price_steps(plan, row)]
        for row, one in enumerate(plan.recommendations)
        if any(verdict.bound for verdict in one.verdicts) and one.action != "hold"
    ]
    assert held and all("step" in causes for causes in held)


def test_a_waterfall_shows_every_move_with_its_sign() -> None:
    drawn = waterfall_chart("k", "t", [("now", 5.0), ("demand <b>", 4.0), ("floor", 4.5)], "EUR")
    assert "-1.00" in drawn and "+0.50" in drawn and "4.50" in drawn and "demand &lt;b&gt;" in drawn
    widths = [float(one) for one in re.findall(r'<rect[^>]* width="([\d.]+)"', drawn)]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.05)


def test_a_calendar_puts_campaigns_into_their_weeks() -> None:
    weeks = [f"2026-01-{day:02d}" for day in (5, 12, 19, 26)]
    drawn = calendar_chart([Run("tea", 1, 2, "+9"), Run("<mug>", 0, 1)], weeks)
    bars = re.findall(r'<rect x="([\d.]+)"[^>]* width="([\d.]+)"', drawn)
    (left, width), (start, one) = [(float(a), float(b)) for a, b in bars]
    assert left > start + one and width > 1.9 * one
    assert "&lt;mug&gt;" in drawn and "tea in the week of 2026-01-12" in drawn


def test_stocks_are_drawn_as_long_as_they_last() -> None:
    path = [("2026-01-05", 9.0, 80.0), ("2026-01-12", 9.0, 40.0), ("2026-01-19", 7.0, 0.0)]
    drawn = stock_path_chart("k", "t", path)
    heights = [float(one) for one in re.findall(r'<rect[^>]* height="([\d.]+)"', drawn)]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.05) and heights[2] == 0
    assert drawn.count(">9.00<") == 1 and drawn.count(">7.00<") == 1
    covers = cover_chart([("tea", 10.0, "order 5", True), ("mug", 5.0, "", False)])
    widths = [float(one) for one in re.findall(r'<rect[^>]* width="([\d.]+)"', covers)]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.05) and 'class="mark down"' in covers
