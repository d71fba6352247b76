"""Every registered policy keeps to the same promises; the learners agree with closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pricelm.core.errors import ConfigError, DataError
from pricelm.decisions.dynamic import POLICIES, PolicyConfig, Scene, build_policy, example_shop
from pricelm.decisions.dynamic.arm_policies import ThompsonArms, UcbArms
from pricelm.decisions.dynamic.curve_policies import Thompson
from pricelm.decisions.dynamic.policy import Policy
from pricelm.decisions.dynamic.records import Outcome, Situation
from pricelm.decisions.dynamic.responses import ResponseBelief, ResponseGrid, any_grid, loglinear_grid


def scene_of(copies: int = 3) -> Scene:
    return Scene.of(example_shop(), copies)


def situation_of(scene: Scene, allowed: np.ndarray | None = None) -> Situation:
    n, count = scene.prices.shape
    free = np.ones((n, count), dtype=bool) if allowed is None else allowed
    nothing = np.full(n, np.nan)
    return Situation(0, free, np.zeros((n, count)), scene.start, nothing, np.full(n, np.inf))


def lived(policy: Policy, days: int, elasticity: float, seed: int = 0) -> Policy:
    """Let a policy live in a market of one elasticity; prices are drawn as it wants them."""
    rng, scene = np.random.default_rng(seed), policy.scene
    at = np.arange(len(scene.start))
    for day in range(days):
        now = replace(situation_of(scene), day=day)
        reached = np.cumsum(policy.probabilities(now), axis=1)
        column = (rng.random((len(at), 1)) * reached[:, -1:] < reached).argmax(axis=1)
        units = rng.poisson(scene.units * scene.relative[at, column] ** elasticity)
        policy.learn(now, Outcome(column, units, np.zeros(len(at), dtype=bool)))
    return policy


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_policy_gives_probabilities_of_allowed_prices_only(name: str) -> None:
    scene = scene_of()
    policy = build_policy(name, scene)
    rng = np.random.default_rng(1)
    for day in range(12):
        allowed = rng.random(scene.prices.shape) < 0.3
        allowed[np.arange(3), rng.integers(0, scene.prices.shape[1], 3)] = True
        room = np.array([np.inf, 3.0, 0.0])
        rival = np.array([np.nan, 9.0, 20.0])
        now = replace(situation_of(scene, allowed), day=day, room=room, rival=rival)
        chances = policy.probabilities(now)
        assert np.allclose(chances.sum(axis=1), 1) and (chances[~allowed] == 0).all()
        assert (chances >= 0).all() and np.isfinite(chances).all()
        if policy.learns:
            assert (chances[allowed] > 0).all()
        # days without a sale, of huge sales, and of empty shelves
        units = np.array([0.0, 1e6, 5.0])
        policy.learn(now, Outcome(chances.argmax(axis=1), units, np.array([False, False, True])))
    assert policy.summary().endswith((".", ":")) and policy.name == name


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_policy_is_the_same_again_with_the_same_seed(name: str) -> None:
    first, second = (lived(build_policy(name, scene_of()), 8, -2.0) for _ in range(2))
    now = situation_of(first.scene)
    assert np.array_equal(first.probabilities(now), second.probabilities(now))


@pytest.mark.parametrize("name", [name for name, kind in POLICIES.items() if kind.learns])
@pytest.mark.parametrize("elasticity", [-1.6, -4.5])
def test_a_learner_finds_a_price_that_earns(name: str, elasticity: float) -> None:
    config = PolicyConfig(memory=1.0, noise=0.0)
    policy = lived(build_policy(name, Scene.of(example_shop(), 8), config), 150, elasticity)
    chances, scene = policy.probabilities(situation_of(policy.scene)), policy.scene
    profit = scene.relative**elasticity * scene.margins
    # the first price earns 91 % and 60 % of the best one
    earned = (chances * profit).sum(axis=1).mean() / profit.max()
    assert earned > (0.95 if elasticity == -1.6 else 0.82)


def test_unknown_policies_and_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'thompson'"):
        build_policy("tompson", scene_of())
    for wrong in ({"exploration": 1.0}, {"memory": 0.0}, {"noise": -1.0}, {"sharpness": 0.0}):
        with pytest.raises(ConfigError, match="expected exploration"):
            PolicyConfig(**wrong)
    shop = example_shop()
    with pytest.raises(DataError, match="dearer"):
        replace(shop, elasticity=np.array([0.5]))
    with pytest.raises(DataError, match="current price"):
        replace(shop, prices=shop.prices + 0.013)


def test_the_belief_is_the_posterior_by_brute_force() -> None:
    """Two shapes and a grid of levels, by Bayes' rule term by term, against the closed form."""
    shapes = np.array([[[1.6, 1.0, 0.5]], [[1.1, 1.0, 0.9]]]).transpose(1, 0, 2)
    belief = ResponseBelief(ResponseGrid(shapes, np.log([[0.3, 0.7]])), np.array([20.0]), 1.0, 1.0)
    days = [(0, 26), (2, 14), (1, 22)]
    for column, units in days:
        belief.learn(Outcome(np.array([column]), np.array([float(units)]), np.array([False])))
    levels = np.linspace(0.01, 120, 24_000)
    prior = stats.gamma.pdf(levels, 4.0, scale=20.0 / 4.0)
    weight = np.array([0.3, 0.7])
    for shape in range(2):
        likelihood = prior.copy()
        for column, units in days:
            likelihood *= stats.poisson.pmf(units, levels * shapes[0, shape, column])
        weight[shape] *= likelihood.sum()
    assert belief.weights[0] == pytest.approx(weight / weight.sum(), rel=1e-4)


