"""pricelm itself as a contestant: used as a user would, with the raw table and no hand-tuning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import pricelm
from benchmarks.contest import HERE, Outcome, Stopwatch, Task
from benchmarks.datasets import BACKBONES, BenchmarkSet
from benchmarks.grouping import SEED
from benchmarks.peers import CONFIDENCE_LEVEL

OURS = "pricelm"
LANGUAGE = "language"
_SOURCES = Path(pricelm.__file__).parent
# the rooms that shape a prediction; evaluation or a console page may change without a new run
_ROOMS = tuple(_SOURCES / room for room in ("catalog", "language", "models"))


def new_price_model(preset: str, backbone: str) -> Any:
    """Return an unfitted PriceModel; imported late, because its room is heavy."""
    from pricelm import PriceModel

    return PriceModel(preset=preset, backbone=backbone, seed=SEED)


class PriceModelContestant:
    """``PriceModel(preset=..., seed=42).fit(train)``, its intervals and its members.

    Parameters
    ----------
    preset : str
        ``"fast"``, ``"balanced"`` or ``"best"``.
    make : callable, default new_price_model
        Builds the unfitted model from the preset and the backbone of the set's language.
    """

    name = OURS
    code: tuple[Path, ...] = (HERE / "ours.py", *_ROOMS)

    def __init__(self, preset: str, make: Callable[[str, str], Any] = new_price_model) -> None:
        self.preset = preset
        self.make = make

    def config(self) -> dict[str, Any]:
        """Return the preset, the seed and the level of the intervals."""
        return {
            "preset": self.preset,
            "backbones": BACKBONES,
            "seed": SEED,
            "confidence_level": CONFIDENCE_LEVEL,
        }

    def skips(self, data: BenchmarkSet, fold: int) -> str:
        """Take part everywhere."""
        return ""

    def run(self, task: Task) -> Outcome:
        """Fit on the raw rows; price the test rows, which do not carry the price column."""
        listings, fold = task.data.listings, task.fold
        test = listings.iloc[fold.test].drop(columns=task.data.roles.price)
        watch = Stopwatch()
        model = self.make(self.preset, BACKBONES[task.data.language]).fit(
            listings.iloc[fold.train], run_dir=task.scratch
        )
        train_seconds = watch.lap()
        members = sorted(model.members_)
        model.members_ = {name: OnePass(member) for name, member in model.members_.items()}
        predicted = np.asarray(model.predict(test), dtype=np.float64)
        predict_seconds = watch.lap()
        info = {"members": members, "refused": dict(model.refused_), "training": dict(model.training_)}
        return Outcome(predicted, train_seconds, predict_seconds, _more(model, test, members), info)


class OnePass:
    """A member that reads the test rows once, however often the model asks for them.

    Parameters
    ----------
    member : Member
        A fitted member; it is asked about one table only.
    """

    def __init__(self, member: Any) -> None:
        self._member = member
        self._said: np.ndarray | None = None

    def predict(self, listings: pd.DataFrame) -> np.ndarray:
        """Return log prices, shape (n,), those of the first call."""
        if self._said is None:
            self._said = np.asarray(self._member.predict(listings))
        if len(self._said) != len(listings):
            raise ValueError(f"asked about {len(self._said)} rows before and {len(listings)} now")
        return self._said


def _more(model: Any, test: pd.DataFrame, members: list[str]) -> dict[str, np.ndarray]:
    ends = np.asarray(model.predict_interval(test, confidence_level=CONFIDENCE_LEVEL), dtype=np.float64)
    more = {"lower": ends[:, 0], "upper": ends[:, 1]}
    for member, prices in model.member_predictions(test).items():
        more[f"member:{member}"] = np.asarray(prices, dtype=np.float64)
    # a blend of the language member alone has nothing left without it
    if LANGUAGE in members and len(members) > 1:
        more["without_language"] = np.asarray(model.predict_without(test, LANGUAGE), dtype=np.float64)
    return more
