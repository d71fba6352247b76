"""The commands rules and optimize: files in, files out, and refusals by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from pricelm.cli.main import app

RULES = """
version: 1
currency: EUR
rules:
- {id: margin, kind: margin_floor, margin_rate: 0.2}
- {id: step, kind: maximum_step, up: 0.1, down: 0.1}
- {id: units, kind: total_floor, measure: units, share_of_current: 0.99}
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result: Result) -> str:
    """Return what went wrong, which is one line without a traceback."""
    assert "Traceback" not in result.output
    [line] = [line for line in result.stderr.splitlines() if line[:1] not in ("✓", " ", "")]
    return line


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Write products and rules; return the folder."""
    rng = np.random.default_rng(5)
    price = np.round(rng.uniform(3, 12, 12), 2)
    frame = pd.DataFrame(
        {
            "SKU": [f"p{number}" for number in range(12)],
            "Price": [f"{one:.2f} €" for one in price],
            "unit_cost": np.round(price * 0.6, 2),
            "units": 100.0,
            "elasticity": -2.0,
            "elasticity_se": 0.2,
            "price_low": price * 0.8,
            "price_high": price * 1.2,
        }
    )
    frame.to_csv(tmp_path / "products.csv", index=False)
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    return tmp_path


def with_change(shop: Path, **columns: Any) -> Path:
    frame = pd.read_csv(shop / "products.csv")
    for name, values in columns.items():
        frame[name] = values
    frame.to_csv(shop / "changed.csv", index=False)
    return shop / "changed.csv"


def test_optimize_writes_table_document_and_page(shop: Path) -> None:
    result = run("optimize", shop / "products.csv", "--rules", shop / "rules.yaml", "-o", shop / "out.csv")
    assert result.exit_code == 0, result.output
    table = pd.read_csv(shop / "out.csv")
    assert len(table) == 12 and set(table["action"]) <= {"raise", "lower", "hold"}
    assert (table["proposed_price"] <= table["current_price"] * 1.1 + 1e-6).all()
    document = json.loads((shop / "out.json").read_text(encoding="utf-8"))
    assert document["status"] == "optimal" and document["gap"] <= 1e-4
    assert document["recommendations"][0]["currency"] == "EUR"
    assert "<svg" in (shop / "out.html").read_text(encoding="utf-8")
    assert "margin" in result.stdout and "out.html" in result.stdout
    again = run(
        "optimize", shop / "products.csv", "--rules", shop / "rules.yaml", "-o", shop / "o.csv", "--json",
        "--report", shop / "page.html", "--objective", "revenue", "--frontier", "none", "--risk", "mean",
    )  # fmt: skip
    assert json.loads(again.stdout)["frontier"] == [] and (shop / "page.html").exists()


def test_demand_may_come_from_its_own_table(shop: Path) -> None:
    frame = pd.read_csv(shop / "products.csv")
    demand = (
        frame[["SKU", "Price", "units", "elasticity"]]
        .assign(Price=5.0)
        .rename(columns={"SKU": "sku", "Price": "price", "elasticity": "own_price_elasticity"})
    )
    demand.iloc[:-1].to_csv(shop / "demand.csv", index=False)
    frame[["SKU", "Price", "unit_cost"]].to_csv(shop / "bare.csv", index=False)
    assert "--demand" in said(run("optimize", shop / "bare.csv", "-o", shop / "x.csv"))
    result = run(
        "optimize", shop / "bare.csv", "--demand", shop / "demand.csv", "-o", shop / "x.csv", "--json"
    )
    document = json.loads(result.stdout)
    assert document["rejected_counts"] == {"units are missing, negative or no number": 1}
    first = document["recommendations"][0]
    price = first["current_price"]
    assert document["totals"]["current"]["units"] > 0
    assert first["units"] == pytest.approx(100 * (first["proposed_price"] / 5.0) ** -2.0), price


def test_cross_effects_come_from_a_table(shop: Path) -> None:
    pd.DataFrame({"sku": ["p0"], "other_sku": ["p1"], "cross_price_elasticity": [0.9]}).to_csv(
        shop / "cross.csv", index=False
    )
    # with costs of half the price and an elasticity of -2, the current price is the best one
    price = pd.read_csv(shop / "products.csv")["price_low"] / 0.8
    call = (
        "optimize",
        with_change(shop, unit_cost=price / 2),
        "-o",
        shop / "x.csv",
        "--json",
        "--confidence",
        "0",
        "--risk",
        "mean",
    )
    alone, tied = (json.loads(run(*call, *more).stdout) for more in ((), ("--cross", shop / "cross.csv")))
    prices = [document["recommendations"][1]["proposed_price"] for document in (alone, tied)]
    assert prices[1] > prices[0]
    pd.DataFrame({"sku": ["p0"], "other": ["p1"]}).to_csv(shop / "cross.csv", index=False)
    assert "other_sku" in said(run(*call[:4], "--cross", shop / "cross.csv"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"unit_cost": 99.0}, "unit_cost is not below the price"),
        ({"units": np.nan}, "units are missing"),
        ({"units": -3}, "units are missing, negative"),
        ({"elasticity": 0.5}, "is not below 0"),
        ({"elasticity": "steep"}, "no number"),
        ({"Price": "free"}, "price is not a number"),
        ({"SKU": "same"}, "sku is in several rows"),
        ({"price_low": 9.0, "price_high": 1.0}, "not up to price_high"),
        ({"price_low": 5.0, "price_high": 5.0}, "one price only"),
        ({"currency": ["EUR", "USD"] * 6}, "one currency"),
    ],
)
def test_tables_that_cannot_be_used_are_refused_by_name(
    shop: Path, columns: dict[str, Any], message: str
) -> None:
    result = run("optimize", with_change(shop, **columns), "-o", shop / "x.csv")
    assert result.exit_code == 3, result.output
    assert message in said(result)
    assert not (shop / "x.csv").exists()


def test_bad_rows_are_rejected_and_counted_and_the_rest_is_priced(shop: Path) -> None:
    path = with_change(shop, unit_cost=[99.0, np.nan, *[1.0] * 10], SKU=["p0", "p1", "p2", "p2", *"efghijkl"])
    result = run("optimize", path, "-o", shop / "x.csv", "--json")
    assert json.loads(result.stdout)["rejected_counts"] == {
        "unit_cost is not below the price": 1,
        "unit_cost is missing or no number of 0 or more": 1,
        "sku is in several rows": 2,
    }
    assert len(pd.read_csv(shop / "x.csv")) == 8
    assert pd.read_csv(shop / "rejected.csv")["row"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("rules", "code", "message"),
    [
        ("rules: []", 2, "version: 1"),
        ("version: 1\ncurrency: USD\nrules: []", 2, "EUR"),
        ("version: 1\nrules:\n- {id: a, kind: map_price, column: mapp}", 2, "'mapp'"),
        ("version: 1\nrules:\n- {id: a, kind: map_pric}", 2, "did you mean 'map_price'"),
    ],
)
def test_rules_that_cannot_be_used(shop: Path, rules: str, code: int, message: str) -> None:
    (shop / "bad.yaml").write_text(rules, encoding="utf-8")
    result = run("optimize", shop / "products.csv", "--rules", shop / "bad.yaml", "-o", shop / "x.csv")
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in said(result)


def test_an_infeasible_plan_writes_nothing_and_has_its_own_exit_code(shop: Path) -> None:
    (shop / "r.yaml").write_text(
        "version: 1\nrules:\n- {id: dream, kind: total_floor, measure: units, amount: 1000000000}"
    )
    result = run("optimize", shop / "products.csv", "--rules", shop / "r.yaml", "-o", shop / "x.csv")
    assert result.exit_code == 8 and "'dream'" in result.stdout
    assert not (shop / "x.csv").exists() and not (shop / "x.json").exists()


def test_the_output_never_replaces_an_input(shop: Path) -> None:
    result = run("optimize", shop / "products.csv", "-o", shop / "products.csv")
    assert result.exit_code == 2 and "another file" in said(result)


def test_rules_are_listed_shown_and_linted(shop: Path) -> None:
    assert "margin_floor" in run("rules", "list").stdout
    assert "unit_margin" in run("rules", "show", "margin_floor").stdout
    assert len(json.loads(run("rules", "list", "--json").stdout)["kinds"]) == 20
    assert "did you mean 'ladder'" in said(run("rules", "show", "lader"))
    assert run("rules", "lint", shop / "rules.yaml", shop / "products.csv").exit_code == 0
    (shop / "bad.yaml").write_text(
        "version: 1\nrules:\n- {id: low, kind: price_floor, amount: 99}\n"
        "- {id: s, kind: maximum_step, up: 0.1}"
    )
    result = run("rules", "lint", shop / "bad.yaml", shop / "products.csv", "--today", "2026-11-23")
    assert result.exit_code == 8 and "low + s (12 products)" in result.stdout
    document = json.loads(run("rules", "lint", shop / "bad.yaml", shop / "products.csv", "--json").stdout)
    assert document["ok"] is False and document["findings"][0]["rules"] == ["low", "s"]
    assert "expected" in said(run("rules", "lint"))
