"""PriceModel: members, their blend and its calibration behind one estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from pricelm.core.nouns import Quote
from pricelm.core.protocols import Progress, Silence
from pricelm.language.config import TuningConfig
from pricelm.language.tracking import check_trackers
from pricelm.models.fingerprint import fingerprint
from pricelm.models.fitting import fit_parts
from pricelm.models.member import FitContext
from pricelm.models.preparation import Columns, TrainingSet, prepare_scoring, prepare_training
from pricelm.models.presets import Plan, derive_plan
from pricelm.models.scoring import (
    QuoteWriter,
    blend_without,
    check_level,
    check_ratio,
    interval_inputs,
    log_factor,
    member_log_prices,
    similar_listings,
    spread,
)
from pricelm.models.shop_bands import ShopBands
from pricelm.models.text import FeatureColumns, from_log_price


class PriceModel(RegressorMixin, BaseEstimator):
    """Prices listings from what is written about them.

    Parameters
    ----------
    preset : {"fast", "balanced", "best"}, default "balanced"
        One dial for the time spent: ``fast`` has no language model, ``balanced`` tunes one
        copy of the backbone, ``best`` averages two.
    columns : ColumnMap or mapping of str to str, optional
        Roles of the columns (``{"price": "sold_for"}``) where the inferred ones are wrong.
    backbone : str, default "minilm"
        Alias, folder or hub id of the pretrained language model.
    tuning : TuningConfig or mapping, optional
        Training of the language member, instead of what the preset derives; a mapping replaces
        some settings only, for example ``{"method": "lora"}``.
    confidence_level : float, default 0.9
        Share of listings whose price the interval holds.
    abstain_ratio : float, optional
        Abstain where the interval's upper end is more than this many times the lower end.
    currency : str, optional
        ISO 4217 code, when the data does not say it.
    keep_leaks : bool, default False
        Learn from columns that nearly equal the price.
    bands : ShopBands, optional
        The shop's own price bands: quotes name them, and a head with bands learns them.
    image_root : path, optional
        Folder of the pictures, by default the working directory; none outside it is read.
    seed : int, default 0
        Seed of everything random; the same seed gives the same predictions.

    Attributes
    ----------
    members_ : dict of str to Member
        The fitted members.
    refused_ : dict of str to str
        Members that refused the data, with the reason.
    blend_, calibration_, comparables_ : Blend, Calibration, ComparableIndex or None
        The fitted parts.
    columns_ : ColumnMap
        Roles of the raw columns.
    training_ : dict
        Rows, plan, seconds, rejected counts, leaks, pictures and learning curve.

    Examples
    --------
    >>> frame = pd.DataFrame({"title": [f"{c} mug" for c in ("red", "blue") * 40], "price": [5.0, 9.0] * 40})
    >>> model = PriceModel(preset="fast").fit(frame)
    >>> bool(abs(model.predict(pd.DataFrame({"title": ["red mug"]}))[0] - 5) < 1)
    True
    """

    def __init__(
        self,
        preset: str = "balanced",
        *,
        columns: Columns = None,
        backbone: str = "minilm",
        tuning: TuningConfig | Mapping[str, Any] | None = None,
        confidence_level: float = 0.9,
        abstain_ratio: float | None = None,
        currency: str | None = None,
        keep_leaks: bool = False,
        bands: ShopBands | None = None,
        image_root: str | Path | None = None,
        seed: int = 0,
    ) -> None:
        self.preset = preset
        self.columns = columns
        self.backbone = backbone
        self.tuning = tuning
        self.confidence_level = confidence_level
        self.abstain_ratio = abstain_ratio
        self.currency = currency
        self.keep_leaks = keep_leaks
        self.bands = bands
        self.image_root = image_root
        self.seed = seed

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        run_dir: str | Path | None = None,
        trackers: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> PriceModel:
        """Learn prices from listings.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_listings, n_columns)
            Raw listings.
        y : array-like of shape (n_listings,), optional
            Prices; without it they are read from the price column of ``X``.
        run_dir : path, optional
            Folder for checkpoints and training logs; a run that was stopped there is resumed.
        trackers : sequence of str, optional
            ``"tensorboard"`` or ``"wandb"`` (offline), which draw the tuning in ``run_dir``.
        progress : Progress, optional
            Receives what happens.

        Returns
        -------
        PriceModel
            Itself.

        Raises
        ------
        DataError
            If there is nothing to learn from.
        ConfigError
            If a parameter has a value that it cannot have.
        TrainingStopped
            On Ctrl-C, after a checkpoint was written to ``run_dir``.
        """
        check_level(self.confidence_level)
        check_ratio(self.abstain_ratio)
        progress = progress or Silence()
        place = Path(run_dir) if run_dir else None
        drawn_by = check_trackers(trackers, place)
        data = prepare_training(
            X, y, columns=self.columns, currency=self.currency, keep_leaks=self.keep_leaks
        )
        plan = derive_plan(
            self.preset,
            len(data.listings),
            backbone=self.backbone,
            tuning=self.tuning,
            bands=self.bands,
            pictures=data.columns.image is not None,
        )
        for line in plan.lines():
            progress.say(line)
        self._remember_columns(X, data)
        context = FitContext(self.features_, self.seed, place, progress, trackers=drawn_by)
        self._fit_parts(data, plan, context)
        return self

    def predict(self, X: Any, *, statistic: str = "median") -> np.ndarray:
        """Return predicted prices, shape (n_listings,); NaN where there is nothing to read.

        ``statistic`` is ``"median"``, as often too high as too low, or ``"mean"``: means add up to sums.
        """
        check_is_fitted(self)
        shift = log_factor(self.blend_, statistic)
        return self._predict(X, lambda listings, logs: from_log_price(self.blend_.predict(logs) + shift))

    def predict_without(self, X: Any, member: str) -> np.ndarray:
        """Return the prices that the blend would predict without one member, shape (n_listings,)."""
        check_is_fitted(self)
        blend = blend_without(self.blend_, member)
        return self._predict(X, lambda listings, logs: from_log_price(blend.predict(logs)))

    def member_predictions(self, X: Any) -> dict[str, np.ndarray]:
        """Return every member's own predicted prices, each of shape (n_listings,)."""
        check_is_fitted(self)
        listings, positions, n = self._prepare(X)
        logs = member_log_prices(self.members_, listings)
        return {name: spread(from_log_price(values), positions, n) for name, values in logs.items()}

    def predict_interval(self, X: Any, confidence_level: float | None = None) -> np.ndarray:
        """Return lower and upper ends of calibrated price intervals, shape (n_listings, 2).

        Parameters
        ----------
        X : DataFrame or array-like
            Raw listings.
        confidence_level : float, optional
            Another level than the model's own.
        """
        if confidence_level is not None:
            check_level(confidence_level)
        return self._predict(X, lambda listings, logs: self._intervals(listings, logs, confidence_level))

    def quote(self, X: Any, *, comparables: int = 3) -> list[Quote]:
        """Return everything the model knows about the price of each listing.

        Parameters
        ----------
        X : DataFrame or array-like
            Raw listings.
        comparables : int, default 3
            How many similar known listings to show with each.
        """
        check_is_fitted(self)
        listings, positions, n = self._prepare(X)
        logs = member_log_prices(self.members_, listings)
        prices = from_log_price(self.blend_.predict(logs))
        intervals = self._intervals(listings, logs, None)
        writer = QuoteWriter(self.confidence_level, self.currency_, self.abstain_ratio, self.bands)
        similar = similar_listings(self.comparables_, self.members_, listings, comparables)
        written = writer.write(listings, logs, prices, intervals, similar)
        by_position = dict(zip(map(int, positions), written, strict=True))
        return [by_position.get(position) or writer.nothing_to_read() for position in range(n)]

    def save(self, path: str | Path) -> Path:
        """Write the model as a bundle: a folder without code that loads from any path."""
        from pricelm.models.bundle import save_model

        check_is_fitted(self)
        return save_model(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, *, image_root: str | Path | None = None) -> PriceModel:
        """Read a bundle that `save` wrote; pictures are looked for in ``image_root``."""
        from pricelm.models.bundle import load_model

        return load_model(path, image_root=image_root)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False  # prices may be a column of X
        tags.target_tags.positive_only = True
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.non_deterministic = False
        return tags

    def _fit_parts(self, data: TrainingSet, plan: Plan, context: FitContext) -> None:
        root = Path(self.image_root) if self.image_root is not None else None
        parts = fit_parts(data, plan, context, confidence_level=self.confidence_level, image_root=root)
        self.members_, self.refused_ = parts.members, parts.refused
        self.blend_, self.calibration_ = parts.blend, parts.calibration
        self.comparables_ = parts.comparables
        self.fingerprint_ = fingerprint(data.listings)
        self.training_ = parts.training

    def _remember_columns(self, X: Any, data: TrainingSet) -> None:
        self.columns_ = data.columns
        self.features_ = FeatureColumns.from_map(data.columns)
        self.currency_ = data.report.currency
        if isinstance(X, pd.DataFrame):
            self.feature_names_in_ = np.array([str(name) for name in X.columns], dtype=object)
            self.n_features_in_ = X.shape[1]
        else:
            self.n_features_in_ = np.asarray(X).shape[1]
            self.__dict__.pop("feature_names_in_", None)  # of an earlier fit

    def _prepare(self, X: Any) -> tuple[pd.DataFrame, np.ndarray, int]:
        check_is_fitted(self)
        n_array_columns = None if hasattr(self, "feature_names_in_") else self.n_features_in_
        listings, positions = prepare_scoring(X, self.columns_, n_array_columns=n_array_columns)
        return listings, positions, len(X) if hasattr(X, "__len__") else len(np.asarray(X))

    def _predict(
        self, X: Any, compute: Callable[[pd.DataFrame, dict[str, np.ndarray]], np.ndarray]
    ) -> np.ndarray:
        listings, positions, n = self._prepare(X)
        return spread(compute(listings, member_log_prices(self.members_, listings)), positions, n)

    def _intervals(
        self, listings: pd.DataFrame, logs: dict[str, np.ndarray], level: float | None
    ) -> np.ndarray:
        if len(listings) == 0:
            return np.empty((0, 2))
        inputs = interval_inputs(listings, self.features_, logs, self.blend_.predict(logs))
        return from_log_price(self.calibration_.interval(inputs, level))
