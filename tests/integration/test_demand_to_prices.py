"""From sales to prices: what `demand` writes is what `optimize` reads."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pricelm.cli.main import app
from tests.generated_sales import Shop, drawn_sales


def test_learned_demand_is_priced_inside_what_was_seen(tmp_path: Path) -> None:
    sales, elasticity = drawn_sales(Shop(n_skus=4, n_stores=2, n_weeks=60))
    sales.to_csv(tmp_path / "sales.csv", index=False)
    last = sales.groupby("sku", as_index=False).agg(price=("price", "median"))
    last.assign(unit_cost=last["price"] * 0.5).to_csv(tmp_path / "products.csv", index=False)
    for words in (
        ["demand", "sales.csv", "-o", "demand.csv"],
        ["optimize", "products.csv", "--demand", "demand.csv", "-o", "plan.csv", "--frontier", "none"],
    ):
        paths = [str(tmp_path / word) if word.endswith(".csv") else word for word in words]
        done = CliRunner().invoke(app, paths)
        assert done.exit_code == 0, done.output
    demand = pd.read_csv(tmp_path / "demand.csv").set_index("sku")
    made = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))["recommendations"]
    assert len(made) == 4 and any(one["action"] in ("raise", "lower") for one in made)
    for one in made:
        known = demand.loc[one["sku"]]
        assert known["price_low"] - 0.01 <= one["proposed_price"] <= known["price_high"] + 0.01
        units = known["units"] * (one["proposed_price"] / known["price"]) ** known["own_price_elasticity"]
        assert one["units"] == pytest.approx(units, rel=1e-3)
    # the most elastic product is never raised further than the least elastic one
    moves = {one["sku"]: one["proposed_price"] / one["current_price"] for one in made}
    order = sorted(moves)
    assert elasticity[0] > elasticity[-1] and moves[order[-1]] <= moves[order[0]]
