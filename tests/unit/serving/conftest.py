"""A small model with two tuned copies of a tiny backbone, exported once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricelm.language.config import TuningConfig
from pricelm.models.price_model import PriceModel
from pricelm.services.exporting import ExportRequest, export_model
from tests.generated_listings import ROLE_NAMES, listings_frame


@pytest.fixture(scope="session")
def trained(tiny_backbone: Path) -> PriceModel:
    """A fitted model with a language member of several copies. Do not change it."""
    tuning = TuningConfig(backbone=str(tiny_backbone), epochs=2, max_length=24, batch_size=16)
    return PriceModel(preset="balanced", columns=ROLE_NAMES, tuning=tuning).fit(listings_frame(150))


@pytest.fixture(scope="session")
def exported(trained: PriceModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its bundle with an export in both precisions. Do not change it."""
    folder = trained.save(tmp_path_factory.mktemp("exported") / "model")
    export_model(ExportRequest(folder, int8=True))
    return folder


@pytest.fixture
def bundle(exported: Path, tmp_path: Path) -> Path:
    """A copy of that bundle that a test may break."""
    return Path(shutil.copytree(exported, tmp_path / "model"))


@pytest.fixture(scope="session")
def new_listings() -> pd.DataFrame:
    """Listings to price; the longest text is cut, and one row has nothing to read."""
    frame = listings_frame(40, seed=9).drop(columns="cost")
    frame.loc[3, "name"] = "red wooden table of many parts " * 20
    frame.loc[5] = [None if name != "sku" else "empty" for name in frame.columns]
    return frame


@pytest.fixture
def make_texts() -> Callable[[int], list[str]]:
    """Return a function that makes up n texts of 0 to 40 words."""
    words = ["red", "green", "old", "wooden", "cup", "lamp", "chair", "sofa", "wine", "cheese", "box"]

    def make(n: int) -> list[str]:
        random = np.random.default_rng(n)
        return [" ".join(random.choice(words, random.integers(0, 40))) for _ in range(n)]

    return make
