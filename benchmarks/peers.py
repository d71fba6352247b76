"""The cheap peers: a median guess, TF-IDF + ridge, and TF-IDF + SVD + LightGBM.

The ridge is the classical strong baseline of this field: word n-grams of the title and of the whole text
side by side, attributes one-hot, its penalty by cross-validation. Its layout was chosen so
that on Mercari it comes up to the published reference (R2 of log price 0.454, RMSLE 0.544; measured 0.453
and 0.545).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from benchmarks.contest import HERE, Outcome, Stopwatch, Task, categories, price_from_log
from benchmarks.datasets import BenchmarkSet
from benchmarks.grouping import SEED, grouped_split
from benchmarks.text_features import TextFeatures

CONFIDENCE_LEVEL = 0.9
_CODE = (HERE / "peers.py", HERE / "text_features.py")


class MedianGuess:
    """The median price of the training rows for everything."""

    name = "median"
    code: tuple[Path, ...] = _CODE

    def config(self) -> dict[str, Any]:
        """Return no options: there are none."""
        return {}

    def skips(self, data: BenchmarkSet, fold: int) -> str:
        """Take part everywhere."""
        return ""

    def run(self, task: Task) -> Outcome:
        """Guess the median."""
        watch = Stopwatch()
        median = float(np.median(task.data.price[task.fold.train]))
        train_seconds = watch.lap()
        predicted = np.full(len(task.fold.test), median)
        return Outcome(predicted, train_seconds, watch.lap())


class RidgePeer:
    """TF-IDF + ridge on log price, with split-conformal intervals.

    Parameters
    ----------
    alphas : tuple of float
        Penalties that grouped 3-fold cross-validation on the training rows chooses from.
    """

    name = "ridge"
    code: tuple[Path, ...] = _CODE

    def __init__(self, alphas: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)) -> None:
        self.alphas = alphas

    def config(self) -> dict[str, Any]:
        """Return the penalties to choose from and the level of the intervals."""
        return {"alphas": self.alphas, "confidence_level": CONFIDENCE_LEVEL}

    def skips(self, data: BenchmarkSet, fold: int) -> str:
        """Take part everywhere."""
        return ""

    def run(self, task: Task) -> Outcome:
        """Choose the penalty, fit, predict; then calibrate an interval on a fifth of the training rows."""
        data, fold = task.data, task.fold
        watch = Stopwatch()
        alpha = self._best_alpha(task)
        features = TextFeatures(data, fold.train)
        model = _ridge(alpha).fit(features.learned, task.train_log_price)
        train_seconds = watch.lap()
        predicted = price_from_log(model.predict(features.of(fold.test)))
        predict_seconds = watch.lap()
        part = grouped_split(task.train_groups)
        learn, calibrate = fold.train[part.train], fold.train[part.test]
        misses, middle = _held_out(task, alpha, learn, calibrate)
        radius = conformal_radius(np.abs(misses), CONFIDENCE_LEVEL)
        ends = {"lower": price_from_log(middle - radius), "upper": price_from_log(middle + radius)}
        info = {"alpha": alpha, "features": features.learned.shape[1], "log_radius": radius}
        return Outcome(predicted, train_seconds, predict_seconds, ends, info)

    def _best_alpha(self, task: Task) -> float:
        errors = dict.fromkeys(self.alphas, 0.0)
        rows, log_price = task.fold.train, np.log1p(task.data.price)
        folds = GroupKFold(3, shuffle=True, random_state=SEED).split(rows, groups=task.train_groups)
        for inner, outer in folds:
            # n-grams are counted anew in every fold: words of held-out rows would shift the penalty
            features = TextFeatures(task.data, rows[inner])
            held_out = features.of(rows[outer])
            for alpha in self.alphas:
                model = _ridge(alpha).fit(features.learned, log_price[rows[inner]])
                errors[alpha] += float(np.sum((model.predict(held_out) - log_price[rows[outer]]) ** 2))
        return min(errors, key=lambda alpha: errors[alpha])


class BoostingPeer:
    """TF-IDF + truncated SVD + LightGBM on log price, with attributes as categories.

    Parameters
    ----------
    components : int, default 128
        Length of the dense text vector.
    """

    name = "boosting"
    code: tuple[Path, ...] = _CODE

    def __init__(self, components: int = 128) -> None:
        self.components = components
        self.settings: dict[str, Any] = {
            "learning_rate": 0.03,
            "num_leaves": 31,
            "min_data_in_leaf": 20,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "feature_fraction": 0.5,
        }

    def config(self) -> dict[str, Any]:
        """Return the length of the text vector and the settings of the trees."""
        return {"components": self.components, **self.settings}

    def skips(self, data: BenchmarkSet, fold: int) -> str:
        """Take part everywhere."""
        return ""

    def run(self, task: Task) -> Outcome:
        """Find the number of trees on a fifth of the training rows, refit on all of them, then predict."""
        target = task.train_log_price
        watch = Stopwatch()
        features = TextFeatures(task.data, task.fold.train)
        svd = TruncatedSVD(min(self.components, features.learned.shape[1] - 1), random_state=SEED)
        known, unseen = categories(task)
        kinds = {name: pd.CategoricalDtype(sorted(known[name].unique())) for name in known}
        train = _dense(svd.fit_transform(features.learned), known.astype(kinds))
        model = self._boost(train, target, task.train_groups)
        train_seconds = watch.lap()
        test = _dense(svd.transform(features.of(task.fold.test)), unseen.astype(kinds))
        predicted = price_from_log(model.predict(test))
        return Outcome(predicted, train_seconds, watch.lap(), info={"trees": model.num_trees()})

    def _boost(self, train: pd.DataFrame, target: np.ndarray, groups: np.ndarray) -> lightgbm.Booster:
        options = {**self.settings, "objective": "regression", "seed": SEED, "verbosity": -1}
        part = grouped_split(groups)
        known = lightgbm.Dataset(train.iloc[part.train], target[part.train])
        trial = lightgbm.train(
            options,
            known,
            num_boost_round=3000,
            valid_sets=[known.create_valid(train.iloc[part.test], target[part.test])],
            callbacks=[lightgbm.early_stopping(100, verbose=False)],
        )
        return lightgbm.train(options, lightgbm.Dataset(train, target), num_boost_round=trial.best_iteration)


def conformal_radius(misses: np.ndarray, level: float) -> float:
    """Return the half width that holds ``level`` of new rows, from absolute errors on unseen ones.

    Parameters
    ----------
    misses : ndarray, shape (n_rows,)
        Absolute errors of rows that the model was not fitted on.
    level : float
        For example 0.9.

    Returns
    -------
    float
        The ``ceil((n + 1) * level)``-th smallest miss; infinite when there are too few rows.

    Examples
    --------
    >>> conformal_radius(np.arange(1.0, 10.0), 0.9)
    9.0
    """
    rank = int(np.ceil((len(misses) + 1) * level))
    return float(np.sort(misses)[rank - 1]) if rank <= len(misses) else float("inf")


def _ridge(alpha: float) -> Ridge:
    return Ridge(alpha=alpha, solver="sparse_cg", tol=1e-3)


def _held_out(
    task: Task, alpha: float, learn: np.ndarray, calibrate: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    log_price = np.log1p(task.data.price)
    features = TextFeatures(task.data, learn)
    model = _ridge(alpha).fit(features.learned, log_price[learn])
    misses = log_price[calibrate] - model.predict(features.of(calibrate))
    return misses, model.predict(features.of(task.fold.test))


def _dense(vectors: np.ndarray, attributes: pd.DataFrame) -> pd.DataFrame:
    named = pd.DataFrame(vectors, index=attributes.index).add_prefix("text_")
    return pd.concat([named, attributes.rename(columns=lambda name: f"attribute_{name}")], axis=1)
