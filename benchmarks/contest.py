"""What a predictor is given and what it hands back: the same rows and the same text for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import pandas as pd

from benchmarks.datasets import BenchmarkSet
from benchmarks.grouping import Fold

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Task:
    """One fold of one set, and a folder to work in."""

    data: BenchmarkSet
    fold: Fold
    scratch: Path

    @property
    def train_log_price(self) -> np.ndarray:
        """``log1p`` of the prices to learn from."""
        return np.log1p(self.data.price[self.fold.train])

    @property
    def train_groups(self) -> np.ndarray:
        """Near-duplicate groups of the rows to learn from."""
        return self.data.groups[self.fold.train]


@dataclass(frozen=True)
class Outcome:
    """Prices for the test rows of a task, and what they cost.

    Parameters
    ----------
    predicted : ndarray, shape (n_test,)
        Prices, none negative.
    train_seconds, predict_seconds : float
        Wall-clock time to fit, and to predict all test rows from their raw columns.
    more : dict of str to ndarray, default empty
        Further columns a test row, for example ``lower`` and ``upper``.
    info : dict, default empty
        Facts worth keeping, for example the alpha that cross-validation chose.
    """

    predicted: np.ndarray
    train_seconds: float
    predict_seconds: float
    more: Mapping[str, np.ndarray] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)


class Predictor(Protocol):
    """A contestant.

    Attributes
    ----------
    name : str
        Key in the results, for example ``"ridge"``.
    code : tuple of Path
        Files and folders whose change makes its stored results stale.
    """

    name: str
    code: tuple[Path, ...]

    def config(self) -> dict[str, Any]:
        """Return the options that its results depend on."""
        ...

    def skips(self, data: BenchmarkSet, fold: int) -> str:
        """Return why it does not take part in a fold, or ``""`` when it does."""
        ...

    def run(self, task: Task) -> Outcome:
        """Learn from the training rows and price the test rows."""
        ...


class Stopwatch:
    """Seconds since it was made or last read.

    Examples
    --------
    >>> watch = Stopwatch()
    >>> watch.lap() >= 0
    True
    """

    def __init__(self) -> None:
        self._since = perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap, and begin a new one."""
        now = perf_counter()
        seconds, self._since = now - self._since, now
        return seconds


def price_from_log(log_price: np.ndarray) -> np.ndarray:
    """Return prices from ``log1p`` prices; below 0 becomes 0.

    Examples
    --------
    >>> price_from_log(np.log1p(np.array([0.0, 9.0]))).round(6).tolist()
    [0.0, 9.0]
    """
    return np.expm1(np.maximum(log_price, 0.0))


def categories(task: Task) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the attribute columns of the training and test rows as text, ``""`` where missing."""
    frame = task.data.listings[list(task.data.roles.attributes)].fillna("").astype(str)
    return frame.iloc[task.fold.train], frame.iloc[task.fold.test]
