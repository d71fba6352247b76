"""The folder of one training that the console started: its order, how far it is, and how it ended.

Everything stands in files, so that a page, a service that was started again, and the training itself, which
runs in a process of its own, all see the same. The process holds a lock as long as it lives.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pricelm.core.errors import ConfigError
from pricelm.models.presets import PRESETS

ORDER, STATE, RESULT, STOP, REMARKS = "order.json", "state.json", "result.json", "stop", "remarks.txt"
MODEL = "model"
_MOST_BYTES = 4 << 20
_WRITE_SECONDS = 0.5
_LAST_LINES = 40
SOURCES = ("store", "upload")


@dataclass(frozen=True)
class TrainingOrder:
    """What a training is to do.

    Parameters
    ----------
    actor : str
        Who started it; the new version is registered in this name.
    source : {"store", "upload"}
        The listings: all with a price that the store holds, or an uploaded file.
    listings : str
        Name of the file in the folder.
    preset : {"fast", "balanced", "best"}, default "balanced"
        The dial.
    roles : mapping of str to str or list of str
        Columns by role where the inferred ones are wrong; ``"ignore"`` takes several.
    currency : str, default ""
        Where the listings do not say it.
    seconds : float
        Longest time.
    megabytes : int
        Most memory.
    begun : float
        Seconds since 1970.

    Raises
    ------
    ConfigError
        If there is no such preset or source.
    """

    actor: str
    source: str
    listings: str
    preset: str = "balanced"
    roles: Mapping[str, str | list[str]] = field(default_factory=dict)
    currency: str = ""
    seconds: float = 43_200.0
    megabytes: int = 4_096
    begun: float = 0.0

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ConfigError(f"expected one of the presets {', '.join(PRESETS)}, got {self.preset!r}")
        if self.source not in SOURCES:
            raise ConfigError(f"expected listings from {' or '.join(SOURCES)}, got {self.source!r}")
        if "/" in self.listings or self.listings.startswith("."):
            raise ConfigError(f"expected the name of a file, got {self.listings!r}")

    def write(self, folder: Path) -> None:
        """Write the order into a folder."""
        write_document(folder / ORDER, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> TrainingOrder:
        """Read what :meth:`write` wrote.

        Raises
        ------
        ConfigError
            If the folder has no order.
        """
        document = read_document(folder / ORDER)
        try:
            return cls(**document)
        except TypeError as error:
            raise ConfigError(f"expected the order of a training in {folder.name}, found none") from error


class FolderProgress:
    """A progress display that writes a file, at most twice a second.

    Parameters
    ----------
    folder : pathlib.Path
        Of the training.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> progress = FolderProgress(folder)
    >>> progress.start("tuning", 10)
    >>> progress.say("epoch 1")
    >>> state = read_document(folder / STATE)
    >>> state["stage"], state["total"], state["said"]
    ('tuning', 10, ['epoch 1'])
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / STATE
        self._begun = self._stage_begun = time.time()
        self._stage, self._note, self._done, self._total = "", "", 0, 0
        self._said: deque[str] = deque(maxlen=_LAST_LINES)
        self._written = 0.0

    def start(self, task: str, total: int) -> None:
        """Note a new stage."""
        self._stage, self._total, self._done, self._note = task, total, 0, ""
        self._stage_begun = time.time()
        self._write()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Note some steps."""
        self._done += steps
        self._note = note or self._note
        if time.time() - self._written >= _WRITE_SECONDS:
            self._write()

    def say(self, message: str) -> None:
        """Note a line."""
        self._said.append(message[:500])
        self._write()

    def _write(self) -> None:
        self._written = time.time()
        state = {
            "stage": self._stage,
            "note": self._note,
            "done": self._done,
            "total": self._total,
            "begun": self._begun,
            "stage_begun": self._stage_begun,
            "at": self._written,
            "said": list(self._said),
        }
        write_document(self._file, state)


def write_document(file: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON document whole: whoever reads meanwhile sees the one before."""
    draft = file.with_suffix(".part")
    draft.write_text(json.dumps(document), encoding="utf-8")
    draft.replace(file)


def read_document(file: Path) -> dict[str, Any]:
    """Return a JSON document, empty if it is not there or cannot be read."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            return {}
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
