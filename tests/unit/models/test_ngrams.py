"""The sparse features: what they say of a listing, and that a saved vocabulary says the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from pricelm.models.ngrams import NgramFeatures
from pricelm.models.text import FeatureColumns

Checked = tuple[pd.DataFrame, FeatureColumns, np.ndarray]


def listings(**columns: list[str]) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    empty = {name: [""] * n for name in ("title", "brand", "category", "condition", "description")}
    return pd.DataFrame({**empty, **columns})


def active(features: NgramFeatures, block: str, frame: pd.DataFrame, row: int) -> set[str]:
    """Return the tokens of one block that a row has."""
    vectorizer = features.blocks_[block]
    matrix = vectorizer.transform(features._texts(frame)[block])
    names = vectorizer.get_feature_names_out()
    return {str(names[column]) for column in matrix[row].indices}


def equal(a: sparse.csr_matrix, b: sparse.csr_matrix) -> bool:
    return a.shape == b.shape and abs(a - b).max() == 0


def test_new_listings_get_the_columns_of_the_known_ones(checked: Checked, new_checked: tuple) -> None:
    features = NgramFeatures(checked[1])
    matrix = features.fit_transform(checked[0])
    assert matrix.shape[0] == len(checked[0])
    assert equal(features.transform(checked[0]), matrix)
    assert features.transform(new_checked[0]).shape == (len(new_checked[0]), matrix.shape[1])


def test_a_word_is_crossed_with_the_brand_and_with_the_category() -> None:
    frame = listings(
        title=["phone case", "watch case"],
        brand=["Apple", "Rolex"],
        category=["Phones/Cases", "Watches/Cases"],
    )
    features = NgramFeatures(FeatureColumns())
    features.fit_transform(frame)
    first, second = (active(features, "crosses", frame, row) for row in (0, 1))
    assert {"bw=Apple|case", "cw=Cases|case", "bc=Apple|Cases", "bcr=Apple|Phones", "b=Apple"} <= first
    assert "bw=Rolex|case" in second
    assert "bw=Apple|case" not in second
    assert {"c=Phones", "c=Phones/Cases"} <= first


def test_near_quantities_share_a_fact_and_far_ones_do_not() -> None:
    frame = listings(title=["rice 450 g", "rice 500 g", "rice 1 kg"], condition=["new", "used", ""])
    features = NgramFeatures(FeatureColumns())
    features.fit_transform(frame)
    small, medium, large = (active(features, "facts", frame, row) for row in range(3))

    def weight(facts: set[str]) -> set[str]:
        return {fact for fact in facts if fact.startswith("weight_g")}

    assert weight(small) == weight(medium) != set()
    assert weight(large) not in (set(), weight(small))
    assert "condition=new" in small
    assert not any(fact.startswith("condition") for fact in large)


def test_numbers_are_facts_with_a_token_of_their_own_for_zero() -> None:
    frame = listings(title=["cup", "pot", "pan", "jug", "mug"]).assign(shipping=[0.0, 1.0, np.nan, -1.0, 1.1])
    features = NgramFeatures(FeatureColumns(numeric=("shipping",)))
    features.fit_transform(frame)
    none, one, unknown, minus, near_one = (active(features, "facts", frame, row) for row in range(5))
    assert unknown == set()
    assert one == near_one
    assert len({*none, *one, *minus}) == 3


def test_category_and_attributes_are_read_as_words_too() -> None:
    frame = listings(title=["cup", "pot"], category=["Home/Kitchen", "Garden/Pots"])
    features = NgramFeatures(FeatureColumns())
    features.fit_transform(frame)
    assert {"cup", "home", "kitchen"} <= active(features, "text_words", frame, 0)


def test_words_of_a_lone_title_count_once() -> None:
    features = NgramFeatures(FeatureColumns())
    features.fit_transform(listings(title=["red cup", "blue pot"]))
    assert "headline_words" in features.blocks_
    assert "text_words" not in features.blocks_


def test_facts_weigh_half() -> None:
    frame = listings(title=["cup", "pot"], condition=["new", "used"])
    features = NgramFeatures(FeatureColumns(categorical=("shelf",)))
    matrix = features.fit_transform(frame.assign(shelf=["north", "south"]))
    n_facts = len(features.blocks_["facts"].vocabulary_)
    assert set(matrix[:, -n_facts:].data) == {np.float32(0.5)}
    assert list(features.blocks_)[-1] == "facts"


def test_chinese_is_read_by_characters() -> None:
    frame = listings(title=["护肤套装", "护肤礼盒"], description=["保湿补水", "保湿滋润"])
    features = NgramFeatures(FeatureColumns())
    features.fit_transform(frame)
    assert features.chinese_
    assert {"护肤", "套装", "护肤套装"} <= active(features, "headline_characters", frame, 0)
    assert "保湿" in active(features, "long_characters", frame, 1)
    assert "cw=" not in "".join(active(features, "crosses", frame, 0))


def test_every_listing_is_read_by_itself(checked: Checked, new_checked: tuple) -> None:
    features = NgramFeatures(checked[1])
    features.fit_transform(checked[0])
    together = features.transform(new_checked[0])
    for row in (0, 13, 59):
        assert equal(features.transform(new_checked[0].iloc[[row]]), together[row])


def test_unknown_words_add_nothing() -> None:
    features = NgramFeatures(FeatureColumns())
    features.fit_transform(listings(title=["red cup", "red lamp"], brand=["Acme", "Acme"]))
    known = features.transform(listings(title=["red"], brand=["Acme"]))
    with_unknown = features.transform(listings(title=["red 凯"], brand=["Acme"]))
    assert set(with_unknown.indices) == set(known.indices)


def test_most_features_of_a_block_are_limited(checked: Checked) -> None:
    features = NgramFeatures(checked[1], max_features=30)
    features.fit_transform(checked[0])
    assert {len(block.vocabulary_) for block in features.blocks_.values()} <= set(range(1, 31))


def test_unfitted_features_are_no_columns(checked: Checked) -> None:
    assert NgramFeatures(checked[1]).transform(checked[0]).shape == (len(checked[0]), 0)


@pytest.mark.parametrize("language", ["english", "chinese", "no facts"])
def test_a_saved_vocabulary_gives_the_same_matrix(language: str, checked: Checked, tmp_path: Path) -> None:
    frame, attributes = checked[0], checked[1]
    if language == "chinese":
        frame = listings(
            title=["护肤套装 50ml", "护肤礼盒", "面霜"] * 5, description=["保湿", "补水", ""] * 5
        )
    elif language == "no facts":
        frame, attributes = listings(title=["red cup", "blue pot"] * 4), FeatureColumns()
    features = NgramFeatures(attributes)
    matrix = features.fit_transform(frame)
    features.save(tmp_path / "lexical")
    loaded = NgramFeatures.load(tmp_path / "lexical")
    assert loaded.chinese_ is features.chinese_
    assert equal(loaded.transform(frame), matrix)
    assert {file.suffix for file in (tmp_path / "lexical").iterdir()} == {".json", ".safetensors"}
