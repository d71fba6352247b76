"""Made-up shops whose prices follow their words, and models fitted on them once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pricelm.language.config import TuningConfig
from pricelm.models.member import FitContext
from pricelm.models.preparation import prepare_training
from pricelm.models.price_model import PriceModel
from pricelm.models.text import FeatureColumns, log_price

ITEMS = {
    "cup": ("Home/Kitchen/Cups", 6.0),
    "lamp": ("Home/Lights", 30.0),
    "chair": ("Furniture/Chairs", 70.0),
    "sofa": ("Furniture/Sofas", 420.0),
    "wine": ("Food/Wine", 12.0),
}
COLORS = ("red", "green", "blue", "old", "new")
BRANDS = {"Acme": 1.0, "Bolt": 1.5, "": 0.8}


def made_up_shop(n: int, seed: int = 0) -> pd.DataFrame:
    """Return n raw listings; the price follows item, brand and weight, with 10 % noise."""
    random = np.random.default_rng(seed)
    things = random.choice(list(ITEMS), n)
    brands = random.choice(list(BRANDS), n)
    weight = random.uniform(0.5, 5.0, n).round(2)
    worth = np.array([ITEMS[thing][1] * BRANDS[brand] for thing, brand in zip(things, brands, strict=True)])
    return pd.DataFrame(
        {
            "sku": [f"s{number}" for number in range(n)],
            "title": [f"{random.choice(COLORS)} {thing} mini {random.integers(1, 60)}" for thing in things],
            "brand": brands,
            "category": [ITEMS[thing][0] for thing in things],
            "condition": random.choice(["new", "used"], n),
            "description": [f"{random.choice(COLORS)} and {random.choice(COLORS)} set" for _ in things],
            "weight": weight,
            "shelf": random.choice(["north", "south", "east"], n),
            "price": (worth * (1 + weight / 10) * np.exp(random.normal(0, 0.1, n))).round(2),
        }
    )


@pytest.fixture(scope="session")
def make_shop() -> Callable[..., pd.DataFrame]:
    """Return a function that makes up n raw listings from a seed."""
    return made_up_shop


@pytest.fixture(scope="session")
def shop() -> pd.DataFrame:
    """240 raw listings. Do not change it."""
    return made_up_shop(240)


@pytest.fixture(scope="session")
def new_shop() -> pd.DataFrame:
    """60 other raw listings. Do not change it."""
    return made_up_shop(60, seed=1)


@pytest.fixture(scope="session")
def checked(shop: pd.DataFrame) -> tuple[pd.DataFrame, FeatureColumns, np.ndarray]:
    """Checked listings, their attribute columns, and log prices."""
    data = prepare_training(shop)
    return data.listings, FeatureColumns.from_map(data.columns), log_price(data.listings["price"].to_numpy())


@pytest.fixture(scope="session")
def new_checked(new_shop: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Other checked listings and their log prices."""
    listings = prepare_training(new_shop).listings
    return listings, log_price(listings["price"].to_numpy())


@pytest.fixture(scope="session")
def context(checked: tuple[pd.DataFrame, FeatureColumns, np.ndarray]) -> FitContext:
    """What a member is told beside the data."""
    return FitContext(checked[1])


@pytest.fixture(scope="session")
def fast_model(shop: pd.DataFrame) -> PriceModel:
    """A model without a language member. Do not change it."""
    return PriceModel(preset="fast").fit(shop)


@pytest.fixture(scope="session")
def tiny_tuning(tiny_backbone: Path) -> TuningConfig:
    """Training of the tiny backbone in about a second."""
    options: dict[str, Any] = {
        "backbone": str(tiny_backbone),
        "max_length": 24,
        "epochs": 2,
        "learning_rate": 3e-3,
        "head_learning_rate": 1e-2,
        "precision": "fp32",
        "threads": 1,
    }
    return TuningConfig(**options)


@pytest.fixture(scope="session")
def language_model(shop: pd.DataFrame, tiny_tuning: TuningConfig) -> PriceModel:
    """A model with every part: language member, and the network of large shops. Do not change it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pricelm.models.lexical._FEWEST_ROWS_FOR_THE_NETWORK", 150)
        return PriceModel(preset="balanced", tuning=tiny_tuning).fit(shop)
