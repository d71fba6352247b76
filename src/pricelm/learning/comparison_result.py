"""The table of a comparison: errors with intervals, verdicts, and what each method costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pricelm.evaluation.bootstrap import Difference, Estimate, Resampling, resample, verdict
from pricelm.learning.comparison_data import ComparisonData
from pricelm.learning.comparison_runs import Outcome
from pricelm.models.text import from_log_price

_MEASURED = (
    "trained_parameters",
    "parameters",
    "seconds",
    "seconds_per_1000_predictions",
    "peak_memory_bytes",
    "model_bytes",
    "trained_bytes",
)


@dataclass(frozen=True)
class ComparisonRow:
    """One method with one backbone.

    Parameters
    ----------
    equal : {"data", "time"}
        What it has in common with the others.
    backbone, method : str
        What was tuned.
    epochs : int
        Passes over the training texts.
    error : str
        Why there are no numbers; empty if there are.
    rmsle : Estimate or None
        Error on the test listings, with its 95 % interval.
    difference : Difference or None
        How much lower the error is than that of the first method with the same backbone, paired; None for the
        first method itself.
    trained_parameters, parameters : int
        Tuned ones, and all of the network.
    seconds : float
        Time of tuning, reading the backbone and the texts included.
    seconds_per_1000_predictions : float
        Time of predicting.
    peak_memory_bytes : int
        Most memory of the trial's process.
    model_bytes, trained_bytes : int
        Size of the saved model, and of the tuned weights alone.
    """

    equal: str
    backbone: str
    method: str
    epochs: int
    error: str = ""
    rmsle: Estimate | None = None
    difference: Difference | None = None
    trained_parameters: int = 0
    parameters: int = 0
    seconds: float = math.nan
    seconds_per_1000_predictions: float = math.nan
    peak_memory_bytes: int = 0
    model_bytes: int = 0
    trained_bytes: int = 0

    @property
    def verdict(self) -> str:
        """``better``, ``equal`` or ``worse`` than the first method, ``first`` for itself, or ``failed``."""
        if self.error:
            return "failed"
        return "first" if self.difference is None else verdict(self.difference)

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON-ready values."""
        rmsle = None if self.rmsle is None else self.rmsle._asdict()
        values = {**asdict(self), "rmsle": rmsle, "verdict": self.verdict}
        if self.error:
            values |= dict.fromkeys(_MEASURED)
        return values


def comparison_rows(
    outcomes: Sequence[Outcome], data: ComparisonData, resampling: Resampling = Resampling()
) -> list[ComparisonRow]:
    """Measure what trials predicted.

    Parameters
    ----------
    outcomes : sequence of Outcome
        From ``compare``.
    data : ComparisonData
        What they ran on.
    resampling : Resampling
        The bootstrap behind intervals and verdicts; whole groups of near-duplicates are drawn.

    Returns
    -------
    list of ComparisonRow
        One an outcome, in the same order.
    """
    predictions = {
        str(number): from_log_price(outcome.predictions)
        for number, outcome in enumerate(outcomes)
        if outcome.predictions is not None
    }
    if not predictions:
        return [_failed(outcome) for outcome in outcomes]
    drawn = resample(data.test_prices, predictions, {"rmsle": "rmsle"}, data.test_groups, resampling)
    firsts: dict[tuple[str, str], str] = {}
    rows = []
    for number, outcome in enumerate(outcomes):
        if str(number) not in predictions:
            rows.append(_failed(outcome))
            continue
        first = firsts.setdefault((outcome.equal, outcome.tuning.backbone), str(number))
        rows.append(
            ComparisonRow(
                outcome.equal,
                outcome.tuning.backbone,
                outcome.tuning.method,
                outcome.tuning.epochs,
                rmsle=drawn.estimate(str(number), "rmsle"),
                difference=None if first == str(number) else drawn.difference(str(number), first, "rmsle"),
                **{name: outcome.result[name] for name in _MEASURED},
            )
        )
    return rows


def _failed(outcome: Outcome) -> ComparisonRow:
    tuning = outcome.tuning
    return ComparisonRow(
        outcome.equal, tuning.backbone, tuning.method, tuning.epochs, error=outcome.error or "no predictions"
    )


def guess_rmsle(data: ComparisonData) -> float:
    """Return the error of guessing the median training price for everything: what knowing nothing costs."""
    guess = np.median(data.targets)
    return float(np.sqrt(np.mean((np.log1p(data.test_prices) - guess) ** 2)))
