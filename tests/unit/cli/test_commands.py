"""The commands: what they print where, and how they fail."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import pricelm
from pricelm.cli.main import app
from pricelm.core.errors import MissingExtraError, TrainingStopped
from tests.generated_listings import ROLE_OPTIONS, listings_frame


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def one_line_of(result: Result) -> str:
    """Return the only line on stderr that is not progress."""
    lines = [line for line in result.stderr.splitlines() if line[:1] not in ("✓", " ", "")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.output
    return lines[0]


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    path = tmp_path / "held_out.csv"
    listings_frame(40, seed=4).to_csv(path, index=False)
    return path


def test_train_prints_the_table_and_where_things_are(tmp_path: Path) -> None:
    listings_frame(80).to_csv(tmp_path / "l.csv", index=False)
    result = run("train", tmp_path / "l.csv", "--out", tmp_path / "m", "--preset", "fast", *ROLE_OPTIONS)
    assert result.exit_code == 0, result.output
    assert "median guess" in result.stdout and "blend" in result.stdout
    assert "report.html" in result.stdout and "pricelm quote" in result.stdout
    assert "title: name" in result.stderr and "title: name" not in result.stdout
    assert (tmp_path / "m" / "report.html").exists()


def test_train_prints_one_json_document_on_request(tmp_path: Path) -> None:
    listings_frame(80).to_csv(tmp_path / "l.csv", index=False)
    result = run(
        "train", tmp_path / "l.csv", "-o", tmp_path / "m", "--preset", "fast", *ROLE_OPTIONS, "--json",
        "--seed", "3", "--test-share", "0.25", "--confidence-level", "0.8", "--report", tmp_path / "r.html",
    )  # fmt: skip
    document = json.loads(result.stdout)
    assert document["splits"]["test"] == pytest.approx(20, abs=1)
    assert document["evaluation"]["confidence_level"] == 0.8
    assert document["report"] == str(tmp_path / "r.html") and (tmp_path / "r.html").exists()
    bundle = json.loads((tmp_path / "m" / "model.json").read_text(encoding="utf-8"))
    assert bundle["parameters"]["seed"] == 3
    assert bundle["columns"]["listing_id"] == "sku" and bundle["columns"]["category"] == "group"


def test_compare(tiny_backbone: Path, tmp_path: Path) -> None:
    listings_frame(60).to_csv(tmp_path / "l.csv", index=False)
    roles = ("--price", "cost", "--column", "brand=maker", "--column", "category=group")
    command = (
        "compare", tmp_path / "l.csv", "--out", tmp_path / "c", "--backbones", tiny_backbone, "--methods",
        "frozen,last-9", "--epochs", "1", "--rows", "50", "--max-length", "16", "--equal", "data", *roles,
    )  # fmt: skip
    result = run(*command)
    assert result.exit_code == 0, result.output
    for part in ("Equal data", "first", "failed", "asks for more layers", "comparison.html", "RMSLE"):
        assert part in result.stdout
    assert "Equal time" not in result.stdout
    assert "frozen, 10 epochs" in result.stderr and "2 trials" in result.stderr
    assert "frozen" in (tmp_path / "c" / "comparison.html").read_text(encoding="utf-8")
    document = json.loads(run(*command, "--json").stdout)
    assert (document["n_train"], document["n_test"]) == (40, 10)
    stored = json.loads((tmp_path / "c" / "comparison.json").read_text(encoding="utf-8"))
    assert stored["rows"] == document["rows"] and document["rows"][1]["verdict"] == "failed"


def test_evaluate(fast_bundle: Path, held_out: Path) -> None:
    result = run("evaluate", fast_bundle, held_out)
    assert result.exit_code == 0, result.output
    assert "lexical" in result.stdout and "intervals held" in result.stdout
    document = json.loads(run("evaluate", fast_bundle, held_out, "--json").stdout)
    assert document["evaluation"]["n_rows"] == 40


def test_predict(fast_bundle: Path, held_out: Path, tmp_path: Path) -> None:
    result = run(
        "predict", fast_bundle, held_out, "-o", tmp_path / "p.csv", "--keep-columns", "--chunk-rows", "9"
    )
    assert result.exit_code == 0, result.output
    assert "40 listings priced" in result.stdout
    assert {"name", "predicted_price"} < set(pd.read_csv(tmp_path / "p.csv").columns)
    document = json.loads(
        run("predict", fast_bundle, held_out, "--out", tmp_path / "p.jsonl", "--json").stdout
    )
    assert document["rows"] == 40 and document["rejected"] is None


def test_quote(fast_bundle: Path, tmp_path: Path) -> None:
    said = (
        "--title",
        "red marble sofa",
        "--brand",
        "Acme",
        "--category",
        "Home/Sofa",
        "--set",
        "weight_kg=40",
    )
    result = run("quote", fast_bundle, *said)
    assert result.exit_code == 0, result.output
    for part in ("red marble sofa", "90% sure", "words", "like", "members"):
        assert part in result.stdout
    quote = json.loads(
        run("quote", fast_bundle, *said, "--no-explain", "--comparables", "1", "--json").stdout
    )
    assert len(quote["comparables"]) == 1 and quote["word_effects"] == []
    (tmp_path / "listing.json").write_text(
        '{"title": "red marble sofa", "brand": "Acme", "group": "Home/Sofa"}'
    )
    options = ("--listing", tmp_path / "listing.json", "--set", "weight_kg=40", "--json")
    again = json.loads(run("quote", fast_bundle, *options).stdout)
    assert again["estimate"] == quote["estimate"]


def test_doctor() -> None:
    result = run("doctor")
    assert "Python" in result.stdout and "memory" in result.stdout
    document = json.loads(run("doctor", "--json").stdout)
    assert document["ok"] is (result.exit_code == 0)


def test_demo_says_what_it_did(monkeypatch: pytest.MonkeyPatch, fast_bundle: Path, tmp_path: Path) -> None:
    from pricelm.models.bundle import load_model
    from pricelm.services import demo

    asked: list[Any] = []

    def run_demo(request: demo.DemoRequest, progress: Any) -> demo.DemoResult:
        asked.append(request)
        model = load_model(fast_bundle)
        new = listings_frame(2, seed=8)
        quotes = demo.quoted(new, model, model.quote(new))
        return demo.DemoResult(
            "Made up.", True, model.metrics_, quotes, fast_bundle, tmp_path / "r.html", None, 65.0
        )

    monkeypatch.setattr(demo, "run_demo", run_demo)
    result = run("demo", "--shop", "electronics", "--preset", "fast", "--seed", "2", "--retrain")
    assert result.exit_code == 0, result.output
    for part in ("Three new products", "median guess", "r.html", "pricelm quote", "Trained in 1:05 min"):
        assert part in result.stdout
    assert asked == [demo.DemoRequest("electronics", Path("demo-output/electronics"), "fast", 2, True)]
    document = json.loads(run("demo", "--json", "--out", tmp_path).stdout)
    assert document["trained"] is True and len(document["quotes"]) == 2
    assert asked[1] == demo.DemoRequest("grocery", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["evaluate", "{bundle}", "none.csv"], 3, "no such file"),
        (["evaluate", "none", "{data}"], 4, "model.json"),
        (["predict", "{bundle}", "{data}", "-o", "p.xlsx"], 2, ".parquet"),
        (["quote", "{bundle}"], 2, "such as a title"),
        (["quote", "{bundle}", "--set", "weigth_kg=3"], 2, "'weight_kg'"),
        (["train", "{data}", "-o", "m", "--preset", "fast", "--backbone", "minilm"], 2, "do nothing"),
        (["train", "{data}", "-o", "m", "--backbone", "minilmm", "--price", "cost"], 4, "did you mean"),
        (["train", "{data}", "-o", "m", "--preset", "fast", "--price", "price"], 3, "no column 'price'"),
        (["train", "{data}", "-o", "m", "--preset", "fast", "--column", "brand"], 2, "ROLE=COLUMN"),
        (["train", "{data}", "-o", "m", "--config", "none.json"], 2, "none.json"),
        (["train", "{data}", "-o", "m", "--preset", "fast", "--query", "SELECT 1"], 2, "query"),
        (["compare", "{data}", "-o", "c", "--methods", "lorra"], 2, "did you mean 'lora'"),
        (["compare", "{data}", "-o", "c", "--test-share", "0"], 2, "test share"),
        (["compare", "{data}", "-o", "c", "--rows", "3"], 2, "at least 20 rows"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_goes_wrong_is_said_in_one_line(
    arguments: list[str],
    code: int,
    message: str,
    fast_bundle: Path,
    held_out: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(held_out.parent)
    filled = [word.format(bundle=fast_bundle, data=held_out) for word in arguments]
    result = run(*filled)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in one_line_of(result)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (MemoryError(), 6, "memory is full"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 6, "disk is full"),
        (MissingExtraError("pip install 'pricelm[train]'"), 5, "pricelm[train]"),
        (ZeroDivisionError("by zero"), 1, "unexpected ZeroDivisionError: by zero"),
    ],
    ids=repr,
)
def test_any_error_ends_in_a_message_and_its_code(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, message: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("pricelm.services.doctor.examine", fail)
    result = run("doctor")
    assert result.exit_code == code
    assert message in one_line_of(result)
    shown = run("doctor", "--debug")
    assert shown.exception is error, "with --debug the error itself comes out"


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), TrainingStopped("stopped after step 3 of 9")], ids=repr
)
def test_an_interrupted_training_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException
) -> None:
    def stop(*_: object) -> None:
        raise error

    monkeypatch.setattr("pricelm.services.training.train_model", stop)
    result = run("train", "my listings.csv", "--out", "m", "--seed", "3")
    assert result.exit_code == 130
    assert str(error) in result.stderr
    assert "pricelm train 'my listings.csv' --out m --seed 3" in result.stderr
    monkeypatch.setattr("pricelm.services.evaluating.evaluate_model", stop)
    result = run("evaluate", "m", "l.csv")
    assert result.exit_code == 130 and "To go on" not in result.stderr


def test_version_and_help() -> None:
    assert run("--version").stdout.strip() == f"pricelm {pricelm.__version__}"
    shown = run("--help").stdout
    assert all(name in shown for name in ("train", "evaluate", "predict", "quote", "demo", "doctor"))
    assert "130 interrupted" in " ".join(shown.split())
    assert run("quote", "m", "--no-such-option").exit_code == 2


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer one backbone that runs and one that is not installed, without measuring anything."""
    from pricelm.services.backbones import Offer
    from pricelm.services.speeds import Speed

    def list_backbones(*, measure: bool, progress: object) -> list[Offer]:
        speed = Speed(5000.0, 1234.0 if measure else 1500.0)
        return [
            Offer("minilm", "encoder", 22_700_000, "English", "Apache-2.0", True, "", 91_000_000, speed),
            Offer("big", "decoder", 9, "all", "MIT", False, "pip install --no-deps big==1.0", 0),
        ]

    monkeypatch.setattr("pricelm.services.backbones.list_backbones", list_backbones)


