"""What a product's prices would earn, against plain arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pricelm.core.errors import ConfigError
from pricelm.services.first_plan import plan_from_source
from pricelm.services.product_view import ProductView
from pricelm.services.rule_history import put_rules_in_force
from pricelm.services.rule_preview import preview_rules
from pricelm.services.worklist import WorkLists
from pricelm.storage.database import open_store
from tests.store_samples import write_products


@pytest.fixture
def lists(tmp_path: Path) -> WorkLists:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    products = write_products(tmp_path)
    put_rules_in_force(url, (tmp_path / "rules.yaml").read_text("utf-8"), "test")
    plan_from_source(url, products, "test")
    return WorkLists(open_store(url))


def test_a_price_earns_what_the_demand_says(lists: WorkLists) -> None:
    inputs = lists.inputs(1)
    assert inputs is not None
    for row in lists.work_list(1).rows:
        facts = inputs.facts.frame.set_index("sku").loc[row["sku"]]
        view = ProductView(inputs, row["sku"])
        point = view.at(row["price"])
        units = 100 * (row["price"] / facts["price"]) ** facts["own_price_elasticity"]
        assert point.units == pytest.approx(units)
        assert point.profit == pytest.approx((row["price"] - facts["unit_cost"]) * units)
        assert point.gain == pytest.approx(row["gain"], abs=0.01)
        assert point.profit_low <= point.profit <= point.profit_high
        steps = dict(view.steps(row["price"]))
        assert steps["now"] + steps["price"] + steps["units"] == pytest.approx(steps["then"])


def test_allowed_prices_are_those_that_the_step_rule_allows(lists: WorkLists) -> None:
    inputs = lists.inputs(1)
    assert inputs is not None
    view = ProductView(inputs, "p1")
    [(low, high)] = view.allowed_ranges(view.curve())
    now = view.current_price
    gap = np.diff([one.price for one in view.curve()]).max()
    assert now * 0.75 - 0.01 <= low <= now * 0.75 + gap and now * 1.25 - gap <= high <= now * 1.25 + 0.01


def test_a_product_that_is_not_there_is_named(lists: WorkLists) -> None:
    inputs = lists.inputs(1)
    assert inputs is not None
    with pytest.raises(ConfigError, match="nothing-like-it"):
        ProductView(inputs, "nothing-like-it")


def test_a_preview_counts_the_prices_that_change_and_writes_nothing(lists: WorkLists) -> None:
    same = preview_rules(
        lists,
        "version: 1\nrules:\n- {id: margin, kind: margin_floor, margin_rate: 0.2}\n"
        "- {id: step, kind: maximum_step, up: 0.25, down: 0.25}\n",
    )
    assert same.changed == 0 and same.gain_after == pytest.approx(same.gain_before)
    tight = preview_rules(lists, "version: 1\nrules: [{id: s, kind: maximum_step, up: 0.01, down: 0.01}]")
    assert tight.changed > 0 and tight.gain_after < same.gain_after
    assert tight.examples is not None
    assert all(abs(then / lists_price(lists, sku) - 1) <= 0.0101 for sku, _, then in tight.examples)
    assert len(lists.batches()) == 1


def lists_price(lists: WorkLists, sku: str) -> float:
    """Return the current price of a product."""
    return next(float(row["current"]) for row in lists.work_list(1).rows if row["sku"] == sku)
