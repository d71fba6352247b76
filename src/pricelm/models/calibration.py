"""Calibrated intervals: conformalised quantile regression, group by group.

Two boosted quantile models say how far below and above its prediction a listing may lie;
the ratio of the true miss to that distance is the conformal score. The quantile of the
scores, taken over the listing's own group (category x price band) and shrunk to its
category and to all listings where the group is small, stretches the distances until the
stated share of listings falls inside.

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

_FEWEST_ROWS_FOR_QUANTILES = 400
_FOLDS = 4
_SMALLEST_DISTANCE = 0.01
_CATEGORY_PSEUDO_ROWS = 60.0
_GLOBAL_PSEUDO_ROWS = 60.0
_FEWEST_ROWS_OF_A_CATEGORY = 25
_BANDS = 3
_MOST_SCORES_KEPT = 50_000
_OTHER = ""


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
        Top level of the category path, as strings.
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
        names, counts = np.unique(inputs.category, return_counts=True)
        self.categories_ = [
            str(n) for n, c in zip(names, counts, strict=True) if c >= _FEWEST_ROWS_OF_A_CATEGORY
        ]
        self.band_edges_ = np.quantile(inputs.predicted, np.linspace(0, 1, _BANDS + 1)[1:-1])
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
        self.score_category_ = self._category_codes(inputs.category)[order]
        self.score_band_ = self._bands(inputs.predicted)[order]
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
            "categories": self.categories_,
            "band_edges": [float(edge) for edge in self.band_edges_],
            "constant": self.constant_,
            "quantile_models": self.boosters_ is not None,
        }
        (folder / "calibration.json").write_text(json.dumps(document, ensure_ascii=False, indent=1), "utf-8")
        arrays = {
            "scores": self.scores_,
            "category": self.score_category_.astype(np.int32),
            "band": self.score_band_.astype(np.int32),
        }
        save_file(
            {name: np.ascontiguousarray(values) for name, values in arrays.items()},
            folder / "scores.safetensors",
        )
        for side, booster in zip(("below", "above"), self.boosters_ or (), strict=False):
            (folder / f"{side}.txt").write_text(booster.model_to_string(), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Calibration:
        """Read what `save` wrote."""
        document = json.loads((folder / "calibration.json").read_text("utf-8"))
        calibration = cls(document["confidence_level"], shrink=document["shrink"])
        calibration.categories_ = document["categories"]
        calibration.band_edges_ = np.array(document["band_edges"])
        calibration.constant_ = document["constant"]
        arrays = load_file(folder / "scores.safetensors")
        calibration.scores_ = arrays["scores"]
        calibration.score_category_, calibration.score_band_ = arrays["category"], arrays["band"]
        if document["quantile_models"]:
            below, above = (
                lightgbm.Booster(model_str=(folder / f"{side}.txt").read_text("utf-8"))
                for side in ("below", "above")
            )
            calibration.boosters_ = (below, above)
        return calibration

    def _stretch(self, inputs: IntervalInputs, level: float) -> np.ndarray:
        cells = self._category_codes(inputs.category) * _BANDS + self._bands(inputs.predicted)
        found = {int(cell): self._cell_quantile(int(cell), level) for cell in np.unique(cells)}
        return np.array([found[int(cell)] for cell in cells], dtype=float)

    def _cell_quantile(self, cell: int, level: float) -> float:
        """Weighted quantile of the scores: the cell's own at weight one, the others as pseudo-rows."""
        category, band = divmod(cell, _BANDS)
        same_category = self.score_category_ == category
        same_cell = same_category & (self.score_band_ == band)
        weights = same_cell.astype(float)
        if self.shrink or not same_cell.any():
            if same_category.any():
                weights += same_category * (_CATEGORY_PSEUDO_ROWS / same_category.sum())
            weights += _GLOBAL_PSEUDO_ROWS / len(weights)
        # the listing to be priced counts as one more score, at infinity: the finite-sample rule
        needed = level * (weights.sum() + 1.0)
        position = int(np.searchsorted(np.cumsum(weights), needed - 1e-9))
        return float(self.scores_[min(position, len(self.scores_) - 1)])

    def _features(self, inputs: IntervalInputs) -> np.ndarray:
        codes = self._category_codes(inputs.category).astype(float)
        return np.column_stack([codes, inputs.predicted, inputs.disagreement, np.log1p(inputs.length)])

    def _category_codes(self, category: np.ndarray) -> np.ndarray:
        codes = {name: code for code, name in enumerate(self.categories_)}
        return np.array([codes.get(str(name), len(codes)) for name in category], dtype=np.int64)

    def _bands(self, predicted: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.band_edges_, predicted, side="right")

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
        options, lightgbm.Dataset(features, residual, categorical_feature=[0]), num_boost_round=80
    )


def _clip_distances(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.maximum(-low, _SMALLEST_DISTANCE), np.maximum(high, _SMALLEST_DISTANCE)
