"""Off-policy estimators against brute-force expectations, and refusals where the log cannot tell."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from pricelm.core.errors import ConfigError, DataError, SupportError
from pricelm.decisions.dynamic import (
    Guard,
    GuardConfig,
    MarketConfig,
    PolicyConfig,
    RehearsalConfig,
    build_policy,
    example_shop,
    rehearse,
)
from pricelm.decisions.dynamic.decision_log import DecisionLog, log_of, read_log
from pricelm.decisions.dynamic.frozen import learn_from_log
from pricelm.decisions.dynamic.market import market_kind
from pricelm.decisions.dynamic.off_policy import (
    OffPolicyConfig,
    PriceTarget,
    estimates,
    evaluate_target,
    profit_model,
)
from pricelm.knowledge.rule_files import RuleBook

MENU = np.array([4.0, 5.0, 6.0])
UNITS = np.array([9.0, 6.0, 3.0])
CHANCES = np.array([0.2, 0.5, 0.3])


def log_with(columns: np.ndarray, units: np.ndarray, chances: np.ndarray = CHANCES) -> DecisionLog:
    n = len(columns)
    frame = pd.DataFrame(
        {
            "day": np.arange(n),
            "shop": "0",
            "sku": "a",
            "price": MENU[columns],
            "units": units,
            "unit_cost": 2.0,
        }
    )
    return DecisionLog(frame, np.tile(MENU, (n, 1)), np.tile(chances, (n, 1)), columns)


def drawn_log(n: int = 3000, seed: int = 0) -> DecisionLog:
    rng = np.random.default_rng(seed)
    columns = rng.choice(3, n, p=CHANCES)
    return log_with(columns, rng.poisson(UNITS[columns]).astype(float))


@pytest.mark.parametrize("wrongness", [0.0, 0.5, 3.0])
def test_ips_and_doubly_robust_are_unbiased_by_brute_force(wrongness: float) -> None:
    """Every log of three decisions, weighted with its probability; the model of profit may be wrong."""
    wanted = np.tile([0.6, 0.1, 0.3], (3, 1))
    truth = float((wanted[0] * (MENU - 2) * UNITS).sum())
    model = np.tile((MENU - 2) * UNITS * wrongness, (3, 1))
    ips = robust = 0.0
    for choice in product(range(3), repeat=3):
        columns = np.array(choice)
        log = log_with(columns, UNITS[columns])
        weights = wanted[np.arange(3), columns] / CHANCES[columns]
        found = estimates(log, wanted, weights, model, OffPolicyConfig())
        chance = float(CHANCES[columns].prod())
        ips += chance * found.ips.estimate
        robust += chance * found.doubly_robust.estimate
    assert ips == pytest.approx(truth) and robust == pytest.approx(truth)


def test_all_estimators_find_the_value_of_a_price() -> None:
    found = evaluate_target(drawn_log(), PriceTarget({"": 6.1}))
    for value in (found.ips, found.snips, found.doubly_robust):
        assert value.low < 12.0 < value.high
    assert found.effective_decisions == pytest.approx(3000 * 0.3, rel=0.1)
    assert found.mean_weight == pytest.approx(1, abs=0.1) and found.largest_weight == pytest.approx(1 / 0.3)
    # the model takes out what differs between prices, and leaves the noise of the day
    assert found.doubly_robust.high - found.doubly_robust.low <= found.ips.high - found.ips.low


def test_intervals_hold_as_often_as_they_say() -> None:
    held = [
        (found := evaluate_target(drawn_log(400, seed), PriceTarget({"a": 4.0})).doubly_robust).low
        < 18
        < found.high
        for seed in range(150)
    ]
    assert 0.89 <= np.mean(held) <= 0.995


def test_the_model_of_profit_is_a_curve_through_the_units() -> None:
    model = profit_model(drawn_log(), 3)
    # a log-linear curve by hand: the slope between the outer prices is about ln(3 / 9) / ln(6 / 4)
    assert model[0] == pytest.approx((MENU - 2) * UNITS, rel=0.2)


def test_missing_support_is_refused_by_name() -> None:
    columns = np.arange(300) % 2
    log = log_with(columns, UNITS[columns], np.array([0.5, 0.5, 0.0]))
    with pytest.raises(SupportError, match=r"100% of the new one's .* no chance"):
        evaluate_target(log, PriceTarget({"": 6.0}))
    single = log_with(np.zeros(300, dtype=int), np.full(300, 9.0), np.array([1.0, 0.0, 0.0]))
    with pytest.raises(SupportError, match="only one price was possible"):
        evaluate_target(single, PriceTarget({"": 4.0}))
    with pytest.raises(SupportError, match="effective sample"):
        evaluate_target(drawn_log(60), PriceTarget({"": 4.0}))
    with pytest.raises(ConfigError, match="none for 'a'"):
        evaluate_target(drawn_log(60), PriceTarget({"b": 4.0}))
    with pytest.raises(ConfigError, match="folds"):
        OffPolicyConfig(folds=1)


@pytest.fixture(scope="module")
def logged() -> DecisionLog:
    course = rehearse(
        Guard(example_shop(), RuleBook(), GuardConfig(1)),
        market_kind("stationary"),
        [lambda scene: build_policy("thompson", scene, PolicyConfig(0.8))],
        RehearsalConfig(8, MarketConfig(150, elasticity_spread=0.0)),
        keep_log=True,
    )[0]
    return log_of(course, example_shop())


def test_a_rehearsed_log_tells_the_value_of_another_price(logged: DecisionLog) -> None:
    found = evaluate_target(logged, PriceTarget({"": 9.06}))
    # half of the replications are log-linear, half logistic
    first = 30 * 0.906**-2.5
    second = 30 / 0.3 / (1 + np.exp(-(np.log(0.3 / 0.7) - 2.5 / 0.7 * (0.906 - 1))))
    truth = (9.06 - 5.5) * (first + second) / 2
    assert found.doubly_robust.low < truth < found.doubly_robust.high


def test_a_log_survives_being_stored(logged: DecisionLog) -> None:
    again = read_log(logged.table())
    assert np.allclose(again.prices, logged.prices, atol=1e-4)
    assert np.allclose(again.propensities, logged.propensities, atol=1e-5)
    assert np.array_equal(again.column, logged.column) and np.allclose(again.profit, logged.profit)


def test_a_policy_learns_from_the_first_half_and_is_judged_by_the_rest(logged: DecisionLog) -> None:
    target, rest = learn_from_log(logged, "thompson")
    assert rest.frame["day"].min() == 75 and len(rest) == 8 * 75
    chances = target.probabilities(rest)
    assert np.allclose(chances.sum(axis=1), 1) and (chances[rest.propensities == 0] == 0).all()
    found = evaluate_target(rest, target)
    assert found.doubly_robust.estimate > found.logged.estimate
    with pytest.raises(ConfigError, match="leaves some on both sides"):
        learn_from_log(logged, "thompson", 1.0)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("prices", "[4, 5", "JSON list"),
        ("prices", "[" * 9000, "JSON list"),
        ("prices", "[4.0, NaN, 6.0]", "finite"),
        ("propensities", "[0.5, 0.5]", "a probability for each"),
        ("propensities", "[0.5, 0.1, 0.1]", "sum to 1"),
        ("propensities", "[1.5, -0.5, 0.0]", "0 or more"),
        ("propensities", "[0.0, 0.5, 0.5]", "a probability above 0"),
        ("price", "7.77", "one of the prices"),
        ("units", "-3", "0 or more"),
        ("day", "today", "0 or more"),
    ],
)
def test_a_wrong_log_is_refused_with_its_row(column: str, value: str, message: str) -> None:
    table = log_with(np.array([0, 0]), np.array([9.0, 9.0])).table().astype(str)
    table.loc[1, column] = value
    with pytest.raises(DataError, match=rf"row 2 .*{message}"):
        read_log(table)
    with pytest.raises(DataError, match="none named 'propensities'"):
        read_log(table.drop(columns="propensities"))
    with pytest.raises(DataError, match="empty"):
        read_log(table.iloc[:0])
