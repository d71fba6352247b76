"""Designs of price tests: the power formula against simulation and another library; refusals."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower

from pricelm.core.errors import ConfigError
from pricelm.decisions.dynamic.price_tests import (
    TrialNoise,
    TrialPlan,
    difference_error,
    mean_variance,
    shortest_test,
    simulated_power,
    trial_power,
)


@pytest.mark.parametrize(
    ("plan", "noise", "effect"),
    [
        (TrialPlan("switchback", 112), TrialNoise(0.25), 0.12),
        (TrialPlan("switchback", 60, block_days=3, washout_days=0), TrialNoise(0.2, 0.7), 0.1),
        (TrialPlan("switchback", 84, block_days=7, washout_days=2), TrialNoise(0.2, 0.5), -0.1),
        (TrialPlan("cluster", 14, clusters=16), TrialNoise(0.3, 0.4, 0.1), 0.15),
        (TrialPlan("cluster", 28, clusters=40), TrialNoise(0.2, 0.0, 0.2), 0.12),
    ],
)
def test_the_formula_agrees_with_simulated_tests(plan: TrialPlan, noise: TrialNoise, effect: float) -> None:
    found = trial_power(plan, noise, effect)
    assert 0.2 < found.power < 0.95
    assert simulated_power(plan, noise, effect, runs=3000, seed=1) == pytest.approx(found.power, abs=0.03)


def test_without_an_effect_the_alarm_is_false_as_often_as_stated() -> None:
    for plan in (TrialPlan("switchback", 112), TrialPlan("cluster", 28)):
        assert simulated_power(plan, TrialNoise(0.2, 0.3, 0.1), 0.0, runs=4000) == pytest.approx(
            0.05, abs=0.012
        )


def test_without_correlation_it_is_the_t_test_of_another_library() -> None:
    plan, noise = TrialPlan("cluster", 10, clusters=24), TrialNoise(0.3, 0.0, 0.15)
    size = np.log1p(0.1) / np.sqrt(0.15**2 + 0.3**2 / 10)
    theirs = TTestIndPower().power(size, 12, 0.05)
    assert trial_power(plan, noise, 0.1).power == pytest.approx(theirs, rel=1e-9)


def test_the_variance_of_a_mean_is_that_of_the_covariance_matrix() -> None:
    lags = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    assert mean_variance(6, 0.4, 0.6) == pytest.approx(0.16 * (0.6**lags).mean())
    # the error of a switchback from the whole covariance matrix of its days, averaged over assignments
    plan = TrialPlan("switchback", 32, block_days=4, washout_days=1)
    lags = np.abs(np.subtract.outer(np.arange(32), np.arange(32)))
    days = 0.09 * 0.8**lags
    means = np.kron(np.eye(8), np.array([0, 1, 1, 1]) / 3)
    blocks = means @ days @ means.T
    spread = (np.trace(blocks) - (blocks.sum() - np.trace(blocks)) / 7) / 8
    assert difference_error(plan, TrialNoise(0.3, 0.8)) == pytest.approx(np.sqrt(4 * spread / 8))


def test_the_shortest_test_is_the_shortest() -> None:
    noise = TrialNoise(0.25)
    found = shortest_test(TrialPlan("switchback", 700), noise, 0.1, 0.8)
    shorter = trial_power(TrialPlan("switchback", found.plan.days - 14), noise, 0.1)
    assert found.power >= 0.8 > shorter.power
    seen = trial_power(found.plan, noise, found.detectable)
    assert seen.power == pytest.approx(0.8, abs=1e-6)
    with pytest.raises(ConfigError, match=r"sees \+"):
        shortest_test(TrialPlan("switchback", 56), noise, 0.01)


def test_a_split_of_customers_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigError, match=r"two prices of one product at the same time.*biased.*switchback"):
        TrialPlan("user", 28)


def test_wrong_plans_are_refused() -> None:
    for words, message in (
        ({"design": "magic", "days": 28}, "a design of"),
        ({"design": "switchback", "days": 0}, "days"),
        ({"design": "switchback", "days": 14}, "4 blocks"),
        ({"design": "switchback", "days": 70, "washout_days": 7}, "washout"),
        ({"design": "cluster", "days": 28, "clusters": 2}, "4 blocks or clusters"),
    ):
        with pytest.raises(ConfigError, match=message):
            TrialPlan(**words)
    with pytest.raises(ConfigError, match="daily noise"):
        TrialNoise(0.0)
    with pytest.raises(ConfigError, match="effect"):
        trial_power(TrialPlan("cluster", 28), TrialNoise(0.2), 0.0)
