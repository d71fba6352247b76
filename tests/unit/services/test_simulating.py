"""`pricelm simulate` from rules and sales to matrix, log and verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pricelm.cli.main import app
from tests.generated_sales import Shop, drawn_sales

QUICK = ["--replications", "3", "--days", "40"]


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["simulate", *words])
    return done.exit_code, done.stdout, " ".join(done.stderr.split())


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frame, _ = drawn_sales(Shop(n_skus=3, n_weeks=60))
    path = tmp_path_factory.mktemp("sales") / "sales.csv"
    frame.to_csv(path, index=False)
    return path


def test_the_matrix_has_a_verdict_and_is_written(tmp_path: Path) -> None:
    out = tmp_path / "matrix.json"
    words = [
        "matrix",
        "--market",
        "stationary",
        "--market",
        "drift",
        "--policy",
        "hold",
        "--policy",
        "thompson",
    ]
    code, shown, _ = run(*words, *QUICK, "-o", str(out))
    assert code == 0 and "drift" in shown and "thompson" in shown
    assert "stationary: " in shown
    stored = json.loads(out.read_text())
    assert {(one["policy"], one["market"]) for one in stored["cells"]} == {
        (policy, market) for policy in ("hold", "thompson") for market in ("stationary", "drift")
    }


def test_demand_comes_from_sales_and_rules_bind(sales: Path, tmp_path: Path) -> None:
    rules, log = tmp_path / "rules.yaml", tmp_path / "log.csv"
    rules.write_text("version: 1\nrules:\n- {id: m, kind: maximum_step, up: 0.03, down: 0.03}\n")
    words = ["matrix", "--sales", str(sales), "--products", "2", "--rules", str(rules), "--cool-down", "1"]
    words += [
        "--max-moves",
        "1",
        "--policy",
        "thompson",
        "--market",
        "stationary",
        "--log",
        str(log),
        "--json",
    ]
    code, shown, errors = run(*words, *QUICK)
    assert code == 0, errors
    products = json.loads(shown)["products"]
    assert len(products) == 2 and all(one["own_price_elasticity"] < 0 for one in products)
    table = pd.read_csv(log)
    for _, own in table.groupby(["shop", "sku"]):
        steps = own.sort_values("day")["price"]
        assert (steps.pct_change().abs().dropna() <= 0.03 + 1e-6).all()
    moved = table.groupby(["shop", "sku"])["price"].diff().fillna(0).abs() > 1e-9
    assert moved.groupby([table["shop"], table["day"]]).sum().max() == 1


def test_off_policy_reads_the_log_and_refuses_what_it_cannot_tell(tmp_path: Path) -> None:
    log = str(tmp_path / "log.csv")
    words = ["matrix", "--policy", "thompson", "--market", "stationary", "--exploration", "0.9", "--log", log]
    assert run(*words, "--cool-down", "1", "--replications", "8", "--days", "150")[0] == 0
    code, shown, errors = run("off-policy", log, "--price", "10", "--json")
    assert code == 0, errors
    found = json.loads(shown)
    assert found["doubly_robust"]["low"] < found["doubly_robust"]["estimate"] < found["doubly_robust"]["high"]
    code, shown, _ = run("off-policy", log, "--policy", "thompson")
    assert code == 0 and "doubly robust" in shown
    code, _, errors = run("off-policy", log, "--price", "10", "--least-effective", "900")
    assert code == 3 and "effective sample" in errors
    assert run("off-policy", log)[0] == 2
    assert run("off-policy", log, "--price", "cheap")[0] == 2


def test_test_design_measures_noise_and_refuses_a_split_of_customers(sales: Path) -> None:
    code, shown, errors = run("test-design", "--sales", str(sales), "--json")
    assert code == 0, errors
    found = json.loads(shown)
    assert found["power"] >= 0.8 and abs(found["simulated_power"] - found["power"]) < 0.06
    assert found["noise"]["daily"] > 0
    code, shown, _ = run("test-design", "--design", "cluster", "--days", "28")
    assert code == 0 and "between clusters" in shown
    code, _, errors = run("test-design", "--design", "user")
    assert code == 2 and "two prices of one product at the same time" in errors


def test_wrong_requests_are_refused(tmp_path: Path, sales: Path) -> None:
    for words, message in (
        (["--market", "drif"], "did you mean 'drift'"),
        (["--policy", "tompson"], "did you mean 'thompson'"),
        (["--log", "log.csv"], "one policy and one market"),
        (["--days", "2"], "7 to 3,650 days"),
        (["--replications", "9000"], "at most 40 million"),
        (["--out", "matrix.txt"], ".json"),
        (["--cool-down", "0"], "cool-down of 1"),
    ):
        code, _, errors = run("matrix", *words)
        assert code == 2 and message in errors, (words, errors)
    free = tmp_path / "free.csv"
    pd.read_csv(sales).drop(columns="unit_cost").to_csv(free, index=False)
    code, _, errors = run("matrix", "--sales", str(free), *QUICK)
    assert code == 3 and "unit_cost" in errors
