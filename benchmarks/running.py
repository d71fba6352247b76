"""Runs predictors on folds, keeps what is finished, and goes on when one of them fails."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.contest import Outcome, Predictor, Task
from benchmarks.datasets import BenchmarkSet
from benchmarks.results import versions
from benchmarks.store import Piece, Store, code_version, data_version, fingerprint
from pricelm.core.errors import TrainingStopped


def run_set(
    data: BenchmarkSet, folds: Sequence[int], predictors: Sequence[Predictor], store: Store
) -> list[Piece]:
    """Run every predictor on every fold of a set, cheap ones of a fold before the next fold.

    Parameters
    ----------
    data : BenchmarkSet
        The listings and their folds.
    folds : sequence of int
        Numbers of the folds to run.
    predictors : sequence of Predictor
        Who takes part.
    store : Store
        Where finished pieces are kept and looked up.

    Returns
    -------
    list of Piece
        One for each fold and predictor; ``status`` is done, failed or skipped.
    """
    return [run_piece(data, fold, predictor, store) for fold in folds for predictor in predictors]


def run_piece(data: BenchmarkSet, fold: int, predictor: Predictor, store: Store) -> Piece:
    """Return one predictor's piece of one fold: stored, or computed now and stored.

    A failure is stored too, with its reason, and tried again by the next run.
    """
    facts: dict[str, Any] = {"set": data.name, "fold": fold, "predictor": predictor.name, "reason": ""}
    if reason := predictor.skips(data, fold):
        return Piece({**facts, "status": "skipped", "reason": reason}, None)
    rows = data.folds[fold]
    version = data_version(data.listings.assign(_text=data.texts), rows.train, rows.test, data.groups)
    mark = fingerprint(predictor.config(), code_version(predictor.code), version)
    stored = store.load(data.name, fold, predictor.name, mark)
    if stored is not None and stored.done:
        _say(f"{data.name} fold {fold} {predictor.name}: kept from {stored.facts['finished']}")
        return stored
    facts |= {"fingerprint": mark, "config": predictor.config(), "versions": versions()}
    facts |= {"n_train": len(rows.train), "n_test": len(rows.test)}
    scratch = store.scratch(data.name, fold, predictor.name, mark)
    _say(f"{data.name} fold {fold} {predictor.name}: running on {len(rows.train):,} rows")
    try:
        outcome = predictor.run(Task(data, rows, scratch))
        table = outcome_table(data, rows.test, outcome)
    except TrainingStopped:
        raise
    except Exception as error:  # a peer that breaks must not take the other results with it
        facts |= {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
        _say(f"{data.name} fold {fold} {predictor.name}: failed, {facts['reason']}")
        return store.save(Piece(facts, None))
    seconds = {"train_seconds": outcome.train_seconds, "predict_seconds": outcome.predict_seconds}
    piece = store.save(Piece({**facts, **seconds, "status": "done", "info": dict(outcome.info)}, table))
    shutil.rmtree(scratch)
    _say(f"{data.name} fold {fold} {predictor.name}: done, {outcome.train_seconds:.0f} s to train")
    return piece


def outcome_table(data: BenchmarkSet, test: np.ndarray, outcome: Outcome) -> pd.DataFrame:
    """Return one row per test listing: what it costs, who it belongs to, what was predicted.

    Raises
    ------
    ValueError
        If a column has another length, a predicted price is negative or no number, or an interval has
        no two ends.
    """
    facts = {"row": test, "actual": data.price[test], "group": data.groups[test], "slice": data.slices[test]}
    columns = {**facts, "predicted": outcome.predicted, **outcome.more}
    for name, values in columns.items():
        if len(values) != len(test):
            raise ValueError(f"expected {len(test)} values of {name!r}, one a test row, got {len(values)}")
    bad = ~np.isfinite(outcome.predicted) | (outcome.predicted < 0)
    if bad.any():
        raise ValueError(
            f"{int(bad.sum())} of {len(test)} predicted prices are negative or no number, "
            f"the first in row {test[bad][0]}"
        )
    table = pd.DataFrame(columns)
    if "lower" in table and not (np.isfinite(table["upper"]) & (table["lower"] <= table["upper"])).all():
        raise ValueError("an interval is expected to have two finite ends, the lower one first")
    return table


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
