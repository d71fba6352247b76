"""The stop rule of a canary: rarely wrong however often one looks, and quick when it matters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricelm.serving.canary import _BETS, ever_worse, judge_canary


def test_the_wealth_is_that_of_the_gamblers_counted_one_by_one() -> None:
    differences = np.random.default_rng(0).uniform(-1, 1, 200) + 0.2
    wealth, highest = np.ones(len(_BETS)), 0.0
    for difference in np.clip(differences, -1, 1):
        wealth *= 1 + _BETS * difference
        highest = max(highest, float(wealth.mean()))
    assert ever_worse(differences, alpha=1 / (highest * 0.999))
    assert not ever_worse(differences, alpha=1 / (highest * 1.001))


def test_an_equal_model_is_rarely_stopped_though_one_looks_after_every_outcome() -> None:
    """Skewed errors, 2,000 outcomes, 1,000 trials: false stops stay below alpha."""
    random = np.random.default_rng(1)
    stops = 0
    for _ in range(1000):
        errors = np.abs(random.standard_t(3, (2, 2000))) * 0.2
        stops += ever_worse(errors[0] - errors[1], alpha=0.05)
    # a test at a fixed time with alpha .05 that is looked at after each outcome stops about half of them
    assert stops / 1000 <= 0.05


def test_a_worse_model_is_stopped_soon() -> None:
    random = np.random.default_rng(2)
    needed = []
    for _ in range(50):
        active = np.abs(random.normal(0, 0.4, 1500))
        worse = np.abs(random.normal(0, 0.6, 1500))
        differences = worse - active
        needed.append(next(n for n in range(30, 1500, 10) if ever_worse(differences[:n])))
    assert np.median(needed) < 250


def test_lost_coverage_stops_too() -> None:
    random = np.random.default_rng(3)
    pairs = [(0.2, 0.2, bool(random.random() < 0.7), bool(random.random() < 0.9)) for _ in range(600)]
    assert judge_canary(pairs).worse.startswith("coverage")
    fair = [(0.2, 0.2, held, held) for *_, held in pairs]
    assert judge_canary(fair).worse == ""


def test_nothing_is_said_of_few_outcomes() -> None:
    assert judge_canary([(9.0, 0.1, False, True)] * 29).worse == ""
    assert judge_canary([(9.0, 0.1, False, True)] * 30).worse
    assert judge_canary([]).outcomes == 0


@given(st.lists(st.floats(-5, 0), max_size=80))
def test_a_model_that_is_never_worse_is_never_stopped(differences: list[float]) -> None:
    assert not ever_worse(np.array(differences))


@pytest.mark.parametrize(("mine", "active", "ratio"), [(0.0, 0.0, 1.0), (0.2, 0.0, float("inf"))])
def test_an_error_of_nothing(mine: float, active: float, ratio: float) -> None:
    assert judge_canary([(mine, active, True, True)]).error_ratio == ratio
