"""Training: from a file of listings to a bundle, what it is worth, and a report."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.columns import ColumnMap, infer_columns
from pricelm.catalog.duplicates import duplicate_groups
from pricelm.catalog.readers import read_listings
from pricelm.catalog.splits import split_listings
from pricelm.core.cluster import ray_cluster
from pricelm.core.errors import BundleError, ConfigError, DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.evaluation.evaluator import Evaluation
from pricelm.evaluation.report_data import DataReport
from pricelm.evaluation.result import LANGUAGE_BEFORE, MEDIAN_GUESS
from pricelm.language.backbones import find_backbone, require_training_libraries
from pricelm.language.config import TuningConfig
from pricelm.language.tracking import check_trackers
from pricelm.models.language_member import LanguageMember
from pricelm.models.preparation import TrainingSet, prepare_training
from pricelm.models.presets import Plan, derive_plan
from pricelm.models.price_model import PriceModel
from pricelm.models.shop_bands import ShopBands
from pricelm.models.text import FeatureColumns, compose_text
from pricelm.services.cost import TuningCost, duration_text, tuning_cost
from pricelm.services.measuring import measure, untuned_language_prices
from pricelm.services.picture_folder import picture_folder
from pricelm.services.rejections import RejectedRows
from pricelm.services.reporting import data_report, publish_report, report_data
from pricelm.services.training_labels import LabeledFrame, review_labels, with_labels

_LARGEST_TEST_SHARE = 0.5
_LEAST_OWN_ROWS = 2
_LANGUAGE = "language"


@dataclass(frozen=True)
class TrainingOptions:
    """How to train, wherever the listings come from.

    Parameters
    ----------
    preset : {"fast", "balanced", "best"}, default "balanced"
        The dial for time against accuracy.
    backbone : str, optional
        Pretrained model of the language member; it goes before the one in ``tuning``.
    tuning : TuningConfig or mapping, optional
        Training of the language member instead of what the preset derives; a mapping replaces some settings.
    confidence_level : float, default 0.9
        Share of prices that an interval holds.
    abstain_ratio : float, optional
        Mark a listing for a person to look at where its interval's upper end is more than so many
        times the lower end.
    currency : str, optional
        ISO 4217 code where the data does not say it.
    keep_leaks : bool, default False
        Learn from columns that nearly equal the price.
    test_share : float, default 0.1
        Share of the listings kept aside to measure on; 0 learns from all and measures nothing.
    bands : ShopBands, optional
        The shop's own price bands.
    image_root : pathlib.Path, optional
        Folder of the pictures; none outside it is read.
    seed : int, default 0
        Seed of everything random.
    trackers : tuple of str, default ()
        ``"tensorboard"`` or ``"wandb"`` (offline), which draw the tuning in the run's folder.

    Raises
    ------
    ConfigError
        If options contradict each other.
    """

    preset: str = "balanced"
    backbone: str | None = None
    tuning: TuningConfig | Mapping[str, Any] | None = None
    confidence_level: float = 0.9
    abstain_ratio: float | None = None
    currency: str | None = None
    keep_leaks: bool = False
    test_share: float = 0.1
    bands: ShopBands | None = None
    image_root: Path | None = None
    seed: int = 0
    trackers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.test_share <= _LARGEST_TEST_SHARE:
            raise ConfigError(
                f"expected a test share of 0 to {_LARGEST_TEST_SHARE:g}, got {self.test_share:g}"
            )
        if not 0 < self.confidence_level < 1:
            raise ConfigError(f"expected a confidence level between 0 and 1, got {self.confidence_level:g}")
        if self.abstain_ratio is not None and not self.abstain_ratio > 1:
            raise ConfigError(f"expected an abstain ratio above 1, got {self.abstain_ratio:g}")
        if _LANGUAGE not in self.plan(1).members and (self.backbone or self.tuning or self.trackers):
            raise ConfigError(
                f"the preset {self.preset!r} has no language model, so a backbone, tuning options or a "
                "tracker would do nothing; leave them out, or take the preset 'balanced' or 'best'"
            )

    def plan(self, n_rows: int) -> Plan:
        """Return what these options stand for, for ``n_rows`` listings to learn from."""
        backbone = self.backbone or TuningConfig().backbone
        return derive_plan(self.preset, n_rows, backbone=backbone, tuning=self._tuning(), bands=self.bands)

    def new_model(self, columns: ColumnMap, currency: str) -> PriceModel:
        """Return the unfitted model for listings with these columns, priced in ``currency``."""
        return PriceModel(
            self.preset,
            columns=columns,
            backbone=self.plan(1).tuning.backbone,
            tuning=self._tuning(),
            confidence_level=self.confidence_level,
            abstain_ratio=self.abstain_ratio,
            currency=currency or self.currency,
            keep_leaks=self.keep_leaks,
            bands=self.bands,
            image_root=self.image_root,
            seed=self.seed,
        )

    def _tuning(self) -> TuningConfig | Mapping[str, Any] | None:
        if self.tuning is None or self.backbone is None:
            return self.tuning
        if isinstance(self.tuning, TuningConfig):
            return replace(self.tuning, backbone=self.backbone)
        return {**self.tuning, "backbone": self.backbone}


@dataclass(frozen=True)
class TrainingRequest:
    """What `train_model` is asked for.

    Parameters
    ----------
    listings : str or pathlib.Path
        File or database address of the listings.
    out : pathlib.Path
        Folder of the bundle.
    query : str, optional
        SQL query, with a database address.
    roles : mapping, optional
        Roles of columns where the inferred ones are wrong, as in ``infer_columns``.
    options : TrainingOptions
        How to train.
    report : pathlib.Path, optional
        The report; by default ``report.html`` in the bundle.
    store : str, optional
        A store; prices that people gave in its review queue are learned from too.
    """

    listings: str | Path
    out: Path
    query: str | None = None
    roles: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    options: TrainingOptions = field(default_factory=TrainingOptions)
    report: Path | None = None
    store: str | None = None


@dataclass(frozen=True)
class TrainingResult:
    """A trained model and what is known about it.

    Parameters
    ----------
    model : PriceModel
        The fitted model.
    data : DataReport
        What was read, rejected, left out and kept aside.
    evaluation : Evaluation or None
        Of the test listings; None without a test share.
    bundle : pathlib.Path
        Where the model was saved.
    report, rejected : pathlib.Path or None
        What was written beside it.
    run_dir : pathlib.Path
        Folder of the training log.
    seconds : float
        Time of everything.
    labels : dict of str to int, optional
        Prices of the review queue: added listings, replaced prices, and those left out.
    """

    model: PriceModel
    data: DataReport
    evaluation: Evaluation | None
    bundle: Path
    report: Path | None
    rejected: Path | None
    run_dir: Path
    seconds: float
    labels: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "model": str(self.bundle),
            "report": str(self.report) if self.report else None,
            "rejected": str(self.rejected) if self.rejected else None,
            "seconds": round(self.seconds, 1),
            "rows_read": self.data.rows_read,
            "rows_kept": self.data.rows_kept,
            "rejected_counts": dict(self.data.rejected),
            "splits": dict(self.data.splits),
            "columns": [{"role": role, "column": name, "why": why} for role, name, why in self.data.columns],
            "leaks": [{"column": name, "kind": kind, "evidence": why} for name, kind, why in self.data.leaks],
            "warnings": list(self.data.warnings),
            "labels": dict(self.labels),
            "plan": self.model.training_["plan"],
            "blend": self.model.blend_.weights,
            "refused": self.model.refused_,
            "evaluation": self.evaluation.to_dict() if self.evaluation else None,
        }


def train_model(request: TrainingRequest, progress: Progress = Silence()) -> TrainingResult:
    """Train a model on a file of listings, measure it, save it and write its report.

    Parameters
    ----------
    request : TrainingRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    TrainingResult
        The model and what is known about it.

    Raises
    ------
    DataError
        If the listings cannot be used.
    ConfigError
        If options contradict each other.
    BackboneError, MissingExtraError
        If the language model cannot be had.
    BundleError, OutputError
        If a result cannot be written.
    TrainingStopped
        On Ctrl-C; the same request goes on from the last checkpoint.
    """
    if request.report is not None and request.options.test_share == 0:
        raise ConfigError("a test share of 0 measures nothing, so there is no report; drop one of them")
    started = time.monotonic()
    check_place(request.out)
    check_trackers(request.options.trackers, run_folder(request.out))
    folder = picture_folder(request.listings, request.options.image_root)
    options = replace(request.options, image_root=folder)
    with RejectedRows(request.out) as rejected:
        progress.start(f"reading {Path(str(request.listings)).name}", 0)
        frame = read_listings(request.listings, query=request.query)
        columns = infer_columns(frame, overrides=request.roles, require_price=True)
        for role, column, why in columns.describe():
            progress.say(f"{role}: {column} ({why})")
        labeled = _with_review_labels(frame, columns, request, progress)
        data = prepare(labeled.frame, columns, options, progress)
        rejected.add(data.rejected)
        if labeled.rows and len(data.listings.index.difference(list(labeled.rows))) < _LEAST_OWN_ROWS:
            raise DataError(
                "expected listings with a price besides those of the review queue, found none that can be "
                f"used: {'; '.join(data.report.counts) or 'there are none'}"
            )
        with _cluster(options, progress):
            run_dir = run_folder(request.out)
            trained = fit_and_measure(labeled.frame, data, options, run_dir, progress, labeled.rows)
        if request.store is not None:
            trained.model.training_["labels"] = labeled.counts
        trained.model.save(request.out)
    report = None
    if trained.evaluation is not None:
        target = request.report or request.out / "report.html"
        title = Path(str(request.listings)).name if request.query is None else "query"
        page = report_data(title, trained.model, trained.evaluation, trained.data, trained.run_dir)
        report = publish_report(target, page)
    drop_checkpoints(trained.run_dir)
    return TrainingResult(
        trained.model,
        trained.data,
        trained.evaluation,
        request.out,
        report,
        rejected.written,
        trained.run_dir,
        time.monotonic() - started,
        labeled.counts if request.store is not None else {},
    )


def _with_review_labels(
    frame: pd.DataFrame, columns: ColumnMap, request: TrainingRequest, progress: Progress
) -> LabeledFrame:
    """Return the listings with the labels of the store among them, and say how many there are."""
    if request.store is None:
        return LabeledFrame(frame)
    labels = review_labels(request.store)
    labeled = with_labels(frame, columns, labels, request.options.currency or "")
    progress.say(
        f"{len(labels):,} prices from the review queue: {labeled.added:,} added listings, "
        f"{labeled.replaced:,} replaced prices, {labeled.left_out:,} left out"
    )
    return labeled


def _cluster(options: TrainingOptions, progress: Progress) -> AbstractContextManager[object]:
    """Stay connected from copy to copy of the backbone, where they are tuned on a cluster."""
    return ray_cluster(progress) if options.plan(1).tuning.engine == "ray" else nullcontext()


@dataclass(frozen=True)
class Trained:
    """A fitted model before it is saved."""

    model: PriceModel
    data: DataReport
    evaluation: Evaluation | None
    run_dir: Path


def read_tuning(path: Path) -> dict[str, Any]:
    """Read tuning settings from a file with one JSON object.

    Parameters
    ----------
    path : pathlib.Path
        The file; its keys are fields of TuningConfig.

    Returns
    -------
    dict
        The settings, each checked.

    Raises
    ------
    ConfigError
        If there is no such file, it holds something else, or an option is unknown, has an impossible value,
        or would do nothing.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: expected a file with one JSON object of tuning options, got: {error}"
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(
            f'{path}: expected one JSON object such as {{"epochs": 5}}, got a {type(values).__name__}'
        )
    if "seed" in values:
        raise ConfigError(
            f"{path}: one seed decides everything random; give it with --seed, not among tuning options"
        )
    TuningConfig.from_dict(values)
    return values


