"""Bad input of decisions: every one is refused by name, with what was expected, what came and what to do."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pricelm.cli.main import app

Rows = list[dict[str, Any]]


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def sales(weeks: int = 30) -> Rows:
    """Sales of two products whose prices move every week."""
    return [
        {
            "sku": sku,
            "date": f"2024-{1 + week // 4:02d}-{1 + 7 * (week % 4):02d}",
            "price": round(base * (1 + 0.03 * ((week * 7) % 5)), 2),
            "units": 20 + (week * 3) % 11,
            "unit_cost": base / 2,
        }
        for sku, base in (("tea", 4.0), ("mug", 9.0))
        for week in range(weeks)
    ]


def changed(change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> Rows:
    return [row | change(at, row) for at, row in enumerate(sales())]


def written(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def only_tea(at: int, row: dict[str, Any]) -> bool:
    return row["sku"] == "tea"


REFUSED_PRODUCTS: dict[str, tuple[Rows, str]] = {
    "one price only": (
        changed(lambda at, row: {"price": 4.0} if only_tea(at, row) else {}),
        "one price only: 4",
    ),
    "ten observations": (
        [row for at, row in enumerate(sales()) if row["sku"] == "mug" or at < 10],
        "too few observations: 10 weeks, 20 needed",
    ),
    "gaps": (
        [
            row | {"date": f"{2020 + at % 30 // 8}-{1 + at % 8:02d}-01"}
            if row["sku"] == "tea" and at < 30
            else row
            for at, row in enumerate(sales())
            if row["sku"] == "mug" or at % 30 < 24
        ],
        "gaps:",
    ),
    "currency change": (
        changed(lambda at, row: {"currency": "EUR" if only_tea(at, row) and at < 15 else "USD"}),
        "currency change: prices in EUR and USD",
    ),
    "unit change": (
        changed(lambda at, row: {"unit": "kg" if only_tea(at, row) and at < 15 else "piece"}),
        "unit change: kg and piece",
    ),
    "unit change by price": (
        changed(lambda at, row: {"price": row["price"] * 100} if only_tea(at, row) and at < 15 else {}),
        "unit change: prices from",
    ),
}


@pytest.mark.parametrize("case", REFUSED_PRODUCTS)
def test_a_product_that_cannot_be_estimated_is_refused_by_name(case: str, tmp_path: Path) -> None:
    rows, message = REFUSED_PRODUCTS[case]
    source = written(tmp_path / "sales.csv", rows)
    done = run("demand", source, "-o", tmp_path / "d.csv")
    assert done.exit_code == 0, done.output
    name = message.split(":")[0]
    assert f"{name}: 1 product, for example tea" in " ".join(done.stdout.split())
    document = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    refusals = {one["sku"]: one["refusal"] for one in document["estimates"]}
    assert refusals["tea"].startswith(message) and not refusals["mug"].startswith(name)


REJECTED_ROWS: dict[str, tuple[Rows, str, int]] = {
    "negative units": (changed(lambda at, row: {"units": -3} if at == 4 else {}), "negative units", 1),
    "duplicated weeks": (
        [*sales(), sales()[0] | {"units": 99}],
        "duplicated week: several rows for one product, store and date",
        2,
    ),
    "a price that is none": (changed(lambda at, row: {"price": "ask us"} if at == 2 else {}), "price is", 1),
}


@pytest.mark.parametrize("case", REJECTED_ROWS)
def test_a_row_that_cannot_be_used_is_rejected_with_the_reason(case: str, tmp_path: Path) -> None:
    rows, reason, count = REJECTED_ROWS[case]
    done = run("demand", written(tmp_path / "sales.csv", rows), "-o", tmp_path / "d.csv")
    assert done.exit_code == 0, done.output
    assert f"{count} rows rejected: " in done.stdout and reason.split(":")[0] in done.stdout
    with (tmp_path / "rejected.csv").open(encoding="utf-8") as file:
        rejected = list(csv.DictReader(file))
    assert len(rejected) == count and all(row["reason"].startswith(reason) for row in rejected)
    assert all(row["row"] and row["column"] for row in rejected)


def test_costs_above_prices_are_said(tmp_path: Path) -> None:
    dear = changed(lambda at, row: {"unit_cost": 99.0})
    done = run("demand", written(tmp_path / "sales.csv", dear), "-o", tmp_path / "d.csv")
    assert done.exit_code == 0 and "costs above prices: in 100.0% of the rows" in done.stdout


PRODUCT = {"sku": "tea", "price": 4.0, "unit_cost": 2.0, "units": 50.0, "own_price_elasticity": -2.0}
STOCK = {"on_hand": 40, "exit_date": "2026-03-01", "lead_time_days": 7}
RULES = "version: 1\nrules:\n- {{id: r, kind: {rule}}}\n"
ENDED: dict[str, tuple[dict[str, Any], list[str], str, int, list[str]]] = {
    "one price only": (
        {"price_low": 4.0, "price_high": 4.0},
        ["optimize"],
        "",
        3,
        [
            "expected products whose demand is known at several prices",
            "got one price only",
            "Test prices first",
        ],
    ),
    "negative units": ({"units": -5}, ["optimize"], "", 3, ["units are missing, negative", "-5"]),
    "costs above prices": (
        {"unit_cost": 5.0},
        ["optimize"],
        "",
        3,
        ["unit_cost is not below the price", "5.0"],
    ),
    "no demand column": (
        {"own_price_elasticity": None},
        ["optimize"],
        "",
        3,
        ["expected a column 'own_price_elasticity'", "got sku, price", "pricelm demand"],
    ),
    "a column that is not there": (
        {},
        ["optimize"],
        "map_price, column: map_prise",
        2,
        ["expected the products to have a column 'map_prise'", "got"],
    ),
    "a rule that is none": ({}, ["optimize"], "margin_flor", 2, ["margin_floor"]),
    "an exit date that has passed": (
        {},
        ["markdown", "--today", "2027-01-01"],
        "",
        0,
        ["exit date: expected a day within", "got 2026-03-01"],
    ),
    "no exit date": (
        {"exit_date": ""},
        ["markdown"],
        "",
        3,
        ["expected products with an exit date", "got none", "--exit-date"],
    ),
    "an exit date that is none": (
        {"exit_date": "soon"},
        ["markdown"],
        "",
        3,
        ["expected dates in exit_date", "'soon'", "Correct it"],
    ),
    "no stock": (
        {"on_hand": None},
        ["markdown"],
        "",
        3,
        ["expected a column on_hand", "got sku"],
    ),
    "steps that are none": (
        {},
        ["markdown", "--steps", "10%"],
        "",
        2,
        ["expected --steps as shares", "'10%'"],
    ),
    "a target out of reach": (
        {"on_hand": 400, "units": 1.0},
        ["markdown", "--sell-through", "0.9", "--today", "2026-02-01"],
        "",
        0,
        ["sell-through out of reach", "expected a target of at most", "later exit date"],
    ),
}


@pytest.mark.parametrize("case", ENDED)
def test_what_cannot_be_decided_says_what_was_expected(case: str, tmp_path: Path) -> None:
    change, command, rule, code, messages = ENDED[case]
    row = {name: value for name, value in (PRODUCT | STOCK | change).items() if value is not None}
    words: list[str | Path] = [
        command[0],
        written(tmp_path / "p.csv", [row]),
        "-o",
        tmp_path / "out.csv",
        *command[1:],
    ]
    if rule:
        (tmp_path / "rules.yaml").write_text(RULES.format(rule=rule), encoding="utf-8")
        words += ["--rules", tmp_path / "rules.yaml"]
    done = run(*words)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.exit_code == code, said
    assert [message for message in messages if message not in said] == [], said
    assert "Traceback" not in said
    assert (tmp_path / "out.csv").exists() == (code == 0)
