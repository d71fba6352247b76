"""Cross-fitting: every member predicts rows that it has not seen.

The out-of-fold predictions teach the blend and the intervals. Cheap members are then
fitted again on all rows; the tuned copies of the backbone, which are dear, are kept and
averaged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pricelm.catalog.splits import grouped_folds
from pricelm.models.language_member import LanguageMember
from pricelm.models.member import FitContext, Member
from pricelm.models.presets import N_FOLDS

_DATED_SHARE = 0.8


@dataclass(frozen=True)
class CrossFit:
    """Fitted members and what they said of rows held out from them.

    Parameters
    ----------
    members : dict of str to Member
        The members to keep.
    rows : ndarray of shape (m,)
        Positions of the rows that were held out in one fold or another.
    predictions : dict of str to ndarray of shape (m,)
        Out-of-fold log prices at those rows.
    seconds : dict of str to float
        Time that each member took in all.
    """

    members: dict[str, Member]
    rows: np.ndarray
    predictions: dict[str, np.ndarray]
    seconds: dict[str, float]


def cross_fit(
    makers: Mapping[str, Callable[[], Member]],
    listings: pd.DataFrame,
    target: np.ndarray,
    folds: list[tuple[np.ndarray, np.ndarray]],
    context: FitContext,
) -> CrossFit:
    """Fit every member on the training side of each fold and predict the other side.

    Parameters
    ----------
    makers : mapping of str to callable
        A maker of an unfitted member, by name.
    listings : pandas.DataFrame
        Checked listings, n rows.
    target : ndarray of shape (n,)
        Log prices.
    folds : list of (train, held_out) positions
        The folds to fit; their held-out sides must not overlap.
    context : FitContext
        Features, seed, run folder and progress.

    Returns
    -------
    CrossFit
        Members, held-out rows and predictions.
    """
    rows = np.concatenate([held_out for _, held_out in folds])
    members: dict[str, Member] = {}
    predictions: dict[str, np.ndarray] = {}
    seconds: dict[str, float] = {}
    for name, make in makers.items():
        started = time.perf_counter()
        context.progress.start(
            f"fitting the {name} member on {len(folds)} fold{'s' if len(folds) > 1 else ''}", 0
        )
        copies: list[Member] = []
        parts = []
        for number, (train, held_out) in enumerate(folds):
            aside = (listings.iloc[held_out], target[held_out])
            run_dir = context.run_dir / name / f"fold-{number}" if context.run_dir else None
            told = replace(context, seed=context.seed + number, held_out=aside, run_dir=run_dir)
            copy = make().fit(listings.iloc[train], target[train], told)
            parts.append(copy.predict(aside[0]))
            copies.append(copy)
        predictions[name] = np.concatenate(parts)
        language = [copy for copy in copies if isinstance(copy, LanguageMember)]
        members[name] = (
            LanguageMember.average(language) if language else make().fit(listings, target, context)
        )
        seconds[name] = time.perf_counter() - started
    return CrossFit(members, rows, predictions, seconds)


def select_folds(
    groups: np.ndarray, listings: pd.DataFrame, fitted_folds: int, *, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Choose which rows are held out in turn.

    Parameters
    ----------
    groups : ndarray of shape (n,)
        Near-duplicate group of every row; a group is never on both sides of a fold.
    listings : pandas.DataFrame
        Checked listings, n rows.
    fitted_folds : int
        How many folds to use, 1 to `N_FOLDS`.
    seed : int
        Seed of the shuffle.

    Returns
    -------
    list of (train, held_out) positions
        Random folds; when at least 80 % of the rows have a date, one fold that holds out the
        latest rows, because the model will be asked about rows that are later still. (Random
        folds again when most rows share the latest date.)
    """
    n_folds = min(N_FOLDS, len(np.unique(groups)))
    if n_folds < 2:
        everything = np.arange(len(groups))
        return [(everything, everything)]
    dates = listings["listed_at"] if "listed_at" in listings else pd.Series(dtype="datetime64[ns]")
    if len(dates) and dates.notna().mean() >= _DATED_SHARE and dates.nunique() >= 2:
        train, held_out = _latest_fold(groups, dates)
        if len(train) >= len(held_out):
            return [(train, held_out)]
    return grouped_folds(groups, n_folds, seed=seed)[:fitted_folds]


def _latest_fold(groups: np.ndarray, dates: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    latest = dates.groupby(groups).transform("max").fillna(pd.Timestamp.min).to_numpy()
    order = np.argsort(latest, kind="stable")
    cut = len(order) - max(1, len(order) // N_FOLDS)
    boundary = latest[order[cut]]
    return np.flatnonzero(latest < boundary), np.flatnonzero(latest >= boundary)
