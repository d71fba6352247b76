"""What a member of a price model is: one way of reading a listing.

Every member learns log prices from checked listings, predicts log prices, saves itself
as files that hold no code, and may refuse data that it cannot read, with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pricelm.core.protocols import Progress, Silence
from pricelm.models.text import FeatureColumns

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class FitContext:
    """What a member is told beside the data.

    Parameters
    ----------
    features : FeatureColumns
        Attribute columns it may read.
    seed : int
        Seed of everything random.
    run_dir : Path, optional
        Folder for checkpoints and logs; without it nothing is written.
    progress : Progress
        Receives what happens.
    trackers : tuple of str
        What else draws the tuning of a language model, in ``run_dir``.
    held_out : tuple of (DataFrame, ndarray), optional
        Listings and log prices kept aside, to draw the learning curve with.
    """

    features: FeatureColumns
    seed: int = 0
    run_dir: Path | None = None
    progress: Progress = field(default_factory=Silence)
    held_out: tuple[pd.DataFrame, np.ndarray] | None = None
    trackers: tuple[str, ...] = ()


class Member(Protocol):
    """One way of reading a listing."""

    name: str

    def refusal(self, listings: pd.DataFrame, features: FeatureColumns) -> str:
        """Return why these listings cannot be learned from, or an empty string."""
        ...

    def fit(self, listings: pd.DataFrame, target: np.ndarray, context: FitContext) -> Member:
        """Learn log prices ``target`` (n,) from n checked listings."""
        ...

    def predict(self, listings: pd.DataFrame) -> np.ndarray:
        """Return log prices, shape (n,); NaN where the member has nothing to say of a listing."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything that `roster.load_member` needs into ``folder``."""
        ...
