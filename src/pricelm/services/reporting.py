"""From a trained and measured model to the data of its report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pricelm.core.nouns import Quote
from pricelm.evaluation.evaluator import Evaluation
from pricelm.evaluation.report import write_report
from pricelm.evaluation.report_data import DataReport, LearningPoint, QuotedListing, ReportData
from pricelm.models.fingerprint import software_versions
from pricelm.models.preparation import TrainingSet
from pricelm.models.price_model import PriceModel
from pricelm.services.outputs import cannot_write


def publish_report(path: Path, data: ReportData) -> Path:
    """Write the report, making its folder.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_report(path, data)
    except OSError as error:
        raise cannot_write(path, error) from error


def now_text() -> str:
    """Return date and time of this machine, to be read by people."""
    return datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")


def data_report(data: TrainingSet, splits: Mapping[str, int]) -> DataReport:
    """Return what happened to the rows on their way into the model."""
    return DataReport(
        rows_read=data.report.rows_read,
        rows_kept=data.report.rows_kept,
        rejected=data.report.counts,
        warnings=data.report.warnings,
        columns=data.columns.describe(),
        leaks=[(leak.column, leak.kind, leak.evidence) for leak in data.leaks],
        splits=dict(splits),
    )


def model_settings(model: PriceModel) -> dict[str, Any]:
    """Return the options of a model and what was derived from them, for the report."""
    settings: dict[str, Any] = {
        "preset": model.preset,
        "seed": model.seed,
        "confidence level": model.confidence_level,
        "plan": "; ".join(model.training_["plan"]),
        "blend": ", ".join(f"{name} {weight:.2f}" for name, weight in model.blend_.weights.items()),
        "data fingerprint": model.fingerprint_[:16],
        "seconds to train": model.training_["seconds"]["total"],
    }
    return settings | {f"{name} refused": reason for name, reason in model.refused_.items()}


def learning_points(run_dir: Path) -> list[LearningPoint]:
    """Read the training log of the first copy of the language model; empty if there is none."""
    points = []
    for log in sorted(run_dir.glob("language/fold-*/training_log.jsonl"))[:1]:
        for record in map(json.loads, log.read_text(encoding="utf-8").splitlines()):
            if record["event"] == "step":
                points.append(LearningPoint(record["step"], train_loss=record["loss"]))
            else:
                points.append(LearningPoint(record["step"], held_out_loss=record.get("validation_loss")))
    return points


def quoted(listings: pd.DataFrame, model: PriceModel, quotes: Sequence[Quote]) -> list[QuotedListing]:
    """Put new listings and their quotes together as the report shows them."""
    columns = model.columns_
    shown = []
    for (_, row), quote in zip(listings.iterrows(), quotes, strict=True):
        told = {str(name): value for name, value in row.items() if pd.notna(value)}
        title = str(told.get(columns.title or "", f"listing {quote.listing_id}"))
        rest = [told.get(name or "") for name in (columns.brand, columns.category, columns.description)]
        text = ". ".join(str(value) for value in rest if value)
        shown.append(QuotedListing(title, quote, text))
    return shown


def report_data(
    title: str, model: PriceModel, evaluation: Evaluation, data: DataReport, run_dir: Path, **more: Any
) -> ReportData:
    """Return the data of a training report; ``more`` are further fields of `ReportData`."""
    return ReportData(
        title=title,
        evaluation=evaluation,
        created_at=now_text(),
        learning=learning_points(run_dir),
        data=data,
        settings=model_settings(model),
        versions=software_versions(),
        **more,
    )