def test_thompson_asks_each_price_as_often_as_it_is_best() -> None:
    """With two prices the probability is the posterior mass where the lower price earns more."""
    one = np.ones(1)
    prices, cost = np.array([[8.0, 10.0]]), 5.0
    scene = Scene(prices, cost * one, 30 * one, -2.2 * one, 0.8 * one, np.array([1]))
    policy = Thompson(scene, PolicyConfig(exploration=0.0, sharpness=1.0))
    policy.belief = ResponseBelief(loglinear_grid(scene), scene.units)
    border = np.log((10 - cost) / (8 - cost)) / np.log(8 / 10)
    points = np.linspace(-6.0, -0.4, 29)
    mass = stats.norm.pdf(points, -2.2, 0.8)
    expected = mass[points < border].sum() / mass.sum()
    assert policy.probabilities(situation_of(scene))[0, 0] == pytest.approx(expected, rel=1e-9)
    assert expected == pytest.approx(stats.norm.cdf(border, -2.2, 0.8), abs=0.05)


def test_the_arms_agree_with_two_independent_gammas() -> None:
    """P(X > Y) of two gamma variables with one rate is a beta probability."""
    one = np.ones(4000)
    prices = np.tile([8.0, 10.0], (4000, 1))
    scene = Scene(prices, 4.0 * one, 6 * one, -2 * one, one, np.ones(4000, dtype=int))
    policy = ThompsonArms(scene, PolicyConfig(exploration=0.0, memory=1.0, noise=0.0))
    shape, rate = policy.gammas()
    drawn = policy.probabilities(situation_of(scene))[:, 0].mean()
    # 4 X > 6 Y with X, Y ~ gamma(shape) / rate: X / (X + Y) > 0.6
    assert rate[0, 0] == rate[0, 1]
    assert drawn == pytest.approx(stats.beta.sf(0.6, shape[0, 0], shape[0, 1]), abs=0.005)


def test_ucb_takes_the_arm_with_the_higher_bound() -> None:
    one = np.ones(1)
    scene = Scene(np.array([[8.0, 10.0]]), 4.0 * one, 6 * one, -2 * one, one, np.array([1]))
    for optimism in (0.0, 1.0, 3.0):
        policy = UcbArms(scene, PolicyConfig(exploration=0.0, memory=1.0, noise=0.0, optimism=optimism))
        policy.learn(situation_of(scene), Outcome(np.array([0]), np.array([9.0]), np.array([False])))
        shape, rate = policy.gammas()
        bounds = (shape / rate + optimism * np.sqrt(shape) / rate)[0] * np.array([4.0, 6.0])
        chosen = policy.probabilities(situation_of(scene))[0].argmax()
        assert chosen == bounds.argmax()


def test_scarce_stock_calls_for_a_higher_price() -> None:
    scene = scene_of(1)
    policy = Thompson(scene, PolicyConfig(exploration=0.0))
    free, scarce = (
        policy.probabilities(replace(situation_of(scene), room=np.array([room]))) @ scene.prices[0]
        for room in (np.inf, 12.0)
    )
    assert scarce[0] > free[0] + 1


def test_both_families_of_shapes_are_believed_alike_at_first() -> None:
    weights = ResponseBelief(any_grid(scene_of(1)), np.array([30.0])).weights[0]
    assert weights[:29].sum() == pytest.approx(0.5, abs=0.1)
