"""Forecasts against what is known by construction, and what must be refused by name."""

from __future__ import annotations

from pathlib import Path

import hypothesis.extra.numpy as arrays
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from pricelm.catalog.sales import CheckedSales, check_sales
from pricelm.catalog.sales_columns import infer_sales_columns
from pricelm.core.errors import ConfigError, DataError
from pricelm.decisions.demand import Confounding, DemandEstimate, DemandModel, ElasticityCurve
from pricelm.decisions.forecasting import ForecastConfig, SalesForecast, forecast, prepare_series
from pricelm.decisions.forecasting.ensemble import Backtest, fit_ensemble
from pricelm.decisions.forecasting.intervals import calibrate, dispersion
from pricelm.decisions.forecasting.members import Boosting, Histories, chosen_members
from pricelm.decisions.forecasting.reconciliation import reconcile

QUICK = ForecastConfig(horizon=4, boosting=False)
ELASTICITY = -2.0


def checked(frame: pd.DataFrame) -> CheckedSales:
    return check_sales(frame, infer_sales_columns(frame))


def steady(n_weeks: int = 40, skus: str = "ab", seed: int = 0) -> pd.DataFrame:
    """Return weekly sales of two products in two stores, around 40 and 8 at the regular price."""
    rng = np.random.default_rng(seed)
    parts = []
    for at, sku in enumerate(skus):
        for store in ("s", "t"):
            price = np.where(rng.random(n_weeks) < 0.25, 3.2, 4.0)
            price[-13:] = 4.0
            mean = (40.0, 8.0)[at % 2] * (price / 4.0) ** ELASTICITY
            dates = pd.Timestamp("2024-01-01") + pd.to_timedelta(7 * np.arange(n_weeks), unit="D")
            one = {"sku": sku, "store": store, "category": "tea", "date": dates, "price": price}
            parts.append(pd.DataFrame({**one, "units": rng.poisson(mean) + 0.0}))
    return pd.concat(parts, ignore_index=True)


def known_demand(skus: str = "ab", elasticity: float = ELASTICITY, error: float = 0.1) -> DemandModel:
    badge = Confounding("not tested")
    estimates = []
    for sku in skus:
        curve = ElasticityCurve(sku, 4.0, 48.0, elasticity, error, 0.05, 3.0, 4.4)
        estimates.append(
            DemandEstimate(
                sku, "tea", "instruments", "", curve, -2.2, -1.8, 0.9, badge, own_estimate=elasticity
            )
        )
    return DemandModel(estimates)


def path(**columns: object) -> pd.DataFrame:
    return pd.DataFrame([{"sku": "a", "store": "", "date": pd.NaT, "price": 4.0, **columns}])


@pytest.fixture(scope="module")
def made() -> SalesForecast:
    return forecast(checked(steady()), QUICK, demand=known_demand())


def test_steady_sales_are_forecast_at_their_mean_inside_their_interval(made: SalesForecast) -> None:
    for one in made.series[:4]:
        expected = 40.0 if one.sku == "a" else 8.0
        assert np.mean(one.units) == pytest.approx(expected, rel=0.12)
        reach = 1.645 * np.sqrt(expected)
        assert np.mean(one.high) - np.mean(one.units) == pytest.approx(reach, rel=0.5)
        assert all(np.less_equal(one.low, one.median)) and all(np.less_equal(one.median, one.high))
    assert made.starts == ("2024-10-07", "2024-10-14", "2024-10-21", "2024-10-28")
    assert made.series[0].rung == "instruments" and "in the past" in made.series[0].why


def test_categories_are_the_sum_of_their_products(made: SalesForecast) -> None:
    total = np.sum([one.units for one in made.series if one.level == "product"], axis=0)
    category = next(one for one in made.series if one.level == "category")
    assert category.category == "tea" and np.allclose(category.units, total, atol=1e-3)


