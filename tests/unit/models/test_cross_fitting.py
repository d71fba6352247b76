"""Folds that leak nothing, and members that never see what they are asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricelm.models.cross_fitting import cross_fit, select_folds
from pricelm.models.member import FitContext
from pricelm.models.text import FeatureColumns


class Remembering:
    """A member that predicts the mean of what it was fitted on and remembers the rows."""

    name = "remembering"

    def refusal(self, listings: pd.DataFrame, features: FeatureColumns) -> str:
        return ""

    def fit(self, listings: pd.DataFrame, target: np.ndarray, context: FitContext) -> Remembering:
        self.rows, self.mean, self.seed = set(listings["row"]), float(target.mean()), context.seed
        return self

    def predict(self, listings: pd.DataFrame) -> np.ndarray:
        self.asked = set(listings["row"])
        return np.full(len(listings), self.mean)

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def test_no_member_predicts_a_row_that_it_has_seen() -> None:
    made: list[Remembering] = []

    def make() -> Remembering:
        made.append(Remembering())
        return made[-1]

    n = 50
    frame = pd.DataFrame({"row": range(n)})
    target = np.arange(n, dtype=float)
    folds = select_folds(np.arange(n), frame, 5, seed=0)
    fitted = cross_fit({"m": make}, frame, target, folds, FitContext(FeatureColumns(), seed=3))

    assert len(made) == 6
    assert all(copy.rows.isdisjoint(copy.asked) for copy in made[:-1])
    assert made[-1].rows == set(range(n))
    assert fitted.members["m"] is made[-1]
    assert len({copy.seed for copy in made[:-1]}) == 5
    assert sorted(fitted.rows) == list(range(n))
    for position, row in enumerate(fitted.rows):
        copy = next(copy for copy in made[:-1] if row in copy.asked)
        assert fitted.predictions["m"][position] == copy.mean
    assert fitted.seconds["m"] >= 0


def folds_of(groups: list[int], dates: Any = None, fitted: int = 5) -> list[tuple[np.ndarray, np.ndarray]]:
    frame = pd.DataFrame({"row": range(len(groups))})
    if dates is not None:
        frame["listed_at"] = pd.to_datetime(pd.Series(dates)).astype("datetime64[ns]")
    return select_folds(np.array(groups), frame, fitted, seed=0)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 30), min_size=2, max_size=120),
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(0, 2**16)),
)
def test_a_group_is_never_on_both_sides(groups: list[int], fitted: int, date_seed: int | None) -> None:
    dates = None
    if date_seed is not None:
        days = np.random.default_rng(date_seed).integers(0, 40, len(groups))
        dates = [pd.Timestamp("2024-01-01") + pd.Timedelta(days=int(day)) for day in days]
    folds = folds_of(groups, dates, fitted)
    known = np.array(groups)
    if len(set(groups)) == 1:
        assert len(folds) == 1
        return
    held_out_rows = np.concatenate([held_out for _, held_out in folds])
    assert len(set(held_out_rows)) == len(held_out_rows)
    for train, held_out in folds:
        assert len(train) > 0
        assert len(held_out) > 0
        assert sorted([*train, *held_out]) == list(range(len(groups)))
        assert set(known[train]).isdisjoint(known[held_out])


def test_only_so_many_folds_are_fitted() -> None:
    assert len(folds_of(list(range(40)), fitted=2)) == 2
    assert len(folds_of(list(range(3)), fitted=5)) == 3


def test_with_dates_the_latest_fifth_is_held_out() -> None:
    dates = pd.date_range("2024-01-01", periods=50)[np.random.default_rng(0).permutation(50)]
    ((train, held_out),) = folds_of(list(range(50)), dates)
    assert len(held_out) == 10
    assert dates[train].max() < dates[held_out].min()


def test_a_group_goes_with_its_latest_member() -> None:
    dates = pd.date_range("2024-01-01", periods=50)
    ((_, held_out),) = folds_of([*range(49), 0], dates)
    assert 0 in held_out


def test_without_enough_dates_folds_are_random() -> None:
    dates = [*pd.date_range("2024-01-01", periods=30), *[pd.NaT] * 20]
    assert len(folds_of(list(range(50)), dates)) == 5


def test_where_most_rows_share_the_latest_date_folds_are_random() -> None:
    dates = [pd.Timestamp("2024-01-01")] * 5 + [pd.Timestamp("2024-02-01")] * 45
    folds = folds_of(list(range(50)), dates)
    assert len(folds) == 5
    assert all(len(held_out) == 10 for _, held_out in folds)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_decides_the_folds(seed: int) -> None:
    frame = pd.DataFrame({"row": range(40)})
    first, again = (select_folds(np.arange(40), frame, 5, seed=seed) for _ in range(2))
    other = select_folds(np.arange(40), frame, 5, seed=seed + 1)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(first, other, strict=True))
