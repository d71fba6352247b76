"""`pricelm forecast` from file to table, document and page."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pricelm.cli.main import app
from pricelm.core.errors import DataError
from pricelm.services import forecasting
from pricelm.services.forecasting import read_price_path
from tests.unit.decisions.test_forecasting import known_demand, steady


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    frame = steady(30)
    frame.loc[frame["sku"] == "b", "sku"] = "<b>"
    frame.loc[3, "units"] = -1
    frame.to_csv(tmp_path / "sales.csv", index=False)
    known_demand().save(tmp_path / "demand.json")
    return tmp_path / "sales.csv"


def test_forecast_writes_table_document_and_page(sales: Path) -> None:
    out, page = sales.with_name("f.csv"), sales.with_name("f.html")
    plan = sales.with_name("prices.csv")
    plan.write_text("sku,price,date\na,3.60,\na,3.20,2024-08-05\n")
    words = ["forecast", str(sales), "-o", str(out), "--horizon", "3", "--prices", str(plan)]
    words += ["--demand", str(sales.with_name("demand.json")), "--report", str(page)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "4 series, 3 periods from 2024-07-29" in done.stdout and "1 negative units" in done.stdout
    table = pd.read_csv(out)
    assert len(table) == 3 * 5 and table["level"].value_counts().to_dict() == {"product": 12, "category": 3}
    mine = table[(table["sku"] == "a") & (table["store"] == "s")]
    assert mine["price"].tolist() == [3.6, 3.2, 3.6]
    assert mine["price_effect"].round(4).tolist() == [1.2346, 1.5625, 1.2346]
    assert json.loads(out.with_suffix(".json").read_text())["series"][1]["rung"] == "none"
    assert "&lt;b&gt;" in page.read_text(encoding="utf-8") and sales.with_name("rejected.csv").exists()
    again = CliRunner().invoke(app, ["forecast", str(sales), "-o", str(sales)])
    assert again.exit_code == 2 and "another file to write to" in again.output


def test_only_the_products_asked_for(sales: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["forecast", str(sales), "-o", str(sales.with_name("f.csv")), "--json", "--products"]
    unknown = CliRunner().invoke(app, [*words, "a,zzz"])
    assert unknown.exit_code != 0 and "zzz" in unknown.output
    done = CliRunner().invoke(app, [*words, "a", "--demand", str(sales.with_name("demand.json"))])
    told = json.loads(done.stdout)
    assert {row["sku"] for row in told["rows"] if row["level"] == "product"} == {"a"}
    assert told["rejected_counts"] == {"negative units": 1}
    monkeypatch.setattr("pricelm.core.extras.find_spec", lambda module: None)
    missed = CliRunner().invoke(app, [*words, "a"])
    assert missed.exit_code != 0 and "pricelm[decide]" in missed.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sku,cost\na,1\n", "expected a column 'price'"),
        ("sku,price\na,0\n", "expected a price above 0"),
        ("sku,price,date\na,3,soon\n", "expected a date"),
        ("sku,price,currency\na,3,EUR\n", "currency change"),
    ],
)
def test_price_paths_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        read_price_path(tmp_path / "p.csv", "USD")


def test_the_service_reads_a_whole_path(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("SKU,Price,Store\na,$3.50,s\nb,4,\n")
    found = forecasting.read_price_path(tmp_path / "p.csv", "USD")
    assert found["price"].tolist() == [3.5, 4.0] and found["store"].tolist() == ["s", ""]
    (tmp_path / "plan.csv").write_text("sku,price,proposed_price\na,4,3.80\n")
    assert read_price_path(tmp_path / "plan.csv")["price"].tolist() == [3.8]
