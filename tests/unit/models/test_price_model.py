"""PriceModel as its users see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score

from pricelm import ColumnMap, PriceModel, TuningConfig
from pricelm.core.errors import ConfigError, DataError
from pricelm.core.protocols import PricePredictor, Silence
from pricelm.models.cross_fitting import cross_fit
from pricelm.models.language_member import LanguageMember
from pricelm.models.text import log_price

TOLERANCE = {"rtol": 1e-6, "atol": 0}
TOLD = ["title", "brand", "category", "condition", "description", "weight", "shelf"]


class Listening(Silence):
    """Remembers what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def start(self, task: str, total: int) -> None:
        self.said.append(task)

    def say(self, message: str) -> None:
        self.said.append(message)


def with_an_empty_row(frame: pd.DataFrame, row: int) -> pd.DataFrame:
    """Return a copy in which one row says nothing."""
    emptied = frame.copy()
    emptied.iloc[row, [emptied.columns.get_loc(name) for name in TOLD]] = np.nan
    return emptied


# --- learning and predicting


@pytest.mark.parametrize("which", ["fast_model", "language_model"])
def test_new_listings_are_priced_well(
    which: str, new_shop: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    predicted = request.getfixturevalue(which).predict(new_shop)
    assert predicted.shape == (60,)
    assert r2_score(log_price(new_shop["price"]), log_price(predicted)) > 0.85


def test_it_is_a_price_predictor(fast_model: PriceModel) -> None:
    assert isinstance(fast_model, PricePredictor)


def test_what_was_learned_is_on_record(fast_model: PriceModel, shop: pd.DataFrame) -> None:
    assert list(fast_model.members_) == ["lexical", "tabular"]
    assert fast_model.refused_ == {}
    assert fast_model.columns_.title == "title"
    assert fast_model.features_.attributes == ("weight", "shelf")
    assert fast_model.n_features_in_ == shop.shape[1]
    assert list(fast_model.feature_names_in_) == list(shop.columns)
    record = fast_model.training_
    assert record["rows"] == 240
    assert set(record["seconds"]) == {"lexical", "tabular", "total"}
    assert record["learning_curves"] == []
    assert fast_model.fingerprint_ == PriceModel(preset="fast").fit(shop).fingerprint_


def test_the_language_member_leaves_its_learning_curve(language_model: PriceModel) -> None:
    assert list(language_model.members_) == ["lexical", "language", "tabular"]
    curves = language_model.training_["learning_curves"]
    assert len(curves) == 5
    assert all("validation_rmse" in epoch for curve in curves for epoch in curve)


def test_an_unfitted_model_says_so(shop: pd.DataFrame) -> None:
    model = PriceModel()
    for ask in (model.predict, model.predict_interval, model.quote, model.member_predictions):
        with pytest.raises(NotFittedError):
            ask(shop)
    with pytest.raises(NotFittedError):
        model.predict_without(shop, "lexical")
    with pytest.raises(NotFittedError):
        model.save("anywhere")


def test_prices_given_separately_make_the_same_model(
    fast_model: PriceModel, shop: pd.DataFrame, new_shop: pd.DataFrame
) -> None:
    beside = PriceModel(preset="fast").fit(shop.drop(columns="price"), shop["price"])
    np.testing.assert_allclose(beside.predict(new_shop), fast_model.predict(new_shop), **TOLERANCE)


def test_bad_prices_are_left_out_and_counted(shop: pd.DataFrame) -> None:
    broken = shop.head(60).astype({"price": object})
    broken.loc[[1, 2, 3], "price"] = ["N/A", "-4", "0"]
    model = PriceModel(preset="fast").fit(broken)
    assert model.training_["rows"] == 57
    assert sum(model.training_["rejected"].values()) == 3


def test_progress_hears_the_plan_and_the_members(shop: pd.DataFrame) -> None:
    progress = Listening()
    PriceModel(preset="fast").fit(shop.head(60), progress=progress)
    assert any("members: lexical, tabular" in line for line in progress.said)
    assert any("fitting the tabular member" in line for line in progress.said)


# --- what must not matter


@pytest.mark.parametrize("which", ["fast_model", "language_model"])
def test_order_and_company_of_rows_do_not_matter(
    which: str, new_shop: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(which)
    together, intervals = model.predict(new_shop), model.predict_interval(new_shop)
    order = np.random.default_rng(0).permutation(60)
    shuffled = new_shop.iloc[order]
    np.testing.assert_allclose(model.predict(shuffled), together[order], **TOLERANCE)
    np.testing.assert_allclose(model.predict_interval(shuffled), intervals[order], **TOLERANCE)
    for rows in (slice(0, 1), slice(7, 8), slice(3, 20)):
        np.testing.assert_allclose(model.predict(new_shop.iloc[rows]), together[rows], **TOLERANCE)
        np.testing.assert_allclose(model.predict_interval(new_shop.iloc[rows]), intervals[rows], **TOLERANCE)


def test_labels_of_rows_do_not_matter(fast_model: PriceModel, new_shop: pd.DataFrame) -> None:
    expected = fast_model.predict(new_shop)
    for labels in (["same"] * 60, range(1000, 1060)):
        np.testing.assert_array_equal(fast_model.predict(new_shop.set_axis(labels)), expected)


def test_order_of_columns_and_further_columns_do_not_matter(
    fast_model: PriceModel, new_shop: pd.DataFrame
) -> None:
    expected = fast_model.predict(new_shop)
    backwards = new_shop[new_shop.columns[::-1]]
    further = new_shop.assign(unheard_of=range(60), another="text")
    np.testing.assert_array_equal(fast_model.predict(backwards), expected)
    np.testing.assert_array_equal(fast_model.predict(further), expected)


def test_the_price_column_is_not_read_when_predicting(fast_model: PriceModel, new_shop: pd.DataFrame) -> None:
    expected = fast_model.predict(new_shop)
    np.testing.assert_array_equal(fast_model.predict(new_shop.assign(price="N/A")), expected)
    np.testing.assert_array_equal(fast_model.predict(new_shop.drop(columns="price")), expected)


def test_columns_may_come_in_another_order_in_training(
    fast_model: PriceModel, shop: pd.DataFrame, new_shop: pd.DataFrame
) -> None:
    identity = ["sku", "title", "brand", "category", "condition", "description", "price"]
    moved = shop[[*identity[::-1], "weight", "shelf"]]
    model = PriceModel(preset="fast").fit(moved)
    np.testing.assert_allclose(model.predict(new_shop), fast_model.predict(new_shop), **TOLERANCE)


# --- strange rows


def test_a_row_without_anything_to_read_gets_no_price(fast_model: PriceModel, new_shop: pd.DataFrame) -> None:
    frame = with_an_empty_row(new_shop, 2)
    expected = fast_model.predict(new_shop)
    predicted, intervals = fast_model.predict(frame), fast_model.predict_interval(frame)
    others = np.arange(60) != 2
    assert np.isnan(predicted[2])
    assert np.isnan(intervals[2]).all()
    np.testing.assert_allclose(predicted[others], expected[others], **TOLERANCE)
    assert np.isfinite(intervals[others]).all()
    quotes = fast_model.quote(frame)
    assert len(quotes) == 60
    assert quotes[2].estimate.abstained
    assert "no text or attribute" in quotes[2].estimate.reason
    assert not quotes[1].estimate.abstained
    assert np.isnan(fast_model.member_predictions(frame)["lexical"][2])


def test_single_missing_values_and_unseen_values_are_priced(
    fast_model: PriceModel, new_shop: pd.DataFrame
) -> None:
    holes = new_shop.astype({"weight": float})
    for number, name in enumerate(TOLD):
        holes.loc[number, name] = np.nan
    holes.loc[20, "category"] = "Never/Heard/Of"
    holes.loc[21, "brand"] = "Nobody"
    predicted, intervals = fast_model.predict(holes), fast_model.predict_interval(holes)
    assert np.isfinite(predicted).all()
    assert (predicted > 0).all()
    assert ((intervals[:, 0] <= predicted) & (predicted <= intervals[:, 1])).all()


def test_missing_columns_are_taken_as_empty(fast_model: PriceModel, new_shop: pd.DataFrame) -> None:
    titles_only = fast_model.predict(new_shop[["title"]])
    blank = new_shop.assign(**{name: np.nan for name in TOLD if name != "title"})
    np.testing.assert_array_equal(titles_only, fast_model.predict(blank))
    assert np.corrcoef(log_price(titles_only), log_price(new_shop["price"]))[0, 1] > 0.5


def test_a_table_with_none_of_the_columns_is_refused(fast_model: PriceModel) -> None:
    with pytest.raises(DataError, match="at least one of the columns"):
        fast_model.predict(pd.DataFrame({"nonsense": [1, 2]}))


def test_an_empty_table_gets_empty_answers(fast_model: PriceModel, new_shop: pd.DataFrame) -> None:
    nothing = new_shop.head(0)
    assert fast_model.predict(nothing).shape == (0,)
    assert fast_model.predict_interval(nothing).shape == (0, 2)
    assert fast_model.quote(nothing) == []


def test_a_model_of_arrays_is_no_model_of_tables_any_more(shop: pd.DataFrame) -> None:
    numbers = np.random.default_rng(0).uniform(1, 9, (80, 3))
    model = PriceModel(preset="fast").fit(shop.head(60)).fit(numbers, numbers.sum(axis=1))
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 3
    with pytest.raises(DataError, match="X has 2 features"):
        model.predict(numbers[:, :2])


# --- seed


@pytest.mark.parametrize("language", [False, True])
def test_the_seed_decides_everything(
    language: bool, make_shop: Callable[..., pd.DataFrame], tiny_tuning: TuningConfig
) -> None:
    listings, new = make_shop(80), make_shop(20, seed=5)
    options: dict[str, Any] = (
        {"preset": "balanced", "tuning": tiny_tuning} if language else {"preset": "fast"}
    )

    def answers(seed: int) -> np.ndarray:
        model = PriceModel(**options, seed=seed).fit(listings)
        return np.column_stack([model.predict(new), model.predict_interval(new)])

    np.testing.assert_array_equal(answers(1), answers(1))
    assert not np.allclose(answers(1), answers(2))


def test_the_seed_reaches_the_members(make_shop: Callable[..., pd.DataFrame]) -> None:
    """Trees fitted on all rows know nothing of the folds: only their own seed can tell them apart."""
    listings, new = make_shop(80), make_shop(20, seed=5)
    one, other = (
        PriceModel(preset="fast", seed=seed).fit(listings).member_predictions(new)["tabular"]
        for seed in (1, 2)
    )
    assert not np.array_equal(one, other)


# --- members


def test_members_speak_for_themselves(language_model: PriceModel, new_shop: pd.DataFrame) -> None:
    own = language_model.member_predictions(new_shop)
    blended = log_price(language_model.predict(new_shop))
    weights, intercept = language_model.blend_.weights, language_model.blend_.intercept
    expected = sum(weights[name] * log_price(prices) for name, prices in own.items()) + intercept
    assert set(own) == {"lexical", "language", "tabular"}
    np.testing.assert_allclose(blended, expected, **TOLERANCE)


def test_the_blend_without_a_member_ignores_it(language_model: PriceModel, new_shop: pd.DataFrame) -> None:
    own = language_model.member_predictions(new_shop)
    rest = language_model.blend_.without["language"]
    expected = sum(weight * log_price(own[name]) for name, weight in rest.weights.items()) + rest.intercept
    without = language_model.predict_without(new_shop, "language")
    np.testing.assert_allclose(log_price(without), expected, **TOLERANCE)
    assert not np.allclose(without, language_model.predict(new_shop))
    with pytest.raises(ConfigError, match=r"lexical.*tabular.*'picture'"):
        language_model.predict_without(new_shop, "picture")


def test_a_member_that_refuses_is_reported(
    make_shop: Callable[..., pd.DataFrame], tiny_tuning: TuningConfig
) -> None:
    progress = Listening()
    model = PriceModel(tuning=tiny_tuning).fit(make_shop(40), progress=progress)
    assert list(model.members_) == ["lexical", "tabular"]
    assert "40 listings are too few" in model.refused_["language"]
    assert any("the language member refuses: 40 listings" in line for line in progress.said)


def test_every_row_teaches_the_blend_where_nothing_dear_is_fitted(
    make_shop: Callable[..., pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = []

    def watched(*arguments: Any) -> Any:
        found = cross_fit(*arguments)
        held_out.append(len(found.rows))
        return found

    monkeypatch.setattr("pricelm.models.fitting.cross_fit", watched)
    monkeypatch.setattr("pricelm.models.presets._HELD_OUT_ROWS_WANTED", 10)
    monkeypatch.setattr(LanguageMember, "refusal", lambda *_: "no language is spoken here")
    model = PriceModel(preset="best").fit(make_shop(120))
    assert held_out == [model.training_["rows"]]


def test_numbers_alone_are_priced_by_the_tabular_member() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"width": random.uniform(1, 9, 120), "depth": random.uniform(1, 9, 120)})
    model = PriceModel(preset="fast").fit(frame, 5 * frame["width"] + frame["depth"])
    assert list(model.members_) == ["tabular"]
    assert "no text" in model.refused_["lexical"]
    assert model.comparables_ is None
    assert model.quote(frame.head(1))[0].comparables == ()
    assert r2_score(5 * frame["width"] + frame["depth"], model.predict(frame)) > 0.9
    with pytest.raises(ConfigError):
        model.predict_without(frame, "tabular")


def test_where_all_members_refuse_the_reasons_are_given() -> None:
    frame = pd.DataFrame({"width": [1.0, 2.0, 3.0], "depth": [4.0, 9.0, 1.0]})
    with pytest.raises(DataError, match=r"no text.*too few"):
        PriceModel(preset="fast").fit(frame, [5.0, 6.0, 7.0])


# --- leaks, columns, currency


def test_a_leak_is_dropped_or_kept(shop: pd.DataFrame, new_shop: pd.DataFrame) -> None:
    leaky = shop.assign(retail=shop["price"] * 1.25)
    dropped = PriceModel(preset="fast").fit(leaky)
    kept = PriceModel(preset="fast", keep_leaks=True).fit(leaky)
    assert "retail" in dropped.columns_.ignored
    assert dropped.training_["leaks"][0].startswith("retail: near-equal")
    assert "retail" in kept.columns_.numeric
    doubled = new_shop.assign(retail=new_shop["price"] * 2.5)
    plain = new_shop.assign(retail=new_shop["price"] * 1.25)
    np.testing.assert_array_equal(dropped.predict(doubled), dropped.predict(plain))
    assert np.median(kept.predict(doubled) / kept.predict(plain)) > 1.1


def test_columns_may_be_named_by_hand(shop: pd.DataFrame, new_shop: pd.DataFrame) -> None:
    renamed = {"title": "aa", "price": "bb"}
    by_mapping = PriceModel(preset="fast", columns={"title": "aa", "price": "bb"}).fit(
        shop.rename(columns=renamed)
    )
    assert (by_mapping.columns_.title, by_mapping.columns_.price) == ("aa", "bb")
    by_map = PriceModel(preset="fast", columns=ColumnMap(title="aa", price="bb")).fit(
        shop.rename(columns=renamed)
    )
    assert by_map.features_.attributes == ()
    changed = new_shop.rename(columns=renamed).assign(category="Other", weight=9.0)
    np.testing.assert_array_equal(by_map.predict(changed), by_map.predict(new_shop.rename(columns=renamed)))


def test_the_currency_is_read_or_told(shop: pd.DataFrame) -> None:
    written = shop.head(60).assign(price=[f"€{price:.2f}" for price in shop["price"].head(60)])
    assert PriceModel(preset="fast").fit(written).quote(written.head(1))[0].estimate.currency == "EUR"
    told = PriceModel(preset="fast", currency="CNY").fit(shop.head(60)).quote(shop.head(1))[0]
    assert told.estimate.currency == told.estimate.interval.currency == "CNY"


# --- quotes and intervals


def test_a_quote_says_everything(language_model: PriceModel, shop: pd.DataFrame) -> None:
    new = shop.head(5).drop(columns="price")
    quotes = language_model.quote(new, comparables=2)
    prices, intervals = language_model.predict(new), language_model.predict_interval(new)
    own = language_model.member_predictions(new)
    for row, quote in enumerate(quotes):
        assert quote.listing_id == new["sku"].iloc[row]
        assert quote.estimate.predicted_price == pytest.approx(prices[row])
        assert quote.estimate.interval.lower == pytest.approx(intervals[row, 0])
        assert quote.estimate.interval.upper == pytest.approx(intervals[row, 1])
        assert quote.estimate.interval.confidence_level == 0.9
        assert quote.member_prices == pytest.approx({name: values[row] for name, values in own.items()})
        assert len(quote.comparables) == 2
        assert quote.comparables[0].title == new["title"].iloc[row]
        assert not quote.estimate.abstained
    assert language_model.quote(new, comparables=0)[0].comparables == ()


def test_intervals_hold_their_share_of_new_listings(
    fast_model: PriceModel, make_shop: Callable[..., pd.DataFrame]
) -> None:
    many = make_shop(2000, seed=9)
    price = many["price"].to_numpy()
    for level in (None, 0.5, 0.8):
        interval = fast_model.predict_interval(many, level)
        share = np.mean((interval[:, 0] <= price) & (price <= interval[:, 1]))
        # three standard deviations of 240 calibration rows; a model of all rows misses by less than
        # the models of four fifths that the intervals were learned from
        slack = 3 * np.sqrt((level or 0.9) * (1 - (level or 0.9)) / 240)
        assert -slack < share - (level or 0.9) < slack + 0.05


def test_other_levels_are_nested_and_checked(fast_model: PriceModel, new_shop: pd.DataFrame) -> None:
    narrow, own, wide = (fast_model.predict_interval(new_shop, level) for level in (0.5, None, 0.99))
    np.testing.assert_array_equal(own, fast_model.predict_interval(new_shop, 0.9))
    assert (wide[:, 0] <= own[:, 0]).all()
    assert (own[:, 0] <= narrow[:, 0]).all()
    assert (narrow[:, 1] <= own[:, 1]).all()
    assert (own[:, 1] <= wide[:, 1]).all()
    assert (narrow[:, 0] >= 0).all()
    for level in (0.0, 1.0, 90):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            fast_model.predict_interval(new_shop, level)


def test_it_abstains_where_the_interval_is_too_wide(fast_model: PriceModel, new_shop: pd.DataFrame) -> None:
    interval = fast_model.predict_interval(new_shop)
    ratio = interval[:, 1] / interval[:, 0]
    limit = float(np.median(ratio))
    careful = clone(fast_model).set_params(abstain_ratio=limit)
    vars(careful).update({name: value for name, value in vars(fast_model).items() if name.endswith("_")})
    abstained = [quote.estimate.abstained for quote in careful.quote(new_shop)]
    assert abstained == (ratio > limit).tolist()
    assert 0 < sum(abstained) < 60
    reasons = {bool(quote.estimate.reason) for quote in careful.quote(new_shop) if quote.estimate.abstained}
    assert reasons == {True}
    assert not any(quote.estimate.abstained for quote in fast_model.quote(new_shop))


@pytest.mark.parametrize(
    "options",
    [
        {"confidence_level": 1.5},
        {"confidence_level": 0},
        {"abstain_ratio": 1.0},
        {"abstain_ratio": float("nan")},
        {"preset": "quick"},
    ],
)
def test_impossible_parameters_are_refused_when_fitting(options: dict[str, Any], shop: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match="expected"):
        PriceModel(**{"preset": "fast", **options}).fit(shop)
