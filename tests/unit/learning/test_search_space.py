"""The search space holds the configuration to beat, whatever it is, and proposes only what can be tuned."""

from __future__ import annotations

import warnings

import optuna
import pytest
from optuna.trial import FixedTrial

from pricelm.core.errors import ConfigError
from pricelm.language.config import TuningConfig
from pricelm.language.methods import METHODS
from pricelm.learning.search_space import SearchSpace

BASES = {
    "the default": TuningConfig(),
    "far off": TuningConfig(
        learning_rate=1.23456789e-2, dropout=0.7, weight_decay=0.9, warmup_share=0.5, layer_decay=0.123456789
    ),
    "no decay": TuningConfig(weight_decay=0.0, dropout=0.0, warmup_share=0.0),
    "frozen": TuningConfig(method="frozen", epochs=30),
    "with options": TuningConfig(
        method="lora", method_options={"rank": 4}, head="both", head_options={"n_bands": 8}
    ),
    "another schedule": TuningConfig(schedule="inverse-sqrt", batch_size=7, max_length=5, epochs=1),
}


@pytest.mark.parametrize("base", BASES.values(), ids=BASES)
def test_the_base_is_a_point_of_its_space(base: TuningConfig) -> None:
    space = SearchSpace(base)
    assert space.suggest(FixedTrial(space.base_values())) == base
    study = optuna.create_study()
    study.enqueue_trial(space.base_values())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert space.suggest(study.ask()) == base


@pytest.mark.parametrize("method", [name.replace("N", "2") for name in METHODS])
def test_every_method_can_be_proposed(method: str) -> None:
    space = SearchSpace(TuningConfig(optimizer="muon"), methods=(method,))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(12):
        study.enqueue_trial({"method": method})
        config = space.suggest(study.ask())
        assert config.method == method and config.epochs >= 1
        assert TuningConfig.from_dict(config.to_dict()) == config


def test_other_methods_take_their_own_rates_and_epochs() -> None:
    space = SearchSpace(TuningConfig(epochs=3), methods=("frozen",))
    frozen = space.config(space.base_values() | {"method": "frozen"})
    assert (frozen.epochs, frozen.head_learning_rate) == (30, 1e-2)


def test_lengths_that_no_text_has_are_not_tried() -> None:
    assert SearchSpace(TuningConfig(), longest=64)._choices()["max_length"] == [32, 64]
    assert SearchSpace(TuningConfig(), longest=512)._choices()["max_length"] == [32, 64, 128]


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'lora'"):
        SearchSpace(TuningConfig(), methods=("lorra",))
    with pytest.raises(ConfigError, match="ask for workers instead"):
        SearchSpace(TuningConfig(processes=2))
    with pytest.raises(ConfigError, match="no method_options in a search over methods"):
        SearchSpace(TuningConfig(method="lora", method_options={"rank": 4}), methods=("full",))


def test_a_space_survives_json() -> None:
    space = SearchSpace(TuningConfig(head="both"), ("lora",), 128)
    assert SearchSpace.from_dict(space.to_dict()) == space
