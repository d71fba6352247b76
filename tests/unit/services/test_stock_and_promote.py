"""`pricelm stock` and `pricelm promote` from file to table and document."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from pricelm.cli.main import app
from pricelm.decisions.demand import Confounding, DemandEstimate, DemandModel, ElasticityCurve
from pricelm.decisions.forecasting import SalesForecast, SeriesForecast
from tests.unit.decisions.test_promotion import drawn_panel

PRODUCTS = """sku,units,price,unit_cost,lead_time_days,on_hand
tea,50,4,2,14,90
hat,5,3,4,7,2
<b>cup,oops,3,1,7,2
tea,50,4,2,14,90
"""


def test_stock_writes_table_document_and_page_and_names_refusals(tmp_path: Path) -> None:
    products, out = tmp_path / "products.csv", tmp_path / "stock.csv"
    products.write_text(PRODUCTS)
    page = tmp_path / "stock.html"
    words = ["stock", str(products), "-o", str(out), "--report", str(page)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "4 products: 1 to order now" in done.stdout and "repeated product: 1 refused" in done.stdout
    table = pd.read_csv(out)
    assert table["order_now"].tolist() == [True, False, False, False]
    assert [str(text).split(":")[0] for text in table["refusal"][1:]] == [
        "costs above prices",
        "no demand",
        "repeated product",
    ]
    assert json.loads(out.with_suffix(".json").read_text())["plans"][0]["sku"] == "tea"
    assert "&lt;b&gt;cup" in page.read_text(encoding="utf-8")
    assert CliRunner().invoke(app, ["stock", str(products), "-o", str(products)]).exit_code == 2


def test_stock_follows_demand_at_the_chosen_price(tmp_path: Path) -> None:
    curve = ElasticityCurve("tea", 4.0, 50.0, -2.0, 0.1, 0.05, 3.0, 5.0)
    model = DemandModel(
        [DemandEstimate("tea", "", "instruments", "", curve, -2.2, -1.8, 0.9, Confounding("not tested"))]
    )
    model.save(tmp_path / "demand.json")
    levels = []
    for price in (4, 5, 9):
        (tmp_path / "p.csv").write_text(f"sku,price,unit_cost,lead_time_days\ntea,{price},2,7\n")
        words = ["stock", str(tmp_path / "p.csv"), "-o", str(tmp_path / "o.csv"), "--json"]
        done = CliRunner().invoke(app, [*words, "--demand", str(tmp_path / "demand.json")])
        levels.append(json.loads(done.stdout)["rows"][0])
    assert levels[0]["order_quantity"] == 50.0 and levels[1]["order_quantity"] == 32.0
    assert "test first" in levels[2]["refusal"].lower()


def test_stock_follows_the_forecast_of_all_stores(tmp_path: Path) -> None:
    numbers = dict.fromkeys(("price", "low", "median", "baseline_units"), (0.0, 0.0))
    stores = [
        SeriesForecast(
            "product", "tea", store, "", "smooth", "ensemble", "", units=units, high=high, **numbers
        )
        for store, units, high in (("s", (30.0, 50.0), (30.0, 50.0)), ("t", (10.0, 10.0), (10.0, 10.0)))
    ]
    refused = [{"sku": "hat", "store": "", "reason": "unit change: prices from 1 to 90"}]
    made = SalesForecast(stores, ("2024-01-01", "2024-01-08"), 7, 0.9, refusals=refused)
    made.save(tmp_path / "f.json")
    (tmp_path / "p.csv").write_text("sku,price,unit_cost,lead_time_days\ntea,4,2,7\nhat,4,2,7\n")
    words = ["stock", str(tmp_path / "p.csv"), "-o", str(tmp_path / "o.csv"), "--json"]
    words += ["--forecast", str(tmp_path / "f.json")]
    done = CliRunner().invoke(app, words)
    rows = json.loads(done.stdout)["rows"]
    assert rows[0]["order_quantity"] == 50.0  # the mean of 40 and 60
    assert rows[0]["safety_stock"] == 0.0  # nothing is unsure in it
    assert rows[1]["refusal"].startswith("no forecast: hat is not in it, because of unit change")
    both = CliRunner().invoke(app, [*words, "--demand", str(tmp_path / "f.json")])
    assert both.exit_code == 2 and "--demand or from --forecast" in both.output


def test_promote_measures_and_plans(tmp_path: Path) -> None:
    rows = drawn_panel().rows
    dates = pd.Timestamp("2023-01-02") + pd.to_timedelta(7 * rows["period"], unit="D")
    columns = ["sku", "store", "category", "price", "units", "promo", "unit_cost"]
    rows.assign(date=dates)[["date", *columns]].to_csv(tmp_path / "sales.csv", index=False)
    out = tmp_path / "campaigns.csv"
    words = ["promote", str(tmp_path / "sales.csv"), "-o", str(out), "--budget", "900", "--length", "3"]
    words += ["--report", str(tmp_path / "page.html")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "6 campaigns measured, 0 refused" in done.stdout
    table = pd.read_csv(out)
    assert table["start"][0] == "2023-05-22" and (table["uplift_low"] > 0).all()
    stored = json.loads(out.with_suffix(".json").read_text())
    assert stored["calendar"] and stored["calendar_totals"]["spent"] <= 900
    assert stored["calendar"][0]["week"] >= "2024-05-06"
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Calendar" in page and stored["calendar"][0]["week"] in page and page.count("<svg") > 6


LEAVING = """sku,price,on_hand,exit_date,units,own_price_elasticity,price_low,price_high
hat,10,60,2026-01-29,9,-2.5,6,11
<b>cup,4,50,2026-01-29,5,-2,3.9,4.2
tea,4,50,,50,-2,3,5
"""


def test_markdown_plans_what_leaves_and_names_refusals(tmp_path: Path) -> None:
    products, out = tmp_path / "products.csv", tmp_path / "markdown.csv"
    products.write_text(LEAVING)
    words = ["markdown", str(products), "-o", str(out), "--today", "2026-01-01"]
    done = CliRunner().invoke(app, [*words, "--report", str(tmp_path / "m.html")])
    assert done.exit_code == 0, done.output
    assert "1 markdowns planned; 1 have no exit date" in done.stdout and "no lower price known" in done.stdout
    table = pd.read_csv(out)
    assert table["price"].dropna().tolist() == [9.0, 8.0, 8.0, 8.0]
    assert table["week"].dropna().tolist()[:2] == ["2026-01-01", "2026-01-08"]
    stored = json.loads(out.with_suffix(".json").read_text())
    assert stored["schedules"][0]["steps_left_out"] == 1, "half the price is below what is known"
    assert stored["schedules"][0]["revenue"] > stored["schedules"][0]["held_revenue"]
    assert "&lt;b&gt;cup" in (tmp_path / "m.html").read_text(encoding="utf-8")
    further = CliRunner().invoke(app, [*words, "--explore", "0.3", "--steps", "0.5", "--json"])
    first = json.loads(further.stdout)["schedules"][0]
    assert {week["action"] for week in first["weeks"] if week["price"] == 5.0} <= {"test first"}
    late = CliRunner().invoke(app, [*words, "--exit-date", "2026-01-15", "--json"])
    assert json.loads(late.stdout)["without_exit_date"] == 0


def test_stock_follows_the_prices_of_a_plan(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("sku,price,unit_cost,lead_time_days\ntea,4,2,7\n")
    (tmp_path / "plan.csv").write_text("sku,proposed_price\ntea,5\n")
    curve = ElasticityCurve("tea", 4.0, 50.0, -2.0, 0.1, 0.05, 3.0, 5.0)
    known = DemandEstimate("tea", "", "instruments", "", curve, -2.2, -1.8, 0.9, Confounding("not tested"))
    DemandModel([known]).save(tmp_path / "demand.json")
    words = ["stock", str(tmp_path / "p.csv"), "-o", str(tmp_path / "o.csv"), "--json"]
    words += ["--demand", str(tmp_path / "demand.json"), "--prices"]
    done = CliRunner().invoke(app, [*words, str(tmp_path / "plan.csv")])
    assert json.loads(done.stdout)["rows"][0]["order_quantity"] == 32.0
    wrong = CliRunner().invoke(app, [*words, str(tmp_path / "p.csv")])
    assert wrong.exit_code == 3 and "expected the columns sku and proposed_price" in wrong.stderr
