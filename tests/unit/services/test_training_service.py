"""Training from a file: what is kept aside, what is told, what is written, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pricelm.catalog.columns import ColumnMap
from pricelm.core.errors import BackboneError, BundleError, ConfigError, DataError, OutputError
from pricelm.language.config import TuningConfig
from pricelm.models.bundle import load_model
from pricelm.services import training
from pricelm.services.training import (
    TrainingOptions,
    TrainingRequest,
    TrainingResult,
    read_tuning,
    run_folder,
    train_model,
)
from tests.generated_listings import ROLE_NAMES, listings_frame

FAST = TrainingOptions(preset="fast", test_share=0.25)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A model trained on a file with a leak and a few rows that cannot be used."""
    folder = tmp_path_factory.mktemp("trained")
    frame = listings_frame(160)
    frame["cost"] = frame["cost"].astype(str)
    frame.loc[[3, 4], "cost"] = ["N/A", "-5"]
    frame["list_price"] = pd.to_numeric(frame["cost"], errors="coerce") * 1.2
    frame.to_csv(folder / "listings.csv", index=False)
    request = TrainingRequest(folder / "listings.csv", folder / "model", roles=dict(ROLE_NAMES), options=FAST)
    return train_model(request)


def test_the_bundle_predicts_what_the_result_predicts(trained: TrainingResult) -> None:
    new = listings_frame(10, seed=3)
    np.testing.assert_allclose(load_model(trained.bundle).predict(new), trained.model.predict(new), rtol=1e-6)


def test_the_test_listings_are_kept_aside(trained: TrainingResult) -> None:
    splits = trained.data.splits
    assert splits["to learn from"] + splits["test"] == trained.data.rows_kept == 158
    assert splits["test"] == pytest.approx(0.25 * 158, abs=3)
    assert trained.model.training_["rows"] == splits["to learn from"]
    assert trained.evaluation is not None and trained.evaluation.n_rows == splits["test"]
    known = set(trained.model.comparables_.listings_["listing_id"])
    assert len(known) == splits["to learn from"]


def test_the_numbers_are_those_of_the_listings_kept_aside(trained: TrainingResult) -> None:
    assert trained.evaluation is not None
    known = set(trained.model.comparables_.listings_["listing_id"])
    frame = listings_frame(160)
    test = frame[~frame["sku"].isin(known)].drop(index=[3, 4], errors="ignore")
    assert len(test) == trained.evaluation.n_rows
    errors = np.abs(trained.model.predict(test) - test["cost"].to_numpy())
    assert trained.evaluation.metrics["blend"]["mae"].value == pytest.approx(errors.mean(), rel=1e-6)
    guess = np.abs(frame[frame["sku"].isin(known)]["cost"].median() - test["cost"].to_numpy())
    assert trained.evaluation.metrics["median guess"]["mae"].value == pytest.approx(guess.mean(), rel=1e-6)


def test_rejected_rows_and_leaks_are_told_everywhere(trained: TrainingResult) -> None:
    assert trained.rejected == trained.bundle.parent / "rejected.csv"
    rejected = pd.read_csv(trained.rejected, keep_default_na=False)
    assert rejected[["row", "value"]].values.tolist() == [[4, "N/A"], [5, "-5"]]
    assert sum(trained.data.rejected.values()) == 2
    assert [leak[0] for leak in trained.data.leaks] == ["list_price"]
    assert "list_price" in trained.model.columns_.ignored
    loaded = load_model(trained.bundle)
    assert loaded.training_["rejected"] == trained.data.rejected
    assert "list_price" in loaded.training_["leaks"][0]


def test_the_metrics_are_in_the_bundle_and_on_its_card(trained: TrainingResult) -> None:
    assert trained.evaluation is not None
    metrics = load_model(trained.bundle).metrics_
    assert metrics["metrics"]["blend"]["rmsle"][0] == trained.evaluation.metrics["blend"]["rmsle"].value
    assert metrics["table"] == trained.evaluation.table()
    card = (trained.bundle / "card.md").read_text(encoding="utf-8")
    assert "| median guess |" in card and "price intervals held" in card


def test_the_report_is_in_the_bundle(trained: TrainingResult) -> None:
    assert trained.report == trained.bundle / "report.html"
    page = trained.report.read_text(encoding="utf-8")
    assert "listings.csv" in page and "median guess" in page and "list_price" in page


def test_the_result_is_json(trained: TrainingResult) -> None:
    document = json.loads(json.dumps(trained.to_dict()))
    assert document["rows_read"] == 160 and document["rejected_counts"]
    assert {"role": "price", "column": "cost", "why": "as you said"} in document["columns"]


