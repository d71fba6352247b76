"""Comparing methods of tuning: the same listings for all, at equal data and at equal time.

Every trial runs in a process of its own and leaves one JSON file. What is finished is not run again, what was
stopped goes on, and what fails becomes a row with its error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pricelm.core.errors import BackboneError, ConfigError, OutputError, TrainingStopped
from pricelm.core.protocols import Progress, Silence
from pricelm.language.backbones import find_backbone
from pricelm.language.config import TuningConfig
from pricelm.language.methods import method_entry
from pricelm.learning.comparison_data import ComparisonData
from pricelm.learning.comparison_runs import Bench, Outcome
from pricelm.learning.trial_process import Interrupted
from pricelm.models.presets import derive_plan

METHODS_TO_COMPARE = ("full", "last-2", "frozen", "lora", "adalora", "prefix", "adapter", "ia3")
EQUALS = ("data", "time")
MOST_EPOCHS = 200
# what two runs of the same work differ by on a quiet machine; without it, 2.99 epochs would become 2
_SLACK = 1.02


@dataclass(frozen=True)
class ComparisonPlan:
    """What is compared.

    Parameters
    ----------
    methods : tuple of str
        Methods of tuning; the first is the one that the others are compared with.
    backbones : tuple of str, default ("minilm",)
        Pretrained models.
    equal : tuple of str, default ("data", "time")
        ``"data"`` gives every method the epochs that the preset derives for it, ``"time"`` those that fit
        into the same seconds.
    seconds : float, optional
        Time of tuning for each method at equal time; by default what ``full``, or else the first method, took
        with the same backbone at equal data.
    epochs : int, optional
        Most epochs at equal data, counted as those of full tuning: a method that usually takes ten times as
        many is limited to ten times this.
    settings : mapping, default {}
        Further fields of TuningConfig for every trial, for example ``{"max_length": 32}``.

    Raises
    ------
    ConfigError
        If a name is unknown or given twice, or a number is impossible.

    Examples
    --------
    >>> plan = ComparisonPlan(("full", "frozen"), epochs=1)
    >>> [trial.epochs for trial in plan.trials_at_equal_data(3000)]
    [1, 10]
    """

    methods: tuple[str, ...] = METHODS_TO_COMPARE
    backbones: tuple[str, ...] = ("minilm",)
    equal: tuple[str, ...] = EQUALS
    seconds: float | None = None
    epochs: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what in ("methods", "backbones", "equal"):
            names = getattr(self, what)
            if not names or len(set(names)) != len(names):
                raise ConfigError(f"expected {what} to name at least one, each once, got {list(names)}")
        if set(self.equal) - set(EQUALS):
            raise ConfigError(f"expected equal to be of {', '.join(EQUALS)}, got {list(self.equal)}")
        if self.seconds is not None and not 0 < self.seconds < math.inf:
            raise ConfigError(f"expected seconds above 0, got {self.seconds:g}")
        if self.epochs is not None and self.epochs < 1:
            raise ConfigError(f"expected at least 1 epoch, got {self.epochs}")
        if set(self.settings) & {"method", "backbone", "epochs"}:
            raise ConfigError(
                "expected settings without method, backbone and epochs: the comparison sets them"
            )
        self.trials_at_equal_data(1000)

    def trials_at_equal_data(self, n_rows: int) -> list[TuningConfig]:
        """Return the trials in the order in which they run."""
        return [
            self._trial(method, backbone, n_rows) for backbone in self.backbones for method in self.methods
        ]

    def _trial(self, method: str, backbone: str, n_rows: int) -> TuningConfig:
        # processes that train together would divide the memory that is to be measured
        settings = {**self.settings, "method": method, "backbone": backbone}
        tuning = derive_plan("balanced", n_rows, backbone=backbone, tuning=settings).tuning
        if self.epochs is None:
            return tuning
        return replace(tuning, epochs=min(tuning.epochs, self.epochs * method_entry(method).passes))


def compare(
    plan: ComparisonPlan, data: ComparisonData, folder: Path, progress: Progress = Silence()
) -> list[Outcome]:
    """Run every trial of a plan that is not finished yet.

    Parameters
    ----------
    plan : ComparisonPlan
        What is compared.
    data : ComparisonData
        On what.
    folder : pathlib.Path
        Keeps one folder a trial; what is finished there is not run again.
    progress : Progress
        Told what happens, and after the first trial how long the rest will take.

    Returns
    -------
    list of Outcome
        At equal data first, then at equal time; by backbone, then in the order of the methods.

    Raises
    ------
    TrainingStopped
        On Ctrl-C; the same comparison goes on from there.
    OutputError
        If the folder cannot be written.
    """
    bench = Bench(data, folder, progress)
    try:
        data.write(folder / "data")
        trials = plan.trials_at_equal_data(len(data.texts))
        _have_ready(plan.backbones, progress)
        bench.announce(trials, then_at_equal_time="time" in plan.equal)
        at_equal_data = [bench.outcome("data", tuning) for tuning in trials]
        outcomes = at_equal_data if "data" in plan.equal else []
        if "time" in plan.equal:
            timed = equal_time_trials(at_equal_data, plan.seconds)
            bench.announce_time(timed)
            outcomes = outcomes + [bench.outcome("time", tuning) for tuning in timed]
    except Interrupted:
        raise TrainingStopped(
            f"the comparison was interrupted; {bench.finished} trials are finished. Run the same command "
            f"again to go on from what is in {folder}"
        ) from None
    except OSError as error:
        raise OutputError(
            f"the comparison could not be written to {folder} ({error}); free some space or name "
            "another folder"
        ) from error
    return outcomes


def _have_ready(backbones: Sequence[str], progress: Progress) -> None:
    """Convert what has to be converted once, so that no trial's time and memory include it."""
    for name in backbones:
        # what cannot be found fails in its own trials, and the others go on
        with suppress(BackboneError):
            find_backbone(name, progress)


def equal_time_trials(outcomes: Sequence[Outcome], seconds: float | None) -> list[TuningConfig]:
    """Return every trial again with the number of epochs that fits into the same time.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Trials at equal data, which say what an epoch takes; one that failed is left out.
    seconds : float, optional
        The time; by default what ``full``, or else the first method, took with the same backbone.

    Returns
    -------
    list of TuningConfig
        At least 1 and at most 200 epochs each.
    """
    trials = []
    for outcome in outcomes:
        if outcome.error:
            continue
        own = [other for other in outcomes if other.tuning.backbone == outcome.tuning.backbone]
        finished = [other for other in own if not other.error]
        reference = next((other for other in finished if other.tuning.method == "full"), finished[0])
        if seconds is None and outcome is reference:
            trials.append(outcome.tuning)
            continue
        budget = reference.result["seconds"] if seconds is None else seconds
        trials.append(replace(outcome.tuning, epochs=fitting_epochs(outcome.result, budget)))
    return trials


def fitting_epochs(result: Mapping[str, Any], seconds: float) -> int:
    """Return how many epochs fit into some seconds, 2 % more being the same.

    Examples
    --------
    >>> fitting_epochs({"preparation_seconds": 10.0, "seconds_per_epoch": 30.0}, 100.0)
    3
    >>> fitting_epochs({"preparation_seconds": 10.0, "seconds_per_epoch": 30.0}, 5.0)
    1
    """
    left = seconds * _SLACK - result["preparation_seconds"]
    return int(min(MOST_EPOCHS, max(1, left // max(result["seconds_per_epoch"], 1e-6))))
