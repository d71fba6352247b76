"""TensorBoard and Weights & Biases, fed with the records of the training log; both write files only."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pricelm.language.tracking import Tracker

_PROJECT = "pricelm"
_NO_METRICS = ("event", "epoch", "step")


def scalars(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a record, named by its kind.

    Examples
    --------
    >>> scalars({"event": "step", "epoch": 1, "step": 3, "loss": 0.5})
    {'step/loss': 0.5}
    """
    kind = record["event"]
    return {
        f"{kind}/{name}": float(value)
        for name, value in record.items()
        if name not in _NO_METRICS and isinstance(value, (int, float))
    }


class TensorBoardTracker:
    """Writes event files into ``tensorboard/`` of the run's folder.

    Parameters
    ----------
    run_dir : pathlib.Path
        Folder of the run.
    """

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / "tensorboard"
        self._writer: Any = None
        self._config: dict[str, Any] = {}

    def start(self, facts: Mapping[str, Any], step: int) -> None:
        """Open the event file; steps after ``step`` of an earlier session are shown no more."""
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer = SummaryWriter(str(self._folder), purge_step=step + 1 if step else None)
        self._config = {
            name: value if isinstance(value, (bool, int, float, str)) else str(value)
            for name, value in facts["config"].items()
        }
        lines = json.dumps(facts, indent=1).splitlines()
        self._writer.add_text("run", "\n".join(f"    {line}" for line in lines), step)

    def log(self, record: Mapping[str, Any]) -> None:
        """Draw a point of every curve."""
        for name, value in scalars(record).items():
            self._writer.add_scalar(name, value, record["step"])

    def end(self, result: Mapping[str, Any]) -> None:
        """Write options and result as a row of the table of hyperparameters, and close."""
        numbers = {f"result/{name}": value for name, value in result.items() if isinstance(value, float)}
        self._writer.add_hparams(self._config, numbers, run_name=".")
        self._writer.close()


class WandbTracker:
    """Writes an offline run into ``wandb/`` of the run's folder; ``wandb sync`` uploads it later.

    It goes online only if the environment variable ``WANDB_MODE`` says ``online``; to be logged in is not
    enough.

    Parameters
    ----------
    run_dir : pathlib.Path
        Folder of the run.
    """

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir
        self._run: Any = None

    def start(self, facts: Mapping[str, Any], step: int) -> None:
        """Open a run; the sessions of one training are a group."""
        online = os.environ.get("WANDB_MODE", "").lower() == "online"
        if not online:
            # Read when the library is imported, and by the process that it starts: else the library would
            # report its own use and crashes over the network, offline or not.
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        self._folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", _PROJECT),
            group=str(facts["fingerprint"])[:12],
            dir=str(self._folder),
            config=dict(facts),
            mode="online" if online else "offline",
            # Git state, source code, console, command line and machine are nobody's business: a command
            # line may hold the password of a database. What matters is in ``facts``.
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                disable_code=True,
                save_code=False,
                x_disable_meta=True,
                x_disable_stats=True,
                x_disable_machine_info=True,
                x_save_requirements=False,
            ),
        )

    def log(self, record: Mapping[str, Any]) -> None:
        """Draw a point of every curve."""
        self._run.log(scalars(record), step=record["step"])

    def end(self, result: Mapping[str, Any]) -> None:
        """Write the result and close the run."""
        self._run.summary.update({f"result/{name}": value for name, value in result.items()})
        self._run.finish(exit_code=0 if result["status"] == "finished" else 1)


def make_tracker(name: str, run_dir: Path) -> Tracker:
    """Return a tracker by its name."""
    kinds: dict[str, type[TensorBoardTracker] | type[WandbTracker]] = {
        "tensorboard": TensorBoardTracker,
        "wandb": WandbTracker,
    }
    return kinds[name](run_dir)
