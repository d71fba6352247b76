"""The language member on a tiny backbone: what it refuses, and that copies are averaged and kept."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricelm.core.errors import BundleError, MissingExtraError
from pricelm.language.config import TuningConfig
from pricelm.models.language_member import LanguageMember
from pricelm.models.member import FitContext
from pricelm.models.text import FeatureColumns, compose_text

Checked = tuple[pd.DataFrame, FeatureColumns, np.ndarray]


@pytest.fixture(scope="module")
def members(checked: Checked, tiny_tuning: TuningConfig) -> list[LanguageMember]:
    """Two copies of different seeds."""
    frame, features, target = checked
    return [
        LanguageMember(tiny_tuning).fit(frame, target, FitContext(features, seed=seed)) for seed in (0, 1)
    ]


def test_it_learns_the_prices_of_words(members: list[LanguageMember], new_checked: tuple) -> None:
    predicted = members[0].predict(new_checked[0])
    assert np.corrcoef(predicted, new_checked[1])[0, 1] > 0.6


def test_it_reads_the_composed_text_and_nothing_else(
    members: list[LanguageMember], new_checked: tuple
) -> None:
    frame = new_checked[0]
    features = members[0].features
    texts = compose_text(frame, features)
    regressor = members[0].regressors_[0]
    np.testing.assert_allclose(members[0].predict(frame), regressor.predict(texts), atol=1e-6)
    other_words = frame.assign(title="sofa", brand="", category="", shelf="")
    assert not np.allclose(members[0].predict(other_words), members[0].predict(frame))


def test_copies_are_averaged(members: list[LanguageMember], new_checked: tuple) -> None:
    joined = LanguageMember.average(members)
    own = [member.predict(new_checked[0]) for member in members]
    assert not np.allclose(own[0], own[1])
    np.testing.assert_allclose(joined.predict(new_checked[0]), (own[0] + own[1]) / 2, atol=1e-7)
    assert [len(history) for history in joined.history] == [2, 2]


def test_embeddings_have_length_one(members: list[LanguageMember], new_checked: tuple) -> None:
    embedded = members[0].embed(new_checked[0])
    assert embedded.shape == (len(new_checked[0]), 16)
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1.0, atol=1e-5)


def test_held_out_rows_draw_the_learning_curve(checked: Checked, tiny_tuning: TuningConfig) -> None:
    frame, features, target = checked
    context = FitContext(features, held_out=(frame.iloc[200:], target[200:]))
    member = LanguageMember(replace(tiny_tuning, epochs=1)).fit(frame.iloc[:200], target[:200], context)
    assert "validation_rmse" in member.history[0][0]


def test_the_seed_of_the_context_decides(checked: Checked, tiny_tuning: TuningConfig) -> None:
    frame, features, target = checked
    config = replace(tiny_tuning, epochs=1)

    def predicted(seed: int) -> np.ndarray:
        member = LanguageMember(config).fit(frame.head(64), target[:64], FitContext(features, seed=seed))
        return member.predict(frame.head(20))

    np.testing.assert_array_equal(predicted(3), predicted(3))
    assert not np.array_equal(predicted(3), predicted(4))


def test_checkpoints_and_log_go_to_the_run_folder(
    checked: Checked, tiny_tuning: TuningConfig, tmp_path: Path
) -> None:
    frame, features, target = checked
    context = FitContext(features, run_dir=tmp_path / "run")
    LanguageMember(replace(tiny_tuning, epochs=1)).fit(frame.head(64), target[:64], context)
    assert (tmp_path / "run" / "training_log.jsonl").is_file()


def test_copies_come_back_from_their_folders_as_they_were(
    members: list[LanguageMember], new_checked: tuple, tmp_path: Path
) -> None:
    joined = LanguageMember.average(members)
    joined.save(tmp_path / "language")
    loaded = LanguageMember.load(tmp_path / "language", joined.features)
    assert len(loaded.regressors_) == 2
    assert loaded.config.backbone == joined.config.backbone
    np.testing.assert_allclose(
        loaded.predict(new_checked[0]), joined.predict(new_checked[0]), rtol=0, atol=1e-6
    )


def test_a_folder_without_copies_is_no_member(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="copy-0"):
        LanguageMember.load(tmp_path, FeatureColumns())


def test_few_listings_are_refused(checked: Checked, tiny_tuning: TuningConfig) -> None:
    frame, features, _ = checked
    assert "59 listings are too few" in LanguageMember(tiny_tuning).refusal(frame.head(59), features)
    assert LanguageMember(tiny_tuning).refusal(frame.head(60), features) == ""


def test_listings_without_texts_are_refused(tiny_tuning: TuningConfig) -> None:
    frame = pd.DataFrame({"title": ["", "", ""] * 40 + ["cup"] * 100})
    assert "no text" in LanguageMember(tiny_tuning).refusal(frame, FeatureColumns())


def test_a_language_that_the_backbone_cannot_read_is_refused(tiny_tuning: TuningConfig) -> None:
    frame = pd.DataFrame({"title": [f"护肤套装礼盒 {k}" for k in range(100)]})
    reason = LanguageMember(tiny_tuning).refusal(frame, FeatureColumns())
    assert "does not know" in reason
    assert "choose one that reads this language" in reason


def test_without_torch_the_extra_is_named(
    checked: Checked, tiny_tuning: TuningConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pricelm\[train\]"):
        LanguageMember(tiny_tuning).refusal(checked[0], checked[1])
