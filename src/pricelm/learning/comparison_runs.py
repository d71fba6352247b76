"""The trials of a comparison on disk: which are finished, which go on, which failed."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from pricelm.core.protocols import Progress
from pricelm.language import handover, tracking
from pricelm.language.config import TuningConfig
from pricelm.language.methods import method_entry
from pricelm.learning import trial as trial_module
from pricelm.learning.comparison_data import ComparisonData, read_array, read_json, write_json
from pricelm.learning.trial import PREDICTIONS, RESULT, TRIAL
from pricelm.learning.trial_process import carry_out


@dataclass(frozen=True)
class Outcome:
    """A trial and what came of it.

    Parameters
    ----------
    equal : {"data", "time"}
        What it has in common with the others.
    tuning : TuningConfig
        Its options.
    result : dict
        What was measured, as in ``result.json``; empty when it failed.
    predictions : ndarray of float64, shape (n_test,), or None
        Predicted log prices.
    error : str
        Why it failed.
    """

    equal: str
    tuning: TuningConfig
    result: Mapping[str, Any] = field(default_factory=dict)
    predictions: np.ndarray | None = None
    error: str = ""


@dataclass
class Bench:
    """Runs trials one after the other and knows which are finished.

    Parameters
    ----------
    data : ComparisonData
        What all trials run on.
    folder : pathlib.Path
        Holds ``data`` and ``trials``.
    progress : Progress
        Told what happens.

    Attributes
    ----------
    finished : int
        Trials with a result, those of earlier calls included.
    """

    data: ComparisonData
    folder: Path
    progress: Progress
    finished: int = 0
    _left: list[TuningConfig] = field(default_factory=list)
    _done: dict[str, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._digest = self.data.digest()

    def announce(self, trials: Sequence[TuningConfig], *, then_at_equal_time: bool) -> None:
        """Say what there is to do."""
        self._left = [tuning for tuning in trials if self._stored(tuning) is None]
        kept = len(trials) - len(self._left)
        more = f", then up to {len(trials)} at equal time" if then_at_equal_time else ""
        self.progress.say(
            f"{len(trials)} trials on {len(self.data.texts):,} training texts{more}, one "
            f"process after the other; {kept} of them are finished already"
            + (f" in {self.folder}" if kept else "")
        )

    def announce_time(self, trials: Sequence[TuningConfig]) -> None:
        """Say what the trials at equal time will take, from what those at equal data took."""
        self._left = [tuning for tuning in trials if self._stored(tuning) is None]
        seconds = sum(
            tuning.epochs * known["seconds_per_epoch"] + known["preparation_seconds"]
            for tuning in self._left
            if (known := self._known(tuning)) is not None
        )
        if self._left:
            self.progress.say(f"{len(self._left)} trials at equal time: about {duration(seconds)}")

    def outcome(self, equal: str, tuning: TuningConfig) -> Outcome:
        """Return what came of a trial: kept from before, or now."""
        mark = self._mark(tuning)
        if mark not in self._done:
            stored = self._stored(tuning)
            self._done[mark] = stored if stored is not None else self._run(tuning)
            self.finished += not self._done[mark].error
        return replace(self._done[mark], equal=equal)

    def _run(self, tuning: TuningConfig) -> Outcome:
        place = self._place(tuning)
        place.mkdir(parents=True, exist_ok=True)
        (place / RESULT).unlink(missing_ok=True)
        task = {"fingerprint": self._mark(tuning), "tuning": tuning.to_dict(), "data": "../../../data"}
        write_json(place / TRIAL, task)
        plural = "s" if tuning.epochs > 1 else ""
        title = f"{Path(tuning.backbone).name} {tuning.method}, {tuning.epochs} epoch{plural}"
        self._left = [other for other in self._left if other != tuning]
        error = carry_out(place, _Titled(self.progress, title))
        stored = None if error else self._stored(tuning)
        if stored is None:
            error = error or "the trial left no result; run the comparison again"
            facts = {**task, "status": "failed", "error": error, "environment": tracking.environment()}
            write_json(place / RESULT, facts)
            self.progress.say(f"{title} failed: {error}")
            return Outcome("data", tuning, error=error)
        self._tell(title, stored)
        return stored

    def _stored(self, tuning: TuningConfig) -> Outcome | None:
        place = self._place(tuning)
        result = read_json(place / RESULT)
        if result is None or (result.get("fingerprint"), result.get("status")) != (
            self._mark(tuning),
            "done",
        ):
            return None
        try:
            predictions = read_array(place / PREDICTIONS)
        except (OSError, LookupError, SafetensorError):
            return None
        return Outcome("data", tuning, result, predictions)

    def _known(self, tuning: TuningConfig) -> Mapping[str, Any] | None:
        alike = (tuning.backbone, tuning.method)
        done = (one for one in self._done.values() if not one.error)
        return next((one.result for one in done if (one.tuning.backbone, one.tuning.method) == alike), None)

    def _tell(self, title: str, finished: Outcome) -> None:
        """Say what a trial took and, from those that are finished, what the others may take."""
        line = f"{title}: {duration(finished.result['seconds'])}"
        if self._left:
            done = [one for one in self._done.values() if not one.error] + [finished]
            per_pass = sum(one.result["seconds"] for one in done) / sum(_passes(one.tuning) for one in done)
            known = (self._known(one) for one in self._left)
            guesses = [
                per_pass * _passes(one)
                if same is None
                else one.epochs * same["seconds_per_epoch"] + same["preparation_seconds"]
                for one, same in zip(self._left, known, strict=True)
            ]
            line += f"; the other {len(self._left)} may take about {duration(sum(guesses))}"
        self.progress.say(line)

    def _place(self, tuning: TuningConfig) -> Path:
        backbone = re.sub(r"[^\w-]+", "-", Path(tuning.backbone).name) or "backbone"
        name = f"{tuning.method}-{tuning.epochs}-epochs-{self._mark(tuning)[:10]}"
        return self.folder / "trials" / backbone / name

    def _mark(self, tuning: TuningConfig) -> str:
        return fingerprint(tuning, self._digest)


def fingerprint(tuning: TuningConfig, data: str) -> str:
    """Return a hash of everything that a trial's result follows from: options, data, code, libraries."""
    libraries = tracking.environment()["libraries"]
    folder = Path(tuning.backbone)
    weights = []
    if folder.is_dir():
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        weights = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    parts = [tuning.result_options(), data, code_version(), libraries, weights]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@cache
def code_version() -> str:
    """Return a hash of the code that trains and measures; comments and layout leave it alone."""
    files = [*Path(handover.__file__).parent.rglob("*.py"), Path(trial_module.__file__)]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(ast.dump(ast.parse(file.read_text(encoding="utf-8"))).encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Titled:
    """Passes progress on with the trial's own name as the task."""

    progress: Progress
    title: str

    def start(self, task: str, total: int) -> None:
        self.progress.start(self.title, total)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.progress.advance(steps, note)

    def say(self, message: str) -> None:
        self.progress.say(message)


def _passes(tuning: TuningConfig) -> int:
    """Return how often the backbone reads every text; a frozen one does it once, whatever the epochs."""
    return 1 if method_entry(tuning.method).passes > 1 else tuning.epochs


def duration(seconds: float) -> str:
    """Write a time shortly.

    Examples
    --------
    >>> duration(4.2), duration(151)
    ('4 s', '3 min')
    """
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{seconds / 60:.0f} min"
