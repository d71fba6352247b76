"""The demo trains once, and the second time the model is at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pricelm.catalog.columns import ColumnMap
from pricelm.catalog.shops import Shop
from pricelm.services import demo
from pricelm.services.demo import DemoRequest, run_demo
from tests.generated_listings import listings_frame

COLUMNS = ColumnMap(
    listing_id="sku", title="name", brand="maker", category="group", price="cost", numeric=("weight_kg",)
)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A small shop instead of the embedded one; returns what it was asked for."""
    asked: list[dict[str, Any]] = []

    def load_shop(name: str, **options: Any) -> Shop:
        asked.append({"name": name, **options})
        new = listings_frame(3, seed=8).drop(columns="cost")
        return Shop(name, listings_frame(120), COLUMNS, new, "USD", "Made up.")

    monkeypatch.setattr(demo, "load_shop", load_shop)
    return asked


def no_training(*_: object) -> Any:
    raise AssertionError("it trains again")


def test_the_second_run_answers_from_the_saved_model(
    shop: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = DemoRequest(out=tmp_path / "demo", preset="fast")
    first = run_demo(request)
    assert first.trained and len(first.quoted) == 3
    assert first.quoted[0].quote.estimate.currency == "USD"
    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert first.quoted[0].title in page and "Made up." in page
    monkeypatch.setattr(demo, "fit_and_measure", no_training)
    second = run_demo(request)
    assert not second.trained
    for one, other in zip(first.quoted, second.quoted, strict=True):
        assert one.quote.estimate.predicted_price == pytest.approx(
            other.quote.estimate.predicted_price, rel=1e-6
        )
    assert second.metrics["table"] == first.metrics["table"]
    assert json.loads(json.dumps(second.to_dict()))["quotes"][0]["comparables"]
    assert shop[0] == {"name": "grocery", "rows": None, "seed": 0}


@pytest.mark.parametrize(
    "request_again",
    [
        {"seed": 1},
        {"retrain": True},
        {"shop": "electronics"},
    ],
)
def test_other_options_train_again(
    shop: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_again: dict[str, Any]
) -> None:
    monkeypatch.setattr(demo, "fit_and_measure", no_training)
    monkeypatch.setattr(demo, "load_model", lambda path: pytest.fail("it was loaded"))
    marks = demo._marks(DemoRequest(preset="fast"), demo.load_shop("grocery"))
    (tmp_path / "demo.json").write_text(json.dumps(marks))
    (tmp_path / "report.html").write_text("")
    with pytest.raises(AssertionError, match="trains again"):
        run_demo(DemoRequest(**{"out": tmp_path, "preset": "fast", **request_again}))


def test_a_broken_model_is_trained_again(
    shop: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: Any
) -> None:
    monkeypatch.setattr(demo, "fit_and_measure", no_training)
    marks = demo._marks(DemoRequest(preset="fast"), demo.load_shop("grocery"))
    (tmp_path / "demo.json").write_text(json.dumps(marks))
    (tmp_path / "report.html").write_text("")
    with pytest.raises(AssertionError, match="trains again"):
        run_demo(DemoRequest(out=tmp_path, preset="fast"), notes)
    assert any(line.startswith("training again") for line in notes.said)


def test_the_grocery_is_larger_where_tuning_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    from pricelm.language import runtime
    from pricelm.services.training import TrainingOptions

    rows = {}
    for native in (True, False):
        monkeypatch.setattr(runtime, "has_native_bf16", lambda device, native=native: native)
        rows[native] = demo._rows("grocery", TrainingOptions())
    assert rows[True] > rows[False] > 1000
    assert demo._rows("electronics", TrainingOptions()) is None
