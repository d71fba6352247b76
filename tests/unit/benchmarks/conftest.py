"""Puts the project's root on the path, for ``benchmarks`` is no part of the installed package."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from benchmarks.contest import Outcome
from benchmarks.datasets import BenchmarkSet, Roles
from benchmarks.grouping import grouped_split, title_groups
from benchmarks.made_up import made_up_listings


@pytest.fixture
def tiny_set() -> BenchmarkSet:
    """300 made-up listings, one split, priced by their words."""
    frame = made_up_listings(300, seed=1, priced=True)
    roles = Roles("title", "price", ("title", "brand", "category", "description"), ("brand", "category"))
    groups = title_groups(frame["title"])
    slices = frame["category"].to_numpy(object)
    return BenchmarkSet("tiny", "en", frame, roles, groups, (grouped_split(groups),), "category", slices)


class CountingPredictor:
    """Predicts one price for all, counts its runs, and fails or skips on demand."""

    def __init__(self, name="flat", price=10.0, error=None, skip=""):
        self.name, self.price, self.error, self.skip, self.runs = name, price, error, skip, 0
        self.code = ()

    def config(self):
        return {"price": self.price}

    def skips(self, data, fold):
        return self.skip

    def run(self, task):
        self.runs += 1
        if self.error is not None:
            raise self.error
        return Outcome(np.full(len(task.fold.test), self.price), 2.0, 0.5)


@pytest.fixture
def counting_predictor():
    return CountingPredictor


class StandInModel:
    """Looks like a fitted PriceModel: prices by the training median of the category."""

    member_names = ("lexical", "language")

    def __init__(self, preset="fast", backbone="minilm", *, wide=3.0):
        self.preset, self.wide = preset, wide
        self.members_ = dict.fromkeys(self.member_names, object())
        self.refused_ = {"tabular": "a stand-in has no trees"}

    def fit(self, X, run_dir=None):
        assert "price" in X
        self._median = X.groupby("category")["price"].median()
        self.training_ = {"rows": len(X)}
        return self

    def predict(self, X):
        assert "price" not in X, "the test rows gave their price away"
        return X["category"].map(self._median).to_numpy(float)

    def predict_interval(self, X, confidence_level=None):
        price = self.predict(X)
        return np.column_stack([price / self.wide, price * self.wide])

    def member_predictions(self, X):
        return {"lexical": self.predict(X) * 1.5, "language": self.predict(X) * 0.8}

    def predict_without(self, X, member):
        assert member == "language"
        return self.predict(X) * 1.5


@pytest.fixture
def stand_in_model():
    return StandInModel


@pytest.fixture
def frame_of_prices():
    def make(actual, predicted, **more):
        n = len(actual)
        columns = {"row": np.arange(n), "actual": actual, "group": np.arange(n), "slice": [""] * n}
        return pd.DataFrame({**columns, "predicted": predicted, **more})

    return make
