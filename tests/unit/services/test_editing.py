"""Edited prices: an amount or a change, within the hard rules of the plan."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pricelm.core.errors import ConfigError
from pricelm.services.approving import DecisionRequest, show_batch
from pricelm.services.editing import PriceEdit, edit
from pricelm.services.first_plan import plan_from_source
from pricelm.services.rule_history import put_rules_in_force
from tests.store_samples import BEN

RULES = """version: 1
rules:
  - {id: least, kind: margin_floor, margin_rate: 0.2}
  - {id: nines, kind: price_ending, endings: [0.99, 0.49], every: 1}
  - {id: wish, kind: price_ceiling, amount: 1, penalty: 0.01}
  - {id: order, kind: ladder, order: [a, b]}
"""


@pytest.fixture
def plan(store_url: str, tmp_path: Path) -> int:
    products = pd.DataFrame(
        {
            "sku": ["a", "b", "c"],
            "price": [9.99, 19.99, 29.99],
            "unit_cost": [5.0, 10.0, 15.0],
            "units": 100.0,
            "own_price_elasticity": -2.0,
            "price_low": [7.0, 14.0, 20.0],
            "price_high": [14.0, 28.0, 42.0],
        }
    )
    path = tmp_path / "products.csv"
    products.to_csv(path, index=False)
    put_rules_in_force(store_url, RULES, "test")
    return plan_from_source(store_url, path, "ann")


def prices(store_url: str, plan: int) -> dict[str, float | None]:
    rows = show_batch(store_url, plan)[1]
    return {one.sku: None if one.decided_price is None else float(one.decided_price) for one in rows}


def asked(plan: int, *skus: str) -> DecisionRequest:
    return DecisionRequest(plan, BEN, skus, "by hand")


def test_a_change_moves_each_price_to_the_nearest_ending(store_url: str, plan: int) -> None:
    made = edit(store_url, asked(plan, "a", "b", "c"), PriceEdit(change=0.05))
    # 9.99 * 1.05 = 10.49; 19.99 * 1.05 = 20.99; 29.99 * 1.05 = 31.49
    assert made.refused == {} and prices(store_url, plan) == {"a": 10.49, "b": 20.99, "c": 31.49}


def test_a_price_that_breaks_a_hard_rule_is_refused_and_a_soft_one_gives_way(
    store_url: str, plan: int
) -> None:
    made = edit(store_url, asked(plan, "a", "c"), PriceEdit(5.49))
    # c would sell below cost, a keeps a margin of 8.9 %: both lie below the floor of 20 %
    assert made.done == [] and all("margin floor 'least'" in why for why in made.refused.values())
    made = edit(store_url, asked(plan, "a"), PriceEdit(9.5))
    assert "price ending 'nines'" in next(iter(made.refused.values()))
    assert prices(store_url, plan) == {"a": None, "b": None, "c": None}
    assert len(edit(store_url, asked(plan, "a"), PriceEdit(9.49)).done) == 1


def test_a_rule_between_prices_is_asked_with_the_others_as_they_stand(store_url: str, plan: int) -> None:
    made = edit(store_url, asked(plan, "a"), PriceEdit(29.99))
    assert "ladder 'order'" in next(iter(made.refused.values()))
    assert len(edit(store_url, asked(plan, "b"), PriceEdit(31.49)).done) == 1
    assert len(edit(store_url, asked(plan, "a"), PriceEdit(29.99)).done) == 1


@pytest.mark.parametrize("wanted", [{}, {"amount": 1.0, "change": 0.1}, {"amount": 0.0}, {"change": -1.0}])
def test_what_is_no_price_is_refused(wanted: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        PriceEdit(**wanted)
