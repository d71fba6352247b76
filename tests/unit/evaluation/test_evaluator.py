"""The evaluation of a stand-in model whose errors are known."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pricelm.core.errors import DataError
from pricelm.evaluation import metrics as m
from pricelm.evaluation.evaluator import evaluate


class NoisyModel:
    """Misses by log-normal noise of a known size; its intervals are exact for that noise."""

    confidence_level = 0.8

    def __init__(self, prices: pd.Series, sigma: float = 0.3) -> None:
        noise = np.random.default_rng(0).normal(0, sigma, len(prices))
        self.sigma = sigma
        self.predicted = prices * np.exp(noise)
        self.asked: list[tuple[int, float | None]] = []

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return self.predicted.loc[X.index].to_numpy()

    def predict_interval(self, X: pd.DataFrame, confidence_level: float | None = None) -> np.ndarray:
        self.asked.append((len(X), confidence_level))
        reach = stats.norm.ppf(0.5 + (confidence_level or self.confidence_level) / 2) * self.sigma
        prices = self.predict(X)
        return np.column_stack([prices * np.exp(-reach), prices * np.exp(reach)])


class ModelWithMembers(NoisyModel):
    def member_predictions(self, X: pd.DataFrame) -> dict[str, np.ndarray]:
        prices = self.predict(X)
        return {
            "tabular": prices * 1.2,
            "language": prices * 1.1,
            "language (before tuning)": prices * 1.5,
            "lexical": prices * 1.3,
        }


@pytest.fixture(scope="module")
def listings() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 1200
    return pd.DataFrame(
        {
            "price": np.exp(rng.normal(3, 0.8, n)),
            "category": rng.choice(["Food/Tea", "Food/Ink", "Tools", ""], n, p=[0.4, 0.2, 0.36, 0.04]),
            "currency": "EUR",
        },
        index=np.arange(n) * 3 + 7,
    )


def test_rows_are_in_the_order_of_the_tables(listings: pd.DataFrame) -> None:
    n = len(listings)
    baselines = {"ridge": np.full(n, 20.0), "median guess": np.full(n, 21.0)}
    result = evaluate(ModelWithMembers(listings["price"]), listings, baselines=baselines, n_bootstrap=50)
    members = ["lexical", "language before tuning", "language after tuning", "tabular"]
    order = ["median guess", "ridge", *members, "blend"]
    assert list(result.metrics) == order
    table = result.table()
    assert [row["predictor"] for row in table] == order
    assert list(table[0]) == ["predictor", "MAE", "MdAPE", "RMSLE", "R2 (log price)", "blend is"]
    assert [row["blend is"] for row in table][:2] == ["better", "better"]
    assert table[-1]["blend is"] == ""
    assert table[0]["MAE"].startswith("€")


def test_values_are_the_metrics_and_lie_in_their_intervals(listings: pd.DataFrame) -> None:
    model = ModelWithMembers(listings["price"])
    result = evaluate(model, listings, n_bootstrap=200)
    expected = m.regression_metrics(listings["price"], model.predict(listings) * 1.3)
    for name, value in expected.items():
        estimate = result.metrics["lexical"][name]
        assert estimate.value == pytest.approx(value)
        assert estimate.lower < estimate.value < estimate.upper
    gain = result.gains["lexical"]["mae"]
    both = expected["mae"] - m.mae(listings["price"], model.predict(listings))
    assert gain.value == pytest.approx(both)
    assert 0 < result.metrics["blend"]["band_accuracy"].value < 1


def test_intervals_are_held_against_the_level_of_the_model(listings: pd.DataFrame) -> None:
    model = NoisyModel(listings["price"])
    result = evaluate(model, listings, n_bootstrap=100)
    ends = model.predict_interval(listings, 0.8)
    assert result.confidence_level == 0.8
    assert result.coverage.value == pytest.approx(m.coverage(listings["price"], ends[:, 0], ends[:, 1]))
    assert result.coverage.lower < 0.8 < result.coverage.upper
    assert result.mean_width.value == pytest.approx(m.mean_width(ends[:, 0], ends[:, 1]))
    curve = result.calibration_curve
    assert curve["level"].tolist() == [0.5, 0.7, 0.8, 0.9, 0.95]
    assert curve["rows"].tolist() == [500, 500, 1200, 500, 500]
    assert (curve["coverage"] - curve["level"]).abs().max() < 0.07
    assert curve["coverage"].is_monotonic_increasing


def test_only_a_sample_pays_for_the_calibration_curve(listings: pd.DataFrame) -> None:
    model = NoisyModel(listings["price"])
    evaluate(model, listings, n_bootstrap=10)
    assert model.asked[0] == (1200, 0.8)
    assert [rows for rows, _ in model.asked[1:]] == [500] * 4


def test_categories_are_first_levels_and_bands_ascend(listings: pd.DataFrame) -> None:
    result = evaluate(NoisyModel(listings["price"]), listings, n_bootstrap=10)
    assert result.coverage_by_category["group"].tolist() == ["Food", "Tools"]
    assert "(all smaller ones)" in result.metrics_by_category["group"].tolist()
    assert result.coverage_by_band["rows"].tolist() == [240] * 5
    names = result.coverage_by_band["group"].tolist()
    assert names[0].startswith("below") and names[-1].endswith("and more")
    starts = [float(name.split()[0]) for name in names[1:]]
    assert starts == sorted(starts)


def test_duplicate_groups_widen_the_intervals(listings: pd.DataFrame) -> None:
    twice = pd.concat([listings, listings], ignore_index=True)
    model = NoisyModel(twice["price"])
    model.predicted = pd.concat([model.predicted[:1200]] * 2, ignore_index=True)
    alone = evaluate(model, twice, n_bootstrap=300)
    grouped = evaluate(model, twice, groups=np.tile(np.arange(1200), 2), n_bootstrap=300)
    assert (alone.n_groups, grouped.n_groups) == (2400, 1200)
    first, second = alone.metrics["blend"]["mae"], grouped.metrics["blend"]["mae"]
    assert second.upper - second.lower > 1.2 * (first.upper - first.lower)
    first, second = alone.coverage, grouped.coverage
    assert second.upper - second.lower > 1.2 * (first.upper - first.lower)


def test_duplicates_are_found_by_title_when_no_groups_are_given(listings: pd.DataFrame) -> None:
    titled = listings.assign(title=[f"product number {row // 3} of the shop" for row in range(1200)])
    assert evaluate(NoisyModel(listings["price"]), titled, n_bootstrap=10).n_groups < 500
    assert evaluate(NoisyModel(listings["price"]), listings, n_bootstrap=10).n_groups == 1200


def test_the_result_is_json_and_repeats_itself(listings: pd.DataFrame) -> None:
    first = evaluate(ModelWithMembers(listings["price"]), listings, n_bootstrap=50).to_dict()
    second = evaluate(ModelWithMembers(listings["price"]), listings, n_bootstrap=50).to_dict()
    text = json.dumps(first, allow_nan=False)
    assert text == json.dumps(second, allow_nan=False)
    assert json.loads(text)["gains"]["lexical"]["rmsle"]["blend_is"] == "better"
    assert "predictions" not in first


def test_one_listing_has_no_intervals_and_still_no_nan_in_json() -> None:
    one = pd.DataFrame({"price": [10.0]})
    result = evaluate(NoisyModel(one["price"]), one)
    assert np.isnan(result.metrics["blend"]["mae"].lower)
    assert "(" not in result.table()[0]["MAE"]
    json.dumps(result.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"title": ["tea"]}), "expected a 'price' column.*got columns title"),
        (pd.DataFrame({"price": [1.0, np.nan, 0.0]}), "got 2 of 3 without one"),
        (pd.DataFrame({"price": np.array([], dtype=float)}), "at least one listing"),
    ],
)
def test_listings_without_prices_are_refused(frame: pd.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words):
        evaluate(NoisyModel(pd.Series([1.0])), frame)


def test_bands_are_of_predicted_prices_since_actual_ones_would_look_off(listings: pd.DataFrame) -> None:
    model = NoisyModel(listings["price"])
    result = evaluate(model, listings, n_bootstrap=10)
    first_edge = float(result.coverage_by_band["group"].iloc[0].removeprefix("below "))
    assert first_edge == pytest.approx(np.quantile(model.predict(listings), 0.2), abs=0.006)
