"""The tabular member: learns from attributes, keeps their names apart, comes back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

from pricelm.models.member import FitContext
from pricelm.models.tabular import TabularMember
from pricelm.models.text import FeatureColumns

Checked = tuple[pd.DataFrame, FeatureColumns, np.ndarray]


@pytest.fixture(scope="module")
def member(checked: Checked, context: FitContext) -> TabularMember:
    return TabularMember().fit(checked[0], checked[2], context)


def test_it_prices_new_listings_by_their_attributes(member: TabularMember, new_checked: tuple) -> None:
    assert r2_score(new_checked[1], member.predict(new_checked[0])) > 0.8


def test_it_learns_from_a_number_alone() -> None:
    width = np.linspace(1, 10, 200)
    frame = pd.DataFrame({"title": [""] * 200, "width": width})
    context = FitContext(FeatureColumns(numeric=("width",)))
    predicted = TabularMember().fit(frame, np.log(width), context).predict(frame)
    assert r2_score(np.log(width), predicted) > 0.95


def test_it_refuses_a_handful_of_listings(checked: Checked) -> None:
    frame, features, _ = checked
    assert "9 listings" in TabularMember().refusal(frame.head(9), features)
    assert TabularMember().refusal(frame.head(10), features) == ""


def test_unseen_values_and_missing_columns_are_priced_all_the_same(
    member: TabularMember, new_checked: tuple
) -> None:
    strange = new_checked[0].assign(category="Unseen/Thing", brand="Nobody", shelf="west")
    bare = new_checked[0][["title"]]
    for frame in (strange, bare):
        predicted = member.predict(frame)
        assert np.isfinite(predicted).all()
        assert len(np.unique(predicted)) > 1


@pytest.mark.parametrize("name", ["category_1", "brand", "title_words", "topic_3"])
def test_an_attribute_may_have_any_name(name: str) -> None:
    """The category path says it all; a constant attribute of an unlucky name must not take its place."""
    category = ["Dear/Thing", "Cheap/Thing"] * 60
    frame = pd.DataFrame({"title": ["x"] * 120, "category": category, "brand": ["b"] * 120, name: "same"})
    target = np.array([5.0, 1.0] * 60)
    features = FeatureColumns(categorical=(name,))
    plain = TabularMember().fit(frame.drop(columns=name), target, FitContext(FeatureColumns()))
    named = TabularMember().fit(frame, target, FitContext(features))
    assert len(named.values_) == len(plain.values_) + 1
    assert r2_score(target, named.predict(frame)) > 0.95


def test_titles_with_many_words_get_topics(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = [f"word{number}" for number in range(80)]
    titles = [" ".join(random.choice(words, 6)) for _ in range(300)]
    frame = pd.DataFrame({"title": titles})
    target = np.array([title.count("word1") for title in titles], dtype=float)
    member = TabularMember().fit(frame, target, FitContext(FeatureColumns()))
    assert member.components_.shape == (48, len(member.topic_words_))
    assert np.corrcoef(member.predict(frame), target)[0, 1] > 0.8
    member.save(tmp_path)
    np.testing.assert_allclose(TabularMember.load(tmp_path).predict(frame), member.predict(frame), atol=1e-9)


def test_column_names_that_json_escapes_are_no_trouble() -> None:
    frame = pd.DataFrame({"title": ["a", "b"] * 30, 'si"ze: [cm]': np.arange(60.0)})
    member = TabularMember().fit(frame, np.arange(60.0), FitContext(FeatureColumns(numeric=('si"ze: [cm]',))))
    assert np.corrcoef(member.predict(frame), np.arange(60.0))[0, 1] > 0.9


@pytest.mark.parametrize("chinese", [False, True])
def test_it_comes_back_from_its_folder_as_it_was(
    chinese: bool, checked: Checked, context: FitContext, new_checked: tuple, tmp_path: Path
) -> None:
    frame = checked[0]
    if chinese:
        frame = frame.assign(title=[f"护肤套装{'大中小'[k % 3]} {k}ml" for k in range(len(frame))])
    member = TabularMember().fit(frame, checked[2], context)
    assert member.chinese_ is chinese
    member.save(tmp_path / "tabular")
    loaded = TabularMember.load(tmp_path / "tabular")
    for listings in (frame, new_checked[0]):
        np.testing.assert_allclose(loaded.predict(listings), member.predict(listings), rtol=0, atol=1e-12)
    suffixes = {file.suffix for file in (tmp_path / "tabular").iterdir()}
    assert suffixes == {".json", ".safetensors", ".txt"}


def test_every_listing_is_priced_by_itself(member: TabularMember, new_checked: tuple) -> None:
    together = member.predict(new_checked[0])
    alone = np.concatenate([member.predict(new_checked[0].iloc[[row]]) for row in range(10)])
    np.testing.assert_allclose(alone, together[:10], rtol=0, atol=1e-12)


def test_the_seed_decides_the_result(checked: Checked, new_checked: tuple, context: FitContext) -> None:
    def predicted(seed: int) -> np.ndarray:
        told = FitContext(context.features, seed=seed)
        return TabularMember().fit(checked[0], checked[2], told).predict(new_checked[0])

    np.testing.assert_array_equal(predicted(1), predicted(1))
    assert not np.array_equal(predicted(1), predicted(2))
