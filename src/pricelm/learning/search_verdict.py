"""The verdict of a search: the best configuration against the preset, on rows that no trial has seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pricelm.core.protocols import Progress
from pricelm.evaluation.bootstrap import Difference, Estimate, resample, verdict
from pricelm.language.regressor import LanguageRegressor
from pricelm.language.rows import Rows
from pricelm.models.text import from_log_price

if TYPE_CHECKING:
    from pricelm.learning.search_study import TrialRecord


@dataclass(frozen=True)
class Verdict:
    """What a search was worth.

    Parameters
    ----------
    trial : int
        The best trial.
    n_rows : int
        Test rows.
    preset, best : Estimate
        RMSLE of both, with 95 % intervals.
    gain : Difference
        By how much the RMSLE of the best is lower, paired; positive is better.

    Examples
    --------
    >>> even = Estimate(0.5, 0.4, 0.6)
    >>> print(Verdict(3, 200, even, even, Difference(0.02, -0.01, 0.05)).sentence())
    Trial 3 did not beat the preset: on 200 test listings that no trial has seen, its RMSLE is lower by 0.0200
    [−0.0100 to 0.0500], which may be chance.
    """

    trial: int
    n_rows: int
    preset: Estimate
    best: Estimate
    gain: Difference

    @property
    def beats_the_preset(self) -> bool:
        """Whether the whole interval of the gain is above zero."""
        return self.trial != 0 and verdict(self.gain) == "better"

    def sentence(self) -> str:
        """Say it plainly."""
        if self.trial == 0:
            return "The search did not beat the preset: nothing did better on the validation listings."
        where = f"on {self.n_rows:,} test listings that no trial has seen"
        gain = self.gain
        between = f"[{_signed(gain.lower)} to {_signed(gain.upper)}]"
        if self.beats_the_preset:
            return (
                f"Trial {self.trial} beats the preset by {gain.value:.4f} {between} of RMSLE {where}: "
                f"{self.best.value:.4f} instead of {self.preset.value:.4f}."
            )
        direction = "lower" if gain.value >= 0 else "higher"
        if gain.value < 0:
            between = f"[{_signed(-gain.upper)} to {_signed(-gain.lower)}]"
        chance = "" if verdict(gain) == "worse" else ", which may be chance"
        return (
            f"Trial {self.trial} did not beat the preset: {where}, its RMSLE is {direction} by "
            f"{abs(gain.value):.4f} {between}{chance}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON-ready values."""
        return {
            "trial": self.trial,
            "n_rows": self.n_rows,
            "rmsle_of_preset": list(self.preset),
            "rmsle_of_best": list(self.best),
            "gain": asdict(self.gain),
            "beats_the_preset": self.beats_the_preset,
            "sentence": self.sentence(),
        }


def compare_on_test(
    test: Rows, groups: np.ndarray, records: list[TrialRecord], work: Path, progress: Progress
) -> Verdict | None:
    """Compare the models of the best trial and of the preset.

    Parameters
    ----------
    test : Rows
        Texts and log prices that no trial has seen.
    groups : ndarray of int, shape (n_test,)
        Duplicate groups, which the bootstrap draws as a whole.
    records : list of TrialRecord
        All trials.
    work : pathlib.Path
        Where their models are.
    progress : Progress
        Told what happens.

    Returns
    -------
    Verdict or None
        None as long as the preset's own trial is not complete.
    """
    from pricelm.learning.search_run import model_folder
    from pricelm.learning.search_study import best_of

    best = best_of(records)
    if best is None or not records[0].complete:
        return None
    progress.start(f"measuring on {len(test.texts):,} test listings", 0)
    predicted = {
        number: from_log_price(LanguageRegressor.load(model_folder(work, number)).predict(test.texts))
        for number in {0, best.number}
    }
    drawn = resample(
        from_log_price(test.targets),
        {"preset": predicted[0], "best": predicted[best.number]},
        {"rmsle": "rmsle"},
        groups,
    )
    return Verdict(
        best.number,
        len(test.texts),
        drawn.estimate("preset", "rmsle"),
        drawn.estimate("best", "rmsle"),
        drawn.difference("best", "preset", "rmsle"),
    )


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else ''}{abs(value):.4f}"
