"""`pricelm demand` from file to table, document and page."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pricelm.cli.demand_view import column_pairs
from pricelm.cli.main import app
from pricelm.core.errors import ConfigError
from pricelm.decisions.demand import DemandModel
from pricelm.services.demand import DemandRequest, estimate_demand
from tests.generated_sales import Shop, drawn_sales

OPTIMIZER_READS = [
    "sku",
    "price",
    "units",
    "own_price_elasticity",
    "elasticity_se",
    "price_low",
    "price_high",
]


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    frame, _ = drawn_sales(Shop(n_skus=3, n_stores=2, n_weeks=60))
    odd = frame.head(10).assign(sku="odd <b>", units=[-1.0, *[3.0] * 9])
    path = tmp_path / "sales.csv"
    pd.concat([frame, odd]).drop(columns="category").to_csv(path, index=False)
    return path


def test_the_command_writes_table_document_page_and_rejected_rows(sales: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "demand.csv"
    done = CliRunner().invoke(
        app, ["demand", str(sales), "-o", str(out), "--report", str(tmp_path / "demand.html"), "--json"]
    )
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    table = pd.read_csv(out)
    assert set(OPTIMIZER_READS) <= set(table)
    assert table["sku"].tolist() == ["odd <b>", "p0", "p1", "p2"]
    assert (table.loc[1:, "own_price_elasticity"] < -0.5).all()
    assert table.loc[0, "refusal"].startswith("too few observations")
    assert printed["rejected_counts"] == {"negative units": 1}
    assert (out.parent / "rejected.csv").exists()
    model = DemandModel.load(out.with_suffix(".json"))
    assert model.curve("p1").elasticity == pytest.approx(table.loc[2, "own_price_elasticity"], abs=1e-6)
    page = (tmp_path / "demand.html").read_text(encoding="utf-8")
    assert "odd &lt;b&gt;" in page and "odd <b>" not in page


def test_the_terminal_names_rungs_and_refusals(sales: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["demand", str(sales), "-o", str(tmp_path / "demand.jsonl")])
    assert done.exit_code == 0, done.output
    assert "too few observations: 1 product" in done.stdout
    assert "1 by category prior" in done.stdout


def test_products_bring_categories(sales: Path, tmp_path: Path) -> None:
    products = tmp_path / "products.csv"
    products.write_text("sku,title,category\np0,green tea,tea\np1,black tea,tea\np2,red mug,mugs\n")
    result = estimate_demand(DemandRequest(sales, tmp_path / "demand.csv", products=products))
    assert [one.category for one in result.demand.estimates] == ["", "tea", "tea", "mugs"]


def test_wrong_requests_are_refused(sales: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--products"):
        estimate_demand(DemandRequest(sales, tmp_path / "demand.csv", model=tmp_path))
    with pytest.raises(ConfigError, match="another file"):
        estimate_demand(DemandRequest(sales, sales))
    with pytest.raises(ConfigError, match="ROLE=COLUMN"):
        column_pairs(["sku"])
    assert not (tmp_path / "demand.csv").exists()
