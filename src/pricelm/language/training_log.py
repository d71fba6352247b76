"""The training log: one JSON object a line, one line a step and one an epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class TrainingLog:
    """Appends records to a JSONL file; without a path it does nothing.

    Parameters
    ----------
    path : pathlib.Path or None
        The file.

    Examples
    --------
    >>> TrainingLog(None).write({"event": "step", "step": 1})
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def write(self, record: dict[str, Any]) -> None:
        """Append one record."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def rewind(self, step: int) -> None:
        """Drop what was logged after a step, because a resumed run takes those steps again.

        Parameters
        ----------
        step : int
            The last step to keep; 0 empties the log.
        """
        if self.path is None or not self.path.exists():
            return
        kept = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            except (ValueError, KeyError, TypeError):
                # The last line of a killed process may be cut in the middle.
                continue
        unfinished = self.path.with_suffix(".tmp")
        unfinished.write_text("".join(kept), encoding="utf-8")
        unfinished.replace(self.path)
