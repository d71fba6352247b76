"""How sure one may be that a pair is one product: learned from labels, or a rule of thumb without."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from pricelm.core.errors import DataError
from pricelm.decisions.competition.rule_of_thumb import THRESHOLD, WEIGHTS

_FEWEST_OF_A_KIND = 20
_FOLDS = 5
_MODELS = 3
_TREES = 300
_TREE_OPTIONS = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 15,
    "min_child_samples": 10,
    "subsample": 0.8,
    "subsample_freq": 1,
    "colsample_bytree": 0.6,
    "reg_lambda": 1.0,
    "verbosity": -1,
    "n_jobs": 1,  # trees of small data gain nothing from threads, and lose much where others compute
    "deterministic": True,
    "force_row_wise": True,
}
_EDGE = 1e-6


class PairScorer(Protocol):
    """Anything that tells how likely pairs are matches."""

    @property
    def threshold(self) -> float:
        """The confidence from which on a pair counts as a match."""
        ...

    def score(self, features: pd.DataFrame) -> np.ndarray:
        """Return the confidence of each pair, 0 to 1, shape (n_pairs,)."""
        ...


@dataclass(frozen=True)
class RuleOfThumb:
    """A logistic regression with weights that ship with pricelm, learned on public pairs of three shops.

    Parameters
    ----------
    threshold : float, default 0.4
        Confidence of a match.
    weights : dict of str to float
        Weight of each feature, and ``"intercept"``.

    Examples
    --------
    >>> leads = pd.DataFrame({"word_lead_own": [0.5, -0.4], "character_lead_theirs": [0.5, -0.4]})
    >>> high, low = RuleOfThumb().score(leads)
    >>> bool(high > low)
    True
    """

    threshold: float = THRESHOLD
    weights: dict[str, float] = field(default_factory=lambda: dict(WEIGHTS))

    def score(self, features: pd.DataFrame) -> np.ndarray:
        """Return the confidence of each pair; what is not known counts as 0."""
        total = np.full(len(features), self.weights["intercept"])
        for name, weight in self.weights.items():
            if name in features:
                total += weight * np.nan_to_num(features[name].to_numpy(dtype=np.float64))
        return _logistic(total)


@dataclass(frozen=True)
class LearnedScorer:
    """Boosted trees on labelled pairs, calibrated on pairs that they had not seen.

    Parameters
    ----------
    boosters : tuple
        LightGBM boosters, averaged.
    slope, shift : float
        Calibration of their log odds.
    threshold : float
        The confidence with the best F1 on pairs not seen.
    f1, precision, recall : float
        At the threshold, on pairs not seen in training (folds by own product).
    """

    boosters: tuple[object, ...]
    slope: float
    shift: float
    threshold: float
    f1: float
    precision: float
    recall: float

    def score(self, features: pd.DataFrame) -> np.ndarray:
        """Return the calibrated confidence of each pair."""
        values = features.to_numpy(dtype=np.float64)
        raw = np.mean([one.predict(values) for one in self.boosters], axis=0)  # type: ignore[attr-defined]
        return _logistic(self.slope * _log_odds(raw) + self.shift)


def learn_scorer(
    features: pd.DataFrame, labels: np.ndarray, groups: np.ndarray, seed: int = 0
) -> LearnedScorer:
    """Learn from labelled pairs.

    Parameters
    ----------
    features : pandas.DataFrame
        Of the pairs, from :class:`~pricelm.decisions.competition.PairReader`.
    labels : numpy.ndarray
        True for matches, shape (n_pairs,).
    groups : numpy.ndarray
        Own product of each pair: pairs of one product are never on both sides of a fold.
    seed : int, default 0
        Of folds and trees.

    Returns
    -------
    LearnedScorer
        With a threshold and quality from pairs it had not seen.

    Raises
    ------
    DataError
        If there are fewer than 20 matches, 20 others, or 5 own products.
    """
    labels = np.asarray(labels, dtype=bool)
    matches = int(labels.sum())
    if min(matches, len(labels) - matches) < _FEWEST_OF_A_KIND or len(np.unique(groups)) < _FOLDS:
        raise DataError(
            f"too few labels: expected at least {_FEWEST_OF_A_KIND} matches, {_FEWEST_OF_A_KIND} others and "
            f"{_FOLDS} products, got {matches}, {len(labels) - matches} and {len(np.unique(groups))}. Label "
            "more pairs, or match without labels"
        )
    values = features.to_numpy(dtype=np.float64)
    held_out = _held_out(values, labels, groups, seed)
    slope, shift = _calibration(_log_odds(held_out), labels)
    confidence = _logistic(slope * _log_odds(held_out) + shift)
    threshold = best_threshold(confidence, labels)
    boosters = tuple(_boosted(values, labels, seed + number) for number in range(_MODELS))
    f1, precision, recall = match_quality(confidence >= threshold, labels)
    return LearnedScorer(boosters, slope, shift, threshold, f1, precision, recall)


def best_threshold(confidence: np.ndarray, labels: np.ndarray) -> float:
    """Return the threshold with the highest F1.

    Examples
    --------
    >>> best_threshold(np.array([0.9, 0.6, 0.2]), np.array([True, True, False]))
    0.4
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_values = confidence[order]
    f1 = 2 * np.cumsum(labels[order]) / (np.arange(1, len(labels) + 1) + labels.sum())
    # equal confidences cannot be told apart
    ends = np.append(sorted_values[1:] < sorted_values[:-1], True)
    at = int(np.argmax(np.where(ends, f1, -1)))
    below = sorted_values[at + 1] if at + 1 < len(labels) else sorted_values[at]
    return float((sorted_values[at] + below) / 2)


def match_quality(called: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """Return F1, precision and recall; 0 where nothing was called or there is nothing to find.

    Examples
    --------
    >>> match_quality(np.array([True, True, False]), np.array([True, False, True]))
    (0.5, 0.5, 0.5)
    """
    hits = float((called & labels).sum())
    precision = hits / called.sum() if called.any() else 0.0
    recall = hits / labels.sum() if labels.any() else 0.0
    f1 = 2 * hits / (called.sum() + labels.sum()) if hits else 0.0
    return float(f1), float(precision), float(recall)


def _boosted(values: np.ndarray, labels: np.ndarray, seed: int) -> object:
    import lightgbm

    data = lightgbm.Dataset(values, labels.astype(np.float64), params={"verbosity": -1})
    return lightgbm.train({**_TREE_OPTIONS, "seed": seed}, data, num_boost_round=_TREES)


def _held_out(values: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.model_selection import StratifiedGroupKFold

    raw = np.zeros(len(labels))
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(values, labels, groups):
        raw[test] = _boosted(values[train], labels[train], seed).predict(values[test])  # type: ignore[attr-defined]
    return raw


def _calibration(log_odds: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e6).fit(log_odds[:, None], labels)
    return max(float(fitted.coef_[0, 0]), _EDGE), float(fitted.intercept_[0])


def _log_odds(share: np.ndarray) -> np.ndarray:
    inside = np.clip(share, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


def _logistic(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -50, 50))))
