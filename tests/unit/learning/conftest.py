"""Searches and comparisons that run in seconds: made-up texts and the tiny backbone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pricelm.language.config import TuningConfig
from pricelm.language.rows import Rows
from pricelm.learning.comparison import ComparisonPlan
from pricelm.learning.comparison_data import ComparisonData
from pricelm.learning.search import SearchData
from tests.generated_listings import listings_frame

WORTH = {"cup": 1.0, "lamp": 2.0, "chair": 3.0, "sofa": 5.0}
COLORS = ("red", "green", "blue", "old wooden", "new small")


def made_up_rows(n: int, seed: int) -> Rows:
    """Return texts whose target depends on one word."""
    random = np.random.default_rng(seed)
    things = random.choice(list(WORTH), n)
    texts = [f"{random.choice(COLORS)} {thing}" for thing in things]
    return Rows(texts, np.array([WORTH[thing] for thing in things]) + random.normal(0, 0.05, n), None)


def made_up_search(seed: int = 0) -> SearchData:
    """Return the parts of a small search."""
    parts = [made_up_rows(n, seed + number) for number, n in enumerate((48, 24, 24))]
    return SearchData(parts[0], parts[1], parts[2], np.arange(24))


@pytest.fixture(scope="session")
def data() -> SearchData:
    """The parts of a small search."""
    return made_up_search()


@pytest.fixture
def base(tiny_backbone: Path) -> TuningConfig:
    """The configuration to beat."""
    return TuningConfig(
        backbone=str(tiny_backbone),
        max_length=16,
        epochs=2,
        batch_size=8,
        learning_rate=1e-3,
        precision="fp32",
    )


class Clock:
    """A clock that moves on by a step each time somebody looks at it."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step, self.looks = 0.0, step, 0

    def __call__(self) -> float:
        self.now += self.step
        self.looks += 1
        return self.now


@pytest.fixture
def make_clock() -> Callable[..., Any]:
    """Return the class of a clock that is moved by hand."""
    return Clock


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
