"""Splits of listings that leak nothing: duplicates stay together, and the test part is the latest."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricelm.catalog.duplicates import duplicate_groups
from pricelm.core.errors import ConfigError, DataError

_PARTS = ("train", "validation", "calibration", "test")
_DATED_SHARE = 0.8
# A group larger than this share of the smallest part goes to training when there is no date: one product
# with hundreds of copies must not be half of the test.
_LARGE_GROUP = 0.25


@dataclass(frozen=True)
class Split:
    """Positions of the rows of each part, ascending; together they are every row once.

    Parameters
    ----------
    train, validation, calibration, test : numpy.ndarray of int64
        Row positions (as for ``iloc``), not index labels.
    """

    train: np.ndarray
    validation: np.ndarray
    calibration: np.ndarray
    test: np.ndarray


def split_listings(
    listings: pd.DataFrame,
    *,
    fractions: tuple[float, float, float, float] = (0.7, 0.1, 0.1, 0.1),
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> Split:
    """Split listings into train, validation, calibration and test without leaks.

    Near-duplicates always share a part. When ``listed_at`` is known for at least 80 % of the rows and has two
    or more values, the parts follow each other in time, the test being the latest: a group goes where its
    latest member goes, so no listing of an earlier part is younger than the youngest copy of a listing of a
    later part, and groups without a date count as the oldest. Without dates the groups are shuffled, and
    those larger than a quarter of the smallest part go to training.

    Parameters
    ----------
    listings : pandas.DataFrame, n rows
        ``title`` and ``description`` are read when ``groups`` is None, ``listed_at`` when it exists.
    fractions : tuple of four floats, default (0.7, 0.1, 0.1, 0.1)
        Wanted share of rows of train, validation, calibration and test; they sum to 1. A part with share 0
        is empty, any other holds at least one group.
    seed : int, default 0
        Seed of the shuffle, also of the order of rows with the same date.
    groups : numpy.ndarray of int, shape (n,), optional
        Group of each row, for example of :func:`duplicate_groups`.

    Returns
    -------
    Split
        Row positions of the four parts.

    Raises
    ------
    ConfigError
        If the fractions are negative or do not sum to 1, or ``groups`` has another length than ``listings``.
    DataError
        If there are fewer groups than parts.

    Examples
    --------
    >>> shop = pd.DataFrame({"title": [f"mug number {n}" for n in range(100)]})
    >>> split = split_listings(shop)
    >>> [len(part) for part in (split.train, split.validation, split.calibration, split.test)]
    [70, 10, 10, 10]
    """
    _check_fractions(fractions)
    if groups is None:
        groups = duplicate_groups(_texts(listings), seed=seed)
    elif len(groups) != len(listings):
        raise ConfigError(
            f"expected one group for each of {len(listings)} listings, got {len(groups)} groups"
        )
    _, group_of_row = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group_of_row)
    wanted = [fraction for fraction in fractions if fraction > 0]
    if len(sizes) < len(wanted):
        raise DataError(
            f"expected at least {len(wanted)} different listings to fill {len(wanted)} parts, got "
            f"{len(sizes)} after grouping near-duplicates; use more listings, or give a part the fraction 0"
        )
    rng = np.random.default_rng(seed)
    dates = _dates(listings)
    if dates is None:
        order = _shuffled(sizes, min(wanted) * len(listings), rng)
    else:
        latest = np.full(len(sizes), np.iinfo(np.int64).min)
        np.maximum.at(latest, group_of_row, dates)
        order = np.lexsort((rng.permutation(len(sizes)), latest))
    part_of_group = np.empty(len(sizes), dtype=np.int64)
    part_of_group[order] = _cut(sizes[order], fractions)
    part_of_row = part_of_group[group_of_row]
    return Split(**{name: np.flatnonzero(part_of_row == part) for part, name in enumerate(_PARTS)})


def grouped_folds(groups: np.ndarray, n_folds: int, *, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Divide rows into folds of nearly equal size that never tear a group apart.

    Parameters
    ----------
    groups : numpy.ndarray of int, shape (n,)
        Group of each row.
    n_folds : int
        Number of folds, at least 2.
    seed : int
        Seed of the shuffle.

    Returns
    -------
    list of (train_positions, held_out_positions)
        One pair a fold; the held-out positions of all folds are every row once.

    Raises
    ------
    ConfigError
        If ``n_folds`` is below 2.
    DataError
        If there are fewer groups than folds.

    Examples
    --------
    >>> folds = grouped_folds(np.array([0, 0, 1, 2, 3]), 2, seed=0)
    >>> sorted(len(held_out) for _, held_out in folds)
    [2, 3]
    """
    if n_folds < 2:
        raise ConfigError(f"expected n_folds of 2 or more, got {n_folds}")
    _, group_of_row = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group_of_row)
    if len(sizes) < n_folds:
        raise DataError(
            f"expected at least {n_folds} different listings for {n_folds} folds, got {len(sizes)} after "
            f"grouping near-duplicates; use more listings or fewer folds"
        )
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.permutation(len(sizes)), -sizes))
    fold_of_group = np.empty(len(sizes), dtype=np.int64)
    # the next group always joins the smallest fold; the random number only decides between equals
    heap = [(0, rank, fold) for fold, rank in enumerate(rng.permutation(n_folds).tolist())]
    heapq.heapify(heap)
    for group in order.tolist():
        rows, rank, fold = heapq.heappop(heap)
        fold_of_group[group] = fold
        heapq.heappush(heap, (rows + int(sizes[group]), rank, fold))
    fold_of_row = fold_of_group[group_of_row]
    return [
        (np.flatnonzero(fold_of_row != fold), np.flatnonzero(fold_of_row == fold)) for fold in range(n_folds)
    ]