def test_without_a_test_share_it_learns_from_all(tmp_path: Path, notes: Any) -> None:
    listings_frame(60).to_csv(tmp_path / "l.csv", index=False)
    options = TrainingOptions(preset="fast", test_share=0)
    request = TrainingRequest(tmp_path / "l.csv", tmp_path / "m", roles=dict(ROLE_NAMES), options=options)
    result = train_model(request, notes)
    assert result.evaluation is None and result.report is None and result.rejected is None
    assert result.model.training_["rows"] == 60
    assert not run_folder(tmp_path / "m").exists()
    assert any(line.startswith("title: name") for line in notes.said)
    assert any("60 of 60" in line for line in notes.said)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test_share": 0.9}, "test share"),
        ({"confidence_level": 1.0}, "confidence level"),
        ({"preset": "quick"}, "preset"),
        ({"preset": "fast", "backbone": "minilm"}, "do nothing"),
        ({"preset": "fast", "tuning": TuningConfig()}, "do nothing"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingOptions(**options)


def test_the_named_backbone_goes_before_that_of_the_tuning() -> None:
    options = TrainingOptions(backbone="other", tuning=TuningConfig(epochs=7))
    assert (options.plan(100).tuning.backbone, options.plan(100).tuning.epochs) == ("other", 7)
    settings = TrainingOptions(backbone="other", tuning={"epochs": 7, "backbone": "third"})
    assert settings.plan(100).tuning == TuningConfig(backbone="other", epochs=7)


def test_what_would_fail_in_the_end_fails_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listings_frame(60).to_csv(tmp_path / "l.csv", index=False)
    monkeypatch.setattr(training, "fit_and_measure", lambda *_: pytest.fail("time was spent"))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "diary.txt").write_text("mine")
    with pytest.raises(BundleError, match="something else"):
        train_model(TrainingRequest(tmp_path / "l.csv", tmp_path / "taken"))
    options = TrainingOptions(test_share=0)
    with pytest.raises(ConfigError, match="no report"):
        train_model(
            TrainingRequest(tmp_path / "l.csv", tmp_path / "m", options=options, report=tmp_path / "r")
        )


def test_an_unknown_backbone_fails_before_anything_is_fitted(tmp_path: Path, notes: Any) -> None:
    listings_frame(80).to_csv(tmp_path / "l.csv", index=False)
    options = TrainingOptions(backbone="minilmm")
    request = TrainingRequest(tmp_path / "l.csv", tmp_path / "m", roles=dict(ROLE_NAMES), options=options)
    with pytest.raises(BackboneError, match="minilm"):
        train_model(request, notes)
    assert not any("member" in task for task in notes.tasks)


def test_too_small_a_disk_fails_before_anything_is_fitted(
    tmp_path: Path, tiny_backbone: Path, notes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listings_frame(80).to_csv(tmp_path / "l.csv", index=False)
    monkeypatch.setattr(
        "pricelm.services.cost.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})
    )
    options = TrainingOptions(tuning=TuningConfig(backbone=str(tiny_backbone), max_length=16))
    request = TrainingRequest(tmp_path / "l.csv", tmp_path / "m", roles=dict(ROLE_NAMES), options=options)
    with pytest.raises(OutputError, match="MB of disk"):
        train_model(request, notes)
    assert not any("member" in task for task in notes.tasks)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "JSON object"),
        ("[1]", "got a list"),
        ('{"epoch": 3}', "epochs"),
        ('{"epochs": 0}', "at least 1"),
        ('{"seed": 3}', "--seed"),
    ],
)
def test_tuning_files_that_cannot_be(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "tuning.json").write_text(content)
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_tuning(tmp_path / "tuning.json")


def test_a_tuning_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "tuning.json").write_text('{"epochs": 5, "method": "lora"}', encoding="utf-8-sig")
    assert read_tuning(tmp_path / "tuning.json") == {"epochs": 5, "method": "lora"}
    with pytest.raises(ConfigError, match=r"none\.json"):
        read_tuning(tmp_path / "none.json")


def test_a_file_without_prices_is_refused(tmp_path: Path) -> None:
    listings_frame(60).drop(columns=["cost", "weight_kg"]).to_csv(tmp_path / "l.csv", index=False)
    with pytest.raises(DataError, match="column of prices"):
        train_model(TrainingRequest(tmp_path / "l.csv", tmp_path / "m", options=FAST))
    assert not (tmp_path / "m").exists()


def test_with_a_language_model_it_is_measured_before_and_after(
    tmp_path: Path, tiny_backbone: Path, notes: Any
) -> None:
    listings_frame(110).to_csv(tmp_path / "l.csv", index=False)
    tuning = TuningConfig(
        backbone=str(tiny_backbone), max_length=16, epochs=1, batch_size=16, precision="fp32"
    )
    options = TrainingOptions(tuning=tuning, test_share=0.2)
    request = TrainingRequest(tmp_path / "l.csv", tmp_path / "m", roles=dict(ROLE_NAMES), options=options)
    result = train_model(request, notes)
    assert result.evaluation is not None
    assert list(result.evaluation.metrics) == [
        "median guess", "lexical", "language before tuning", "language after tuning", "tabular", "blend",
    ]  # fmt: skip
    assert any("roughly" in line and "MB of disk" in line for line in notes.said)
    assert any("before tuning" in task for task in notes.tasks)
    assert (
        sorted(path.name for path in result.run_dir.rglob("*") if path.is_file())
        == ["run.json"] * 5 + ["training_log.jsonl"] * 5
    )
    assert "Learning curve" in (tmp_path / "m" / "report.html").read_text(encoding="utf-8")


def test_an_abstain_ratio_reaches_the_model() -> None:
    options = TrainingOptions(preset="fast", abstain_ratio=4.0)
    assert options.new_model(ColumnMap(title="name", price="cost"), "USD").abstain_ratio == 4.0
    with pytest.raises(ConfigError, match="abstain ratio above 1, got 1"):
        TrainingOptions(abstain_ratio=1.0)