def check_place(out: Path) -> None:
    """Raise BundleError if the bundle's folder is taken, before any time is spent."""
    if (out / "model.json").is_file() or not out.exists():
        return
    if not out.is_dir() or any(out.iterdir()):
        raise BundleError(
            f"expected a new folder or an old model at {out}, found something else; name another"
        )


def run_folder(out: Path) -> Path:
    """Return the folder of checkpoints and training log that belongs to a bundle."""
    return out.with_name(f"{out.name}-run")


def prepare(
    frame: pd.DataFrame, columns: ColumnMap, options: TrainingOptions, progress: Progress
) -> TrainingSet:
    """Check raw listings and say what was found."""
    progress.start(f"checking {len(frame):,} listings", 0)
    data = prepare_training(frame, columns=columns, currency=options.currency, keep_leaks=options.keep_leaks)
    dropped = data.report.rows_read - data.report.rows_kept
    progress.say(
        f"{data.report.rows_kept:,} of {data.report.rows_read:,} listings can be used"
        + (f", {dropped:,} rejected" if dropped else "")
    )
    for line in data.report.warnings:
        progress.say(f"note: {line}")
    for leak in data.leaks:
        kept = options.keep_leaks or leak.kind == "price in text"
        progress.say(f"leak: {leak.column} {'' if kept else 'is left out: it '}{leak.evidence}")
    return data