def test_backbones_are_listed_with_cost_or_how_to_install_them(offered: None) -> None:
    result = run("backbones")
    assert result.exit_code == 0, result.output
    assert "minilm" in result.stdout and "5,000" in result.stdout and "1,500" in result.stdout
    assert "22.7 M" in result.stdout and "pip install --no-deps big==1.0" in result.stdout
    assert "1,234" in run("backbones", "--measure").stdout


def test_backbones_recommends_one_for_listings(offered: None, held_out: Path) -> None:
    result = run("backbones", held_out)
    assert result.exit_code == 0, result.output
    assert "Take minilm: the letters are" in result.stdout
    assert f"pricelm train {held_out.name}" in result.stdout.replace(f"{held_out.parent}/", "").replace(
        "\n", ""
    )
    document = json.loads(run("backbones", held_out, "--json").stdout)
    assert [one["alias"] for one in document["backbones"]] == ["minilm", "big"]
    assert document["recommendation"]["fits"][0]["unreadable_share"] == 0.0
    assert json.loads(run("backbones", "--json").stdout)["recommendation"] is None


def test_predict_fills_the_review_queue_of_a_store_and_prune_empties_the_quotes(
    fast_bundle: Path, tmp_path: Path
) -> None:
    frame = listings_frame(20, seed=3)
    frame.loc[4, "cost"] *= 50
    frame.to_csv(tmp_path / "new.csv", index=False)
    store = f"sqlite:///{tmp_path / 'store.db'}"
    command = ["predict", str(fast_bundle), str(tmp_path / "new.csv"), "-o", str(tmp_path / "out.csv")]
    for line in ("1 listings are new in the review queue", "0 listings are new in the review queue"):
        assert line in run(*command, "--store", store).stdout
    document = json.loads(run(*command, "--store", store, "--json").stdout)
    assert document["review"] == {"recorded": 0, "queued": 0, "known": 1, "over": 0}
    result = run("store", "prune", "--quotes-before", "2026-01-01", "--store", store, "--json")
    assert json.loads(result.stdout) == {"quotes": 0, "listings": 0}
