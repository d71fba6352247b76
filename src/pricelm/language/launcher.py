"""Starts the processes that train together, watches them, and ends all of them when one fails."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import mkdtemp

from safetensors import SafetensorError

import pricelm
from pricelm.core.errors import OutputError, PricelmError, TrainingStopped
from pricelm.core.protocols import Progress
from pricelm.language.handover import Job, read_failure, relay
from pricelm.language.interrupts import InterruptFlag

_FOLDER = ".processes-"
_LOOK_AGAIN_SECONDS = 0.1
# A process that loses the others fails too; waiting a moment tells which of them failed by itself.
_GRACE_SECONDS = 3.0
_LAST_CHARACTERS = 2000


def train_in_processes(job: Job, run_dir: Path, progress: Progress) -> None:
    """Train in ``job.config.processes`` processes; the result is the last checkpoint in ``run_dir``.

    Parameters
    ----------
    job : Job
        Options and rows.
    run_dir : pathlib.Path
        Folder of the run.
    progress : Progress
        Display for the person who waits.

    Raises
    ------
    PricelmError
        What one of the processes raised.
    TrainingStopped
        If it was interrupted, or a process was killed or failed unexpectedly.
    OutputError
        If the rows cannot be handed over, for example because the disk is full.
    """
    progress.say(f"starting {job.config.processes} training processes")
    job = replace(job, run_dir=run_dir)
    with handed_over(job, run_dir) as folder, InterruptFlag() as interrupt:
        workers: list[_Worker] = []
        try:
            workers += [_Worker(folder, rank, job) for rank in range(job.config.processes)]
            _watch(workers, folder, progress, interrupt)
            if interrupt.raised:
                raise TrainingStopped(
                    "training was interrupted after its last step; run the same command again with the same "
                    f"run_dir to take the result from {run_dir}"
                )
        except KeyboardInterrupt:
            raise TrainingStopped(
                f"training was interrupted at once; run the same command again with the same run_dir to go "
                f"on from the last checkpoint in {run_dir}"
            ) from None
        finally:
            for worker in workers:
                worker.end()


class _Worker:
    """One process, with the lines it prints."""

    def __init__(self, folder: Path, rank: int, job: Job) -> None:
        self.rank = rank
        self.remarks = folder / f"remarks-{rank}.txt"
        self.lines: SimpleQueue[str] = SimpleQueue()
        with self.remarks.open("wb") as remarks:
            # A group of its own keeps a terminal's Ctrl-C away from it. -P: a file in the current folder
            # that is called like a library must not be imported in its place.
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-m", "pricelm.language.worker", str(folder), str(rank)],
                env=_environment(rank, job),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=remarks,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.decode("utf-8", errors="replace"))

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def failed(self) -> bool:
        return self.process.poll() not in (None, 0)

    def tell(self, progress: Progress) -> None:
        """Pass on what it printed since the last time."""
        if not self.running:
            self._reader.join(_GRACE_SECONDS)
        while True:
            try:
                relay(self.lines.get_nowait(), progress)
            except Empty:
                return

    def end(self) -> None:
        if self.running:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def _watch(workers: list[_Worker], folder: Path, progress: Progress, interrupt: InterruptFlag) -> None:
    while any(worker.running for worker in workers) and not any(worker.failed for worker in workers):
        workers[0].tell(progress)
        if interrupt.raised:
            (folder / "stop").touch()
        time.sleep(_LOOK_AGAIN_SECONDS)
    workers[0].tell(progress)
    if any(worker.failed for worker in workers):
        deadline = time.monotonic() + _GRACE_SECONDS
        while any(worker.running for worker in workers) and time.monotonic() < deadline:
            time.sleep(_LOOK_AGAIN_SECONDS)
        raise _failure(workers, folder)


def _failure(workers: list[_Worker], folder: Path) -> PricelmError:
    failed = [worker for worker in workers if worker.failed]
    for worker in failed:
        error = read_failure(folder, worker.rank)
        if error is not None:
            return error
    again = "run the same command again with the same run_dir to go on from the last checkpoint"
    # A process that loses the others may abort; the one that was killed is the cause.
    for worker in sorted(failed, key=lambda worker: worker.process.returncode == -signal.SIGABRT):
        code = worker.process.returncode
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            return TrainingStopped(
                f"training process {worker.rank + 1} of {len(workers)} was killed ({name}), perhaps because "
                f"memory ran out; lower batch_size or processes, or switch sharded on; {again}"
            )
    last = failed[0].remarks.read_text(encoding="utf-8", errors="replace")[-_LAST_CHARACTERS:].strip()
    return TrainingStopped(
        f"training process {failed[0].rank + 1} of {len(workers)} ended with code "
        f"{failed[0].process.returncode}; {again}. Its last words:\n{last}"
    )


@contextmanager
def handed_over(job: Job, run_dir: Path) -> Iterator[Path]:
    """Write a job into a folder of its own inside ``run_dir``, and remove that at the end."""
    folder: Path | None = None
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        for left_by_a_killed_run in run_dir.glob(f"{_FOLDER}*"):
            shutil.rmtree(left_by_a_killed_run, ignore_errors=True)
        folder = Path(mkdtemp(prefix=_FOLDER, dir=run_dir))
        job.write(folder)
    except (OSError, SafetensorError) as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise OutputError(
            f"the rows could not be handed to {job.config.processes} processes through {run_dir} "
            f"({error}); free some space or name another folder"
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment(rank: int, job: Job) -> dict[str, str]:
    size = job.config.processes
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = str(job.config.threads or os.environ.get("OMP_NUM_THREADS") or max(1, cores // size))
    own_code = str(Path(pricelm.__file__).parents[1])
    paths = [own_code, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        # All run on this machine, so they talk over its loopback and need no name of a host.
        **({"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}),
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        "OMP_NUM_THREADS": threads,
        # Processes that wait by spinning keep the cores from the others.
        "OMP_WAIT_POLICY": "passive",
    }
