"""One trial of a search: take it, tune with it, watch it, keep its model if it may be needed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock

from pricelm.core.errors import BackboneError, MissingExtraError, OutputError, TrainingStopped
from pricelm.core.protocols import Progress, Silence
from pricelm.language.config import TuningConfig
from pricelm.language.handover import Job
from pricelm.language.regressor import LanguageRegressor
from pricelm.learning.search_space import SearchSpace
from pricelm.learning.search_study import (
    CONFIG,
    REASON,
    SECONDS,
    WHOLE_RUN,
    WORKER,
    SearchStudy,
    TrialRecord,
    best_of,
)

# What is wrong with the machine or the backbone is not the fault of a configuration.
_NOT_THE_TRIALS_FAULT = (TrainingStopped, OutputError, BackboneError, MissingExtraError)
_MOST_FAILURES_IN_A_ROW = 5


class TrialRunner:
    """Runs the trials of one process, one after the other.

    Parameters
    ----------
    folder : pathlib.Path
        For checkpoints and models.
    study : SearchStudy
        The study.
    space : SearchSpace
        What is tried.
    job : Job
        Training and validation rows.
    stop : callable
        Asked after each step whether to stop in good order.
    most_trials : int or None
        Trials of the whole study, all sessions and processes together.
    progress : Progress
        Told how a trial goes on.
    """

    def __init__(
        self,
        folder: Path,
        study: SearchStudy,
        space: SearchSpace,
        job: Job,
        *,
        stop: Callable[[], bool],
        most_trials: int | None = None,
        progress: Progress = Silence(),
    ) -> None:
        self.folder, self.study, self.space, self.job = folder, study, space, job
        self.stop, self.most_trials, self.progress = stop, most_trials, progress
        self._failures = 0

    def run_next(self) -> TrialRecord | None:
        """Run one trial to its end.

        Returns
        -------
        TrialRecord or None
            What came of it; None when there is nothing more to do, or it was asked to stop.

        Raises
        ------
        TrainingStopped
            On Ctrl-C; the trial goes on when the search does.
        PricelmError
            If trial 0 cannot be tuned, or five in a row cannot.
        """
        trial = None if self.stop() else self._take()
        if trial is None:
            return None
        follower = _Follower(trial, self.study.curve(trial.number), self.stop)
        started, before = time.monotonic(), float(trial.user_attrs.get(SECONDS, 0.0))
        try:
            state, value = self._outcome(trial, follower)
        except BaseException as error:
            self.study.give_back(trial.number)
            if isinstance(error, TrainingStopped) and follower.stopped:
                return None
            raise
        finally:
            trial.set_user_attr(SECONDS, round(before + time.monotonic() - started, 3))
        self.study.finish(trial, state, value)
        self._tidy()
        return self.study.records()[trial.number]

    def _take(self) -> optuna.Trial | None:
        # One process at a time, so that none takes a trial too many.
        with FileLock(self.folder / "ask.lock"):
            if self.most_trials is not None:
                records = self.study.records()
                waiting = any(record.state == "waiting" for record in records)
                if not waiting and len(records) >= self.most_trials:
                    return None
            trial = self.study.ask()
            config = self.space.suggest(trial)
        trial.set_user_attr(CONFIG, config.to_dict())
        trial.set_user_attr(WORKER, self.study.worker)
        return trial

    def _outcome(self, trial: optuna.Trial, follower: _Follower) -> tuple[str, float | None]:
        config = TuningConfig.from_dict(trial.user_attrs[CONFIG])
        try:
            value = self._tune(trial.number, config, follower)
        except optuna.TrialPruned:
            return "pruned", None
        except _NOT_THE_TRIALS_FAULT:
            raise
        except Exception as error:
            # A rate that is too high, or a batch that no memory holds, is a result too.
            self._failures += 1
            if trial.number == 0 or self._failures >= _MOST_FAILURES_IN_A_ROW:
                raise
            trial.set_user_attr(REASON, f"{type(error).__name__}: {error}")
            return "failed", None
        self._failures = 0
        return "complete", value

    def _tune(self, number: int, config: TuningConfig, follower: _Follower) -> float:
        rows, held_out = self.job.rows, self.job.held_out
        assert held_out is not None
        follower.epochs = config.epochs
        model = LanguageRegressor(config).fit(
            rows.texts,
            rows.targets,
            validation=(held_out.texts, held_out.targets),
            run_dir=run_folder(self.folder, number),
            supervisor=follower,
            progress=_TrialProgress(self.progress, number),
        )
        # A trial that was interrupted after its last epoch has not told of it.
        follower.report(model.history_)
        value = final_value(model.history_, config)
        best = best_of(self.study.records())
        if number == 0 or best is None or best.value is None or value < best.value:
            model.save(model_folder(self.folder, number))
        return value

    def _tidy(self) -> None:
        """Remove checkpoints of finished trials, and models that are neither the best nor the preset's."""
        records = self.study.records()
        best = best_of(records)
        for record in records:
            if not record.finished:
                continue
            shutil.rmtree(run_folder(self.folder, record.number), ignore_errors=True)
            if record.number != 0 and (best is None or record.number != best.number):
                shutil.rmtree(model_folder(self.folder, record.number), ignore_errors=True)


class _Follower:
    """Reports each epoch to the study, ends a trial that is not worth its time, and stops it when asked."""

    def __init__(self, trial: optuna.Trial, known: Mapping[int, float], stop: Callable[[], bool]) -> None:
        self.stopped = False
        self.epochs = 1
        self._trial, self._told, self._stop = trial, set(known), stop

    def after_epoch(self, history: Sequence[Mapping[str, Any]]) -> None:
        self.report(history)
        if self._trial.should_prune():
            raise optuna.TrialPruned

    def wants_stop(self) -> bool:
        self.stopped = self.stopped or self._stop()
        return self.stopped

    def report(self, history: Sequence[Mapping[str, Any]]) -> None:
        for record in history:
            share = round(WHOLE_RUN * record["epoch"] / self.epochs)
            if share not in self._told:
                self._told.add(share)
                self._trial.report(record["validation_rmse"], share)


class _TrialProgress(Silence):
    """Shows a training as part of a search, without the lines that it has to say."""

    def __init__(self, progress: Progress, number: int) -> None:
        self._progress, self._number = progress, number

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._progress.advance(steps, f"trial {self._number}: {note}" if note else "")


def final_value(history: Sequence[Mapping[str, Any]], config: TuningConfig) -> float:
    """Return the validation RMSE of the weights that a training ended with.

    Examples
    --------
    >>> history = [
    ...     {"validation_loss": 0.1, "validation_rmse": 0.5},
    ...     {"validation_loss": 0.2, "validation_rmse": 0.6},
    ... ]
    >>> final_value(history, TuningConfig()), final_value(history, TuningConfig(patience=1))
    (0.6, 0.5)
    """
    kept = history[-1] if config.patience is None else min(history, key=lambda one: one["validation_loss"])
    return float(kept["validation_rmse"])


def run_folder(folder: Path, number: int) -> Path:
    """Return the folder of the checkpoints of a trial."""
    return folder / "runs" / f"{number:04}"


def model_folder(folder: Path, number: int) -> Path:
    """Return the folder of the tuned model of a trial."""
    return folder / "models" / f"{number:04}"