def test_a_lower_price_sells_what_the_demand_ladder_says(made: SalesForecast) -> None:
    lower = forecast(checked(steady()), QUICK, path(price=3.6), known_demand(error=1.0))
    ratio = np.array(lower.series[0].units) / np.array(made.series[0].units)
    assert np.allclose(ratio, 0.9**ELASTICITY, atol=1e-4)
    assert lower.series[2].units == pytest.approx(made.series[2].units)  # the other product keeps its price
    reach = np.array([np.subtract(one.series[0].high, one.series[0].units) for one in (made, lower)])
    doubt = 1.645 * np.abs(np.log(0.9)) * np.array(lower.series[0].units)  # one elasticity more or less
    assert np.allclose(reach[1], np.hypot(reach[0] * np.sqrt(ratio), doubt), rtol=1e-3)


def test_a_demand_that_would_rise_with_the_price_counts_as_none() -> None:
    cheap, dear = (
        forecast(checked(steady()), QUICK, path(price=price), known_demand(elasticity=1.0)).series[0]
        for price in (3.2, 4.2)
    )
    assert cheap.units == dear.units and cheap.elasticity == 0 and "wrong sign" in cheap.note


def test_weeks_at_a_low_price_do_not_raise_the_baseline() -> None:
    sales = steady()
    low = sales["date"] < "2024-07-01"
    sales["units"] = np.where(low, np.round(40 * 0.8**ELASTICITY), 40.0)
    sales["price"] = np.where(low, 3.2, 4.0)
    one = forecast(checked(sales), QUICK, demand=known_demand()).series[0]
    assert np.mean(one.baseline_units) == pytest.approx(40, rel=0.02)


def test_a_price_may_be_stated_for_one_store_and_one_week(made: SalesForecast) -> None:
    plan = pd.concat([path(price=4.2), path(price=3.6, store="t", date=pd.Timestamp("2024-10-16"))])
    two = forecast(checked(steady()), QUICK, plan, known_demand())
    assert two.series[0].price == (4.2, 4.2, 4.2, 4.2)
    assert two.series[1].price == (4.2, 3.6, 4.2, 4.2)


def test_prices_beyond_those_known_are_marked_and_unknown_products_named() -> None:
    plan = pd.concat([path(price=2.0), path(sku="zzz"), path(date=pd.Timestamp("2030-01-07"))])
    far = forecast(checked(steady()), QUICK, plan, known_demand())
    assert "test first" in far.series[0].note and "test first" not in far.series[2].note
    assert any("not forecast, for example zzz" in note for note in far.notes)
    assert any("outside the forecast periods" in note for note in far.notes)


def test_one_price_only_is_forecast_and_its_price_effect_said_to_be_a_prior() -> None:
    sales = steady().assign(price=4.0)
    one = forecast(checked(sales), QUICK).series[0]
    assert np.mean(one.units) > 0
    assert "price effect not known" in one.note and "one price only" in one.note


def test_young_series_take_their_share_of_the_category() -> None:
    sales = steady()
    young = steady(skus="a", seed=1).query("store == 's'").assign(sku="new", store="s").tail(6)
    found = forecast(checked(pd.concat([sales, young], ignore_index=True)), QUICK, demand=known_demand())
    new = next(one for one in found.series if one.sku == "new")
    assert new.method == "share of category"
    assert new.why.startswith("too few observations: 5 weeks known, 12 needed")
    assert np.mean(new.units) == pytest.approx(40, rel=0.25)


def test_ten_observations_are_too_few() -> None:
    with pytest.raises(DataError, match=r"too few observations.*got 10 at most"):
        forecast(checked(steady(10)), QUICK, demand=known_demand())


def test_bad_rows_are_unknown_weeks_and_not_empty_ones() -> None:
    frame = steady(30, skus="a").query("store == 's'").reset_index(drop=True)
    frame.loc[20, "units"] = -3
    twice = pd.concat([frame, frame.iloc[[10]].assign(units=99.0)], ignore_index=True)
    sales = checked(twice)
    assert sales.counts == {"duplicated week": 2, "negative units": 1}
    table = prepare_series(sales, QUICK)
    assert np.isnan(table.units[0, [10, 20]]).all() and np.isfinite(table.filled).all()
    assert any("lost its row" in note for note in table.notes)


