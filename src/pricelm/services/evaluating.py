"""Evaluating: how good a saved model is on listings whose prices are known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricelm.catalog.readers import read_listings
from pricelm.catalog.validation import CleaningReport, check_listings
from pricelm.core.errors import DataError
from pricelm.core.protocols import Progress, Silence
from pricelm.evaluation.evaluator import Evaluation
from pricelm.evaluation.report_data import DataReport, ReportData
from pricelm.evaluation.result import MEDIAN_GUESS
from pricelm.models.bundle import load_model
from pricelm.models.fingerprint import software_versions
from pricelm.models.price_model import PriceModel
from pricelm.services.measuring import measure
from pricelm.services.picture_folder import picture_counts, picture_folder, picture_line
from pricelm.services.rejections import RejectedRows
from pricelm.services.reporting import model_settings, now_text, publish_report

# More than this share of listings that were learned from is no accident.
_SEEN_SHARE = 0.5


@dataclass(frozen=True)
class EvaluationRequest:
    """What `evaluate_model` is asked for.

    Parameters
    ----------
    model : pathlib.Path
        Folder of the bundle.
    listings : str or pathlib.Path
        File or database address of listings with prices.
    query : str, optional
        SQL query, with a database address.
    price : str, optional
        Column of the prices, where it has another name than in training.
    report : pathlib.Path, optional
        Report to write; ``rejected.csv`` stands beside it. Without it, no file is written.
    seed : int, default 0
        Seed of the bootstrap.
    image_root : pathlib.Path, optional
        Folder of the pictures, by default that of the listings; none outside it is read.
    """

    model: Path
    listings: str | Path
    query: str | None = None
    price: str | None = None
    report: Path | None = None
    seed: int = 0
    image_root: Path | None = None


@dataclass(frozen=True)
class EvaluationResult:
    """What was measured.

    Parameters
    ----------
    evaluation : Evaluation
        The numbers.
    checked : CleaningReport
        Rows read, kept and rejected.
    report, rejected : pathlib.Path or None
        What was written.
    """

    evaluation: Evaluation
    checked: CleaningReport
    report: Path | None
    rejected: Path | None

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "rows_read": self.checked.rows_read,
            "rows_kept": self.checked.rows_kept,
            "rejected_counts": self.checked.counts,
            "warnings": self.checked.warnings,
            "report": str(self.report) if self.report else None,
            "rejected": str(self.rejected) if self.rejected else None,
            "evaluation": self.evaluation.to_dict(),
        }


def evaluate_model(request: EvaluationRequest, progress: Progress = Silence()) -> EvaluationResult:
    """Measure a saved model on listings with known prices.

    Parameters
    ----------
    request : EvaluationRequest
        What is asked for.
    progress : Progress
        Told what happens.

    Returns
    -------
    EvaluationResult
        Metrics with confidence intervals, coverage and slices; the members by themselves and the median
        of the prices learned from stand beside the blend.

    Raises
    ------
    DataError
        If there are no prices, or no listing can be used.
    BundleError
        If the model cannot be loaded.
    """
    progress.start(f"loading {request.model.name}", 0)
    folder = picture_folder(request.listings, request.image_root)
    model = load_model(request.model, image_root=folder)
    progress.start("reading listings", 0)
    frame = _with_all_columns(read_listings(request.listings, query=request.query), model, request.price)
    columns = replace(model.columns_, price=request.price or model.columns_.price)
    checked = check_listings(frame, columns, training=True, currency=model.currency_ or None)
    warnings = checked.report.warnings + _seen_before(checked.listings, model)
    for line in warnings:
        progress.say(f"note: {line}")
    baselines = {}
    known = _known_prices(model)
    if len(known):
        baselines[MEDIAN_GUESS] = np.full(len(checked.listings), float(np.median(known)))
    evaluation = measure(
        model, frame, checked.listings, baselines=baselines, seed=request.seed, progress=progress
    )
    if line := picture_line(picture_counts(model)):
        progress.say(line)
    summary = replace(checked.report, warnings=warnings)
    if request.report is None:
        return EvaluationResult(evaluation, summary, None, None)
    with RejectedRows(request.report) as rejected:
        rejected.add(checked.rejected)
        report = publish_report(request.report, _page(request, model, evaluation, summary))
    return EvaluationResult(evaluation, summary, report, rejected.written)


def _with_all_columns(frame: pd.DataFrame, model: PriceModel, price: str | None) -> pd.DataFrame:
    """Add the columns that are not there as empty ones; the price has to be there."""
    wanted = price or model.columns_.price
    if wanted is None or wanted not in frame.columns:
        raise DataError(
            f"expected the prices in a column {wanted!r}, got the columns "
            f"{', '.join(map(str, frame.columns))}; name the column of the prices with --price"
        )
    attrs = frame.attrs
    missing = [name for name in model.columns_.read_columns() if name not in frame.columns]
    frame = frame.assign(**{name: np.nan for name in missing if name != model.columns_.price})
    frame.attrs = attrs
    return frame


def _known_prices(model: PriceModel) -> np.ndarray:
    index = model.comparables_
    return np.empty(0) if index is None else index.listings_["price"].to_numpy(dtype=float)


def _seen_before(listings: pd.DataFrame, model: PriceModel) -> list[str]:
    if model.comparables_ is None:
        return []
    known = model.comparables_.listings_
    seen = set(zip(known["title"], known["price"], strict=True))
    share = np.mean([pair in seen for pair in zip(listings["title"], listings["price"], strict=True)])
    if share <= _SEEN_SHARE:
        return []
    return [
        f"{share:.0%} of these listings were learned from, so the errors look smaller than they are; "
        "evaluate on listings that were kept aside"
    ]


def _page(
    request: EvaluationRequest, model: PriceModel, evaluation: Evaluation, checked: CleaningReport
) -> ReportData:
    return ReportData(
        title=f"{request.model.name} on {Path(str(request.listings)).name}",
        evaluation=evaluation,
        created_at=now_text(),
        data=DataReport(
            rows_read=checked.rows_read,
            rows_kept=checked.rows_kept,
            rejected=checked.counts,
            warnings=checked.warnings,
            columns=model.columns_.describe(),
        ),
        settings=model_settings(model),
        versions=software_versions(),
    )
