"""The blend against closed forms, and what it must never do."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricelm.models.blend import Blend, cross_fitted_predictions, fit_blend

# How far the blend is pulled to equal weights, and the weight below which a member is dropped.
PULL, DROPPED_BELOW = 0.002, 0.02


def members_and_target(
    n: int, noises: list[float], *, seed: int = 0, biases: list[float] | None = None
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    random = np.random.default_rng(seed)
    target = random.normal(3.0, 1.0, n)
    shifts = biases or [0.0] * len(noises)
    members = {
        f"m{k}": target + shift + random.normal(0, noise, n)
        for k, (noise, shift) in enumerate(zip(noises, shifts, strict=True))
    }
    return members, target


def mean_squared_error(predicted: np.ndarray, target: np.ndarray) -> float:
    return float(np.mean((predicted - target) ** 2))


def test_one_member_gets_the_weight_of_the_closed_form() -> None:
    (member,), target = list(members_and_target(80, [0.7])[0].values()), members_and_target(80, [0.7])[1]
    x, y = member - member.mean(), target - target.mean()
    pull = PULL * len(target) * target.var()
    expected = (x @ y + pull) / (x @ x + pull)

    blend = fit_blend({"only": member}, target)

    assert blend.weights["only"] == pytest.approx(expected, rel=1e-10)
    assert blend.intercept == pytest.approx(target.mean() - expected * member.mean(), rel=1e-10)


def test_two_uncorrelated_members_get_the_weights_of_the_closed_form() -> None:
    wave = np.tile([1.0, 1.0, -1.0, -1.0], 25)
    other = np.tile([1.0, -1.0, 1.0, -1.0], 25)
    target = 4 + 0.9 * wave + 0.4 * other
    pull = PULL * target.var()

    blend = fit_blend({"wave": wave, "other": other}, target)

    assert blend.weights["wave"] == pytest.approx((0.9 + pull / 2) / (1 + pull), rel=1e-10)
    assert blend.weights["other"] == pytest.approx((0.4 + pull / 2) / (1 + pull), rel=1e-10)


def test_members_that_say_the_same_share_the_weight() -> None:
    members, target = members_and_target(60, [0.3])
    blend = fit_blend({"a": members["m0"], "b": members["m0"]}, target)
    assert blend.weights["a"] == pytest.approx(blend.weights["b"])


def test_the_intercept_takes_a_common_bias_away() -> None:
    members, target = members_and_target(200, [0.01, 0.01], biases=[5.0, 5.0])
    predicted = fit_blend(members, target).predict(members)
    assert np.abs(predicted - target).max() < 0.1
    assert predicted.mean() == pytest.approx(target.mean())


def test_a_member_that_points_the_wrong_way_gets_nothing() -> None:
    members, target = members_and_target(100, [0.2, 0.6])
    blend = fit_blend({"right": members["m0"], "wrong": -members["m1"]}, target)
    assert blend.weights["wrong"] == 0.0
    assert blend.weights["right"] > 0.9


def test_a_member_that_hardly_helps_is_dropped() -> None:
    random = np.random.default_rng(3)
    target = random.normal(0, 1, 4000)
    members = {"exact": target, "noise": random.normal(0, 1, 4000)}
    assert fit_blend(members, target).weights["noise"] == 0.0


@pytest.mark.parametrize(("share", "kept"), [(0.015, False), (0.03, True), (0.1, True)])
def test_a_member_that_helps_a_little_is_kept(share: float, kept: bool) -> None:
    wave = np.tile([1.0, 1.0, -1.0, -1.0], 25)
    other = np.tile([1.0, -1.0, 1.0, -1.0], 25)
    target = wave + share * other
    pull = PULL * target.var()
    weight = fit_blend({"wave": wave, "other": other}, target).weights["other"]
    assert weight == pytest.approx((share + pull / 2) / (1 + pull) if kept else 0.0)


def test_where_all_members_are_wrong_the_least_wrong_is_taken() -> None:
    members, target = members_and_target(100, [0.2])
    blend = fit_blend({"very": -2 * members["m0"], "less": -members["m0"]}, target)
    assert blend.weights == {"very": 0.0, "less": 1.0}


def test_without_is_the_blend_of_the_others() -> None:
    members, target = members_and_target(150, [0.3, 0.4, 0.5])
    blend = fit_blend(members, target)
    assert set(blend.without) == set(members)
    for name, rest in blend.without.items():
        others = {other: values for other, values in members.items() if other != name}
        direct = fit_blend(others, target)
        assert rest.weights == direct.weights
        assert rest.intercept == direct.intercept
        np.testing.assert_array_equal(rest.predict(members), direct.predict(others))


def test_a_single_member_cannot_be_left_out() -> None:
    members, target = members_and_target(30, [0.3])
    assert fit_blend(members, target).without == {}


def test_a_blend_survives_json_exactly() -> None:
    members, target = members_and_target(50, [0.3, 0.5])
    blend = fit_blend(members, target)
    assert Blend.from_dict(json.loads(json.dumps(blend.to_dict()))) == blend


def test_all_targets_equal_is_no_crash() -> None:
    target = np.full(20, 2.0)
    predicted = fit_blend({"a": np.linspace(1, 3, 20)}, target).predict({"a": np.linspace(1, 3, 20)})
    assert np.isfinite(predicted).all()


@settings(max_examples=150, deadline=None)
@given(
    st.integers(5, 60),
    st.lists(
        st.tuples(st.floats(0.0, 5.0), st.floats(-10.0, 10.0), st.floats(-2.0, 3.0)), min_size=1, max_size=4
    ),
    st.integers(0, 2**20),
)
def test_on_its_own_rows_the_blend_misses_by_no_more_than_the_best_member(
    n: int, kinds: list[tuple[float, float, float]], seed: int
) -> None:
    random = np.random.default_rng(seed)
    target = random.normal(0, 1, n)
    members = {
        f"m{k}": slope * target + bias + noise * random.normal(0, 1, n)
        for k, (noise, bias, slope) in enumerate(kinds)
    }
    blend = fit_blend(members, target)
    best = min(mean_squared_error(values, target) for values in members.values())
    # the pull costs at most this; a dropped weight moves a prediction by at most its share of the member
    pulled = np.sqrt(best + PULL * target.var())
    dropped = sum(DROPPED_BELOW * values.std() for values in members.values())
    assert np.sqrt(mean_squared_error(blend.predict(members), target)) <= pulled + dropped + 1e-9
    assert all(weight >= 0 for weight in blend.weights.values())


def test_cross_fitted_predictions_never_see_their_own_target() -> None:
    members, target = members_and_target(40, [0.4, 0.6])
    before = cross_fitted_predictions(members, target, seed=0)
    for row in range(0, 40, 7):
        changed = target.copy()
        changed[row] += 50.0
        after = cross_fitted_predictions(members, changed, seed=0)
        assert after[row] == before[row]
        assert np.sum(after != before) == 20


def test_cross_fitted_predictions_miss_by_more_than_the_blend_on_its_own_rows() -> None:
    members, target = members_and_target(40, [1.0, 1.2, 1.5, 2.0])
    own = fit_blend(members, target).predict(members)
    crossed = cross_fitted_predictions(members, target, seed=0)
    assert not np.allclose(own, crossed)
    assert mean_squared_error(crossed, target) > mean_squared_error(own, target)


def test_a_single_held_out_row_is_blended_all_the_same() -> None:
    crossed = cross_fitted_predictions({"a": np.array([1.0])}, np.array([2.0]), seed=0)
    assert np.isfinite(crossed).all()


def test_a_row_of_which_a_member_says_nothing_is_blended_without_it() -> None:
    random = np.random.default_rng(0)
    target = random.normal(size=400)
    full = {name: target + random.normal(0, 0.5, 400) for name in ("lexical", "tabular", "image")}
    silent = np.arange(400) % 4 == 0
    members = {**full, "image": np.where(silent, np.nan, full["image"])}
    blend = fit_blend(members, target)
    others = fit_blend({name: full[name] for name in ("lexical", "tabular")}, target)
    assert blend.without["image"].weights == others.weights
    spoken = fit_blend({name: values[~silent] for name, values in full.items()}, target[~silent])
    assert blend.weights == spoken.weights
    np.testing.assert_array_equal(blend.predict(members)[silent], others.predict(full)[silent])
    np.testing.assert_array_equal(blend.predict(members)[~silent], spoken.predict(full)[~silent])
    again = Blend.from_dict(json.loads(json.dumps(blend.to_dict())))
    assert np.isfinite(again.without["lexical"].predict(members)).all()
    assert np.isfinite(cross_fitted_predictions(members, target, seed=0)).all()