@pytest.mark.parametrize(("missing", "value"), [("auto", 0.0), ("zero", 0.0), ("unknown", np.nan)])
def test_a_missing_week_means_what_is_said(missing: str, value: float) -> None:
    frame = steady(30, skus="a").query("store == 's'").reset_index(drop=True).drop(index=[12])
    table = prepare_series(checked(frame), ForecastConfig(missing=missing))  # type: ignore[arg-type]
    assert table.units[0, 12] == pytest.approx(value, nan_ok=True)
    assert len(table.notes) == 1


def test_sales_that_say_zero_have_gaps() -> None:
    frame = steady(30, skus="a").query("store == 's'").reset_index(drop=True)
    frame.loc[5, "units"] = 0.0
    table = prepare_series(checked(frame.drop(index=[12])), QUICK)
    assert np.isnan(table.units[0, 12]) and table.units[0, 5] == 0 and "gap" in table.notes[0]


def test_a_stock_out_is_not_low_demand() -> None:
    frame = steady(40, skus="a").query("store == 's'").assign(price=4.0, on_hand=500.0)
    frame.loc[frame.index[-12:-6], ["units", "on_hand"]] = [5.0, 5.0]
    frame.loc[frame.index[-6:], ["units", "on_hand"]] = [0.0, 0.0]
    right = forecast(checked(frame), QUICK, demand=known_demand())
    wrong = forecast(checked(frame.drop(columns="on_hand")), QUICK, demand=known_demand())
    assert np.mean(right.series[0].units) > 30 > np.mean(wrong.series[0].units)


def test_refused_products_are_named_and_the_others_forecast() -> None:
    frame = steady(skus="abc")
    frame.loc[frame.index[frame["sku"] == "a"][:20], "price"] *= 20
    frame = frame[~((frame["sku"] == "c") & (frame["date"] > "2024-06-01"))]
    found = forecast(checked(frame), ForecastConfig(4, missing="unknown", boosting=False))
    reasons = {one["sku"]: one["reason"].split(":")[0] for one in found.refusals}
    assert reasons == {"a": "unit change", "c": "ended"}
    assert {one.sku for one in found.series if one.level == "product"} == {"b"}


def test_a_last_week_of_three_days_is_left_out_and_days_have_a_season() -> None:
    days = pd.date_range("2024-01-01", "2024-03-27")
    units = np.where(days.dayofweek == 5, 20.0, 5.0)
    frame = pd.DataFrame({"sku": "a", "date": days, "price": 4.0, "units": units})
    assert prepare_series(checked(frame)).notes == ["the last week is left out: its rows cover 3 of 7 days"]
    daily = forecast(checked(frame), ForecastConfig(7, "daily", boosting=False), demand=known_demand())
    assert int(np.argmax(daily.series[0].units)) == 2  # 28 March is a Thursday
    with pytest.raises(DataError, match="Ask for a weekly forecast"):
        prepare_series(checked(steady()), ForecastConfig(frequency="daily"))


def test_boosting_learns_from_the_neighbours_and_repeats_itself() -> None:
    rng = np.random.default_rng(0)
    level = np.repeat([2.0, 20.0], 40)[:, None]
    demand = rng.poisson(level, (80, 40)).astype(float)
    groups = pd.DataFrame({"sku": np.arange(80), "category": np.repeat([0, 1], 40)})
    histories = Histories(demand, np.ones_like(demand, dtype=bool), groups)
    ahead = Boosting().forecast(histories, 3)
    assert ahead.shape == (80, 3) and np.array_equal(ahead, Boosting().forecast(histories, 3))
    assert ahead[:40].mean() == pytest.approx(2, rel=0.15)
    assert ahead[40:].mean() == pytest.approx(20, rel=0.15)


