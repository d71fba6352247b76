from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricelm.catalog.duplicates import duplicate_groups
from pricelm.catalog.splits import Split, grouped_folds, split_listings
from pricelm.core.errors import ConfigError, DataError

PARTS = ("train", "validation", "calibration", "test")
group_arrays = st.lists(st.integers(0, 30), min_size=40, max_size=200).map(np.array)
fraction_sets = st.sampled_from(
    [
        (0.7, 0.1, 0.1, 0.1),
        (0.25, 0.25, 0.25, 0.25),
        (0.8, 0.0, 0.0, 0.2),
        (0.6, 0.4, 0.0, 0.0),
        (0.5, 0, 0.5, 0),
    ]
)


def parts(split: Split) -> list[np.ndarray]:
    return [getattr(split, name) for name in PARTS]


def part_of_row(split: Split, n_rows: int) -> np.ndarray:
    part = np.full(n_rows, -1)
    for index, positions in enumerate(parts(split)):
        part[positions] = index
    return part


def assert_whole_and_untorn(split: Split, groups: np.ndarray) -> None:
    positions = np.concatenate(parts(split))
    assert sorted(positions.tolist()) == list(range(len(groups)))
    part = part_of_row(split, len(groups))
    for group in np.unique(groups):
        assert len(set(part[groups == group])) == 1


@settings(deadline=None)
@given(groups=group_arrays, fractions=fraction_sets, seed=st.integers(0, 5))
def test_every_row_once_no_group_torn_and_shares_near(
    groups: np.ndarray, fractions: tuple[float, float, float, float], seed: int
) -> None:
    if len(np.unique(groups)) < 4:
        return
    split = split_listings(
        pd.DataFrame(index=range(len(groups))), fractions=fractions, seed=seed, groups=groups
    )
    assert_whole_and_untorn(split, groups)
    largest = np.bincount(groups).max()
    for positions, fraction in zip(parts(split), fractions, strict=True):
        assert (len(positions) > 0) == (fraction > 0)
        # half a group too much or too little at either end, or a group pushed in so that none is empty
        assert abs(len(positions) - fraction * len(groups)) <= 3 * largest


@settings(deadline=None)
@given(groups=group_arrays, seed=st.integers(0, 5), data=st.data())
def test_time_is_respected(groups: np.ndarray, seed: int, data: st.DataObject) -> None:
    if len(np.unique(groups)) < 4:
        return
    days = np.array(data.draw(st.lists(st.integers(0, 50), min_size=len(groups), max_size=len(groups))))
    days[:2] = (0, 1)
    dates = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D"))
    split = split_listings(pd.DataFrame({"listed_at": dates}), seed=seed, groups=groups)
    assert_whole_and_untorn(split, groups)
    latest = pd.Series(days).groupby(groups).transform("max").to_numpy()
    part = part_of_row(split, len(groups))
    for earlier in range(3):
        assert latest[part == earlier].max() <= latest[part == earlier + 1].min()
        # so also: nothing learned from is younger than the youngest copy of what it is tested on
        assert days[part == earlier].max() <= latest[part == 3].min()


def test_shares_are_exact_without_duplicates() -> None:
    split = split_listings(pd.DataFrame(index=range(1000)), groups=np.arange(1000))
    assert [len(positions) for positions in parts(split)] == [700, 100, 100, 100]


def test_a_product_of_hundreds_of_copies_goes_to_training() -> None:
    groups = np.concatenate([np.zeros(90, dtype=int), np.arange(1, 911)])
    for seed in range(20):
        split = split_listings(pd.DataFrame(index=range(1000)), groups=groups, seed=seed)
        assert set(range(90)) <= set(split.train.tolist())
        assert [len(positions) for positions in parts(split)] == [700, 100, 100, 100]


def test_duplicates_are_found_in_title_and_description() -> None:
    rng = np.random.default_rng(0)
    titles = [" ".join(rng.choice(list("abcdefghij"), 12)) for _ in range(60)]
    listings = pd.DataFrame({"title": titles * 3, "description": [None, "", float("nan")] * 60})
    split = split_listings(listings)
    assert_whole_and_untorn(split, duplicate_groups(titles * 3))
    told_apart = listings.assign(description=[f"{i * 7919} {i * 104729} {i}" for i in range(180)])
    part = part_of_row(split_listings(told_apart), 180)
    assert any(len({part[row], part[row + 60], part[row + 120]}) > 1 for row in range(60))


