"""Measuring a saved model on a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pricelm.core.errors import DataError
from pricelm.models.bundle import load_model
from pricelm.services.evaluating import EvaluationRequest, evaluate_model
from pricelm.services.measuring import RawRowPredictor
from tests.generated_listings import listings_frame


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    path = tmp_path / "held_out.csv"
    listings_frame(50, seed=9).to_csv(path, index=False)
    return path


def test_the_numbers_are_those_of_the_model(fast_bundle: Path, held_out: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    result = evaluate_model(EvaluationRequest(fast_bundle, held_out))
    frame = pd.read_csv(held_out)
    model = load_model(fast_bundle)
    errors = np.abs(model.predict(frame) - frame["cost"])
    assert result.evaluation.metrics["blend"]["mae"].value == pytest.approx(errors.mean(), rel=1e-6)
    lower, upper = model.predict_interval(frame).T
    inside = ((frame["cost"] >= lower) & (frame["cost"] <= upper)).mean()
    assert result.evaluation.coverage.value == pytest.approx(inside)
    assert list(result.evaluation.metrics) == ["median guess", "lexical", "tabular", "blend"]
    assert json.loads(json.dumps(result.to_dict()))["rows_kept"] == 50
    assert sorted(tmp_path.iterdir()) == before, "nothing is written unasked"


def test_bad_rows_are_counted_and_stand_beside_the_report(fast_bundle: Path, tmp_path: Path) -> None:
    frame = listings_frame(50, seed=9).astype({"cost": object}).drop(columns=["sku", "weight_kg"])
    frame.loc[0, "cost"] = "free"
    frame.to_csv(tmp_path / "held_out.csv", index=False)
    report = tmp_path / "out" / "report.html"
    result = evaluate_model(EvaluationRequest(fast_bundle, tmp_path / "held_out.csv", report=report))
    assert result.checked.rows_kept == 49
    assert result.rejected == report.parent / "rejected.csv"
    assert "free" in result.rejected.read_text()
    assert "held_out.csv" in report.read_text(encoding="utf-8")


def test_the_prices_may_have_another_name(fast_bundle: Path, tmp_path: Path) -> None:
    frame = listings_frame(50, seed=9).rename(columns={"cost": "sold_for"})
    frame.to_csv(tmp_path / "held_out.csv", index=False)
    with pytest.raises(DataError, match="--price"):
        evaluate_model(EvaluationRequest(fast_bundle, tmp_path / "held_out.csv"))
    result = evaluate_model(EvaluationRequest(fast_bundle, tmp_path / "held_out.csv", price="sold_for"))
    assert result.evaluation.n_rows == 50


def test_listings_that_were_learned_from_are_noticed(fast_bundle: Path, notes: Any) -> None:
    result = evaluate_model(EvaluationRequest(fast_bundle, fast_bundle.parent / "listings.csv"), notes)
    assert any("learned from" in line for line in result.checked.warnings)
    assert any("learned from" in line for line in notes.said)


def test_the_members_read_every_listing_once(fast_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(fast_bundle)
    read: list[int] = []
    lexical = model.members_["lexical"]
    predict = lexical.predict
    monkeypatch.setattr(lexical, "predict", lambda listings: read.append(len(listings)) or predict(listings))
    raw = listings_frame(30, seed=9).drop(columns="sku")
    seen = RawRowPredictor(model, raw)
    asked = raw.sample(20, random_state=0)
    assert seen.predict(asked).tolist() == model.predict(asked).tolist()
    read.clear()
    ends = model.predict_interval(asked.iloc[5:], 0.5)
    np.testing.assert_allclose(seen.predict_interval(asked.iloc[5:], 0.5), ends, rtol=1e-6)
    assert read == [15], "only the model itself has read again"
    assert set(seen.member_predictions(asked)) == {"lexical", "tabular"}
