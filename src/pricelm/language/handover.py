"""How work is handed to training processes, and how they report: files and lines of JSON, never pickle."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from pricelm.core import errors
from pricelm.core.errors import PricelmError
from pricelm.core.protocols import Progress
from pricelm.language.config import TuningConfig
from pricelm.language.rows import Rows

_JOB = "job.json"


@dataclass(frozen=True)
class Job:
    """What every process of a training is told.

    Parameters
    ----------
    config : TuningConfig
        The options.
    rows : Rows
        Training rows.
    held_out : Rows or None
        Validation rows.
    run_dir : pathlib.Path or None
        Folder of checkpoints and the log; the result of several processes is its last checkpoint.
    trackers : tuple of str
        What else draws the run.
    """

    config: TuningConfig
    rows: Rows
    held_out: Rows | None
    run_dir: Path | None
    trackers: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write the job into a folder."""
        parts = {"training": self.rows, "validation": self.held_out}
        record: dict[str, Any] = {
            "config": self.config.to_dict(),
            "run_dir": str(self.run_dir.resolve()) if self.run_dir else None,
            "trackers": self.trackers,
            "texts": {name: rows and rows.texts for name, rows in parts.items()},
        }
        for name, rows in parts.items():
            if rows is not None:
                facts = {} if rows.facts is None else {"facts": np.ascontiguousarray(rows.facts)}
                save_file(
                    {"targets": np.ascontiguousarray(rows.targets), **facts}, folder / f"{name}.safetensors"
                )
        (folder / _JOB).write_text(json.dumps(record), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Job:
        """Read back what :meth:`write` wrote."""
        record = json.loads((folder / _JOB).read_text(encoding="utf-8"))
        parts: dict[str, Rows | None] = {}
        for name, texts in record["texts"].items():
            parts[name] = None
            if texts is not None:
                numbers = load_file(folder / f"{name}.safetensors")
                parts[name] = Rows(texts, numbers["targets"], numbers.get("facts"))
        training = parts["training"]
        assert training is not None
        config = TuningConfig.from_dict(record["config"])
        run_dir = Path(record["run_dir"]) if record["run_dir"] else None
        return cls(config, training, parts["validation"], run_dir, tuple(record["trackers"]))


@dataclass(frozen=True)
class LineProgress:
    """A progress display that writes each report as a line of JSON; :func:`relay` reads them.

    Parameters
    ----------
    stream : text file
        Where to write.
    """

    stream: Any = field(default_factory=lambda: sys.stdout)

    def start(self, task: str, total: int) -> None:
        """Report the start of a task."""
        self._write("start", task, total)

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Report steps."""
        self._write("advance", steps, note)

    def say(self, message: str) -> None:
        """Report a line."""
        self._write("say", message)

    def _write(self, *report: str | int) -> None:
        self.stream.write(json.dumps(report) + "\n")
        self.stream.flush()


def relay(line: str, progress: Progress) -> None:
    """Pass a line of :class:`LineProgress` on; a line of somebody else is left out.

    Examples
    --------
    >>> from pricelm.core.protocols import Silence
    >>> relay('["say", "epoch 1"]', Silence())
    >>> relay("a library's own remark", Silence())
    """
    try:
        kind, *values = json.loads(line)
    except (ValueError, TypeError):
        return
    if kind == "start":
        progress.start(str(values[0]), int(values[1]))
    elif kind == "advance":
        progress.advance(int(values[0]), str(values[1]))
    elif kind == "say":
        progress.say(str(values[0]))


def write_failure(folder: Path, rank: int, error: PricelmError) -> None:
    """Leave an error for the process that started this one."""
    cause = error.__cause__.errno if isinstance(error.__cause__, OSError) else None
    record = {"kind": type(error).__name__, "message": str(error), "os_error": cause}
    (folder / f"failure-{rank}.json").write_text(json.dumps(record), encoding="utf-8")


def read_failure(folder: Path, rank: int) -> PricelmError | None:
    """Return the error that a process left, or None."""
    try:
        record = json.loads((folder / f"failure-{rank}.json").read_text(encoding="utf-8"))
        kind = getattr(errors, record["kind"], PricelmError)
    except (OSError, ValueError, LookupError):
        return None
    error = kind(record["message"])
    if record["os_error"] is not None:
        # The exit code tells a full disk by its cause.
        error.__cause__ = OSError(record["os_error"], os.strerror(record["os_error"]))
    return error if isinstance(error, PricelmError) else None
