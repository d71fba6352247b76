"""The ladder, the curves and the records on sales drawn from known demand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pricelm.catalog.sales import check_sales
from pricelm.catalog.sales_columns import infer_sales_columns
from pricelm.core.errors import ConfigError, DataError, SupportError
from pricelm.core.protocols import DemandCurve
from pricelm.decisions.demand import (
    Confounding,
    DemandConfig,
    DemandEstimate,
    DemandModel,
    ElasticityCurve,
    SalesPanel,
    learn_demand,
    weekly_panel,
    willingness_to_pay,
)
from pricelm.decisions.demand.confounding import confounding_badge
from pricelm.decisions.demand.ladder import OwnEstimate
from pricelm.decisions.demand.page import demand_page
from pricelm.decisions.demand.shrinkage import PUBLISHED_OWN, Pool, Prior, pooled
from tests.generated_sales import Shop, drawn_sales

CONFOUNDED = Shop(confounding=0.1, cost_moves=0.12, cross=0.3)


def panel_of(frame: pd.DataFrame) -> SalesPanel:
    return weekly_panel(check_sales(frame, infer_sales_columns(frame)))


@pytest.fixture(scope="module")
def confounded() -> tuple[DemandModel, np.ndarray]:
    frame, own = drawn_sales(CONFOUNDED)
    return learn_demand(panel_of(frame)), own


def elasticities(model: DemandModel) -> np.ndarray:
    return np.array([one.curve.elasticity for one in model.estimates if one.curve])


def own_errors(model: DemandModel, own: np.ndarray) -> float:
    found = np.array([one.own_estimate for one in model.estimates], dtype=float)
    return float(np.sqrt(np.mean((found - own) ** 2)))


def test_costs_undo_the_confounding_that_a_plain_look_falls_for(
    confounded: tuple[DemandModel, np.ndarray],
) -> None:
    model, own = confounded
    assert {one.rung for one in model.estimates} == {"instruments"}
    naive = np.array([one.confounding.naive for one in model.estimates], dtype=float)
    assert np.mean(naive - own) > 0.4
    assert np.abs(elasticities(model) - own).mean() < 0.25
    inside = [
        one.elasticity_low <= true <= one.elasticity_high
        for one, true in zip(model.estimates, own, strict=True)
    ]
    assert sum(inside) >= 5
    assert sum("sign of confounding" in one.confounding.badge for one in model.estimates) == 6
    assert sum(one.confounding.badge.startswith("no sign") for one in model.estimates) <= 2


def test_a_cost_that_stands_still_is_no_instrument_however_the_others_move() -> None:
    frame, _ = drawn_sales(CONFOUNDED)
    frame.loc[frame["sku"] == "p0", "unit_cost"] = 1.0
    model = learn_demand(panel_of(frame))
    assert [one.rung for one in model.estimates[:2]] == ["double machine learning", "instruments"]
    assert "its unit cost does not move" in model.estimates[0].why


def test_costs_that_stay_for_months_are_an_instrument_in_a_large_category_too() -> None:
    frame, own = drawn_sales(replace(CONFOUNDED, n_skus=4, n_weeks=200, weeks_a_cost=13))
    assert len(frame) >= 3_000
    model = learn_demand(panel_of(frame))
    assert {one.rung for one in model.estimates} == {"instruments"}
    assert own_errors(model, own) < 0.2  # 0.31 when boosting takes out the season


def test_costs_that_cannot_tell_the_rivals_prices_from_the_own_are_not_asked_to() -> None:
    # one cost in all stores: within a week the rivals' mean cost is the own one turned round
    frame, own = drawn_sales(replace(CONFOUNDED, n_skus=10, n_weeks=80, weeks_a_cost=13))
    assert len(frame) >= 3_000
    model = learn_demand(panel_of(frame))
    assert {one.rung for one in model.estimates} == {"instruments"}
    assert all("do not tell the rivals' prices from the own" in one.why for one in model.estimates)
    assert own_errors(model, own) < 0.5  # 904 when only the plain first stage is looked at


def test_without_moving_costs_the_next_rung_down_says_why() -> None:
    frame, own = drawn_sales(Shop())
    model = learn_demand(panel_of(frame))
    assert {one.rung for one in model.estimates} == {"double machine learning"}
    assert all("unit cost" in one.why for one in model.estimates)
    assert np.abs(elasticities(model) - own).mean() < 0.25


def test_weeks_without_a_sale_lead_to_poisson() -> None:
    frame, own = drawn_sales(Shop(units=2.0, n_stores=8))
    model = learn_demand(panel_of(frame))
    assert {one.rung for one in model.estimates} == {"fixed-effects Poisson"}
    assert np.abs(elasticities(model) - own).mean() < 0.4


def test_sold_out_weeks_lead_to_the_censored_model() -> None:
    frame, own = drawn_sales(Shop(n_skus=3, n_weeks=100))
    stock = frame["sku"].map(frame.groupby("sku")["units"].quantile(0.6))
    frame = frame.assign(on_hand=stock, units=np.minimum(frame["units"], stock))
    model = learn_demand(panel_of(frame))
    assert {one.rung for one in model.estimates} == {"fixed-effects Poisson"}
    assert "sold out" in model.estimates[0].why
    blind = learn_demand(panel_of(frame.drop(columns="on_hand")))
    gap, blind_gap = (np.abs(elasticities(one) - own).mean() for one in (model, blind))
    assert gap < blind_gap / 2


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("one price only", lambda rows: rows.assign(price=3.0)),
        ("too few observations", lambda rows: rows.head(10)),
        ("gaps", lambda rows: rows.iloc[::3]),
        ("no sales", lambda rows: rows.assign(units=0.0)),
    ],
)
def test_a_product_that_says_nothing_itself_gets_its_category_and_a_name_for_it(
    name: str, change: object
) -> None:
    frame, _ = drawn_sales(Shop(n_stores=1))
    odd = frame[frame["sku"] == "p0"].assign(sku="odd")
    both = pd.concat([frame, change(odd)], ignore_index=True)  # type: ignore[operator]
    model = learn_demand(panel_of(both))
    estimate = next(one for one in model.estimates if one.sku == "odd")
    assert estimate.refusal.startswith(name)
    assert estimate.rung == ("none" if name == "no sales" else "category prior")
    if estimate.curve:
        assert "products of tea" in estimate.why
        assert estimate.curve.elasticity == pytest.approx(model.priors["tea"]["mean"])


def test_cross_effects_of_substitutes_are_found() -> None:
    frame, _ = drawn_sales(Shop(n_skus=2, n_stores=6, n_weeks=120, cross=0.8))
    model = learn_demand(panel_of(frame))
    value, low, high = model.estimates[0].cross["p1"]
    assert low < 0.8 < high
    assert value == pytest.approx(0.8, abs=0.2)


def test_the_same_sales_give_the_same_model() -> None:
    panel = panel_of(drawn_sales(Shop(n_skus=3))[0])
    assert learn_demand(panel).to_dict() == learn_demand(panel).to_dict()


def test_the_model_comes_back_from_its_file(
    confounded: tuple[DemandModel, np.ndarray], tmp_path: Path
) -> None:
    model, _ = confounded
    model.save(tmp_path / "demand.json")
    assert DemandModel.load(tmp_path / "demand.json").to_dict() == model.to_dict()
    for text in ("", "[1]", '{"schema": 9}', '{"schema": 1, "estimates": [{}]}', "[" * 100_000):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(DataError):
            DemandModel.load(tmp_path / "bad.json")


def test_the_page_escapes_what_the_shop_wrote(confounded: tuple[DemandModel, np.ndarray]) -> None:
    model, _ = confounded
    odd = replace(model.estimates[0], sku="<script>alert(1)</script>")
    page = demand_page(DemandModel([odd, *model.estimates[1:]]), "sales.csv", "today")
    assert "<script>" not in page
    assert page.count("<figure>") == 6


def test_a_curve_refuses_prices_that_were_never_seen() -> None:
    curve = ElasticityCurve("tea", 4.0, 100.0, -2.0, 0.2, 0.05, 3.0, 5.0)
    assert isinstance(curve, DemandCurve)
    for price in (2.9, 5.1, np.nan, -1.0):
        with pytest.raises(SupportError, match="Test first"):
            curve.units(np.array([4.0, price]))
    draws = curve.draws(np.array([3.0, 5.0]), 4000)
    assert np.log(draws).std(axis=0) == pytest.approx(
        [np.hypot(0.05, 0.2 * np.log(4 / 3)), np.hypot(0.05, 0.2 * np.log(5 / 4))], rel=0.05
    )
    with pytest.raises(DataError, match="finite"):
        ElasticityCurve("tea", 4.0, 0.0, -2.0, 0.2, 0.05, 3.0, 5.0)


@settings(max_examples=40, deadline=None)
@given(st.floats(-5, 0), st.floats(0.01, 3), st.floats(-5, 0), st.floats(0.01, 3))
def test_shrinkage_lies_between_estimate_and_prior(
    value: float, error: float, mean: float, spread: float
) -> None:
    got, deviation, weight = Pool.of(Prior(mean, spread, 0.0, 5, "x")).shrink(value, error)
    assert min(value, mean) - 1e-9 <= got <= max(value, mean) + 1e-9
    assert deviation <= min(error, spread) + 1e-9
    assert 0 < weight < 1


def test_the_spread_between_products_is_recovered() -> None:
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.1, 0.6, 3000)
    values = -2 + 0.5 * rng.standard_normal(3000) + errors * rng.standard_normal(3000)
    wider = Pool.of(PUBLISHED_OWN)
    prior = pooled(values, errors, "tea", wider).prior
    assert prior.mean == pytest.approx(-2, abs=0.05)
    assert prior.spread == pytest.approx(0.5, abs=0.05)
    assert pooled(values[:2], errors[:2], "tea", wider) is wider
    assert wider.prior == PUBLISHED_OWN


@pytest.mark.parametrize("n_products", [3, 6, 9, 20])
def test_intervals_hold_the_truth_as_often_as_they_say_however_small_the_category(n_products: int) -> None:
    rng = np.random.default_rng(n_products)
    inside = []
    for _ in range(4000 // n_products):
        errors = rng.uniform(0.2, 0.6, n_products)
        true = -2.2 + 0.4 * rng.standard_normal(n_products)
        values = true + errors * rng.standard_normal(n_products)
        pool = pooled(values, errors, "tea", Pool.of(PUBLISHED_OWN))
        for truth, value, error in zip(true, values, errors, strict=True):
            mean, deviation, _ = pool.shrink(value, error)
            inside.append(abs(truth - mean) <= 1.645 * deviation)
    assert 0.87 <= np.mean(inside) <= 0.94  # chance alone moves it by 0.01


def test_mixing_over_spreads_equals_the_sum_over_every_mean_and_spread() -> None:
    values, errors = np.array([-1.2, -2.0, -3.1, -2.4]), np.array([0.2, 0.5, 0.3, 0.6])
    pool = pooled(values, errors, "tea", Pool.of(PUBLISHED_OWN))
    mean, spread = np.meshgrid(np.linspace(-12, 8, 1001), np.linspace(0.001, 5, 1000))
    logs = stats.halfnorm.logpdf(spread)
    for value, error in zip(values, errors, strict=True):
        logs += stats.norm.logpdf(value, mean, np.hypot(error, spread))
    shares = np.exp(logs) / np.exp(logs).sum()
    middle = (shares * mean).sum()
    assert pool.prior.mean == pytest.approx(middle, abs=2e-3)
    predicted = np.sqrt((shares * (spread**2 + (mean - middle) ** 2)).sum())
    assert pool.prior.standard_error == pytest.approx(predicted, abs=5e-3)
    for value, error in zip(values, errors, strict=True):
        own = spread**2 / (spread**2 + error**2)
        center = own * value + (1 - own) * mean
        expected = (shares * center).sum()
        variance = (shares * (own * error**2 + (center - expected) ** 2)).sum()
        assert pool.shrink(value, error)[:2] == pytest.approx((expected, np.sqrt(variance)), abs=2e-3)


def test_the_badge_weighs_the_difference_by_its_errors() -> None:
    own = OwnEstimate("double machine learning", "", -2.0, 0.3)
    assert confounding_badge(-1.9, 0.1, own).badge == "no sign of confounding"
    assert confounding_badge(-1.4, 0.1, own).badge == "some sign of confounding"
    assert confounding_badge(-0.5, 0.1, own).badge == "strong sign of confounding"
    assert confounding_badge(-0.5, 0.1, OwnEstimate("category prior", "")).badge == "not tested"


class Flat:
    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.where(X["title"] == "?", np.nan, 8.0)

    def predict_interval(self, X: pd.DataFrame, confidence_level: float | None = None) -> np.ndarray:
        return np.tile([6.0, 10.0], (len(X), 1))


def test_a_product_without_sales_stands_on_what_it_is_worth(
    confounded: tuple[DemandModel, np.ndarray],
) -> None:
    model, _ = confounded
    listings = pd.DataFrame({"title": ["new tea", "?", "old tea"]})
    names = np.array(["new", "odd", "p0"])
    both = willingness_to_pay(model, Flat(), listings, names, np.full(3, "tea"))
    new, odd = (next(one for one in both.estimates if one.sku == name) for name in ("new", "odd"))
    assert new.rung == "willingness to pay"
    assert new.curve is not None
    assert (new.curve.reference_price, new.curve.price_low, new.curve.price_high) == (8.0, 6.0, 10.0)
    assert new.curve.elasticity == model.priors["tea"]["mean"]
    assert odd.curve is None and odd.rung == "none"
    assert both.curve("p0") == model.curve("p0")
    with pytest.raises(DataError, match="no demand curve"):
        both.curve("odd")


def test_an_estimate_survives_a_product_with_one_store_and_no_category() -> None:
    frame, own = drawn_sales(Shop(n_skus=1, n_stores=1, n_weeks=120))
    model = learn_demand(panel_of(frame.drop(columns=["store", "category", "promo", "unit_cost"])))
    [estimate] = model.estimates
    assert estimate.rung == "fixed-effects Poisson"
    assert estimate.elasticity_low is not None and estimate.elasticity_high is not None
    assert estimate.elasticity_low < own[0] + 0.5


def test_options_are_checked() -> None:
    for wrong in ({"confidence_level": 1.0}, {"min_observations": 1}, {"support_margin": 0.9}):
        with pytest.raises(ConfigError):
            DemandConfig(**wrong)  # type: ignore[arg-type]


def test_an_estimate_of_a_refused_product_makes_an_empty_row() -> None:
    row = DemandEstimate("a", "", "none", "why", None, None, None, 0.9, Confounding("not tested")).row()
    assert row["price"] is None and row["rung"] == "none"
