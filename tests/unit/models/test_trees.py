"""Boosted trees are read only when they are whole: LightGBM itself would end the process."""

from __future__ import annotations

import re
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from pricelm.core.errors import BundleError
from pricelm.models.trees import check_trees, read_trees, write_trees


def table(n: int = 300) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.column_stack([random.integers(0, 8, n), random.normal(size=(n, 2))]).astype(float)


@pytest.fixture(scope="module")
def booster() -> lightgbm.Booster:
    """Three trees that split numbers and categories."""
    X = table()
    options = {
        "verbosity": -1,
        "num_leaves": 6,
        "min_data_in_leaf": 5,
        "min_data_per_group": 5,
        "cat_smooth": 1,
    }
    data = lightgbm.Dataset(X, X[:, 0] % 3 + X[:, 1], categorical_feature=[0])
    return lightgbm.train(options, data, num_boost_round=3)


@pytest.fixture(scope="module")
def text(booster: lightgbm.Booster) -> str:
    return booster.model_to_string()


def refitted(text: str) -> str:
    """Correct the sizes in the header, as somebody would who means it."""
    trees = text[text.index("Tree=0\n") : text.index("end of trees")]
    starts = [match.start() for match in re.finditer(r"^Tree=\d+$", trees, re.MULTILINE)]
    sizes = np.diff([*starts, len(trees)])
    return re.sub(r"^tree_sizes=.*$", f"tree_sizes={' '.join(map(str, sizes))}", text, flags=re.MULTILINE)


def test_whole_trees_come_back(booster: lightgbm.Booster, tmp_path: Path) -> None:
    write_trees(booster, tmp_path / "trees.txt")
    np.testing.assert_array_equal(
        read_trees(tmp_path / "trees.txt").predict(table()), booster.predict(table())
    )


def test_a_split_of_known_against_missing_comes_back(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    known = np.where(random.random(400) < 0.5, random.integers(0, 3, 400), np.nan)
    X = np.column_stack([known, random.normal(size=400)])
    target = np.isnan(known) * 5.0
    booster = lightgbm.train({"verbosity": -1}, lightgbm.Dataset(X, target), num_boost_round=2)
    assert "inf" in re.search(r"^threshold=.*$", booster.model_to_string(), re.MULTILINE).group()
    write_trees(booster, tmp_path / "trees.txt")
    np.testing.assert_array_equal(read_trees(tmp_path / "trees.txt").predict(X), booster.predict(X))


def test_a_tree_without_a_split_comes_back(tmp_path: Path) -> None:
    X = table(8)
    booster = lightgbm.train({"verbosity": -1}, lightgbm.Dataset(X, X[:, 1]), num_boost_round=2)
    write_trees(booster, tmp_path / "trees.txt")
    np.testing.assert_array_equal(read_trees(tmp_path / "trees.txt").predict(X), booster.predict(X))


def test_the_test_data_has_what_is_tested(text: str) -> None:
    assert "num_cat=1" in text
    assert refitted(text) == text


def test_no_beginning_of_the_text_passes(text: str) -> None:
    end = text.index("end of parameters")
    for length in [*range(0, end, 97), end]:
        with pytest.raises((ValueError, LookupError)):
            check_trees(text[:length])


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("^left_child=.*$", "left_child=1 -1"),
        (r"^left_child=\S+", "left_child=99"),
        (r"^right_child=\S+", "right_child=-99"),
        (r"^left_child=\S+", "left_child=0"),  # a circle
        (r"^left_child=\S+", "left_child=x"),
        (r"^split_feature=\S+", "split_feature=3"),
        (r"^split_feature=\S+", "split_feature=-1"),
        (r"^leaf_value=\S+", "leaf_value=nan"),
        (r"^leaf_value=.*$", ""),
        (r"^threshold=.*$", "threshold=1"),
        (r"^decision_type=.*$", "decision_type=1 1 1 1 1"),
        (r"^cat_boundaries=.*$", "cat_boundaries=0 5000000"),
        (r"^cat_boundaries=.*$", "cat_boundaries=-1 1"),
        (r"^num_cat=1", "num_cat=0"),
        (r"^num_leaves=.*$", "num_leaves=7"),
        (r"^num_leaves=.*$", "num_leaves=-1"),
        (r"^is_linear=0", "is_linear=1"),
        (r"^num_class=1", "num_class=1000000000"),
        (r"^num_tree_per_iteration=1", "num_tree_per_iteration=3"),
        (r"^max_feature_idx=.*$", "max_feature_idx=1"),
        (r"^max_feature_idx=.*$", "max_feature_idx=900000000"),
        (r"^shrinkage=", "left_child=9 9 9 9 9\nshrinkage="),
        (r"^feature_infos=.*$", ""),
        (r"^objective=.*$", "objective=unheard_of"),
    ],
)
def test_inconsistent_trees_are_refused(pattern: str, replacement: str, text: str, tmp_path: Path) -> None:
    broken = re.sub(pattern, replacement, text, count=1, flags=re.MULTILINE)
    assert broken != text
    (tmp_path / "trees.txt").write_text(refitted(broken), encoding="utf-8")
    with pytest.raises(BundleError, match=r"trees\.txt"):
        read_trees(tmp_path / "trees.txt")


@pytest.mark.parametrize("sizes", ["", "5", "100 100 100", "-1 5 9", "99999999"])
def test_wrong_sizes_are_refused(sizes: str, text: str) -> None:
    with pytest.raises((ValueError, LookupError)):
        check_trees(re.sub(r"^tree_sizes=.*$", f"tree_sizes={sizes}", text, flags=re.MULTILINE))


@pytest.mark.parametrize("content", [b"", b"tree\n", b"\xff\xfe\x00", b"\x80\x04K\x01."])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "trees.txt").write_bytes(content)
    with pytest.raises(BundleError, match="copy the whole bundle again"):
        read_trees(tmp_path / "trees.txt")
