"""The shop's own bands: what is read, what is refused, where a price falls; and the mean price."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricelm.core.errors import ConfigError
from pricelm.models.bundle import load_model
from pricelm.models.presets import derive_plan
from pricelm.models.price_model import PriceModel
from pricelm.models.shop_bands import ShopBands, read_shop_bands

BANDS = ShopBands(("budget", "middle", "premium"), (10.0, 50.0))


def written(folder: Path, text: str) -> Path:
    path = folder / "bands.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_a_person_writes_is_what_is_read(tmp_path: Path) -> None:
    text = "bands:\n  - name: budget\n    below: 10\n  - {name: middle, below: 50}\n  - name: premium\n"
    assert read_shop_bands(written(tmp_path, text)) == BANDS
    assert ShopBands.from_dict(BANDS.to_dict()) == BANDS


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20))
def test_every_price_is_inside_its_band(prices: list[float]) -> None:
    for price, band in zip(prices, BANDS.of(np.array(prices)), strict=True):
        assert band.lower <= price < band.upper


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "'bands:' with a list"),
        ("bands: cheap", "'bands:' with a list"),
        ("bands: [{name: a, below: 1}, {name: b}]\nextra: 1", "'bands:' with a list"),
        ("bands: [{name: a, below: 1}]", "2 to 1000"),
        ("bands: [{name: a, below: ten}, {name: b}]", "to be a price, got 'ten'"),
        ("bands: [{name: a, below: true}, {name: b}]", "to be a price, got True"),
        ("bands: [{name: a, below: 1, above: 0}, {name: b}]", "band 1"),
        ("bands: [{below: 1}, {name: b}]", "band 1"),
        ("bands: [{name: a, below: 1}, {name: a}]", "different name"),
        ("bands: [{name: a, below: 5}, {name: b, below: 5}, {name: c}]", "rise"),
        ("bands: [{name: a, below: 0}, {name: b}]", "rise from above 0"),
        ("bands: [{name: a, below: .inf}, {name: b}]", "rise"),
        ("bands: [", "YAML"),
        ("bands: !!python/object/apply:os.getcwd []", "YAML"),
        ("[" * 5000, "YAML"),
    ],
)
def test_anything_else_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read_shop_bands(written(tmp_path, text))


def test_a_missing_or_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a file"):
        read_shop_bands(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="1 MB"):
        read_shop_bands(written(tmp_path, "#" * 1_000_001))


def test_a_head_with_bands_learns_those_of_the_shop() -> None:
    plan = derive_plan("balanced", 1000, backbone="minilm", tuning={"head": "bands"}, bands=BANDS)
    assert plan.tuning.head_options["edges"] == pytest.approx(np.log1p([10, 50]))
    own = {"head": "ordinal", "head_options": {"edges": [1.0]}}
    assert derive_plan("balanced", 9, backbone="minilm", tuning=own, bands=BANDS).tuning.head_options == {
        "edges": [1.0]
    }
    assert not derive_plan("balanced", 9, backbone="minilm", tuning=None, bands=BANDS).tuning.head_options


def noisy_listings(seed: int, n: int = 600) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    middle = np.where(np.arange(n) % 2 == 0, 20.0, 80.0)
    prices = middle * np.exp(random.normal(0, 0.8, n))
    titles = ["plain mug" if row % 2 == 0 else "golden clock" for row in range(n)]
    return pd.DataFrame(
        {"title": titles, "color": random.choice(["red", "blue", "green"], n), "price": prices}
    )


def test_quotes_name_the_band_and_the_mean_is_that_of_the_prices(tmp_path: Path) -> None:
    model = PriceModel(preset="fast", bands=BANDS).fit(noisy_listings(0))
    new = pd.DataFrame({"title": ["plain mug", "golden clock"], "color": ["red", "red"]})
    assert [quote.band.name for quote in model.quote(new) if quote.band] == ["middle", "premium"]
    # The mean of a log-normal price is exp(.8 ** 2 / 2) times its median.
    median, mean = model.predict(new), model.predict(new, statistic="mean")
    assert median == pytest.approx([20, 80], rel=0.2)
    assert mean / median == pytest.approx(np.exp(0.32), rel=0.15)
    again = load_model(model.save(tmp_path / "m"))
    assert again.bands == BANDS
    assert np.array_equal(again.predict(new, statistic="mean"), mean)
    with pytest.raises(ConfigError, match="median, mean"):
        model.predict(new, statistic="mode")
