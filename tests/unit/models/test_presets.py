"""One dial: what each preset derives from the size of the data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricelm.core.errors import ConfigError
from pricelm.language.config import TuningConfig
from pricelm.models.presets import N_FOLDS, PRESETS, derive_plan, preset_table

rows = st.integers(1, 2_000_000)


@pytest.mark.parametrize(
    ("preset", "n_rows", "folds"),
    [
        ("fast", 100, 5),
        ("fast", 1_000_000, 5),
        ("balanced", 500, 5),
        ("balanced", 2_500, 2),
        ("balanced", 4_999, 2),
        ("balanced", 5_000, 1),
        ("balanced", 1_000_000, 1),
        ("best", 100_000, 2),
        ("best", 1_000, 5),
    ],
)
def test_folds(preset: str, n_rows: int, folds: int) -> None:
    assert derive_plan(preset, n_rows, backbone="minilm", tuning=None).fitted_folds == folds


def test_members() -> None:
    plans = {name: derive_plan(name, 1000, backbone="minilm", tuning=None) for name in PRESETS}
    assert "language" not in plans["fast"].members
    assert plans["balanced"].members == plans["best"].members == ("lexical", "language", "tabular")


@given(st.sampled_from(sorted(PRESETS)), rows)
def test_at_least_a_thousand_rows_are_held_out_where_there_are_so_many(preset: str, n_rows: int) -> None:
    plan = derive_plan(preset, n_rows, backbone="minilm", tuning=None)
    assert 1 <= plan.fitted_folds <= N_FOLDS
    held_out = n_rows * plan.fitted_folds / N_FOLDS
    assert held_out >= 1000 or plan.fitted_folds == N_FOLDS


@given(rows)
def test_small_data_is_read_more_often(n_rows: int) -> None:
    tuning = derive_plan("balanced", n_rows, backbone="minilm", tuning=None).tuning
    updates = tuning.epochs * n_rows * (N_FOLDS - 1) / N_FOLDS / tuning.batch_size
    assert TuningConfig().epochs <= tuning.epochs <= 8
    assert updates >= 250 or tuning.epochs == 8


@given(rows, rows)
def test_more_rows_never_mean_more_folds_or_epochs(one: int, other: int) -> None:
    few, many = (
        derive_plan("best", n_rows, backbone="minilm", tuning=None) for n_rows in sorted((one, other))
    )
    assert few.fitted_folds >= many.fitted_folds
    assert few.tuning.epochs >= many.tuning.epochs


def test_your_own_tuning_is_taken_as_it_is() -> None:
    tuning = TuningConfig(epochs=1, backbone="somewhere/else", method="last-2")
    assert derive_plan("balanced", 100, backbone="minilm", tuning=tuning).tuning is tuning


def test_some_settings_replace_those_of_the_preset() -> None:
    derived = derive_plan("balanced", 500, backbone="minilm", tuning=None).tuning
    lora = derive_plan("balanced", 500, backbone="minilm", tuning={"method": "lora"}).tuning
    assert lora == replace(derived, method="lora")
    assert derive_plan("balanced", 500, backbone="minilm", tuning={"epochs": 2}).tuning.epochs == 2
    assert (
        derive_plan("balanced", 500, backbone="minilm", tuning={"backbone": "other"}).tuning.backbone
        == "other"
    )
    with pytest.raises(ConfigError, match="epochs"):
        derive_plan("balanced", 500, backbone="minilm", tuning={"epoch": 2})


def test_a_frozen_backbone_is_asked_once_and_its_head_reads_more_often() -> None:
    frozen = derive_plan("balanced", 9000, backbone="minilm", tuning={"method": "frozen"}).tuning
    assert frozen.epochs == 10 * TuningConfig().epochs


def test_the_backbone_is_passed_on_and_the_plan_says_so() -> None:
    plan = derive_plan("balanced", 100, backbone="owner/model", tuning=None)
    assert plan.tuning.backbone == "owner/model"
    assert "owner/model" in " ".join(plan.lines())
    fast = derive_plan("fast", 100, backbone="owner/model", tuning=None)
    assert "owner/model" not in " ".join(fast.lines())


def test_an_unknown_preset_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"fast, balanced, best, got 'quick'"):
        derive_plan("quick", 100, backbone="minilm", tuning=None)


def test_the_table_has_every_preset() -> None:
    assert [row["preset"] for row in preset_table()] == list(PRESETS)
    assert all(row["about"] for row in preset_table())


def test_pictures_are_planned_only_where_there_are_any() -> None:
    for preset in ("fast", "balanced", "best"):
        plans = [
            derive_plan(preset, 8000, backbone="minilm", tuning=None, pictures=pictures)
            for pictures in (False, True)
        ]
        assert "image" not in plans[0].members
        assert ("image" in plans[1].members) == (preset != "fast")
