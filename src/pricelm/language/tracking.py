"""How a training run is watched from outside: ``run.json`` always, TensorBoard or Weights & Biases if asked.

Watching never ends a training: what fails here is said once, and the training goes on. No torch here.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import pricelm
from pricelm.core.errors import ConfigError, TrainingStopped
from pricelm.core.extras import require_installed
from pricelm.core.protocols import Progress, Silence

TRACKERS = ("tensorboard", "wandb")
RUN_RECORD = "run.json"

_LIBRARIES = ("torch", "transformers", "accelerate", "tokenizers", "safetensors", "numpy")


class Tracker(Protocol):
    """Something that draws a run while it goes on."""

    def start(self, facts: Mapping[str, Any], step: int) -> None:
        """Begin after ``step`` steps with what is known of the run, as JSON-ready values."""
        ...

    def log(self, record: Mapping[str, Any]) -> None:
        """Take one record of the training log."""
        ...

    def end(self, result: Mapping[str, Any]) -> None:
        """Take the result and close."""
        ...


def check_trackers(names: Sequence[str], run_dir: Path | str | None) -> tuple[str, ...]:
    """Return the names of trackers if all of them can be used.

    Parameters
    ----------
    names : sequence of str
        Any of ``"tensorboard"`` and ``"wandb"``.
    run_dir : pathlib.Path, str or None
        Where they write.

    Returns
    -------
    tuple of str
        The names, each once.

    Raises
    ------
    ConfigError
        If a name is unknown or there is no folder to write into.
    MissingExtraError
        If a tracker's library is not installed.

    Examples
    --------
    >>> check_trackers(["tensorbord"], "run")
    Traceback (most recent call last):
    ...
    pricelm.core.errors.ConfigError: expected trackers to be any of tensorboard, wandb, got 'tensorbord'
    """
    if isinstance(names, str):
        raise ConfigError(f"expected trackers to be a list of names, got {names!r}; put it into a list")
    for name in names:
        if name not in TRACKERS:
            raise ConfigError(f"expected trackers to be any of {', '.join(TRACKERS)}, got {name!r}")
        # Not imported yet: wandb decides at its import whether it reports about itself over the network.
        require_installed(name, extra="tracking", purpose=f"track a training with {name}")
    if names and run_dir is None:
        raise ConfigError(f"{names[0]} writes into the run's folder, and there is none; pass run_dir as well")
    return tuple(dict.fromkeys(names))


def environment() -> dict[str, Any]:
    """Return what a result may depend on beside options and data; no environment variable is read.

    Examples
    --------
    >>> sorted(environment())
    ['cpu_count', 'libraries', 'machine', 'platform', 'pricelm', 'python']
    """
    libraries = {}
    for name in _LIBRARIES:
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "pricelm": pricelm.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpu_count": os.cpu_count(),
        "libraries": libraries,
    }


@dataclass
class Watch:
    """Keeps ``run.json`` up to date and feeds the trackers.

    Parameters
    ----------
    run_dir : pathlib.Path or None
        Folder of the run; None keeps nothing.
    facts : dict
        ``config``, ``data`` and ``fingerprint`` of the run, as JSON-ready values.
    trackers : dict of str to Tracker
        By name.
    progress : Progress
        Told when watching fails.
    """

    run_dir: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    trackers: dict[str, Tracker] = field(default_factory=dict)
    progress: Progress = field(default_factory=Silence)

    @contextmanager
    def session(self, step: int, result: Callable[[], dict[str, Any]]) -> Iterator[None]:
        """Record one session of a run, however it ends.

        Parameters
        ----------
        step : int
            Steps that were taken in earlier sessions.
        result : callable
            Returns how far the run has come, as JSON-ready values.
        """
        record = self._record(step)
        self._begin(record, step)
        outcome = {"status": "failed"}
        try:
            yield
            outcome = {"status": "finished"}
        except (TrainingStopped, KeyboardInterrupt) as error:
            outcome = {"status": "stopped", "error": str(error) or "interrupted at once"}
            raise
        except BaseException as error:
            outcome["error"] = f"{type(error).__name__}: {error}"
            raise
        finally:
            outcome |= result()
            record["ended"] = record["sessions"][-1]["ended"] = _now()
            record["sessions"][-1] |= outcome
            self._keep(record | {"result": outcome})
            for name in list(self.trackers):
                self._safely(name, lambda tracker: tracker.end(outcome))

    def log(self, record: Mapping[str, Any]) -> None:
        """Pass one record of the training log to the trackers."""
        for name in list(self.trackers):
            self._safely(name, lambda tracker: tracker.log(record))

    def _begin(self, record: dict[str, Any], step: int) -> None:
        self._keep(record)
        for name in list(self.trackers):
            self._safely(name, lambda tracker: tracker.start(record, step))

    def _record(self, step: int) -> dict[str, Any]:
        sessions: list[dict[str, Any]] = []
        if step and self.run_dir is not None:
            try:
                sessions = json.loads((self.run_dir / RUN_RECORD).read_text(encoding="utf-8"))["sessions"]
            except (OSError, ValueError, LookupError, TypeError):
                sessions = []
        sessions = [*sessions, {"started": _now(), "after_step": step}]
        started = sessions[0]["started"]
        return {**self.facts, "environment": environment(), "started": started, "sessions": sessions}

    def _keep(self, record: dict[str, Any]) -> None:
        if self.run_dir is None:
            return
        try:
            self.run_dir.mkdir(parents=True, exist_ok=True)
            unfinished = self.run_dir / f"{RUN_RECORD}.tmp"
            unfinished.write_text(json.dumps(record, indent=1), encoding="utf-8")
            unfinished.replace(self.run_dir / RUN_RECORD)
        except OSError as error:
            self.progress.say(f"note: {RUN_RECORD} could not be written ({error}); training goes on")

    def _safely(self, name: str, act: Callable[[Tracker], None]) -> None:
        try:
            act(self.trackers[name])
        except Exception as error:
            # Libraries of trackers raise errors of many kinds, and none is worth the training.
            del self.trackers[name]
            self.progress.say(
                f"note: {name} failed ({type(error).__name__}: {error}) and is left out from here; training "
                "goes on, and training_log.jsonl has everything"
            )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
