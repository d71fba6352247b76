"""The lexical member: learns from words, refuses where there are none, comes back as it was."""

from __future__ import annotations

from copy import copy
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
    return LexicalMember().fit(checked[0], checked[2], context)


def test_it_prices_new_listings_by_their_words(member: LexicalMember, new_checked: tuple) -> None:
    assert r2_score(new_checked[1], member.predict(new_checked[0])) > 0.8


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_it_is_the_weighted_mean_of_a_ridge_and_a_network(
    share: float, member: LexicalMember, checked: Checked, new_checked: tuple
) -> None:
    known, new = (member.ngrams_.transform(frame) for frame in (checked[0], new_checked[0]))
    ridge = Ridge(alpha=member.alpha_, solver="sparse_cg", tol=1e-4).fit(known, checked[2])
    mixed = copy(member)
    mixed.network_share_ = share
    expected = (1 - share) * ridge.predict(new) + share * member.network_.predict(new)
    np.testing.assert_allclose(mixed.predict(new_checked[0]), expected, atol=1e-6)


def test_the_penalty_follows_the_signal(checked: Checked, context: FitContext) -> None:
    frame, _, target = checked
    noise = np.random.default_rng(0).normal(0, 1, len(target))
    clear, noisy = (LexicalMember().fit(frame, values, context).alpha_ for values in (target, noise))
    assert clear <= 1.0
    assert noisy == 16.0


def test_a_handful_of_rows_chooses_nothing(checked: Checked, context: FitContext) -> None:
    frame, _, target = checked
    few = LexicalMember().fit(frame.head(49), target[:49], context)
    assert (few.alpha_, few.network_share_) == (1.0, 0.5)


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
    assert (loaded.alpha_, loaded.network_share_) == (member.alpha_, member.network_share_)
    np.testing.assert_allclose(
        loaded.predict(new_checked[0]), member.predict(new_checked[0]), rtol=0, atol=1e-12
    )


def test_the_seed_decides_the_result(checked: Checked, new_checked: tuple, context: FitContext) -> None:
    def predicted(seed: int) -> np.ndarray:
        told = FitContext(context.features, seed=seed)
        return LexicalMember().fit(checked[0], checked[2], told).predict(new_checked[0])

    np.testing.assert_array_equal(predicted(1), predicted(1))
    assert not np.array_equal(predicted(1), predicted(2))
