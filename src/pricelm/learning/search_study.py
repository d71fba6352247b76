"""The study of a search: an SQLite file that every process of it reads and writes, through optuna.

The file holds numbers, names and JSON, and no code. Sampler and pruner are made anew by each process.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.pruners import BasePruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from pricelm.core.errors import ConfigError

STUDY_FILE = "study.sqlite3"
_NAME = "language member"
_IDENTITY, CONFIG, REASON, SECONDS, WORKER = "identity", "config", "reason", "seconds", "worker"
# Steps are the share of the run that is done, so that runs of different lengths can be compared.
WHOLE_RUN = 100
_STARTUP_TRIALS = 8
_TRIALS_TO_COMPARE_WITH = 4
_TRIALS_FOR_IMPORTANCE = 8
_WAIT_SECONDS = 60.0
_STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "stopped",
    TrialState.WAITING: "waiting",
}


@dataclass(frozen=True)
class TrialRecord:
    """What is known of one trial.

    Parameters
    ----------
    number : int
        From 0; trial 0 is the preset's own configuration.
    state : {"complete", "pruned", "failed", "stopped", "waiting"}
        How it ended, or that it goes on later.
    value : float or None
        Validation RMSE of the log price; of a pruned trial the last one.
    config : dict
        The settings.
    values : dict
        The point of the search space.
    curve : dict of int to float
        Percent of the run to validation RMSE.
    seconds : float
        Time it took.
    reason : str
        Why it failed.
    worker : int
        Number of the process that had it last.
    """

    number: int
    state: str
    value: float | None
    config: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    curve: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    reason: str = ""
    worker: int = 0

    @property
    def complete(self) -> bool:
        """Whether it was trained to its end."""
        return self.state == "complete"

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do for it."""
        return self.state in ("complete", "pruned", "failed")

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON-ready values."""
        return asdict(self)


class SharePruner(BasePruner):
    """Ends a trial that is worse than the median of the others at the same share of their runs.

    Trials have different numbers of epochs and their rates fall over the whole of them, so epoch 2 of 2 is
    not compared with epoch 2 of 6, but the best value so far with what others had at that share,
    interpolated. The first quarter decides nothing, nor do fewer than four complete trials; trial 0 is never
    ended.
    """

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Tell whether to end a trial."""
        step = trial.last_step
        if step is None or trial.number == 0 or not WHOLE_RUN / 4 <= step < WHOLE_RUN:
            return False
        others = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        reached = [_at_share(other.intermediate_values, step) for other in others]
        known = [value for value in reached if value is not None]
        if len(known) < _TRIALS_TO_COMPARE_WITH:
            return False
        return bool(min(trial.intermediate_values.values()) > np.median(known))


