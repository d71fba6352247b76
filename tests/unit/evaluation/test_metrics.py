"""Metrics against scikit-learn, hand-worked numbers and impossible input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from pricelm.core.errors import DataError
from pricelm.evaluation import metrics as m

PRICES = st.floats(0.01, 1e6, allow_nan=False)
PAIRS = st.lists(st.tuples(PRICES, PRICES), min_size=2, max_size=40).map(lambda rows: np.array(rows).T)

ORACLES = {
    "mse": sk.mean_squared_error,
    "rmse": sk.root_mean_squared_error,
    "mae": sk.mean_absolute_error,
    "mape": sk.mean_absolute_percentage_error,
    "mdape": lambda a, p: np.median(np.abs(a - p) / a),
    "wape": lambda a, p: np.abs(a - p).sum() / a.sum(),
    "rmsle": sk.root_mean_squared_log_error,
    "r2": sk.r2_score,
    "r2_log": lambda a, p: sk.r2_score(np.log1p(a), np.log1p(p)),
}


def test_every_metric_has_an_oracle() -> None:
    assert set(ORACLES) == set(m.METRICS)


@pytest.mark.parametrize("name", sorted(ORACLES))
@settings(deadline=None, max_examples=50)
@given(pair=PAIRS)
def test_metric_equals_scikit_learn(name: str, pair: np.ndarray) -> None:
    actual, predicted = pair
    if name.startswith("r2") and len(set(actual)) == 1:
        return
    assert m.METRICS[name](actual, predicted) == pytest.approx(ORACLES[name](actual, predicted), rel=1e-9)


def test_regression_metrics_has_all_of_them() -> None:
    found = m.regression_metrics([10.0, 20.0], [11.0, 18.0])
    assert list(found) == list(m.METRICS)
    assert found["mae"] == pytest.approx(1.5)


def test_r2_of_equal_prices_is_not_a_number() -> None:
    assert np.isnan(m.r2([5, 5], [5, 6]))
    assert np.isnan(m.r2_log([5, 5], [5, 6]))


def test_band_accuracy_puts_an_edge_into_the_upper_band() -> None:
    assert m.band_accuracy([10, 10, 9.99], [10.5, 9.5, 9], edges=[10]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.9])
def test_pinball_loss_equals_scikit_learn(quantile: float) -> None:
    rng = np.random.default_rng(0)
    actual, predicted = rng.random(50), rng.random(50)
    expected = sk.mean_pinball_loss(actual, predicted, alpha=quantile)
    assert m.pinball_loss(actual, predicted, quantile) == pytest.approx(expected)


def test_coverage_counts_the_ends_as_inside() -> None:
    assert m.coverage([1, 2, 3, 4], [1, 0, 3.5, 0], [2, 2, 9, 3.9]) == 0.5
    assert m.mean_width([1, 2], [2, 5]) == 2.0


@pytest.mark.parametrize(
    ("actual", "predicted", "words"),
    [
        ([1, 2], [1], "same shape"),
        ([], [], "at least one row"),
        ([1, np.nan], [1, 2], "actual price to be finite"),
        ([1, 2], [1, np.inf], "predicted price to be finite"),
    ],
)
@pytest.mark.parametrize("name", sorted(ORACLES))
def test_unusable_prices_are_named(name: str, actual: list, predicted: list, words: str) -> None:
    with pytest.raises(DataError, match=words):
        m.METRICS[name](actual, predicted)


def test_negative_predictions_have_no_logarithm() -> None:
    with pytest.raises(DataError, match="at least 0"):
        m.rmsle([1.0, 2.0], [1.0, -0.5])


def test_nothing_is_a_percentage_of_zero() -> None:
    for function in (m.mape, m.mdape):
        with pytest.raises(DataError, match="positive actual prices"):
            function([0.0, 2.0], [1.0, 2.0])
    with pytest.raises(DataError, match="positive sum"):
        m.wape([0.0, 0.0], [1.0, 2.0])


def test_bands_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(DataError, match="ascending"):
        m.band_accuracy([1], [1], edges=[5, 5])


def test_advice_follows_the_spread_of_prices() -> None:
    rng = np.random.default_rng(0)
    assert m.advise_metric(rng.normal(100, 10, 500)).startswith("Use MAE")
    wide = m.advise_metric(np.exp(rng.normal(4, 1.2, 500)))
    assert wide.startswith("Use RMSLE") and "below 1" not in wide
    assert "below 1" in m.advise_metric(np.exp(rng.normal(0, 1.2, 500)))