def test_a_second_year_brings_a_seasonal_member() -> None:
    names = [one.name for one in chosen_members(ForecastConfig(), 104)]
    assert "seasonal" in names and "boosting" in names
    assert "seasonal" not in [one.name for one in chosen_members(ForecastConfig(), 103)]


def test_weights_are_a_mean_and_the_past_has_not_seen_its_answer() -> None:
    rng = np.random.default_rng(0)
    actual = rng.poisson(10, (3, 60, 4)).astype(float)
    members = np.stack([np.full_like(actual, 10.0), np.full_like(actual, 13.0), actual], axis=1)
    members[0, 2] = 50.0  # the one that knew the answers knew nothing at the first origin
    ensemble, past = fit_ensemble(["a", "b", "c"], Backtest(members, actual), np.zeros(60, dtype=int))
    assert (ensemble.weights >= 0).all() and np.allclose(ensemble.weights.sum(axis=1), 1)
    assert np.abs(past[0] - actual[0]).mean() > 20  # weights for it come from the other two


@settings(max_examples=25, deadline=None)
@given(
    arrays.arrays(float, 5, elements=st.floats(1, 50)),
    arrays.arrays(float, 5, elements=st.floats(0.1, 9)),
    arrays.arrays(float, 2, elements=st.floats(10, 99)),
    arrays.arrays(float, 2, elements=st.floats(0.1, 9)),
)
def test_reconciliation_equals_the_matrix_of_minimum_trace(
    bottom: np.ndarray, spread: np.ndarray, top: np.ndarray, top_spread: np.ndarray
) -> None:
    group = np.array([0, 0, 1, 1, 1])
    summing = np.vstack([np.eye(2)[group].T, np.eye(5)])
    inverse = np.diag(1 / np.concatenate([top_spread, spread]))
    exact = np.linalg.solve(
        summing.T @ inverse @ summing, summing.T @ inverse @ np.concatenate([top, bottom])
    )
    ours = reconcile(bottom[:, None], spread[:, None], top[:, None], top_spread[:, None], group)[:, 0]
    assert np.allclose(ours, np.maximum(exact, 0), atol=1e-8)


@pytest.mark.parametrize("level", [0.5, 5.0, 60.0])
def test_intervals_hold_what_they_say(level: float) -> None:
    rng = np.random.default_rng(1)
    means = level * rng.gamma(8, 1 / 8, 400)
    past = np.tile(means[None, :, None], (3, 1, 4))
    actual = rng.negative_binomial(4, 4 / (4 + past)).astype(float)
    history = rng.negative_binomial(4, 4 / (4 + means[:, None]), (400, 40)).astype(float)
    sizes = dispersion(history, np.ones_like(history, dtype=bool))
    classes = np.zeros(400, dtype=np.intp)
    found = calibrate(past, actual, sizes, classes, 0.9, 4)
    assert found is not None
    fresh = rng.negative_binomial(4, 4 / (4 + past[0])).astype(float)
    low, high = found.interval(past[0], sizes, classes)
    assert 0.87 <= ((fresh >= low) & (fresh <= high)).mean() <= 0.93
    below = fresh <= found.quantile(past[0], sizes, classes, 0.95)
    assert 0.92 <= below.mean() <= 0.98


def test_a_forecast_is_stored_and_read_back(made: SalesForecast, tmp_path: Path) -> None:
    made.save(tmp_path / "f.json")
    again = SalesForecast.load(tmp_path / "f.json")
    assert list(again.series) == list(made.series) and again.starts == made.starts
    assert again.rate("a") == made.rate("a") and made.rate("a")[0] == pytest.approx(80, rel=0.15)
    (tmp_path / "g.json").write_text('{"schema": 1}')
    for name, said in (("g.json", "expected a forecast"), ("h.json", "cannot be read")):
        with pytest.raises(DataError, match=said):
            SalesForecast.load(tmp_path / name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"horizon": 105},
        {"frequency": "hourly"},
        {"missing": "maybe"},
        {"confidence_level": 1.0},
        {"n_origins": 0},
        {"min_observations": 10},
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        ForecastConfig(**wrong)  # type: ignore[arg-type]