class SearchStudy:
    """One study in one folder.

    Parameters
    ----------
    folder : pathlib.Path
        Where the file is.
    seed : int
        Seed of what is proposed.
    worker : int, default 0
        Number of the process, so that two that ask at the same time are not told the same.
    """

    def __init__(self, folder: Path, seed: int, worker: int = 0) -> None:
        path = folder / STUDY_FILE
        if "?" in str(path):
            raise ConfigError(f"expected a folder without '?' in its name, got {folder}; name another")
        self.seed, self.worker = seed, worker
        waiting = {"connect_args": {"timeout": _WAIT_SECONDS}}
        with _quiet():
            self._storage = RDBStorage(f"sqlite:///{path}", engine_kwargs=waiting)
            self._study = optuna.create_study(
                storage=self._storage, study_name=_NAME, pruner=SharePruner(), load_if_exists=True
            )

    def begin(self, identity: Mapping[str, Any], first: Mapping[str, Any]) -> int:
        """Take up the study: check that it is of the same search, and set what was interrupted waiting.

        Only one process may do so, while no other is at work.

        Parameters
        ----------
        identity : mapping
            What was asked for, by what a person calls it; JSON-ready.
        first : mapping
            The values of trial 0.

        Returns
        -------
        int
            Trials that were interrupted and go on from their checkpoints.

        Raises
        ------
        ConfigError
            If the folder holds another search.
        """
        known = self._study.user_attrs.get(_IDENTITY)
        if known is None:
            self._study.enqueue_trial(dict(first), skip_if_exists=True)
            self._study.set_user_attr(_IDENTITY, dict(identity))
        elif known != identity:
            other = [name for name in {**known, **identity} if known.get(name) != identity.get(name)]
            raise ConfigError(
                f"expected a folder of the same search, got one with other {' and other '.join(other)}; name "
                "another folder with --out, or ask for what this one was started with"
            )
        # A process that was killed gave nothing back.
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self.give_back(trial.number)
        waiting = self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        return sum(bool(trial.params) for trial in waiting)

    def ask(self) -> optuna.Trial:
        """Return the next trial: one that waits, or a new one."""
        # The seed follows from what is known, so that a search that was interrupted proposes the same as one
        # that was not.
        known = len(self._study.get_trials(deepcopy=False))
        seed = np.random.SeedSequence([self.seed, known, self.worker]).generate_state(1)[0]
        with _quiet():
            self._study.sampler = TPESampler(n_startup_trials=_STARTUP_TRIALS, seed=int(seed))
            return self._study.ask()

    def finish(self, trial: optuna.Trial, state: str, value: float | None = None) -> None:
        """End a trial: ``"complete"`` with its value, ``"pruned"`` or ``"failed"`` without."""
        states = {name: known for known, name in _STATES.items()}
        with _quiet():
            self._study.tell(trial, value, state=states[state])

    def give_back(self, number: int) -> None:
        """Set a trial that was interrupted waiting; it keeps its number, its settings and its values."""
        study_id = self._storage.get_study_id_from_name(_NAME)
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, number)
        self._storage.set_trial_state_values(trial_id, state=TrialState.WAITING)

    def curve(self, number: int) -> dict[int, float]:
        """Return what a trial has reported so far: percent of the run to value."""
        return dict(self._study.get_trials(deepcopy=False)[number].intermediate_values)

    def records(self) -> list[TrialRecord]:
        """Return what is known of all trials, by number."""
        return [_record(trial) for trial in self._study.get_trials(deepcopy=False)]

    def importances(self) -> dict[str, float]:
        """Return the share of each setting in what tells good trials from the others, the largest first.

        Empty with fewer than eight complete trials.
        """
        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(complete) < _TRIALS_FOR_IMPORTANCE:
            return {}
        # A tenth of a few dozen trials is too few to estimate a density from.
        with _quiet():
            evaluator = PedAnovaImportanceEvaluator(target_quantile=0.25)
            found = get_param_importances(self._study, evaluator=evaluator)
        return {name: float(share) for name, share in found.items() if np.isfinite(share)}


def best_of(records: list[TrialRecord]) -> TrialRecord | None:
    """Return the complete trial with the lowest value, the earlier of equal ones; None if there is none."""
    complete = [one for one in records if one.complete and one.value is not None]
    return min(complete, key=lambda one: (one.value, one.number), default=None)


def _record(trial: FrozenTrial) -> TrialRecord:
    curve = {int(step): float(value) for step, value in sorted(trial.intermediate_values.items())}
    value = trial.value
    if trial.state == TrialState.PRUNED and curve:
        value = curve[max(curve)]
    facts = trial.user_attrs
    return TrialRecord(
        trial.number,
        _STATES[trial.state],
        None if value is None else float(value),
        facts.get(CONFIG, {}),
        dict(trial.params),
        curve,
        float(facts.get(SECONDS, 0.0)),
        facts.get(REASON, ""),
        int(facts.get(WORKER, 0)),
    )


def _at_share(curve: Mapping[int, float], step: int) -> float | None:
    """Return the value of another trial's curve at a step; None before its first."""
    steps = sorted(curve)
    if not steps or step < steps[0]:
        return None
    return float(np.interp(step, steps, [curve[one] for one in steps]))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep optuna from writing to the terminal: what happens is said through progress."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)
