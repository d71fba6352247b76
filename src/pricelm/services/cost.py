"""What a training will cost, said before it starts."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from pricelm.core.errors import OutputError
from pricelm.language.backbones import find_backbone
from pricelm.language.config import TuningConfig
from pricelm.language.weights import count_weights
from pricelm.models.presets import N_FOLDS, Plan

# Tuning a text costs this many times the reading of it, forward and backward together (MiniLM, two cores).
_TUNING_OVER_READING = {"fp32": 3.3, "bf16": 2.0}
# AdamW keeps two numbers beside each weight, and a checkpoint is whole before the one before it goes.
_CHECKPOINTS_OVER_WEIGHTS = 6
# Training and the tuned copies keep fp32, whatever the backbone's file keeps.
_BYTES_PER_WEIGHT = 4
_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class TuningCost:
    """What tuning the language model takes.

    Parameters
    ----------
    texts : int
        Texts of one pass, all copies of the backbone together.
    epochs : int
        Passes.
    disk_bytes : int
        Space for checkpoints and the tuned copies.

    Examples
    --------
    >>> TuningCost(4320, 3, 0).seconds(100.0, TuningConfig(precision="fp32"), native_bf16=False)
    427.68
    """

    texts: int
    epochs: int
    disk_bytes: int

    def seconds(self, texts_per_second: float, tuning: TuningConfig, *, native_bf16: bool) -> float:
        """Estimate the time from the measured speed of reading with the untuned backbone."""
        if tuning.method == "frozen":
            return self.texts / texts_per_second
        precision = "bf16" if native_bf16 and tuning.precision != "fp32" else "fp32"
        return self.texts * self.epochs * _TUNING_OVER_READING[precision] / texts_per_second

    def check_disk(self, folder: Path) -> None:
        """Raise OutputError if the disk that holds ``folder`` has too little space.

        Raises
        ------
        OutputError
            Before any time is spent, rather than at the first checkpoint.
        """
        while not folder.exists():
            folder = folder.parent
        free = shutil.disk_usage(folder).free
        if free < self.disk_bytes:
            full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            raise OutputError(
                f"training needs about {self.disk_bytes // _MEBIBYTE:,} MB of disk for checkpoints and the "
                f"model, and {folder} has {free // _MEBIBYTE:,} MB left; free some or choose another disk"
            ) from full


def tuning_cost(plan: Plan, n_rows: int) -> TuningCost:
    """Derive the cost of a plan for ``n_rows`` listings.

    Parameters
    ----------
    plan : Plan
        What the preset stands for.
    n_rows : int
        Listings to learn from.

    Returns
    -------
    TuningCost
        Of the language member; an upper bound where listings have dates and fewer folds are needed.
    """
    folder = find_backbone(plan.tuning.backbone).folder
    weights = count_weights(folder) * _BYTES_PER_WEIGHT
    texts = plan.fitted_folds * (n_rows - n_rows // N_FOLDS)
    # a tuned copy stands once in its last checkpoint and once in the model
    weights *= _CHECKPOINTS_OVER_WEIGHTS + 2 * plan.fitted_folds
    return TuningCost(texts, plan.tuning.epochs, weights)


def duration_text(seconds: float) -> str:
    """Write a duration as people say it.

    Examples
    --------
    >>> duration_text(8), duration_text(200), duration_text(9000)
    ('8 seconds', '3 minutes', '2.5 hours')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
