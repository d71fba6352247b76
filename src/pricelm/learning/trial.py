"""One trial of a comparison, in a process of its own: ``python -m pricelm.learning.trial FOLDER``.

A process of its own, because the peak of memory is then that of this trial alone. It reads
``trial.json``, tunes one language model, predicts the test texts and leaves ``result.json``. It ends when its
standard input does, so that none is left behind when the one that started it is killed.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pricelm.core.errors import PricelmError, TrainingStopped
from pricelm.core.protocols import Progress, Silence
from pricelm.language.config import TuningConfig
from pricelm.language.handover import LineProgress, write_failure
from pricelm.learning.comparison_data import read_json, read_texts, write_array, write_json

if TYPE_CHECKING:
    from pricelm.language.regressor import LanguageRegressor

TRIAL, RESULT, PREDICTIONS, RUN = "trial.json", "result.json", "predictions.safetensors", "run"
INTERRUPTED = 130
_TUNED, _MODEL = "tuned.json", "model"
_ORPHANED = 3


def run_trial(folder: Path, progress: Progress = Silence()) -> dict[str, Any]:
    """Tune, predict and measure what ``trial.json`` in a folder describes.

    Parameters
    ----------
    folder : pathlib.Path
        Holds ``trial.json``; a run that was stopped there goes on.
    progress : Progress
        Told what happens.

    Returns
    -------
    dict
        What was measured, as in ``result.json``; the predictions are in ``predictions.safetensors``.

    Raises
    ------
    PricelmError
        If the trial cannot be carried out.
    """
    task = read_json(folder / TRIAL)
    if task is None:
        raise PricelmError(f"expected a trial in {folder / TRIAL}, found none; start the comparison again")
    texts, targets, test_texts = read_texts(folder / task["data"])
    # imported before the clock starts: libraries load once, however long the training is
    from transformers import AutoModel  # noqa: F401

    from pricelm.language import engine  # noqa: F401
    from pricelm.language.regressor import LanguageRegressor

    model = LanguageRegressor(TuningConfig.from_dict(task["tuning"]))
    tuned = _tune(model, texts, targets, folder, progress)
    started = time.monotonic()
    predictions = model.predict(test_texts)
    predicting = time.monotonic() - started
    result = {
        "status": "done",
        "fingerprint": task["fingerprint"],
        "tuning": model.config.to_dict(),
        **tuned,
        "seconds_per_1000_predictions": round(1000 * predicting / len(test_texts), 4),
        "trained_parameters": model.n_trained_parameters_,
        "parameters": model.n_parameters_,
        "trained_bytes": _trained_bytes(folder / RUN),
        "model_bytes": _saved_bytes(model, folder / _MODEL),
        "final_train_loss": model.history_[-1]["train_loss"],
        "method_report": model.method_report_,
    }
    write_array(folder / PREDICTIONS, predictions)
    write_json(folder / RESULT, result)
    _clear(folder)
    return result


def _tune(
    model: LanguageRegressor, texts: list[str], targets: np.ndarray, folder: Path, progress: Progress
) -> dict[str, Any]:
    clock = _Clock(progress)
    model.fit(texts, targets, run_dir=folder / RUN, progress=clock)
    before = read_json(folder / _TUNED)
    if not clock.preparation_seconds and before is not None:
        # it was tuned by an earlier process that was killed before its result was written
        return before
    preparation = clock.preparation_seconds or time.monotonic() - clock.started
    epochs = float(model.history_[-1]["seconds"])
    tuned = {
        "seconds": round(preparation + epochs, 3),
        "preparation_seconds": round(preparation, 3),
        "seconds_per_epoch": round(epochs / len(model.history_), 4),
        "peak_memory_bytes": peak_memory_bytes(),
    }
    write_json(folder / _TUNED, tuned)
    return tuned


def peak_memory_bytes() -> int:
    """Return the most memory that this process has held at once.

    Examples
    --------
    >>> peak_memory_bytes() > 1_000_000
    True
    """
    try:
        # getrusage would count what the parent held when it started this process; VmHWM begins anew
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass
class _Clock:
    """Passes progress on and notes when the training steps begin: after reading the model and the texts."""

    progress: Progress
    started: float = field(default_factory=time.monotonic)
    preparation_seconds: float = 0.0

    def start(self, task: str, total: int) -> None:
        # a conversion of the backbone may report a task of its own first; the last task is the training
        self.preparation_seconds = time.monotonic() - self.started
        self.progress.start(task, total)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.progress.advance(steps, note)

    def say(self, message: str) -> None:
        self.progress.say(message)


def _trained_bytes(run_dir: Path) -> int:
    """Return the size of the last checkpoint's trained weights, which is the price of one more such model."""
    sizes = [path.stat().st_size for path in sorted(run_dir.glob("checkpoint-*/model.safetensors"))]
    return sizes[-1] if sizes else 0


def _saved_bytes(model: LanguageRegressor, folder: Path) -> int:
    model.save(folder)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _clear(folder: Path) -> None:
    """Remove what is large and has been measured; the training log stays."""
    shutil.rmtree(folder / _MODEL, ignore_errors=True)
    for checkpoint in (folder / RUN).glob("checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)
    (folder / _TUNED).unlink(missing_ok=True)


def main(folder: Path) -> int:
    """Run the trial in a folder; the exit code is 1 after an error, which is in the folder."""
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    try:
        run_trial(folder, LineProgress())
    except KeyboardInterrupt:
        return INTERRUPTED
    except TrainingStopped as error:
        write_failure(folder, 0, error)
        return INTERRUPTED
    except PricelmError as error:
        write_failure(folder, 0, error)
        return 1
    except Exception as error:
        write_failure(folder, 0, PricelmError(f"{type(error).__name__}: {error}"))
        raise
    return 0


def _end_with_standard_input() -> None:
    sys.stdin.buffer.read()
    os._exit(_ORPHANED)


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    # the thread above still reads standard input, and an orderly exit would wait for its lock
    os._exit(code)
