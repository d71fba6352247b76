"""The commands of the store, from a plan to prices and back."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pricelm.cli.main import app
from pricelm.services.first_plan import plan_from_source
from pricelm.services.optimizing import OptimizeRequest
from tests.store_samples import write_products


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with products, in which a store is made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRICELM_STORE", f"sqlite:///{tmp_path / 'shop.db'}")
    write_products(tmp_path)
    return tmp_path


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == code, result.output + result.stderr
    assert "Traceback" not in result.output
    return result


def test_from_a_plan_to_prices_and_back(shop: Path) -> None:
    run("store", "init")
    run("rules", "put", "rules.yaml")
    url = f"sqlite:///{shop / 'shop.db'}"
    assert "pricelm batch show 1" in run("optimize", "products.csv", "-o", "plan.csv", "--store", url).stdout
    assert "12 open" in run("batch", "show", 1).stdout
    assert "0 approved" in run("batch", "approve", 1, "--sku", "p7", code=2).stdout
    done = json.loads(run("batch", "approve", 1, "--json").stdout)
    assert done["approved"] and done["refused"]
    first = json.loads(run("batch", "show", 1, "--state", "approved", "--json").stdout)["shown"][0]
    price = first["current_price"] + 0.01
    run("batch", "edit", 1, "--sku", first["sku"], "--price", price, "--reason", "smaller step")
    run("batch", "reject", 1, "--sku", "p7", "--reason", "not now")
    assert "agrees" in run("replay", first["recommendation"]).stdout
    assert json.loads(run("replay", 1, "--batch", "--json").stdout)["agrees"]
    applied = json.loads(run("apply", 1, "--to", "out.jsonl", "--json").stdout)
    assert applied["handed_over"] == len(done["approved"])
    sent = {
        row["sku"]: row["price"] for row in map(json.loads, (shop / "out.jsonl").read_text().splitlines())
    }
    assert sent[first["sku"]] == pytest.approx(price)
    assert "no prices" in run("apply", 1, "--to", "out.jsonl").stdout
    assert "1 price handed" in run("rollback", "--sku", first["sku"], "--to", "one.csv").stdout
    assert "rolled back" in run("batch", "list").stdout
    run("rollback", "--batch", 1, "--to", "rest.csv")
    assert json.loads(run("store", "status", "--json").stdout)["prices_on_their_way"] == 0
    end = json.loads(run("audit", "verify", "--json").stdout)["end"]
    run("audit", "verify", "--known-end", end)
    assert "rollback" in run("audit", "show", "--subject", "batch 1").stdout


def test_the_next_command_names_the_store_where_it_has_to(shop: Path) -> None:
    (shop / ("deep" * 20)).mkdir()
    other = f"sqlite:///{shop / ('deep' * 20) / 'a shop.db'}"
    said = run("optimize", "products.csv", "-o", "plan.csv", "--store", other).stdout
    command = shlex.split(re.search("pricelm batch show .*", said)[0])  # type: ignore[index]
    assert "12 open" in run(*command[1:]).stdout
    here = run(
        "optimize", "products.csv", "-o", "plan.csv", "--store", f"sqlite:///{shop / 'shop.db'}"
    ).stdout
    assert "--store" not in here


def test_the_careful_risk_is_the_default_of_every_way_to_a_plan(shop: Path) -> None:
    run("optimize", "products.csv", "-o", "plan.csv", "--store", f"sqlite:///{shop / 'shop.db'}")
    plan_from_source(f"sqlite:///{shop / 'shop.db'}", shop / "products.csv", "ann")
    asked, uploaded = (json.loads(run("replay", n, "--batch", "--json").stdout) for n in (1, 2))
    careful = {"measure": "cvar", "level": 0.05, "confidence": 0.95, "n_draws": 200}
    assert asked["facts"]["plan"]["risk"] == uploaded["facts"]["plan"]["risk"] == careful
    assert vars(OptimizeRequest("a", Path("b")).plan.risk) == careful
    shown = {one.name: one.show_default for one in typer.main.get_command(app).commands["optimize"].params}  # type: ignore[attr-defined]
    told = {"measure": shown["risk"], "level": shown["risk_level"], "confidence": shown["confidence"]}
    assert {name: str(value) for name, value in careful.items() if name in told} == told
    changed = run("optimize", "products.csv", "-o", "mean.csv", "--risk", "mean", "--confidence", 0, "--json")
    assert len(json.loads(changed.stdout)["recommendations"]) == 12


def test_backup_restore_export_and_load(shop: Path) -> None:
    (shop / "seen.csv").write_text(
        "sku,seller,price,observed_at\na,north,4.20,2026-03-01\na,north,?,2026-03-01\n"
    )
    assert "1 rows of observations" in run("store", "load", "observations", "seen.csv").stdout
    assert "pricelm store restore" in run("store", "backup", "kept").stdout
    restored = run("store", "restore", "kept", "--store", f"sqlite:///{shop / 'new.db'}").stdout
    assert "observations 1" in restored
    run("store", "export", "out")
    assert json.loads((shop / "out" / "observations.jsonl").read_text())["price"] == 4.2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["apply", "1"], 2, "--to TARGET"),
        (["apply", "1", "--to", "x.csv"], 2, "batch list"),
        (["rollback", "--to", "x.csv"], 2, "one of a product"),
        (["apply", "1", "--give-up"], 2, "nothing to give up"),
        (["batch", "show", "5"], 2, "number of a batch"),
        (["store", "restore", "."], 7, "expected a backup"),
        (["audit", "verify", "--known-end", "x"], 2, "COUNT:HASH"),
    ],
)
def test_what_is_wrong_is_said(shop: Path, arguments: list[str], code: int, words: str) -> None:
    assert words in " ".join(run(*arguments, code=code).stderr.split())


def test_a_broken_log_ends_with_another_code(shop: Path) -> None:
    from sqlalchemy import text

    from pricelm.storage.database import open_store

    run("rules", "put", "rules.yaml")
    store = open_store(f"sqlite:///{shop / 'shop.db'}")
    with store.writing() as session:
        session.execute(text("drop trigger audit_no_update"))
        session.execute(text("update audit set actor = 'nobody'"))
    store.close()
    assert "not what was written" in run("audit", "verify", code=7).stdout
