import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets import LOADERS, joined, load_mercari
from benchmarks.grouping import grouped_split, join_matches, normalized_title, title_groups
from pricelm.core.errors import DataError


@given(st.lists(st.integers(0, 15), min_size=1, max_size=80), st.integers(0, 5))
def test_a_group_is_never_on_both_sides(groups, seed):
    groups = np.array(groups)
    fold = grouped_split(groups, seed=seed)
    assert not set(groups[fold.train]) & set(groups[fold.test])
    assert sorted([*fold.train, *fold.test]) == list(range(len(groups)))


def test_a_split_has_the_share_asked_for_and_depends_on_the_seed_alone():
    groups = np.arange(1000)
    fold = grouped_split(groups)
    assert len(fold.test) == 200
    assert np.array_equal(fold.test, grouped_split(groups).test)
    assert not np.array_equal(fold.test, grouped_split(groups, seed=1).test)


def test_titles_that_differ_in_case_width_and_punctuation_are_equal():
    groups = title_groups(
        pd.Series(["Red Mug, 2-pack", "red  mug 2 pack", "Ｒｅｄ mug: 2 PACK", "red mug 3 pack"])
    )
    assert groups[0] == groups[1] == groups[2] != groups[3]
    assert normalized_title("【双11】洗面奶") == "双11 洗面奶"


def test_labelled_matches_join_groups_and_unknown_titles_join_nothing():
    titles = pd.Series(["a", "b", "c", "d"])
    pairs = pd.DataFrame({"left": ["A", "b", "x"], "right": ["b", "C", "d"]})
    groups = join_matches(titles, np.array([10, 11, 12, 13]), pairs)
    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_joined_text_names_numbers_and_leaves_missing_values_out():
    frame = pd.DataFrame({"name": ["mug", None], "item_condition": [3, 1]})
    assert joined(frame, ["name", "item_condition"]).tolist() == ["mug item condition 3", " item condition 1"]


@pytest.mark.parametrize("name", ["mercari", "flipkart", "zh_listings", "product_matching"])
def test_an_absent_file_is_named_with_the_way_out(tmp_path, name):
    with pytest.raises(DataError, match=f"{name}.*--data.*--sets"):
        LOADERS[name](tmp_path)


def test_mercari_has_the_official_folds_and_no_free_listing(tmp_path):
    (tmp_path / "mercari").mkdir()
    rows = {
        "train_id": range(60),
        "name": [f"mug {i}" for i in range(60)],
        "item_condition_id": 1,
        "category_name": "Home/Kitchen/Mugs",
        "brand_name": None,
        "price": [0.0] * 10 + [5.0] * 50,
        "shipping": 1,
        "item_description": "x",
    }
    pd.DataFrame(rows).to_csv(tmp_path / "mercari" / "train_10k.tsv", sep="\t", index=False)
    data = load_mercari(tmp_path)
    assert len(data.listings) == 50
    tested = np.concatenate([fold.test for fold in data.folds])
    assert sorted(tested) == list(range(50))
    # what KFold(5, shuffle=True, random_state=42) has tested first ever since the split was published
    assert data.folds[0].test.tolist() == [13, 17, 19, 25, 26, 30, 32, 39, 45, 48]
