"""AutoGluon tabular as a peer, in an environment of its own, so that its pins bind nobody else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contest import HERE, Outcome, Task, price_from_log
from benchmarks.datasets import BenchmarkSet

TARGET = "log_price"
NOT_INSTALLED = "not installed"


class AutoGluonPeer:
    """``TabularPredictor`` on the raw columns, log price as target, RMSE (so RMSLE) as metric.

    Parameters
    ----------
    python : Path or None
        Interpreter of an environment with ``autogluon.tabular``; None when there is none.
    time_limit_seconds : int, default 480
        What AutoGluon may take to fit one fold.
    """

    name = "autogluon"
    code: tuple[Path, ...] = (HERE / "autogluon_peer.py", HERE / "autogluon_job.py")

    def __init__(self, python: Path | None, time_limit_seconds: int = 480) -> None:
        self.python = python
        self.time_limit_seconds = time_limit_seconds

    def config(self) -> dict[str, Any]:
        """Return the time limit."""
        return {"time_limit_seconds": self.time_limit_seconds}

    def skips(self, data: BenchmarkSet, fold: int) -> str:
        """Stay away without an interpreter."""
        return "" if self.python else NOT_INSTALLED

    def run(self, task: Task) -> Outcome:
        """Hand the rows over as CSV and read the answer."""
        self._write_job(task)
        command = [str(self.python), str(HERE / "autogluon_job.py"), str(task.scratch)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            last = (ended.stderr.strip() or "nothing on stderr").splitlines()[-1]
            raise RuntimeError(f"{self.python} ended with exit code {ended.returncode}: {last}")
        answer = json.loads((task.scratch / "answer.json").read_text(encoding="utf-8"))
        predicted = price_from_log(np.array(answer["log_price"]))
        return Outcome(
            predicted, answer["train_seconds"], answer["predict_seconds"], info={"version": answer["version"]}
        )

    def _write_job(self, task: Task) -> None:
        frame = task.data.listings[list(dict.fromkeys((*task.data.roles.texts, *task.data.roles.attributes)))]
        train = frame.iloc[task.fold.train].assign(**{TARGET: task.train_log_price})
        train.to_csv(task.scratch / "train.csv", index=False)
        frame.iloc[task.fold.test].to_csv(task.scratch / "test.csv", index=False)
        job = {"target": TARGET, "time_limit_seconds": self.time_limit_seconds}
        (task.scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
        (task.scratch / "answer.json").unlink(missing_ok=True)
