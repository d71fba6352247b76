"""Pieces put together: predictors aligned on the same test rows, over one fold or several.

A set gives one main case over all its folds. A predictor that ran on some of the folds only, for example
the slow plain Trainer, gets a case of its own over those folds, in which everybody is compared with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.ours import OURS
from benchmarks.store import Piece


@dataclass(frozen=True)
class Case:
    """Predictors on the same rows.

    Parameters
    ----------
    name : str
        Name of the set, or ``"mercari fold 0"`` for a part of its folds.
    set_name : str
        Name of the set.
    folds : tuple of int
        The folds whose test rows are in it.
    main : bool
        Whether these are all the folds that were run.
    tables : dict of str to DataFrame
        Predictor to its rows, all in the same order (see :class:`benchmarks.store.Piece`).
    facts : dict of str to list
        Predictor to the facts of its pieces, one a fold.
    absent : dict of str to str
        Predictor that is not in ``tables``, and why.
    compared : tuple of str
        Peers that ours is compared with here: all of them in the main case, elsewhere those that
        the main case lacks.
    """

    name: str
    set_name: str
    folds: tuple[int, ...]
    main: bool
    tables: Mapping[str, pd.DataFrame]
    facts: Mapping[str, Sequence[Mapping[str, Any]]]
    absent: Mapping[str, str]
    compared: tuple[str, ...]

    @property
    def rows(self) -> pd.DataFrame:
        """The columns that all predictors share: ``row, actual, group, slice, fold``."""
        return next(iter(self.tables.values()))[["row", "actual", "group", "slice", "fold"]]

    @property
    def peers(self) -> list[str]:
        """Predictors that are not ours, in the order they were run."""
        return [name for name in self.tables if name != OURS]

    def predicted(self, predictor: str) -> np.ndarray:
        """Return a predictor's prices, shape (n_rows,)."""
        return self.tables[predictor]["predicted"].to_numpy(np.float64)


def make_cases(set_name: str, pieces: Sequence[Piece]) -> list[Case]:
    """Put the pieces of one set together.

    Parameters
    ----------
    set_name : str
        Name of the set.
    pieces : sequence of Piece
        All pieces of the set, in the order they were run.

    Returns
    -------
    list of Case
        The main case first; none when nothing is done.
    """
    by_predictor: dict[str, dict[int, Piece]] = {}
    for piece in pieces:
        by_predictor.setdefault(piece.facts["predictor"], {})[int(piece.facts["fold"])] = piece
    all_folds = tuple(sorted({int(piece.facts["fold"]) for piece in pieces}))
    done = {
        name: tuple(sorted(fold for fold, piece in ran.items() if piece.done))
        for name, ran in by_predictor.items()
    }
    partial = sorted({folds for folds in done.values() if folds and folds != all_folds})
    cases = []
    for folds in [all_folds, *partial]:
        compared = tuple(name for name in done if done[name] == folds and name != OURS)
        cases.append(_case(set_name, folds, folds == all_folds, by_predictor, compared))
    return [case for case in cases if case.tables]


def _case(
    set_name: str,
    folds: tuple[int, ...],
    main: bool,
    by_predictor: Mapping[str, Mapping[int, Piece]],
    compared: tuple[str, ...],
) -> Case:
    label = "fold " if len(folds) == 1 else "folds "
    name = set_name if main else f"{set_name} {label}{', '.join(map(str, folds))}"
    tables: dict[str, pd.DataFrame] = {}
    absent: dict[str, str] = {}
    for predictor, ran in by_predictor.items():
        missing = [fold for fold in folds if not ran[fold].done]
        if missing:
            absent[predictor] = _why(ran, missing)
        else:
            tables[predictor] = _table([ran[fold] for fold in folds])
    facts = {predictor: [by_predictor[predictor][fold].facts for fold in folds] for predictor in tables}
    case = Case(name, set_name, folds, main, tables, facts, absent, compared)
    for predictor, table in tables.items():
        if not np.array_equal(table["row"], case.rows["row"]):
            raise ValueError(f"{name}: {predictor} was tested on other rows than its peers; delete --work")
    return case


def _table(pieces: Sequence[Piece]) -> pd.DataFrame:
    parts = [piece.rows.assign(fold=piece.facts["fold"]) for piece in pieces if piece.rows is not None]
    return pd.concat(parts, ignore_index=True)


def _why(ran: Mapping[int, Piece], missing: Sequence[int]) -> str:
    done = [str(fold) for fold, piece in sorted(ran.items()) if piece.done]
    if done:
        return f"on fold {', '.join(done)} only"
    facts = ran[missing[0]].facts
    reason = str(facts["reason"]).splitlines()[0]
    return reason if facts["status"] == "skipped" else f"failed: {reason}"
