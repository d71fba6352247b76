"""Starts the processes of a search, passes on what they find, and ends all of them when one fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pricelm
from pricelm.core.errors import PricelmError, TrainingStopped
from pricelm.core.protocols import Progress
from pricelm.language.handover import read_failure
from pricelm.language.interrupts import InterruptFlag
from pricelm.learning.search_study import SearchStudy, TrialRecord
from pricelm.learning.search_worker import ask_to_stop

_LOOK_AGAIN_SECONDS = 0.3
_LAST_CHARACTERS = 2000


def run_workers(
    folder: Path, study: SearchStudy, n_workers: int, tell: Callable[[TrialRecord], None], progress: Progress
) -> None:
    """Run trials in several processes until they find none to run.

    Parameters
    ----------
    folder : pathlib.Path
        Holds order and rows.
    study : SearchStudy
        The study that they share.
    n_workers : int
        Number of processes.
    tell : callable
        Told each trial that has ended.
    progress : Progress
        Told when a process is lost.

    Raises
    ------
    TrainingStopped
        On Ctrl-C, or if all processes were killed.
    PricelmError
        What one of the processes raised.
    """
    told = {record.number for record in study.records() if record.finished}
    workers = []
    with InterruptFlag() as interrupt:
        try:
            workers += [_Worker(folder, number, n_workers) for number in range(1, n_workers + 1)]
            while any(worker.running for worker in workers):
                time.sleep(_LOOK_AGAIN_SECONDS)
                if interrupt.raised or any(worker.failed for worker in workers):
                    ask_to_stop(folder)
                for worker in workers:
                    if worker.newly_killed:
                        _take_back(study, worker, progress)
                _tell_new(study, told, tell)
        finally:
            for worker in workers:
                worker.end()
    _tell_new(study, told, tell)
    failed = next((worker for worker in workers if worker.failed), None)
    if failed is not None:
        raise failed.failure(folder)
    if interrupt.raised:
        raise TrainingStopped("the search was interrupted")
    if all(worker.killed for worker in workers):
        raise TrainingStopped(
            f"all {n_workers} processes of the search were killed, perhaps because memory ran out; lower "
            "workers"
        )


class _Worker:
    """One process."""

    def __init__(self, folder: Path, number: int, n_workers: int) -> None:
        self.number = number
        self._remarks = folder / f"remarks-{number}.txt"
        self._mourned = False
        with self._remarks.open("wb") as remarks:
            # A group of its own keeps a terminal's Ctrl-C away from it. -P: a file in the current folder
            # that is called like a library must not be imported in its place.
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-m", "pricelm.learning.search_worker", str(folder), str(number)],
                env=_environment(n_workers),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=remarks,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def failed(self) -> bool:
        return (self.process.poll() or 0) > 0

    @property
    def killed(self) -> bool:
        return (self.process.poll() or 0) < 0

    @property
    def newly_killed(self) -> bool:
        """True once, after it was killed from outside."""
        new = self.killed and not self._mourned
        self._mourned = self._mourned or new
        return new

    def failure(self, folder: Path) -> PricelmError:
        known = read_failure(folder, self.number)
        if known is not None:
            return known
        last = self._remarks.read_text(encoding="utf-8", errors="replace")[-_LAST_CHARACTERS:].strip()
        return PricelmError(
            f"process {self.number} of the search ended with code {self.process.returncode}; run the same "
            f"command again to go on. Its last words:\n{last}"
        )

    def end(self) -> None:
        if self.running:
            self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


def _take_back(study: SearchStudy, worker: _Worker, progress: Progress) -> None:
    for record in study.records():
        if record.state == "stopped" and record.worker == worker.number:
            study.give_back(record.number)
    name = signal.Signals(-worker.process.returncode).name
    progress.say(f"process {worker.number} was killed ({name}); another takes its trial up")


def _tell_new(study: SearchStudy, told: set[int], tell: Callable[[TrialRecord], None]) -> None:
    for record in study.records():
        if record.finished and record.number not in told:
            told.add(record.number)
            tell(record)


def _environment(n_workers: int) -> dict[str, str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, cores // n_workers))
    own_code = str(Path(pricelm.__file__).parents[1])
    paths = [own_code, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": threads,
        # Processes that wait by spinning keep the cores from the others.
        "OMP_WAIT_POLICY": "passive",
    }