def fit_and_measure(
    frame: pd.DataFrame,
    data: TrainingSet,
    options: TrainingOptions,
    run_dir: Path,
    progress: Progress,
    always: Sequence[int] = (),
) -> Trained:
    """Fit a model on most of the listings and measure it on the rest.

    Parameters
    ----------
    frame : pandas.DataFrame
        Raw listings.
    data : TrainingSet
        What `prepare` made of them.
    options : TrainingOptions
        How to train.
    run_dir : pathlib.Path
        Folder for checkpoints; a run that was stopped there goes on.
    progress : Progress
        Told what happens.
    always : sequence of int
        Index of rows that are learned from in any case, and their near-duplicates with them: what people
        labeled by hand is not kept aside.

    Returns
    -------
    Trained
        The model, not yet saved.
    """
    features = FeatureColumns.from_map(data.columns)
    known, test = _kept_aside(data.listings, features, options, always)
    plan = options.plan(len(known))
    cost = _check_means(plan, known, features, run_dir, progress)
    baselines = {MEDIAN_GUESS: np.full(len(test), float(known["price"].median()))}
    if cost is not None and len(test):
        baselines[LANGUAGE_BEFORE] = _before_tuning(known, test, features, plan, cost, progress)
    model = options.new_model(data.columns, data.report.currency)
    # the rows are clean by now; what was rejected from the file is told below
    rows = frame.loc[known.index]
    rows.attrs = {}
    model.fit(rows, run_dir=run_dir, trackers=options.trackers, progress=progress)
    splits = {"to learn from": len(known), "test": len(test)}
    report = data_report(data, splits)
    model.training_ |= {
        "rejected": data.report.counts,
        "warnings": data.report.warnings,
        "leaks": [f"{leak.column}: {leak.kind} ({leak.evidence})" for leak in data.leaks],
    }
    evaluation = None
    if len(test):
        evaluation = measure(model, frame, test, baselines=baselines, seed=options.seed, progress=progress)
        model.metrics_ = {"table": evaluation.table(), **evaluation.to_dict()}
    return Trained(model, report, evaluation, run_dir)


