"""Least squares, instruments and Poisson against statsmodels, linearmodels and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from linearmodels.iv import IV2SLS
from scipy import stats

from pricelm.core.errors import DataError
from pricelm.decisions.demand.first_stage import conditional_f, first_stage_f
from pricelm.decisions.demand.market_logit import market_logit
from pricelm.decisions.demand.orthogonal import CrossFitting, partially_linear, residuals
from pricelm.decisions.demand.poisson import demand_beyond, poisson_regression
from pricelm.decisions.demand.regression import demean, interval, two_stage


@pytest.fixture(scope="module")
def panel() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    n = 300
    store, week = rng.integers(0, 12, n), rng.integers(0, 8, n)
    x = rng.normal(size=(n, 2)) + 0.1 * store[:, None]
    units = rng.poisson(np.exp(0.1 * store + 0.1 * week - 0.8 * x[:, 0] + 0.3 * x[:, 1]))
    return {"store": store, "week": week, "x": x, "units": units.astype(float)}


def dummies(codes: np.ndarray) -> np.ndarray:
    return np.eye(int(codes.max()) + 1)[codes]


def test_poisson_with_two_absorbed_effects_equals_statsmodels_with_dummies(
    panel: dict[str, np.ndarray],
) -> None:
    ours = poisson_regression(
        panel["units"], panel["x"], [panel["store"], panel["week"]], clusters=panel["store"]
    )
    design = np.column_stack([panel["x"], dummies(panel["store"]), dummies(panel["week"])[:, 1:]])
    glm = sm.GLM(panel["units"], design, family=sm.families.Poisson())
    theirs = glm.fit(cov_type="cluster", cov_kwds={"groups": panel["store"]})
    assert ours.fit.coefficients == pytest.approx(theirs.params[:2], abs=1e-6)
    # the small-sample factor counts other parameters, and is the same for all coefficients
    ratio = ours.fit.standard_errors / theirs.bse[:2]
    assert ratio[0] == pytest.approx(ratio[1], rel=1e-6)
    assert 0.9 < ratio[0] < 1.1


def test_two_stage_least_squares_equals_linearmodels(panel: dict[str, np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    n = len(panel["units"])
    z, hidden, ones = rng.normal(size=(n, 2)), rng.normal(size=n), np.ones((n, 1))
    price = z @ [0.5, 0.2] + hidden + rng.normal(size=n)
    y = -2 * price + 2 * hidden + rng.normal(size=n)
    ours = two_stage(y, np.column_stack([price, ones]), np.column_stack([z, ones]), clusters=panel["store"])
    theirs = IV2SLS(y, ones, price, z).fit(cov_type="clustered", clusters=panel["store"], debiased=True)
    assert ours.coefficients[0] == pytest.approx(theirs.params["endog"])
    assert ours.standard_errors[0] == pytest.approx(theirs.std_errors["endog"], rel=1e-6)
    robust = IV2SLS(y, ones, price, z).fit(cov_type="robust")
    wald = float(robust.first_stage.diagnostics["f.stat"].iloc[0]) / 2
    assert first_stage_f(price, ones, z) == pytest.approx(wald, rel=0.02)


def test_an_explained_column_has_no_coefficient_and_does_not_disturb_the_first() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(50, 1))
    y = 3 * x[:, 0] + rng.normal(size=50)
    fit = two_stage(y, np.column_stack([x, 2 * x]), np.column_stack([x, 2 * x]))
    assert np.isnan(fit.coefficients[1])
    assert fit.coefficients[0] == pytest.approx(float(x[:, 0] @ y / (x[:, 0] @ x[:, 0])))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 5))
def test_demeaning_is_the_projection_on_what_dummies_leave(seed: int, first: int, second: int) -> None:
    rng = np.random.default_rng(seed)
    groups = [rng.integers(0, first, 40), rng.integers(0, second, 40)]
    weights, column = rng.uniform(0.2, 2, 40), rng.normal(size=(40, 1))
    ours = demean(column, [np.unique(g, return_inverse=True)[1] for g in groups], weights)
    root = np.sqrt(weights)[:, None]
    both = np.column_stack([dummies(groups[0]), dummies(groups[1])]) * root
    fitted = both @ np.linalg.lstsq(both, column * root, rcond=None)[0]
    assert ours == pytest.approx((column * root - fitted) / root, abs=1e-7)


@pytest.mark.parametrize(("stock", "mean"), [(0, 3.0), (1, 0.5), (5, 5.0), (12, 6.0)])
def test_expected_demand_beyond_the_stock_is_that_of_a_cut_poisson(stock: int, mean: float) -> None:
    counts = np.arange(stock, 200)
    chances = stats.poisson.pmf(counts, mean)
    exact = float(counts @ chances / chances.sum())
    assert demand_beyond(np.array([float(stock)]), np.array([mean]))[0] == pytest.approx(exact, rel=1e-9)


def test_allowing_for_sold_out_weeks_finds_the_elasticity_that_ignoring_them_hides() -> None:
    rng = np.random.default_rng(3)
    price = rng.normal(0, 0.3, 3000)
    demand = rng.poisson(np.exp(3 - 2 * price))
    units = np.minimum(demand, 25).astype(float)
    groups = [np.zeros(3000, dtype=int)]
    naive = poisson_regression(units, price[:, None], groups).fit.coefficients[0]
    corrected = poisson_regression(units, price[:, None], groups, sold_out=units >= 25).fit.coefficients[0]
    assert naive > -1.6
    assert corrected == pytest.approx(-2, abs=0.1)


def test_poisson_refuses_when_nothing_was_sold() -> None:
    with pytest.raises(DataError, match="at least one sale"):
        poisson_regression(np.zeros(5), np.ones((5, 1)), [np.zeros(5, dtype=int)])


def test_cross_fitting_takes_out_what_moves_both_and_instruments_what_is_hidden() -> None:
    rng = np.random.default_rng(4)
    season, hidden, cost = rng.normal(size=(3, 3000))
    price = season + 0.8 * hidden + cost + 0.3 * rng.normal(size=3000)
    units = -2 * price + 3 * season + 2 * hidden + rng.normal(size=3000)
    weeks = np.arange(3000) // 10
    config = CrossFitting("linear")
    rest = residuals(units, price[:, None], season[:, None], weeks, instruments=cost[:, None], config=config)
    through = partially_linear(rest, weeks)
    assert through.coefficients[0] == pytest.approx(-2, abs=4 * through.standard_errors[0])
    assert through.standard_errors[0] < 0.1
    assert through.first_stage_f > 500
    without = partially_linear(residuals(units, price[:, None], season[:, None], weeks, config=config), weeks)
    assert without.coefficients[0] > -1.5  # biased by the hidden cause, as it must be


def test_market_logit_equals_the_closed_form_with_one_instrument() -> None:
    rng = np.random.default_rng(5)
    n = 400
    cost, taste = rng.normal(size=(2, n))
    prices = 2 + cost / 4 + taste / 9
    odds = np.exp(-1.5 * prices + taste / 3)
    market = np.arange(n) // 2
    shares = odds / (1 + np.bincount(market, odds)[market])
    fit = market_logit(market, np.zeros(n, dtype=int), shares, prices, cost[:, None])
    utility = np.log(shares / (1 - np.bincount(market, shares)[market]))
    moved = cost - cost.mean()
    assert fit.price_coefficient == pytest.approx(float(moved @ utility / (moved @ prices)))
    assert fit.own_elasticities(shares, prices)[0] == pytest.approx(
        fit.price_coefficient * prices[0] * (1 - shares[0])
    )
    with pytest.raises(DataError, match="outside good"):
        market_logit(market, market, np.full(n, 0.6), prices, cost[:, None])


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(6)
    held = 0
    for _ in range(300):
        x = rng.normal(size=(60, 1))
        fit = two_stage(-2 * x[:, 0] + rng.normal(size=60), x, x)
        low, high = interval(float(fit.coefficients[0]), float(fit.standard_errors[0]), fit.n_clusters, 0.9)
        held += low <= -2 <= high
    assert 0.85 <= held / 300 <= 0.95


def test_the_conditional_f_is_small_where_instruments_cannot_tell_two_treatments_apart() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(2, 2000, 1))
    noise = rng.normal(size=(2000, 2))
    apart = np.column_stack([first, second])
    none = np.empty((2000, 0))
    # each price has its own instrument: nothing is lost by asking for both
    both = conditional_f(apart + noise, apart)
    assert both == pytest.approx(first_stage_f((first + noise[:, :1])[:, 0], none, first), rel=0.1)
    # one cost moves both prices; a second instrument that hardly differs does not help
    alike = first @ [[1.0, 1.0]] + noise
    nearly = np.column_stack([first, first + 0.001 * second])
    assert first_stage_f(alike[:, 0], none, nearly) > 500
    assert conditional_f(alike, nearly) < 10
    assert conditional_f(alike, np.column_stack([first, -first / 9])) < 1e-6


def test_the_conditional_f_is_the_squared_t_of_what_the_other_treatment_leaves_of_the_instruments() -> None:
    rng = np.random.default_rng(3)
    costs = rng.normal(size=(2000, 2)) @ [[1.0, 0.6], [0.0, 0.3]]
    prices = costs @ [[1.0, 0.3], [0.2, 0.8]] + rng.normal(size=(2000, 2))
    left = IV2SLS(prices[:, 0], None, prices[:, 1], costs).fit().resids.to_numpy()
    taken = sm.OLS(prices[:, 1], costs).fit().fittedvalues
    other = sm.OLS(costs[:, 0], taken).fit().resid
    expected = sm.OLS(left, other).fit(cov_type="HC1").tvalues[0] ** 2
    assert conditional_f(prices, costs) == pytest.approx(expected, rel=0.05)
