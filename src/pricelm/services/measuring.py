"""Measuring a model: what the evaluator needs to see of it, and the guesses that it has to beat."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.duplicates import duplicate_groups
from pricelm.core.protocols import Progress
from pricelm.evaluation.evaluator import Evaluation, evaluate
from pricelm.language.baseline import frozen_baseline
from pricelm.language.config import TuningConfig
from pricelm.models.member import Member
from pricelm.models.price_model import PriceModel
from pricelm.models.text import FeatureColumns, compose_text, from_log_price, log_price

# A ridge regression on some hundred numbers a text learns nothing more from further listings.
_MOST_ROWS_FOR_THE_UNTUNED = 20_000


def measure(
    model: PriceModel,
    raw: pd.DataFrame,
    checked: pd.DataFrame,
    *,
    baselines: dict[str, np.ndarray],
    seed: int,
    progress: Progress,
) -> Evaluation:
    """Evaluate a model on listings that it has not seen.

    Parameters
    ----------
    model : PriceModel
        Fitted model.
    raw : pandas.DataFrame
        The listings as read; their index is unique.
    checked : pandas.DataFrame, n rows
        The usable ones among them, checked, with prices.
    baselines : dict of str to ndarray of shape (n,)
        Other predictions to compare with.
    seed : int
        Seed of the bootstrap.
    progress : Progress
        Told what happens.

    Returns
    -------
    Evaluation
        Metrics with intervals over groups of near-duplicates, coverage and slices.
    """
    progress.start(f"measuring on {len(checked):,} listings", 0)
    groups = duplicate_groups(compose_text(checked, model.features_))
    return evaluate(RawRowPredictor(model, raw), checked, baselines=baselines, groups=groups, seed=seed)


def untuned_language_prices(
    known: pd.DataFrame, new: pd.DataFrame, features: FeatureColumns, tuning: TuningConfig
) -> np.ndarray:
    """Return what the backbone predicts before it is tuned, shape (n_new,).

    It is a ridge regression on the frozen backbone's embeddings of at most 20,000 known listings.
    """
    stride = -(-len(known) // _MOST_ROWS_FOR_THE_UNTUNED)
    known = known.iloc[::stride]
    targets = log_price(known["price"].to_numpy())
    logs = frozen_baseline(compose_text(known, features), targets, compose_text(new, features), tuning)
    return from_log_price(logs)


class RawRowPredictor:
    """A model as the evaluator sees it: asked for checked listings, it prices the raw rows behind them.

    The evaluator asks for prices, members and intervals of several levels; the members read every
    listing once only.

    Parameters
    ----------
    model : PriceModel
        Fitted model.
    raw : pandas.DataFrame
        Raw listings whose index holds that of every frame that is asked for.
    """

    def __init__(self, model: PriceModel, raw: pd.DataFrame) -> None:
        self.confidence_level = model.confidence_level
        self._raw = raw
        self._model = copy.copy(model)
        self._model.members_ = {name: _Remembering(member) for name, member in model.members_.items()}

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return predicted prices, shape (n_listings,)."""
        return self._model.predict(self._raw.loc[X.index])

    def predict_interval(self, X: pd.DataFrame, confidence_level: float | None = None) -> np.ndarray:
        """Return lower and upper ends, shape (n_listings, 2)."""
        return self._model.predict_interval(self._raw.loc[X.index], confidence_level)

    def member_predictions(self, X: pd.DataFrame) -> dict[str, np.ndarray]:
        """Return every member's own prices, each of shape (n_listings,)."""
        return self._model.member_predictions(self._raw.loc[X.index])


class _Remembering:
    """A member that reads equal listings once."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._known: dict[int, float] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._member, name)

    def predict(self, listings: pd.DataFrame) -> np.ndarray:
        # without an identifier column the identifier is the row's place in the frame that was asked for
        facts = listings.drop(columns="listing_id", errors="ignore")
        keys = pd.util.hash_pandas_object(facts, index=False).tolist()
        new = {key: position for position, key in enumerate(keys) if key not in self._known}
        if new:
            values = self._member.predict(listings.iloc[list(new.values())])
            self._known.update(zip(new, map(float, values), strict=True))
        return np.array([self._known[key] for key in keys])
