"""Data with a simple rule in its text, and configs that tune the tiny backbone in a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pricelm.language.config import TuningConfig

WORTH = {"cup": 0.0, "lamp": 1.0, "chair": 2.0, "sofa": 4.0}
COLORS = ("red", "green", "blue", "old wooden", "new small")


def priced_texts(n: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Return texts and targets that depend on one word of the text, with a little noise."""
    random = np.random.default_rng(seed)
    things = random.choice(list(WORTH), n)
    texts = [f"{random.choice(COLORS)} {thing}{' brand pro' * random.integers(0, 4)}" for thing in things]
    return texts, np.array([WORTH[thing] for thing in things]) + random.normal(0, 0.05, n)


@pytest.fixture(scope="session")
def rows() -> tuple[list[str], np.ndarray]:
    """96 texts with targets."""
    return priced_texts(96)


@pytest.fixture(scope="session")
def new_rows() -> tuple[list[str], np.ndarray]:
    """60 other texts with targets."""
    return priced_texts(60, seed=1)


@pytest.fixture
def tiny_config(tiny_backbone: Path) -> Callable[..., TuningConfig]:
    """Return a function that makes a config for the tiny backbone."""

    def make(**options: Any) -> TuningConfig:
        defaults: dict[str, Any] = {
            "backbone": str(tiny_backbone),
            "max_length": 16,
            "epochs": 2,
            "batch_size": 8,
            "learning_rate": 3e-3,
            "head_learning_rate": 1e-2,
            "precision": "fp32",
        }
        return TuningConfig(**(defaults | options))

    return make