def drop_checkpoints(run_dir: Path) -> None:
    """Remove the checkpoints of a finished training; the log stays."""
    for checkpoint in run_dir.glob("*/*/checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)


def _kept_aside(
    listings: pd.DataFrame, features: FeatureColumns, options: TrainingOptions, always: Sequence[int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    if options.test_share == 0:
        return listings, listings.iloc[:0]
    groups = duplicate_groups(compose_text(listings, features))
    fractions = (1 - options.test_share, 0.0, 0.0, options.test_share)
    split = split_listings(listings, fractions=fractions, seed=options.seed, groups=groups)
    is_test = np.zeros(len(listings), dtype=bool)
    is_test[split.test] = True
    is_test &= ~np.isin(groups, groups[listings.index.isin(always)])
    return listings[~is_test], listings[is_test]


def _check_means(
    plan: Plan, known: pd.DataFrame, features: FeatureColumns, run_dir: Path, progress: Progress
) -> TuningCost | None:
    """Return what tuning will cost, or None without a language member; raise if it cannot be paid."""
    if _LANGUAGE not in plan.members:
        return None
    require_training_libraries()
    find_backbone(plan.tuning.backbone, progress)
    if LanguageMember(plan.tuning).refusal(known, features):
        return None
    cost = tuning_cost(plan, len(known))
    cost.check_disk(run_dir)
    return cost


def _before_tuning(
    known: pd.DataFrame,
    test: pd.DataFrame,
    features: FeatureColumns,
    plan: Plan,
    cost: TuningCost,
    progress: Progress,
) -> np.ndarray:
    """Return what the untuned backbone predicts; its speed says what tuning will cost."""
    from pricelm.language.runtime import has_native_bf16, pick_device

    progress.start("the language model before tuning", 0)
    # what the libraries load at their first use is not the speed of reading
    untuned_language_prices(known.iloc[:2], test.iloc[:1], features, plan.tuning)
    started = time.monotonic()
    prices = untuned_language_prices(known, test, features, plan.tuning)
    texts_per_second = (len(known) + len(test)) / (time.monotonic() - started)
    seconds = cost.seconds(texts_per_second, plan.tuning, native_bf16=has_native_bf16(pick_device()))
    progress.say(
        f"tuning reads {cost.texts:,} texts {plan.tuning.epochs} times: roughly {duration_text(seconds)} "
        f"here, and up to {max(cost.disk_bytes >> 20, 1):,} MB of disk meanwhile"
    )
    return prices
