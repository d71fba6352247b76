"""Comparables against a brute-force search over cosines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from pricelm.models.comparables import ComparableIndex
from pricelm.models.ngrams import NgramFeatures
from pricelm.models.text import FeatureColumns

Checked = tuple[pd.DataFrame, FeatureColumns, np.ndarray]


@pytest.fixture(scope="module")
def ngrams(checked: Checked) -> NgramFeatures:
    features = NgramFeatures(checked[1])
    features.fit_transform(checked[0])
    return features


@pytest.fixture(scope="module")
def index(checked: Checked, ngrams: NgramFeatures) -> ComparableIndex:
    return ComparableIndex().fit(checked[0], ngrams)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a @ b.T) / np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))


@pytest.mark.parametrize("k", [1, 3, 10])
def test_the_most_similar_listings_are_found(
    k: int, checked: Checked, new_checked: tuple, ngrams: NgramFeatures, index: ComparableIndex
) -> None:
    new = new_checked[0]
    expected = cosines(ngrams.transform(new).toarray(), ngrams.transform(checked[0]).toarray())
    position = {str(name): row for row, name in enumerate(checked[0]["listing_id"])}
    for row, found in enumerate(index.search(new, ngrams, k)):
        assert len({item.listing_id for item in found}) == k
        best = np.sort(expected[row])[::-1][:k]
        np.testing.assert_allclose([item.similarity for item in found], best, atol=1e-3)
        for item in found:
            known = checked[0].iloc[position[item.listing_id]]
            assert item.similarity == pytest.approx(expected[row, position[item.listing_id]], abs=1e-3)
            assert (item.title, item.price) == (known["title"], known["price"])


def test_a_known_listing_is_its_own_best_comparable(
    checked: Checked, ngrams: NgramFeatures, index: ComparableIndex
) -> None:
    for row, found in zip(range(20), index.search(checked[0].head(20), ngrams, 1), strict=True):
        assert found[0].title == checked[0]["title"].iloc[row]
        assert 0.999 <= found[0].similarity <= 1.0


def test_no_more_comparables_than_listings(checked: Checked, ngrams: NgramFeatures) -> None:
    small = ComparableIndex().fit(checked[0].head(2), ngrams)
    assert [len(found) for found in small.search(checked[0].head(5), ngrams, 3)] == [2] * 5
    assert small.search(checked[0].head(5), ngrams, 0) == [()] * 5


def test_blocks_change_nothing(
    new_checked: tuple, ngrams: NgramFeatures, index: ComparableIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = index.search(new_checked[0], ngrams, 3)
    monkeypatch.setattr("pricelm.models.comparables._ROWS_A_BLOCK", 7)
    assert [[item.similarity for item in found] for found in index.search(new_checked[0], ngrams, 3)] == [
        [item.similarity for item in found] for found in whole
    ]


def test_a_large_shop_is_sampled_by_seed(
    checked: Checked, ngrams: NgramFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pricelm.models.comparables._MOST_LISTINGS", 50)
    first, again, other = (
        ComparableIndex().fit(checked[0], ngrams, seed=seed).listings_ for seed in (0, 0, 1)
    )
    assert len(first) == 50
    assert set(first["listing_id"]) < set(checked[0]["listing_id"])
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_a_saved_index_finds_the_same(
    new_checked: tuple, ngrams: NgramFeatures, index: ComparableIndex, tmp_path: Path
) -> None:
    index.save(tmp_path / "comparables")
    loaded = ComparableIndex.load(tmp_path / "comparables")
    assert loaded.search(new_checked[0], ngrams, 4) == index.search(new_checked[0], ngrams, 4)
    suffixes = {file.suffix for file in (tmp_path / "comparables").iterdir()}
    assert suffixes == {".parquet", ".safetensors"}


def test_vectors_that_point_outside_are_refused(index: ComparableIndex, tmp_path: Path) -> None:
    """Sparse products do not check columns: a wrong one would read foreign memory."""
    index.save(tmp_path)
    arrays = load_file(tmp_path / "vectors.safetensors")
    arrays["indices"] = arrays["indices"].copy()
    arrays["indices"][-1] = 2_000_000_000
    save_file(arrays, tmp_path / "vectors.safetensors")
    with pytest.raises(ValueError, match="indices must be"):
        ComparableIndex.load(tmp_path)
