"""The main job on real listings with the real backbone: tune, quote, save, move, answer the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricelm import PriceModel, TuningConfig, load_model, load_shop
from pricelm.catalog.shops import Shop
from pricelm.models.text import log_price

pytestmark = pytest.mark.slow

TUNING = TuningConfig(epochs=2, max_length=32, method="last-2", threads=1)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return load_shop("electronics", rows=400)


@pytest.fixture(scope="module")
def model(shop: Shop) -> PriceModel:
    return PriceModel(columns=shop.columns, tuning=TUNING, currency=shop.currency).fit(shop.listings)


def fit_small(shop: Shop, seed: int) -> PriceModel:
    tuning = TuningConfig(epochs=1, max_length=16, method="last-1", threads=1)
    return PriceModel(columns=shop.columns, tuning=tuning, seed=seed).fit(shop.listings.head(150))


def test_all_members_work_and_the_prices_make_sense(model: PriceModel, shop: Shop) -> None:
    assert list(model.members_) == ["lexical", "language", "tabular"]
    assert model.refused_ == {}
    assert model.training_["rows"] + sum(model.training_["rejected"].values()) == 400
    known = shop.listings.tail(200)
    predicted = model.predict(known)
    priced = pd.to_numeric(known["price"].str.replace(r"[$,]", "", regex=True), errors="coerce").to_numpy()
    sure = np.isfinite(priced)
    assert sure.sum() > 150
    assert np.corrcoef(log_price(predicted[sure]), log_price(priced[sure]))[0, 1] > 0.5


def test_tuning_lowers_the_loss(model: PriceModel) -> None:
    for curve in model.training_["learning_curves"]:
        assert curve[-1]["train_loss"] < curve[0]["train_loss"]


def test_new_products_are_quoted_with_everything(model: PriceModel, shop: Shop) -> None:
    quotes = model.quote(shop.new_listings)
    assert len(quotes) == 3
    for quote in quotes:
        interval = quote.estimate.interval
        assert 0 < interval.lower < quote.estimate.predicted_price < interval.upper
        assert interval.currency == "USD"
        assert set(quote.member_prices) == {"lexical", "language", "tabular"}
        assert len(quote.comparables) == 3
        assert all(item.title and item.price > 0 for item in quote.comparables)
        assert quote.comparables[0].similarity >= quote.comparables[-1].similarity > 0


def test_a_moved_bundle_answers_the_same_in_another_process(
    model: PriceModel, shop: Shop, tmp_path: Path
) -> None:
    model.save(tmp_path / "bundle")
    moved = tmp_path / "far" / "away"
    moved.parent.mkdir()
    (tmp_path / "bundle").rename(moved)
    listings = shop.listings.drop(columns="price").head(40)
    loaded = load_model(moved)
    np.testing.assert_allclose(loaded.predict(listings), model.predict(listings), rtol=1e-6)
    np.testing.assert_allclose(loaded.predict_interval(listings), model.predict_interval(listings), rtol=1e-6)
    own, theirs = model.member_predictions(listings), loaded.member_predictions(listings)
    for name, prices in own.items():
        np.testing.assert_allclose(theirs[name], prices, rtol=1e-6)

    listings.to_parquet(tmp_path / "listings.parquet")
    script = (
        "import sys, pandas as pd; from pricelm import load_model; "
        "print(*map(repr, load_model(sys.argv[1]).predict(pd.read_parquet(sys.argv[2])).tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(moved), str(tmp_path / "listings.parquet")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HF_HUB_OFFLINE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.array(done.stdout.split(), dtype=float), model.predict(listings), rtol=1e-6)


def test_the_same_seed_makes_the_same_model(shop: Shop) -> None:
    new = shop.listings.tail(40)
    first, again, other = (fit_small(shop, seed).predict(new) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_the_english_backbone_refuses_chinese() -> None:
    random = np.random.default_rng(0)
    things = random.choice(["护肤套装", "保湿面霜", "洁面乳"], 120)
    frame = pd.DataFrame(
        {
            "title": [f"{thing} {random.integers(1, 9) * 50}ml 补水礼盒" for thing in things],
            "price": random.uniform(20, 300, 120).round(2),
        }
    )
    model = PriceModel(tuning=TUNING).fit(frame)
    assert list(model.members_) == ["lexical", "tabular"]
    assert "'minilm' does not know" in model.refused_["language"]
    assert np.isfinite(model.predict(frame)).all()
