"""The measures of the demand benchmark, on data whose answer is known."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks.choice_panels import household_folds
from benchmarks.demand import gain_area
from benchmarks.twin_markets import Size, response, scenarios, twins
from pricelm.decisions.demand.choice import ChoicePanel

SMALL = Size(products=6, stores=3, weeks=20, judged_weeks=4)


def test_ranking_by_the_true_response_gains_and_the_reverse_loses() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(-4, 0, 2000)
    price = rng.uniform(3, 10, 2000)
    table = pd.DataFrame({"price": price, "sales": 100 + true * price + rng.normal(size=2000)})
    assert gain_area(table, true) < -0.3
    assert gain_area(table, -true) > 0.3
    assert abs(gain_area(table, rng.normal(size=2000))) < 0.1


def test_twins_share_their_truth_and_differ_in_what_prices_follow() -> None:
    both = twins(1, Size(products=6, stores=8, weeks=60, judged_weeks=10))
    confounded, other = both["confounded"], both["unconfounded"]
    assert (confounded.own == other.own).all()
    assert confounded.sales["price"].std() == pytest.approx(other.sales["price"].std(), rel=0.05)
    expected = np.log(confounded.sales["mean"]) - np.log(other.sales["mean"])
    assert np.abs(expected).max() > 0.05
    training = confounded.training()
    assert "mean" not in training.sales and len(training.sales) == 6 * 8 * 50


def test_a_scenario_moves_units_by_the_true_elasticity() -> None:
    market = twins(1, SMALL)["confounded"]
    moves, key = scenarios(market, 3)
    assert len(moves) == 32
    name, products, share = moves[0]
    rows = key[key["intervention_id"] == name]
    assert (rows["q_cf"] / rows["q"]).to_numpy() == pytest.approx((1 + share) ** market.own[products[0]])
    own, rival = np.array([-2.0, -1.0, -1.0]), np.array([0.5, 0.0, 0.0])
    assert response(own, rival, 0, np.array([0, 1]), 0.1) == pytest.approx(1.1 ** (-2 + 0.25))


def test_a_household_is_judged_once_and_never_learned_from_then() -> None:
    n = 50
    panel = ChoicePanel(np.zeros(n, int), np.arange(n) // 4, np.ones((n, 2)), np.empty((n, 2, 0)), ("a", "b"))
    judged = []
    for learn, judge in household_folds(panel, 0):
        assert not set(panel.household[learn]) & set(panel.household[judge])
        judged += judge.tolist()
    assert sorted(judged) == list(range(n))


def test_the_benchmark_says_when_a_package_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks.demand import main

    monkeypatch.setitem(sys.modules, "pyblp", None)
    assert main(["--only", "nevo"]) == 2
    assert "nevo: cannot be measured here" in capsys.readouterr().err
