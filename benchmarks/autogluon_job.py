"""Runs in AutoGluon's own environment: reads train.csv, test.csv and job.json, writes answer.json.

Started by :mod:`benchmarks.autogluon_peer` with the interpreter of ``--autogluon-python``. It imports
nothing of pricelm, which is not installed there.
"""

import json
import sys
from pathlib import Path
from time import perf_counter

import autogluon.tabular  # type: ignore[import-not-found]
import pandas as pd


def run(folder: Path) -> None:
    """Fit on the training file and predict the test file, both in ``folder``."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    train, test = (pd.read_csv(folder / f"{part}.csv") for part in ("train", "test"))
    began = perf_counter()
    predictor = autogluon.tabular.TabularPredictor(
        label=job["target"], eval_metric="rmse", path=str(folder / "models"), verbosity=0
    )
    predictor.fit(train, time_limit=job["time_limit_seconds"])
    fitted = perf_counter()
    predicted = [float(value) for value in predictor.predict(test)]
    answer = {
        "log_price": predicted,
        "train_seconds": fitted - began,
        "predict_seconds": perf_counter() - fitted,
        "version": autogluon.tabular.__version__,
    }
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    run(Path(sys.argv[1]))
