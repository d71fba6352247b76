"""Every method of tuning on real texts with a real backbone: it trains, saves, reloads and predicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pricelm import load_shop
from pricelm.language.config import TuningConfig
from pricelm.language.methods import METHODS
from pricelm.language.regressor import LanguageRegressor
from pricelm.models.preparation import prepare_training
from pricelm.models.text import FeatureColumns, compose_text, log_price

NAMES = [name.replace("-N", "-2") for name in METHODS]
ROWS, NEW = 64, 16


@pytest.fixture(scope="module")
def electronics() -> tuple[list[str], np.ndarray, list[str]]:
    """Texts and log prices to learn from, and new texts."""
    shop = load_shop("electronics", rows=120)
    known = prepare_training(shop.listings, columns=shop.columns, currency=shop.currency)
    texts = compose_text(known.listings, FeatureColumns.from_map(known.columns))
    prices = log_price(known.listings["price"].to_numpy())
    return texts[:ROWS], prices[:ROWS], texts[ROWS : ROWS + NEW]


@pytest.mark.parametrize("method", NAMES)
def test_a_method_trains_saves_reloads_and_predicts(
    method: str, electronics: tuple[list[str], np.ndarray, list[str]], tmp_path: Path
) -> None:
    texts, prices, new = electronics
    config = TuningConfig(method=method, max_length=16, epochs=2, batch_size=16, seed=1)
    model = LanguageRegressor(config).fit(texts, prices)
    # the first loss is that of the mean price, 1/2 under Huber's curve
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"] < 1
    predicted = model.predict(new)
    model.save(tmp_path / "model")
    assert LanguageRegressor.load(tmp_path / "model").predict(new) == pytest.approx(predicted, abs=1e-5)
    assert predicted.std() > 0 and np.abs(predicted - prices.mean()).max() < 4
