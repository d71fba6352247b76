"""Calibrated intervals: conformalised quantile regression, group by group.

Two boosted quantile models say how far below and above its prediction a listing may lie;
the ratio of the true miss to that distance is the conformal score. The quantile of the
scores, taken over the listing's own group (category level, price band) and shrunk to the
larger groups around it, stretches the distances until the stated share of listings falls
inside.

References
----------
Romano, Y., Patterson, E. and Candes, E. (2019). Conformalized quantile regression. NeurIPS.
Vovk, V. et al. (2003). Mondrian confidence machine.
Kivaranovic, D. et al. (2020). Adaptive, distribution-free prediction intervals (the ratio score).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
from safetensors.numpy import load_file, save_file

from pricelm.models.price_groups import PriceGroups, mondrian_weights, shrunk_weights
from pricelm.models.trees import read_trees, write_trees

_FEWEST_ROWS_FOR_QUANTILES = 400
# With few folds the scores come from models of far fewer rows than the final ones, and cover too much.
_FOLDS = 10
_SMALLEST_DISTANCE = 0.01
_MOST_SCORES_KEPT = 50_000
_CATEGORY_FEATURES = 2


@dataclass(frozen=True)
class IntervalInputs:
    """What the width of an interval may depend on, n rows.

    Parameters
    ----------
    predicted : ndarray of shape (n,)
        Blended log prices.
    disagreement : ndarray of shape (n,)
        Standard deviation of the members' log prices.
    length : ndarray of shape (n,)
        Characters of text.
    category : ndarray of shape (n,)
        Category paths (``a/b/c``), as strings.
    """

    predicted: np.ndarray
    disagreement: np.ndarray
    length: np.ndarray
    category: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> IntervalInputs:
        return IntervalInputs(
            self.predicted[rows], self.disagreement[rows], self.length[rows], self.category[rows]
        )


class Calibration:
    """Turns log prices into intervals that hold the stated share of listings.

    Parameters
    ----------
    confidence_level : float, default 0.9
        The level that the quantile models are fitted for; other levels may be asked for later.
    shrink : bool, default True
        Borrow strength from larger groups. Without it, groups are plain Mondrian classes.
    """

    def __init__(self, confidence_level: float = 0.9, *, shrink: bool = True) -> None:
        self.confidence_level = confidence_level
        self.shrink = shrink
        self.boosters_: tuple[lightgbm.Booster, lightgbm.Booster] | None = None
        self.constant_ = 1.0
        self._quantiles: dict[tuple[tuple[int, ...], float], float] = {}

    def fit(self, inputs: IntervalInputs, target: np.ndarray, *, seed: int = 0) -> Calibration:
        """Learn distances and scores from predictions that did not see their targets.

        Parameters
        ----------
        inputs : IntervalInputs
            n held-out rows.
        target : ndarray of shape (n,)
            Their true log prices.
        """
        residual = target - inputs.predicted
        self.groups_ = PriceGroups().fit(inputs.category, inputs.predicted)
        self.constant_ = max(float(np.quantile(np.abs(residual), self.confidence_level)), _SMALLEST_DISTANCE)
        if len(target) >= _FEWEST_ROWS_FOR_QUANTILES:
            features = self._features(inputs)
            below, above = self._cross_fitted_distances(features, residual, seed)
            self.boosters_ = self._fit_quantiles(features, residual, seed)
        else:
            below = above = np.full(len(target), self.constant_)
        scores = np.where(residual < 0, -residual / below, residual / above)
        kept = np.random.default_rng(seed).permutation(len(scores))[:_MOST_SCORES_KEPT]
        order = kept[np.argsort(scores[kept], kind="stable")]
        self.scores_ = scores[order]
        self.score_chains_ = self.groups_.chains(inputs.category, inputs.predicted)[order]
        self._quantiles.clear()
        return self

    def interval(self, inputs: IntervalInputs, confidence_level: float | None = None) -> np.ndarray:
        """Return lower and upper log prices, shape (n, 2), at ``confidence_level``."""
        level = self.confidence_level if confidence_level is None else confidence_level
        below, above = self._distances(self._features(inputs))
        stretch = self._stretch(inputs, level)
        return np.column_stack([inputs.predicted - stretch * below, inputs.predicted + stretch * above])

    def save(self, folder: Path) -> None:
        """Write the scores as safetensors, the quantile models as LightGBM text, the rest as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "method": "conformalised quantile regression, group-conditional over category x price band",
            "confidence_level": self.confidence_level,
            "shrink": self.shrink,
            "groups": self.groups_.to_dict(),
            "constant": self.constant_,
            "quantile_models": self.boosters_ is not None,
        }
        (folder / "calibration.json").write_text(json.dumps(document, ensure_ascii=False, indent=1), "utf-8")
        arrays = {"scores": self.scores_, "chains": self.score_chains_.astype(np.int32)}
        save_file(
            {name: np.ascontiguousarray(values) for name, values in arrays.items()},
            folder / "scores.safetensors",
        )
        for side, booster in zip(("below", "above"), self.boosters_ or (), strict=False):
            write_trees(booster, folder / f"{side}.txt")

    @classmethod
    def load(cls, folder: Path) -> Calibration:
        """Read what `save` wrote."""
        document = json.loads((folder / "calibration.json").read_text("utf-8"))
        calibration = cls(document["confidence_level"], shrink=document["shrink"])
        calibration.groups_ = PriceGroups.from_dict(document["groups"])
        calibration.constant_ = document["constant"]
        arrays = load_file(folder / "scores.safetensors")
        calibration.scores_ = arrays["scores"]
        calibration.score_chains_ = arrays["chains"].astype(np.int64)
        if document["quantile_models"]:
            calibration.boosters_ = (read_trees(folder / "below.txt"), read_trees(folder / "above.txt"))
        return calibration

    def _stretch(self, inputs: IntervalInputs, level: float) -> np.ndarray:
        chains = self.groups_.chains(inputs.category, inputs.predicted)
        return np.array([self._quantile(tuple(chain), level) for chain in chains.tolist()], dtype=float)

    def _quantile(self, chain: tuple[int, ...], level: float) -> float:
        """Quantile of the scores as the groups of one listing weigh them."""
        key = (chain, level)
        if key not in self._quantiles:
            weigh = shrunk_weights if self.shrink else mondrian_weights
            weights, rows = weigh(chain, self.score_chains_)
            # the listing to be priced counts as one more score, at infinity: the finite-sample rule
            needed = level * (1 + 1 / rows)
            position = int(np.searchsorted(np.cumsum(weights), needed - 1e-9))
            self._quantiles[key] = float(self.scores_[min(position, len(self.scores_) - 1)])
        return self._quantiles[key]

    def _features(self, inputs: IntervalInputs) -> np.ndarray:
        codes = self.groups_.category_codes(inputs.category)[:, :_CATEGORY_FEATURES].astype(float)
        codes[codes < 0] = np.nan
        return np.column_stack([codes, inputs.predicted, inputs.disagreement, np.log1p(inputs.length)])

    def _distances(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.boosters_ is None:
            constant = np.full(len(features), self.constant_)
            return constant, constant
        return _clip_distances(*(np.asarray(booster.predict(features)) for booster in self.boosters_))

    def _cross_fitted_distances(
        self, features: np.ndarray, residual: np.ndarray, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        below, above = np.empty(len(residual)), np.empty(len(residual))
        fold = np.random.default_rng(seed).permutation(len(residual)) % _FOLDS
        for number in range(_FOLDS):
            inside, outside = fold == number, fold != number
            low, high = self._fit_quantiles(features[outside], residual[outside], seed)
            below[inside], above[inside] = _clip_distances(
                np.asarray(low.predict(features[inside])), np.asarray(high.predict(features[inside]))
            )
        return below, above

    def _fit_quantiles(
        self, features: np.ndarray, residual: np.ndarray, seed: int
    ) -> tuple[lightgbm.Booster, lightgbm.Booster]:
        tail = (1 - self.confidence_level) / 2
        low, high = (_quantile_booster(features, residual, level, seed) for level in (tail, 1 - tail))
        return low, high


def _quantile_booster(
    features: np.ndarray, residual: np.ndarray, level: float, seed: int
) -> lightgbm.Booster:
    options = {
        "objective": "quantile",
        "alpha": level,
        "learning_rate": 0.05,
        "num_leaves": 7,
        "min_data_in_leaf": max(40, len(residual) // 60),
        "cat_smooth": 50.0,
        "lambda_l2": 1.0,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    return lightgbm.train(
        options,
        lightgbm.Dataset(features, residual, categorical_feature=list(range(_CATEGORY_FEATURES))),
        num_boost_round=80,
    )


def _clip_distances(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.maximum(-low, _SMALLEST_DISTANCE), np.maximum(high, _SMALLEST_DISTANCE)
