"""Bootstrap intervals against closed forms, brute force and a stopwatch."""

from __future__ import annotations

import numpy as np
import pytest

from pricelm.core.errors import ConfigError, DataError
from pricelm.evaluation import bootstrap as bs
from pricelm.evaluation.metrics import METRICS
from pricelm.evaluation.sums import SUM_METRICS


def noisy_prices(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    actual = np.exp(rng.normal(3.0, 1.0, n))
    return actual, actual * np.exp(rng.normal(0.0, 0.3, n))


def test_interval_of_a_mean_is_the_closed_form() -> None:
    error = np.random.default_rng(1).normal(10.0, 2.0, 2000)
    # the MAE of predictions that are too high by `error` is the mean of `error`
    low, high = bs.bootstrap_interval(np.full(2000, 5.0), 5.0 + error, "mae", None, bs.Resampling(n=4000))
    half = 1.96 * error.std() / np.sqrt(2000)
    assert low == pytest.approx(error.mean() - half, abs=0.08 * half)
    assert high == pytest.approx(error.mean() + half, abs=0.08 * half)


def test_duplicated_rows_do_not_count_as_evidence() -> None:
    actual, predicted = noisy_prices(400)
    copies = 4
    groups = np.repeat(np.arange(400), copies)
    many_actual, many_predicted = np.repeat(actual, copies), np.repeat(predicted, copies)
    for metric in ("mae", "mdape"):
        low, high = bs.bootstrap_interval(actual, predicted, metric)
        naive_low, naive_high = bs.bootstrap_interval(many_actual, many_predicted, metric)
        cluster_low, cluster_high = bs.bootstrap_interval(many_actual, many_predicted, metric, groups)
        assert (cluster_high - cluster_low) == pytest.approx(high - low, rel=0.1)
        assert (cluster_high - cluster_low) > 1.6 * (naive_high - naive_low)


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_fast_replicates_equal_the_plain_metric_on_the_drawn_rows(metric: str) -> None:
    actual, predicted = noisy_prices(60)
    groups = np.random.default_rng(3).integers(0, 25, 60)
    fast = bs.resample(actual, {"a": predicted}, {"it": metric}, groups, bs.Resampling(n=50))
    plain = bs.resample(actual, {"a": predicted}, {"it": METRICS[metric]}, groups, bs.Resampling(n=50))
    np.testing.assert_allclose(fast.values["a"]["it"], plain.values["a"]["it"], rtol=1e-9)
    assert len(set(fast.values["a"]["it"])) > 20
    assert fast.values["a"]["it"][0] == pytest.approx(METRICS[metric](actual, predicted))


def test_every_metric_has_a_fast_form() -> None:
    assert {*SUM_METRICS, "mdape"} == set(METRICS)


def test_small_chunks_change_nothing_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    actual, predicted = noisy_prices(100)
    whole = bs.resample(actual, {"a": predicted}, {"mae": "mae"}, None, bs.Resampling(n=101))
    monkeypatch.setattr(bs, "_CHUNK_CELLS", 1000)
    parts = bs.resample(actual, {"a": predicted}, {"mae": "mae"}, None, bs.Resampling(n=101))
    np.testing.assert_allclose(parts.values["a"]["mae"], whole.values["a"]["mae"])
    assert parts.values["a"]["mae"].shape == (102,)


def test_same_seed_same_interval_and_another_seed_another() -> None:
    actual, predicted = noisy_prices(100)
    first = bs.bootstrap_interval(actual, predicted, "rmsle", None, bs.Resampling(seed=1))
    assert first == bs.bootstrap_interval(actual, predicted, "rmsle", None, bs.Resampling(seed=1))
    assert first != bs.bootstrap_interval(actual, predicted, "rmsle", None, bs.Resampling(seed=2))


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for seed in range(200):
        error = rng.exponential(1.0, 150)
        low, high = bs.bootstrap_interval(
            np.full(150, 9.0), 9.0 + error, "mae", None, bs.Resampling(n=300, level=0.9, seed=seed)
        )
        hits += low <= 1.0 <= high
    assert 0.83 <= hits / 200 <= 0.95


@pytest.mark.parametrize("metric", ["mae", "r2_log"])
def test_difference_is_positive_when_the_first_is_better(metric: str) -> None:
    actual, worse = noisy_prices(500)
    better = np.sqrt(actual * worse)
    gain = bs.paired_difference(actual, better, worse, metric)
    assert gain.value > 0 and bs.verdict(gain) == "better"
    assert bs.verdict(bs.paired_difference(actual, worse, better, metric)) == "worse"
    same_size = actual * np.random.default_rng(2).permutation(worse / actual)
    assert bs.verdict(bs.paired_difference(actual, same_size, worse, metric)) == "equal"


def test_pairing_makes_the_difference_sharper() -> None:
    actual, predicted = noisy_prices(300)
    low, high = bs.bootstrap_interval(actual, predicted, "mae")
    gain = bs.paired_difference(actual, predicted, actual + (predicted - actual) * 1.1, "mae")
    assert gain.upper - gain.lower < 0.2 * (high - low)


def test_one_group_gives_no_interval() -> None:
    actual, predicted = noisy_prices(5)
    drawn = bs.resample(actual, {"a": predicted}, {"mae": "mae"}, np.zeros(5))
    estimate = drawn.estimate("a", "mae")
    assert estimate.value > 0 and np.isnan(estimate.lower) and np.isnan(estimate.upper)
    assert bs.verdict(drawn.difference("a", "a", "mae")) == "equal"


def test_resamples_of_equal_prices_are_left_out_of_r2() -> None:
    actual = np.array([3.3] * 5 + [9.7])
    # a third of the resamples miss the last row; their spread is rounding noise, not zero
    low, high = bs.bootstrap_interval(actual, actual * 1.01, "r2")
    assert 0.99 < low <= high < 1.0


def test_wrong_input_is_named() -> None:
    with pytest.raises(ConfigError, match=r"metric out of .*mdape.*got 'maee'"):
        bs.bootstrap_interval([1.0], [1.0], "maee")
    with pytest.raises(DataError, match="one duplicate group for each of 2"):
        bs.bootstrap_interval([1.0, 2.0], [1.0, 2.0], "mae", [1])
    with pytest.raises(ConfigError, match="at least 2 resamples"):
        bs.Resampling(n=1)
    with pytest.raises(ConfigError, match="level between 0 and 1"):
        bs.Resampling(level=95)