def test_rows_without_a_date_count_as_the_oldest_until_too_many() -> None:
    dates = pd.Series(pd.date_range("2024-01-01", periods=100))
    dates[50:65] = pd.NaT
    split = split_listings(pd.DataFrame({"listed_at": dates}), groups=np.arange(100))
    assert set(range(50, 65)) <= set(split.train.tolist())
    assert split.test.tolist() == list(range(90, 100))
    dates[40:65] = pd.NaT
    assert split_listings(pd.DataFrame({"listed_at": dates}), groups=np.arange(100)).test.tolist() != list(
        range(90, 100)
    )


def test_one_single_date_is_no_order() -> None:
    listings = pd.DataFrame({"listed_at": [pd.Timestamp("2024-01-01")] * 100})
    undated = split_listings(pd.DataFrame(index=range(100)), groups=np.arange(100))
    assert split_listings(listings, groups=np.arange(100)).test.tolist() == undated.test.tolist()


def test_a_group_goes_with_its_latest_member() -> None:
    dates = pd.date_range("2024-01-01", periods=100)
    groups = np.arange(100)
    groups[0] = 99
    split = split_listings(pd.DataFrame({"listed_at": dates}), groups=groups)
    assert {0, 99} <= set(split.test.tolist())


def test_the_seed_decides() -> None:
    listings = pd.DataFrame(index=range(200))
    first, again, other = (split_listings(listings, groups=np.arange(200), seed=seed) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(parts(first), parts(again), strict=True))
    assert first.test.tolist() != other.test.tolist()


def test_impossible_wishes_are_refused() -> None:
    listings = pd.DataFrame(index=range(10))
    with pytest.raises(ConfigError, match="sum 1"):
        split_listings(listings, fractions=(0.5, 0.1, 0.1, 0.1), groups=np.arange(10))
    with pytest.raises(ConfigError, match="0 or more"):
        split_listings(listings, fractions=(1.2, -0.2, 0.0, 0.0), groups=np.arange(10))
    with pytest.raises(ConfigError, match="10 listings, got 3"):
        split_listings(listings, groups=np.arange(3))
    with pytest.raises(DataError, match="at least 4 different listings"):
        split_listings(listings, groups=np.zeros(10, dtype=int))


@settings(deadline=None)
@given(groups=group_arrays, n_folds=st.integers(2, 5), seed=st.integers(0, 5))
def test_folds_hold_every_row_out_once_and_tear_no_group(groups: np.ndarray, n_folds: int, seed: int) -> None:
    if len(np.unique(groups)) < n_folds:
        return
    folds = grouped_folds(groups, n_folds, seed=seed)
    assert sorted(np.concatenate([held_out for _, held_out in folds]).tolist()) == list(range(len(groups)))
    for train, held_out in folds:
        assert sorted([*train.tolist(), *held_out.tolist()]) == list(range(len(groups)))
        assert not set(groups[train]) & set(groups[held_out])
    sizes = [len(held_out) for _, held_out in folds]
    assert max(sizes) - min(sizes) <= np.bincount(groups).max()
    again = grouped_folds(groups, n_folds, seed=seed)
    assert all((a[1] == b[1]).all() for a, b in zip(folds, again, strict=True))


def test_folds_differ_by_seed_and_are_even_without_duplicates() -> None:
    folds = grouped_folds(np.arange(103), 5, seed=0)
    assert sorted(len(held_out) for _, held_out in folds) == [20, 20, 21, 21, 21]
    assert folds[0][1].tolist() != grouped_folds(np.arange(103), 5, seed=1)[0][1].tolist()


def test_large_groups_are_placed_first_so_that_folds_even_out() -> None:
    groups = np.array([0] * 12 + list(range(1, 13)))
    for seed in range(5):
        assert [len(held_out) for _, held_out in grouped_folds(groups, 2, seed=seed)] == [12, 12]


def test_impossible_folds_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 or more"):
        grouped_folds(np.arange(5), 1, seed=0)
    with pytest.raises(DataError, match="at least 3 different"):
        grouped_folds(np.array([0, 0, 1]), 3, seed=0)