def _check_fractions(fractions: Sequence[float]) -> None:
    if len(fractions) != len(_PARTS) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ConfigError(
            f"expected four fractions (train, validation, calibration, test) of 0 or more with the sum 1, "
            f"got {tuple(fractions)}"
        )


def _texts(listings: pd.DataFrame) -> list[str]:
    columns = [listings[name].fillna("").astype(str) for name in ("title", "description") if name in listings]
    if not columns:
        return [""] * len(listings)
    return [" ".join(parts).strip() for parts in zip(*columns, strict=True)]


def _dates(listings: pd.DataFrame) -> np.ndarray | None:
    """Return the dates as integers, missing ones as the smallest, or None when time cannot order the rows."""
    if "listed_at" not in listings:
        return None
    dates = pd.to_datetime(listings["listed_at"], errors="coerce", utc=True).dt.tz_localize(None)
    if dates.notna().mean() < _DATED_SHARE or dates.nunique() < 2:
        return None
    # NaT is the smallest integer, which is what "counts as the oldest" asks for
    return dates.to_numpy().astype("datetime64[ns]").astype(np.int64)


def _shuffled(sizes: np.ndarray, smallest_part: float, rng: np.random.Generator) -> np.ndarray:
    large = sizes > max(1.0, _LARGE_GROUP * smallest_part)
    return np.lexsort((rng.permutation(len(sizes)), ~large))


def _cut(sizes: np.ndarray, fractions: Sequence[float]) -> np.ndarray:
    """Return the part of each group in order, cut where the shares come nearest to the wanted ones."""
    ends = np.concatenate([[0], np.cumsum(sizes)])
    needed = [int(fraction > 0) for fraction in fractions]
    part = np.zeros(len(sizes), dtype=np.int64)
    previous = 0
    for index in range(1, len(_PARTS)):
        target = sum(fractions[:index]) * ends[-1]
        right = int(np.searchsorted(ends, target - 1e-6))
        cut = right - 1 if right > 0 and target - ends[right - 1] < ends[right] - target else right
        cut = max(previous + needed[index - 1], min(cut, len(sizes) - sum(needed[index:])))
        if not needed[index - 1]:
            cut = previous
        part[cut:] = index
        previous = cut
    return part
