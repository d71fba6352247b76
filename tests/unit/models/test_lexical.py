"""The lexical member: learns from words, refuses where there are none, comes back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from pricelm.models.lexical import LexicalMember
from pricelm.models.member import FitContext
from pricelm.models.text import FeatureColumns

Checked = tuple[pd.DataFrame, FeatureColumns, np.ndarray]


@pytest.fixture(scope="module")
def member(checked: Checked, context: FitContext) -> LexicalMember:
    """Fitted on enough copies of the listings for the network to take part."""
    copies = 2000 // len(checked[0]) + 1
    frame = pd.concat([checked[0]] * copies, ignore_index=True)
    return LexicalMember().fit(frame, np.tile(checked[2], copies), context)


def test_it_prices_new_listings_by_their_words(member: LexicalMember, new_checked: tuple) -> None:
    assert r2_score(new_checked[1], member.predict(new_checked[0])) > 0.8


def test_it_is_the_mean_of_a_ridge_and_a_network(member: LexicalMember, new_checked: tuple) -> None:
    matrix = member.ngrams_.transform(new_checked[0])
    ridge = matrix @ member.coefficients_ + member.intercept_
    assert member.network_ is not None
    expected = (ridge + member.network_.predict(matrix)) / 2
    np.testing.assert_allclose(member.predict(new_checked[0]), expected, atol=1e-9)


def test_few_rows_are_left_to_the_ridge(checked: Checked, new_checked: tuple, context: FitContext) -> None:
    member = LexicalMember().fit(checked[0], checked[2], context)
    assert member.network_ is None
    known, new = (member.ngrams_.transform(frame) for frame in (checked[0], new_checked[0]))
    ridge = Ridge(alpha=member.alpha_, solver="sparse_cg", tol=1e-4).fit(known, checked[2])
    np.testing.assert_allclose(member.predict(new_checked[0]), ridge.predict(new), atol=1e-3)


def test_the_penalty_follows_the_signal(checked: Checked, context: FitContext) -> None:
    frame, _, target = checked
    noise = np.random.default_rng(0).normal(0, 1, len(target))
    clear, noisy = (LexicalMember().fit(frame, values, context).alpha_ for values in (target, noise))
    assert clear <= 1.0
    assert noisy == 16.0


def test_a_handful_of_rows_chooses_nothing(checked: Checked, context: FitContext) -> None:
    frame, _, target = checked
    few = LexicalMember().fit(frame.head(49), target[:49], context)
    assert few.alpha_ == 1.0


def test_it_refuses_listings_without_words() -> None:
    numbers = pd.DataFrame({"title": ["", ""], "description": ["", ""], "width": [1.0, 2.0]})
    assert "no text" in LexicalMember().refusal(numbers, FeatureColumns(numeric=("width",)))


@pytest.mark.parametrize("column", ["title", "description", "category", "condition", "shelf", "notes"])
def test_any_word_is_enough(column: str) -> None:
    frame = pd.DataFrame({"title": ["", ""], column: ["", "something"]})
    features = FeatureColumns(categorical=("shelf",), text=("notes",))
    assert LexicalMember().refusal(frame, features) == ""


def test_it_comes_back_from_its_folder_as_it_was(
    member: LexicalMember, new_checked: tuple, tmp_path: Path
) -> None:
    member.save(tmp_path / "lexical")
    loaded = LexicalMember.load(tmp_path / "lexical")
    assert loaded.alpha_ == member.alpha_
    np.testing.assert_allclose(
        loaded.predict(new_checked[0]), member.predict(new_checked[0]), rtol=0, atol=1e-12
    )


def test_one_without_a_network_comes_back_too(
    checked: Checked, new_checked: tuple, context: FitContext, tmp_path: Path
) -> None:
    member = LexicalMember().fit(checked[0], checked[2], context)
    member.save(tmp_path / "lexical")
    loaded = LexicalMember.load(tmp_path / "lexical")
    np.testing.assert_array_equal(loaded.predict(new_checked[0]), member.predict(new_checked[0]))


def test_the_seed_decides_the_result(member: LexicalMember, checked: Checked, new_checked: tuple) -> None:
    copies = 2000 // len(checked[0]) + 1
    frame, target = pd.concat([checked[0]] * copies, ignore_index=True), np.tile(checked[2], copies)

    def predicted(seed: int) -> np.ndarray:
        told = FitContext(member.ngrams_.features, seed=seed)
        return LexicalMember().fit(frame, target, told).predict(new_checked[0])

    np.testing.assert_array_equal(predicted(1), predicted(1))
    assert not np.array_equal(predicted(1), predicted(2))
