"""Intervals: coverage on simulated noise, within groups, against MAPIE, and at other levels."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from mapie.regression import SplitConformalRegressor
from sklearn.base import BaseEstimator, RegressorMixin

from pricelm.models.calibration import Calibration, IntervalInputs

LEVEL = 0.9
# Below 400 rows no quantile model is fitted and the width is constant within a group.
ROWS_OF_CONSTANT_WIDTH = 399


def simulated(
    n: int, *, seed: int, spreads: dict[str, float] | None = None
) -> tuple[IntervalInputs, np.ndarray, np.ndarray]:
    """Return inputs, true log prices, and the standard deviation of each row's noise."""
    random = np.random.default_rng(seed)
    predicted = random.uniform(1.0, 6.0, n)
    if spreads is None:
        category = np.full(n, "all", dtype=object)
        disagreement = random.uniform(0.05, 0.5, n)
        deviation = disagreement * (1 + predicted / 6)
    else:
        category = random.choice(list(spreads), n).astype(object)
        disagreement = np.full(n, 0.1)
        deviation = np.array([spreads[name] for name in category])
    inputs = IntervalInputs(predicted, disagreement, np.full(n, 30.0), category)
    return inputs, predicted + random.normal(0, 1, n) * deviation, deviation


def covered(interval: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return (interval[:, 0] <= truth) & (truth <= interval[:, 1])


def tolerance(n_calibration: int, n_test: int, level: float = LEVEL) -> float:
    """Three standard deviations of coverage: the test's binomial and the calibration's beta noise."""
    return 3 * float(np.sqrt(level * (1 - level) * (1 / n_calibration + 1 / n_test)))


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_heteroscedastic_noise_is_covered_at_every_level(level: float) -> None:
    inputs, truth, _ = simulated(2000, seed=0)
    new, new_truth, _ = simulated(6000, seed=1)
    interval = Calibration(level).fit(inputs, truth).interval(new)
    assert abs(covered(interval, new_truth).mean() - level) < tolerance(2000, 6000, level)


def test_a_level_other_than_the_fitted_one_is_covered_too() -> None:
    inputs, truth, _ = simulated(2000, seed=0)
    new, new_truth, _ = simulated(6000, seed=1)
    interval = Calibration(0.9).fit(inputs, truth).interval(new, 0.7)
    assert abs(covered(interval, new_truth).mean() - 0.7) < tolerance(2000, 6000, 0.7)


def test_noisy_rows_get_wider_intervals() -> None:
    inputs, truth, _ = simulated(2000, seed=0)
    new, _, deviation = simulated(1000, seed=1)
    interval = Calibration(LEVEL).fit(inputs, truth).interval(new)
    width = interval[:, 1] - interval[:, 0]
    assert np.corrcoef(width, deviation)[0, 1] > 0.9


@pytest.mark.parametrize("n", [ROWS_OF_CONSTANT_WIDTH, 3000])
def test_every_group_is_covered_where_plain_split_conformal_misses(n: int) -> None:
    spreads = {"quiet": 0.05, "loud": 0.6}
    inputs, truth, _ = simulated(n, seed=0, spreads=spreads)
    new, new_truth, _ = simulated(8000, seed=1, spreads=spreads)
    interval = Calibration(LEVEL, shrink=False).fit(inputs, truth).interval(new)
    one_width = np.quantile(np.abs(truth - inputs.predicted), LEVEL)
    plain = np.abs(new_truth - new.predicted) <= one_width
    for name in spreads:
        rows = new.category == name
        # three price bands share a category, so each is calibrated on a third of its rows
        allowed = tolerance(int(np.sum(inputs.category == name)), int(rows.sum()))
        assert abs(covered(interval, new_truth)[rows].mean() - LEVEL) < allowed
        assert abs(plain[rows].mean() - LEVEL) > allowed


def test_every_price_band_is_covered() -> None:
    random = np.random.default_rng(5)

    def draw(n: int) -> tuple[IntervalInputs, np.ndarray]:
        predicted = random.uniform(0, 3, n)
        truth = predicted + random.normal(0, 1, n) * np.where(predicted > 2, 0.8, 0.1)
        return IntervalInputs(predicted, np.zeros(n), np.zeros(n), np.full(n, "", dtype=object)), truth

    inputs, truth = draw(ROWS_OF_CONSTANT_WIDTH)
    new, new_truth = draw(6000)
    inside = covered(Calibration(LEVEL, shrink=False).fit(inputs, truth).interval(new), new_truth)
    for band in (new.predicted < 0.9, new.predicted > 2.1):
        assert abs(inside[band].mean() - LEVEL) < tolerance(ROWS_OF_CONSTANT_WIDTH // 3, int(band.sum()))


class Passing(RegressorMixin, BaseEstimator):
    """Predicts its only feature, which is how MAPIE is told predictions that exist already."""

    fitted_ = True

    def fit(self, X: np.ndarray, y: np.ndarray) -> Passing:
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(X)[:, 0]


@pytest.mark.parametrize("n", [60, 61, 200, ROWS_OF_CONSTANT_WIDTH])
@pytest.mark.parametrize("level", [0.7, 0.9])
def test_constant_width_equals_the_split_conformal_interval_of_mapie(n: int, level: float) -> None:
    inputs, truth, _ = simulated(n, seed=n)
    new, _, _ = simulated(300, seed=n + 1)
    calibration = Calibration(level, shrink=False).fit(inputs, truth)
    interval = calibration.interval(new)
    edges = np.quantile(inputs.predicted, [1 / 3, 2 / 3])
    # our groups are the three price bands; MAPIE knows one group, so it is asked once a band
    for band in range(3):
        ours = np.searchsorted(edges, inputs.predicted, side="right") == band
        theirs = np.searchsorted(edges, new.predicted, side="right") == band
        oracle = SplitConformalRegressor(
            Passing(), confidence_level=level, conformity_score="absolute", prefit=True
        ).conformalize(inputs.predicted[ours][:, None], truth[ours])
        _, expected = oracle.predict_interval(new.predicted[theirs][:, None])
        np.testing.assert_allclose(interval[theirs], expected[:, :, 0], rtol=0, atol=1e-9)


def test_one_price_for_all_is_one_group_and_equals_mapie() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(2.0, 0.5, 150)
    inputs = IntervalInputs(np.full(150, 2.0), np.zeros(150), np.zeros(150), np.full(150, "", dtype=object))
    interval = Calibration(LEVEL, shrink=False).fit(inputs, truth).interval(inputs)
    oracle = SplitConformalRegressor(
        Passing(), confidence_level=LEVEL, conformity_score="absolute", prefit=True
    ).conformalize(inputs.predicted[:, None], truth)
    _, expected = oracle.predict_interval(inputs.predicted[:, None])
    np.testing.assert_allclose(interval, expected[:, :, 0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("n", [ROWS_OF_CONSTANT_WIDTH, 1200])
@pytest.mark.parametrize("shrink", [True, False])
def test_higher_levels_hold_the_lower_ones(n: int, shrink: bool) -> None:
    inputs, truth, _ = simulated(n, seed=0, spreads={"quiet": 0.1, "loud": 0.5})
    new, _, _ = simulated(200, seed=1, spreads={"quiet": 0.1, "loud": 0.5, "unknown": 0.3})
    calibration = Calibration(LEVEL, shrink=shrink).fit(inputs, truth)
    levels = [0.05, 0.3, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999]
    intervals = [calibration.interval(new, level) for level in levels]
    for narrow, wide in pairwise(intervals):
        assert (wide[:, 0] <= narrow[:, 0]).all()
        assert (narrow[:, 1] <= wide[:, 1]).all()
    assert (intervals[0][:, 0] <= new.predicted).all()
    assert (new.predicted <= intervals[0][:, 1]).all()
    assert (intervals[-1][:, 1] > intervals[0][:, 1]).all()


def test_a_small_group_borrows_from_the_large_ones() -> None:
    random = np.random.default_rng(0)
    n_large, n_small = 330, 30
    n = n_large + n_small
    category = np.array(["large"] * n_large + ["small"] * n_small, dtype=object)
    residual = random.normal(0, 1, n) * np.where(category == "small", 1.0, 0.1)
    predicted = random.uniform(0, 3, n)
    inputs = IntervalInputs(predicted, np.zeros(n), np.zeros(n), category)
    widths = {}
    for shrink in (True, False):
        interval = Calibration(LEVEL, shrink=shrink).fit(inputs, predicted + residual).interval(inputs)
        widths[shrink] = float((interval[:, 1] - interval[:, 0])[category == "small"].mean())
    everyone = 2 * float(np.quantile(np.abs(residual), LEVEL))
    assert everyone < widths[True] < widths[False]


def test_an_unseen_category_gets_the_interval_of_all() -> None:
    inputs, truth, _ = simulated(300, seed=0, spreads={"quiet": 0.1, "loud": 0.5})
    calibration = Calibration(LEVEL).fit(inputs, truth)
    n = 50
    new = IntervalInputs(np.linspace(1, 6, n), np.zeros(n), np.zeros(n), np.full(n, "unseen", dtype=object))
    half_width = np.diff(calibration.interval(new), axis=1)[:, 0] / 2
    # all bands of an unseen category read the same scores: those of everybody
    assert half_width == pytest.approx(np.full(n, half_width[0]))
    assert half_width[0] == pytest.approx(np.quantile(np.abs(truth - inputs.predicted), LEVEL), rel=0.1)


@pytest.mark.parametrize("n", [5, ROWS_OF_CONSTANT_WIDTH, 800])
def test_a_saved_calibration_gives_the_same_intervals(n: int, tmp_path: Path) -> None:
    inputs, truth, _ = simulated(n, seed=0, spreads={"ruhig": 0.1, "大": 0.5})
    new, _, _ = simulated(200, seed=1, spreads={"ruhig": 0.1, "大": 0.5, "other": 1.0})
    calibration = Calibration(0.8).fit(inputs, truth)
    calibration.save(tmp_path / "calibration")
    loaded = Calibration.load(tmp_path / "calibration")
    for level in (None, 0.6, 0.95):
        np.testing.assert_array_equal(loaded.interval(new, level), calibration.interval(new, level))
    assert {file.suffix for file in (tmp_path / "calibration").iterdir()} <= {".json", ".safetensors", ".txt"}


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others() -> None:
    inputs, truth, _ = simulated(800, seed=0)
    first, again, other = (
        Calibration(LEVEL).fit(inputs, truth, seed=seed).interval(inputs) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
