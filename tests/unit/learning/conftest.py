"""A comparison that runs in seconds: made-up texts and the tiny backbone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pricelm.learning.comparison import ComparisonPlan
from pricelm.learning.comparison_data import ComparisonData
from tests.generated_listings import listings_frame


@pytest.fixture(scope="session")
def comparison_data() -> ComparisonData:
    """40 training texts and 24 test listings, of which two share a group."""
    frame = listings_frame(64)
    texts, prices = frame["name"].tolist(), frame["cost"].to_numpy()
    groups = np.array([0, *range(23)])
    return ComparisonData(texts[:40], np.log1p(prices[:40]), texts[40:], prices[40:], groups)


@pytest.fixture(scope="session")
def tiny_plan(tiny_backbone: Path) -> Any:
    """Return a function that makes a plan for the tiny backbone."""

    def make(*methods: str, **options: Any) -> ComparisonPlan:
        settings = {"max_length": 16, "batch_size": 8, "precision": "fp32"} | options.pop("settings", {})
        names = {"backbones": (str(tiny_backbone),), "epochs": 1, "equal": ("data",)} | options
        return ComparisonPlan(methods, settings=settings, **names)

    return make
