"""From two catalogs and observed prices to prices under a rule on competitors; prices are never evidence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pricelm.cli.main import app
from tests.unit.decisions.test_competition import catalogs, spiral


def run(*words: str | Path, fails: bool = False) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert (done.exit_code != 0) == fails, done.output
    return done.output if fails or "--json" not in words else done.stdout


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with both catalogs, labelled pairs and observed prices."""
    folder = tmp_path_factory.mktemp("competition")
    own, theirs = catalogs(40)
    n = len(own)
    price = np.linspace(10, 30, n).round(2)
    products = pd.DataFrame({"sku": [f"o{i}" for i in range(n)], "title": own.titles, "price": price})
    products = products.assign(unit_cost=price * 0.5, units=100.0, own_price_elasticity=-1.5, category="Home")
    products.to_csv(folder / "own.csv", index=False)
    rival = pd.DataFrame({"sku": [f"t{i}" for i in range(n)], "title": theirs.titles, "price": price * 0.9})
    rival.to_csv(folder / "theirs.csv", index=False)
    pairs = [(i, j) for i in range(n) for j in (i, (i + 1) % n, (i + 7) % n)]
    labels = pd.DataFrame([(f"o{i}", f"t{j}", int(i == j)) for i, j in pairs])
    labels.columns = ["own_sku", "their_sku", "match"]
    labels.to_csv(folder / "pairs.csv", index=False)
    seen = rival[["sku", "price"]].assign(seller="rival", observed_at="2024-03-30")
    seen.loc[0, "price"], seen.loc[1, "observed_at"] = 0, "2023-01-01"
    seen.to_csv(folder / "seen.csv", index=False)
    return folder


def test_no_price_changes_a_match(shop: Path, tmp_path: Path) -> None:
    made = []
    for name, factor in (("given", 1.0), ("others", None)):
        for side in ("own", "theirs"):
            frame = pd.read_csv(shop / f"{side}.csv")
            drawn = np.random.default_rng(1).permutation(len(frame)) + 0.99
            frame.assign(price=frame["price"] * factor if factor else drawn).to_csv(
                tmp_path / f"{side}-{name}.csv", index=False
            )
        out = tmp_path / f"{name}.csv"
        run("compete", "match", tmp_path / f"own-{name}.csv", tmp_path / f"theirs-{name}.csv",
            "--labels", shop / "pairs.csv", "-o", out)  # fmt: skip
        made.append(out.read_bytes())
    assert made[0] == made[1] and made[0].count(b"\n") > 20


def test_matches_and_observations_bind_the_optimizer(shop: Path, tmp_path: Path) -> None:
    matches, compared, plan = (tmp_path / name for name in ("matches.csv", "compared.csv", "plan.csv"))
    told = json.loads(run("compete", "match", shop / "own.csv", shop / "theirs.csv", "--labels",
                          shop / "pairs.csv", "-o", matches, "--json"))  # fmt: skip
    assert told["learned"]["f1"] > 0.7 and told["learned"]["labels_found"] > 0.7
    text = run("compete", "index", shop / "own.csv", shop / "seen.csv", "--matches", matches,
               "--today", "2024-03-31", "-o", compared)  # fmt: skip
    assert "stale prices only" in text and "price is zero" in text
    table = pd.read_csv(compared).set_index("sku")
    known = table["competitor_price"].notna()
    pairs = pd.read_csv(matches)
    right = pairs.loc[pairs["own_sku"].str[1:] == pairs["their_sku"].str[1:], "own_sku"]
    sure = table.index.isin(right) & known
    assert sure.sum() > 20 and np.median(table.loc[sure, "price_index"]) == pytest.approx(100 / 0.9, rel=0.01)
    (tmp_path / "rules.yaml").write_text(
        "version: 1\nrules:\n"
        "- {id: near, kind: competitor_position, at_most: 1.0, observed_column: observed_at}\n"
    )
    run("rules", "lint", tmp_path / "rules.yaml", compared, "--today", "2024-03-31")
    run("optimize", compared, "--rules", tmp_path / "rules.yaml", "--today", "2024-03-31",
        "--frontier", "none", "--confidence", "0.5", "-o", plan)  # fmt: skip
    priced = pd.read_csv(plan).set_index("sku")["proposed_price"]
    reachable = known & (table["competitor_price"] >= 0.75 * table["price"])
    assert (priced[reachable] <= table.loc[reachable, "competitor_price"] + 0.01).all()
    assert (priced[~known] > table.loc[~known, "price"] * 0.95).all()


def test_responses_and_the_radar_on_the_command_line(shop: Path, tmp_path: Path) -> None:
    market = pd.DataFrame(
        {
            "sku": ["a", "b", "c"],
            "seller": ["us", "us", "them"],
            "price": [10.0, 12.0, 9.0],
            "units": [50, 40, 60],
        }
    )
    market.to_csv(tmp_path / "market.csv", index=False)
    gains = {}
    for rivals in ("answer", "hold", "follow"):
        told = json.loads(run("compete", "respond", tmp_path / "market.csv", "--seller", "us",
                              "--elasticity", "-3", "--rivals", rivals, "--json",
                              "-o", tmp_path / "answer.csv"))  # fmt: skip
        gains[rivals] = told["profits"]["us"]["new"]
        assert {row["cost_source"] for row in told["products"]} == {"implied by the price"}
    # implied costs make today's prices the equilibrium
    assert gains["answer"] == pytest.approx(gains["hold"], rel=1e-6) and gains["follow"] > gains["answer"]
    assert "Stackelberg" in run("compete", "respond", "--help")
    market.query("seller == 'us'").to_csv(tmp_path / "alone.csv", index=False)
    refused = run("compete", "respond", tmp_path / "alone.csv", "--seller", "us", "--elasticity", "-3", "-o",
                  tmp_path / "x.csv", fails=True)  # fmt: skip
    assert "one seller only" in refused

    war = spiral(10).assign(sku="o0", seller=lambda t: t["seller"].map({"a": "us", "b": "rival"}))
    war.to_csv(tmp_path / "war.csv", index=False)
    text = run("compete", "radar", tmp_path / "war.csv", "--seller", "us", "--products", shop / "own.csv",
               "--today", "2024-03-31", "-o", tmp_path / "radar.csv")  # fmt: skip
    row = pd.read_csv(tmp_path / "radar.csv").iloc[0]
    assert "price war" in text and row["status"] == "price war" and row["resting_price"] > 5


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ("a,us,5,2024-03-01\n", "one seller only"),
        ("a,us,$5,2024-03-01\na,r,€6,2024-03-01\n", "currency mix"),
        ("a,us,0,2024-03-01\n", "price is zero"),
        ("a,us,5,2024-03-01\nb,r,5,2024-03-01\n", "no match"),
        ("a,us,5,2034-03-01\n", "observed in the future"),
        ("a,us,5,2024-03-01\na,us,6,2024-03-01\n", "duplicated observation"),
    ],
)
def test_bad_observations_are_refused_by_name(rows: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "seen.csv").write_text("sku,seller,price,observed_at\n" + rows, encoding="utf-8")
    assert named in run("compete", "radar", tmp_path / "seen.csv", "--today", "2024-03-31", fails=True)
