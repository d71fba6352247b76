"""Search: try settings of the language member within a budget, and say whether the best beats the preset.

Trials see training and validation rows. Which of them is best is decided on the validation rows, so its value
there is flattered by the choice; the verdict comes from test rows that no trial has seen.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pricelm.core.errors import ConfigError, DataError, TrainingStopped
from pricelm.core.extras import require
from pricelm.core.protocols import Progress, Silence
from pricelm.language.backbones import find_backbone, require_training_libraries
from pricelm.language.config import TuningConfig
from pricelm.language.handover import Job
from pricelm.language.methods import method_entry
from pricelm.language.rows import Rows
from pricelm.learning.budget import Budget, clock_left
from pricelm.learning.search_result import SearchResult
from pricelm.learning.search_space import SearchSpace
from pricelm.learning.search_verdict import compare_on_test

if TYPE_CHECKING:
    from pricelm.learning.search_study import SearchStudy, TrialRecord

WORK_FOLDER = "work"
_JOB = "job"
_MOST_TEXTS_MEASURED = 2000


@dataclass(frozen=True)
class SearchData:
    """Rows of a search; near-duplicates share a part.

    Parameters
    ----------
    training, validation, test : Rows
        Texts and log prices.
    test_groups : ndarray of int, shape (n_test,)
        Duplicate group of each test row.
    """

    training: Rows
    validation: Rows
    test: Rows
    test_groups: np.ndarray

    def __post_init__(self) -> None:
        for name in ("training", "validation", "test"):
            if len(getattr(self, name).texts) < 2:
                raise DataError(
                    f"expected at least 2 different listings in the {name} part of a search, got "
                    f"{len(getattr(self, name).texts)}; use more listings"
                )


@dataclass(frozen=True)
class SearchOptions:
    """How far to search.

    Parameters
    ----------
    trials : int, optional
        Most trials, those of earlier sessions included.
    workers : int, default 1
        Processes that run trials at the same time.
    methods : tuple of str, default ()
        Methods to try besides that of the configuration to beat.
    seed : int, default 0
        Seed of what is proposed.

    Raises
    ------
    ConfigError
        If a number is too small, or a method does not exist.
    """

    trials: int | None = None
    workers: int = 1
    methods: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.trials is not None and self.trials < 2:
            raise ConfigError(
                f"expected at least 2 trials, got {self.trials}: the first one is the preset's own "
                "configuration"
            )
        if self.workers < 1:
            raise ConfigError(f"expected at least 1 worker, got {self.workers}")
        for name in self.methods:
            method_entry(name)


def search(
    data: SearchData,
    base: TuningConfig,
    folder: Path,
    options: SearchOptions = SearchOptions(),
    *,
    budget: Budget = Budget(),
    progress: Progress = Silence(),
) -> SearchResult:
    """Search for settings that do better than a configuration.

    Parameters
    ----------
    data : SearchData
        Training, validation and test rows.
    base : TuningConfig
        The configuration to beat; it is trial 0.
    folder : pathlib.Path
        Holds the study. If one of the same search is there, it goes on: finished trials count, and one that
        was stopped goes on from its checkpoint.
    options : SearchOptions
        How far to search.
    budget : Budget
        Time of this session. A trial that does not finish in it is stopped after a step, and goes on in the
        next session.
    progress : Progress
        Told each trial.

    Returns
    -------
    SearchResult
        All trials, what mattered, and the verdict.

    Raises
    ------
    ConfigError
        If there is no limit at all, the folder holds another search, or another process works in it.
    TrainingStopped
        On Ctrl-C; the same call goes on.
    MissingExtraError, BackboneError
        If the language model cannot be tuned here.
    """
    if options.trials is None and budget.seconds is None:
        raise ConfigError("expected a budget of time or a number of trials; a search has no end of its own")
    require_training_libraries()
    require("optuna", extra="train", purpose="search for settings")
    from filelock import FileLock, Timeout

    work = folder / WORK_FOLDER
    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "search.lock", timeout=0):
            return _search(data, base, folder, options, budget, progress)
    except Timeout as error:
        raise ConfigError(
            f"expected a folder that no other search is using, and one is at work in {folder}; wait for its "
            "end, or name another folder"
        ) from error


def _search(
    data: SearchData,
    base: TuningConfig,
    folder: Path,
    options: SearchOptions,
    budget: Budget,
    progress: Progress,
) -> SearchResult:
    from pricelm.learning.search_study import SearchStudy, best_of

    space = SearchSpace(base, options.methods, _tokens_worth_reading(base, data.training.texts))
    study = SearchStudy(folder, options.seed)
    interrupted = study.begin(_identity(data, base, options), space.base_values())
    finished = sum(record.finished for record in study.records())
    if finished or interrupted:
        going_on = f", {interrupted} of them stopped halfway" if interrupted else ""
        progress.say(f"going on after {finished + interrupted} trials{going_on}")
    try:
        _run_trials(data, space, folder, study, options, budget, progress)
    except (TrainingStopped, KeyboardInterrupt) as error:
        done = sum(record.finished for record in study.records())
        raise TrainingStopped(
            f"the search stopped after {done} trials ({str(error) or 'interrupted'}); ask for the same again "
            f"to go on, {folder} has everything"
        ) from error
    records = study.records()
    verdict = compare_on_test(data.test, data.test_groups, records, folder / WORK_FOLDER, progress)
    return SearchResult(base, records, best_of(records), study.importances(), verdict)


def _run_trials(
    data: SearchData,
    space: SearchSpace,
    folder: Path,
    study: SearchStudy,
    options: SearchOptions,
    budget: Budget,
    progress: Progress,
) -> None:
    from pricelm.learning.search_run import TrialRunner

    tell = _teller(study, budget, progress)
    job = Job(space.base, data.training, data.validation, None)
    work = folder / WORK_FOLDER
    progress.start("searching", 0)
    if options.workers > 1:
        _run_in_processes(job, space, folder, study, options, budget, tell, progress)
        return
    runner = TrialRunner(
        work, study, space, job, stop=lambda: budget.spent, most_trials=options.trials, progress=progress
    )
    while (record := runner.run_next()) is not None:
        tell(record)


def _run_in_processes(
    job: Job,
    space: SearchSpace,
    folder: Path,
    study: SearchStudy,
    options: SearchOptions,
    budget: Budget,
    tell: Callable[[TrialRecord], None],
    progress: Progress,
) -> None:
    from pricelm.learning.search_pool import run_workers
    from pricelm.learning.search_worker import Order

    work = folder / WORK_FOLDER
    handed = work / _JOB
    shutil.rmtree(handed, ignore_errors=True)
    handed.mkdir(parents=True)
    deadline = None if budget.left is None else time.time() + budget.left
    try:
        job.write(handed)
        order = Order(str(folder), str(work), space.to_dict(), options.seed, options.trials, deadline)
        order.write(handed)
        run_workers(handed, study, options.workers, tell, progress)
    finally:
        shutil.rmtree(handed, ignore_errors=True)


def _teller(study: SearchStudy, budget: Budget, progress: Progress) -> Callable[[TrialRecord], None]:
    from pricelm.learning.search_study import best_of

    def tell(record: TrialRecord) -> None:
        best = best_of(study.records())
        value = "" if record.value is None else f" {record.value:.4f}"
        state = {"complete": "", "pruned": f", pruned at {max(record.curve, default=0)}% of its run"}
        ending = state.get(record.state, f" failed: {record.reason}")
        so_far = "" if best is None else f"; best so far {best.value:.4f} (trial {best.number})"
        left = "" if budget.left is None else f"; {clock_left(budget.left)} left"
        progress.say(f"trial {record.number}:{value}{ending}{so_far}{left}")

    return tell


def _identity(data: SearchData, base: TuningConfig, options: SearchOptions) -> dict[str, Any]:
    from pricelm.language.pretrained import digest

    rows = [part.digest() for part in (data.training, data.validation, data.test)]
    identity = {
        "listings": hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
        "settings to start from": base.result_options(),
        "methods": sorted({base.method, *options.methods}),
        "backbone": digest(find_backbone(base.backbone).folder),
        "seed": options.seed,
    }
    plain: dict[str, Any] = json.loads(json.dumps(identity))
    return plain


def _tokens_worth_reading(base: TuningConfig, texts: list[str]) -> int:
    """Return what the backbone can read if the texts are longer than what is read, and that otherwise."""
    from pricelm.language.pretrained import longest_text

    backbone = find_backbone(base.backbone)
    most = longest_text(backbone.load_encoder())
    sample = texts[:: max(1, len(texts) // _MOST_TEXTS_MEASURED)]
    lengths = backbone.load_tokenizer().encode(sample, most).lengths
    return most if float(np.quantile(lengths, 0.95)) > base.max_length else base.max_length
