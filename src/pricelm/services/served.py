"""A bundle as the service asks it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from pricelm.catalog.columns import ColumnMap
from pricelm.core.nouns import Quote
from pricelm.models.bundle import load_model
from pricelm.models.price_model import PriceModel

_CHARACTERS_A_TOKEN = 4


class Served(Protocol):
    """What the service needs of a loaded model."""

    @property
    def columns(self) -> ColumnMap:
        """Roles of the columns that the model reads."""
        ...

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return predicted prices, shape (n_listings,)."""
        ...

    def predict_interval(self, X: pd.DataFrame, confidence_level: float | None = None) -> np.ndarray:
        """Return lower and upper ends, shape (n_listings, 2)."""
        ...

    def quote(self, X: pd.DataFrame, comparables: int = 3) -> list[Quote]:
        """Return everything that is known about the price of each listing."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """Return the length of each text, shape (n_texts,)."""
        ...


class _Plain:
    """A model in the runtime that it was trained with."""

    def __init__(self, model: PriceModel) -> None:
        self._model = model

    @property
    def columns(self) -> ColumnMap:
        return self._model.columns_

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return self._model.predict(X)

    def predict_interval(self, X: pd.DataFrame, confidence_level: float | None = None) -> np.ndarray:
        return self._model.predict_interval(X, confidence_level)

    def quote(self, X: pd.DataFrame, comparables: int = 3) -> list[Quote]:
        return self._model.quote(X, comparables=comparables)

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([len(text) // _CHARACTERS_A_TOKEN + 1 for text in texts])


def load_served(bundle: Path) -> Served:
    """Read a bundle for the service.

    Parameters
    ----------
    bundle : pathlib.Path
        Its folder.

    Raises
    ------
    BundleError
        If it is broken or incomplete.
    MissingExtraError
        If it has a member whose library is not installed.
    """
    return _Plain(load_model(bundle))
