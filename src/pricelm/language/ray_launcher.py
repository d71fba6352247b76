"""Training processes on the machines of a Ray cluster, started and watched by Ray Train.

They do what those of ``launcher`` do, with the same job in the same folder, which every machine has to see;
only the way they are started and connected is Ray's. A process that is lost with its machine is replaced, and
all go on from the last checkpoint.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import IO

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig, get_context
from ray.train.torch import TorchTrainer

from pricelm.core.cluster import ray_cluster
from pricelm.core.errors import PricelmError, TrainingStopped
from pricelm.core.protocols import Progress
from pricelm.language.handover import Job, LineProgress, read_failure, relay, write_failure
from pricelm.language.interrupts import InterruptFlag
from pricelm.language.launcher import handed_over
from pricelm.language.worker import take_part

_LOOK_AGAIN_SECONDS = 0.2
_MOST_LOSSES = 3
_PROGRESS = "progress.jsonl"
_STOP = "stop"


def train_on_ray(job: Job, run_dir: Path, progress: Progress) -> None:
    """Train in ``job.config.processes`` processes of a cluster; the result is the last checkpoint.

    Parameters
    ----------
    job : Job
        Options and rows.
    run_dir : pathlib.Path
        Folder of the run, which every machine of the cluster sees under this path.
    progress : Progress
        Display for the person who waits.

    Raises
    ------
    PricelmError
        What one of the processes raised.
    TrainingStopped
        If it was interrupted, or processes were lost too often.
    OutputError
        If the rows cannot be handed over.
    """
    job = replace(job, run_dir=run_dir)
    with handed_over(job, run_dir) as folder, ray_cluster(progress) as cores:
        wanted = job.config.processes * (job.config.threads or 1)
        if wanted > cores:
            progress.say(f"waiting until the cluster has {wanted} cores instead of {cores}")
        run = _Run(folder.resolve(), job)
        try:
            with InterruptFlag() as interrupt:
                run.start()
                run.watch(progress, interrupt)
        except KeyboardInterrupt:
            raise TrainingStopped(
                "training was interrupted at once; run the same command again with the same run_dir to go "
                f"on from the last checkpoint in {run_dir}"
            ) from None
        if interrupt.raised or run.error is not None:
            raise run.failure(run_dir)


class _Run(threading.Thread):
    """A run of Ray Train; in a thread, because it blocks and takes Ctrl-C for itself in the main one."""

    def __init__(self, folder: Path, job: Job) -> None:
        super().__init__(daemon=True)
        self.error: Exception | None = None
        self._folder, self._processes = folder, job.config.processes
        self._trainer = TorchTrainer(
            _train_here,
            train_loop_config={"folder": str(folder), "here": str(Path.cwd())},
            scaling_config=ScalingConfig(
                num_workers=self._processes,
                use_gpu=ray.cluster_resources().get("GPU", 0) >= self._processes,
                resources_per_worker={"CPU": job.config.threads or 1},
            ),
            run_config=RunConfig(
                name="tuning",
                storage_path=str(folder / "ray"),
                failure_config=FailureConfig(max_failures=_MOST_LOSSES),
            ),
        )

    def run(self) -> None:
        try:
            self._trainer.fit()
        except Exception as error:  # handed to the thread that waits
            self.error = error
        else:
            self.error = self._left_failure()

    def watch(self, progress: Progress, interrupt: InterruptFlag) -> None:
        """Pass on what the leading process reports until the run has ended."""
        (self._folder / _PROGRESS).touch()
        with (self._folder / _PROGRESS).open(encoding="utf-8") as lines:
            while self.is_alive():
                _pass_on(lines, progress)
                if interrupt.raised:
                    (self._folder / _STOP).touch()
                time.sleep(_LOOK_AGAIN_SECONDS)
            _pass_on(lines, progress)

    def failure(self, run_dir: Path) -> PricelmError:
        """Return why the run ended before its end."""
        again = (
            f"run the same command again with the same run_dir to go on from the last checkpoint in {run_dir}"
        )
        found = self._left_failure()
        if found is not None:
            return found
        if self.error is None:
            return TrainingStopped(f"training was interrupted after its last step; {again}")
        return TrainingStopped(f"Ray gave up the training ({self.error}); {again}")

    def _left_failure(self) -> PricelmError | None:
        found = (read_failure(self._folder, rank) for rank in range(self._processes))
        return next((error for error in found if error is not None), None)


def _train_here(options: dict[str, str]) -> None:
    """Take part in a training as one process of the cluster."""
    folder = Path(options["folder"])
    if any(folder.glob("failure-*.json")):
        return  # another try would end as the one before; the error is there to be told
    # Ray Train starts it in a folder of its own, and the path of a backbone may be relative.
    if Path(options["here"]).is_dir():
        os.chdir(options["here"])
    rank = get_context().get_world_rank()
    with (folder / _PROGRESS).open("a", encoding="utf-8") as lines:
        try:
            take_part(folder, rank, LineProgress(lines))
        except PricelmError as error:
            write_failure(folder, rank, error)
            if not (folder / _STOP).exists():
                raise  # the others wait for this process, so all have to be ended


def _pass_on(lines: IO[str], progress: Progress) -> None:
    while True:
        start = lines.tell()
        line = lines.readline()
        if not line.endswith("\n"):
            lines.seek(start)  # half a line: the rest is on its way
            return
        relay(line, progress)
