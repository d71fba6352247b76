"""Optimizers: rates by height, decay for matrices only, the course of the rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from pricelm.core.errors import ConfigError
from pricelm.language.checkpoints import optimizer_tensors, restore_optimizer
from pricelm.language.config import OPTIMIZERS, SCHEDULES, TuningConfig
from pricelm.language.methods import build_method
from pricelm.language.network import TextRegressor, trained_parameters
from pricelm.language.optimizers import (
    OPTIMIZER_MAKERS,
    MuonWithAdamW,
    build_optimizer,
    learning_rate_factor,
    parameter_groups,
    set_learning_rate,
)
from pricelm.language.pretrained import load_encoder
from pricelm.language.runtime import isolated_random_state

MakeConfig = Callable[..., TuningConfig]


@pytest.fixture
def network(tiny_backbone: Path) -> TextRegressor:
    return TextRegressor(load_encoder(tiny_backbone), dropout=0.0)


def settings_by_name(network: TextRegressor, config: TuningConfig) -> dict[str, tuple[float, float]]:
    return {
        name: (group["lr"], group["weight_decay"])
        for group in parameter_groups(network, config)
        for name in group["names"]
    }


def test_rates_fall_layer_by_layer_and_vectors_are_not_decayed(network: TextRegressor) -> None:
    config = TuningConfig(learning_rate=1.0, head_learning_rate=7.0, layer_decay=0.5, weight_decay=0.3)
    found = settings_by_name(network, config)
    assert found["head.weight"] == (7.0, 0.3)
    assert found["head.bias"] == (7.0, 0.0)
    assert found["encoder.encoder.layer.1.output.dense.weight"] == (1.0, 0.3)
    assert found["encoder.encoder.layer.1.output.LayerNorm.weight"] == (1.0, 0.0)
    assert found["encoder.encoder.layer.0.attention.self.query.weight"] == (0.5, 0.3)
    assert found["encoder.encoder.layer.0.attention.self.query.bias"] == (0.5, 0.0)
    assert found["encoder.embeddings.word_embeddings.weight"] == (0.25, 0.3)
    assert found["encoder.embeddings.LayerNorm.weight"] == (0.25, 0.0)
    assert set(found) == {name for name, _ in network.named_parameters()}


@pytest.mark.parametrize(
    ("method", "first_names"),
    [
        ("full", {"encoder.embeddings", "encoder.encoder.layer.0", "encoder.encoder.layer.1", "head"}),
        ("last-2", {"encoder.encoder.layer.0", "encoder.encoder.layer.1", "head"}),
        ("last-1", {"encoder.encoder.layer.1", "head"}),
        ("frozen", {"head"}),
    ],
)
def test_method_marks_the_named_part(network: TextRegressor, method: str, first_names: set[str]) -> None:
    build_method(method, {}).apply(network)
    trained = trained_parameters(network)
    expected = {
        name
        for name, _ in network.named_parameters()
        if any(name.startswith(f"{first}.") for first in first_names)
    }
    assert set(trained) == expected
    assert set(settings_by_name(network, TuningConfig())) == expected


def test_more_layers_than_there_are_is_refused(network: TextRegressor) -> None:
    with pytest.raises(ConfigError, match="'last-2' at most"):
        build_method("last-3", {}).apply(network)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_rate_rises_then_never_rises_again(schedule: str) -> None:
    config = TuningConfig(schedule=schedule, warmup_share=0.2)
    factors = [learning_rate_factor(step, 50, config) for step in range(50)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[10] == pytest.approx(1.0)
    assert all(later <= earlier for earlier, later in pairwise(factors[10:]))
    assert min(factors) > 0
    assert factors[-1] == 1.0 if schedule == "constant" else factors[-1] < 0.5


def test_cosine_is_half_way_down_in_the_middle() -> None:
    assert learning_rate_factor(50, 100, TuningConfig(warmup_share=0.0)) == pytest.approx(0.5)


def test_the_factor_scales_every_group(network: TextRegressor) -> None:
    optimizer = build_optimizer(network, TuningConfig(learning_rate=1.0, head_learning_rate=4.0))
    set_learning_rate(optimizer, 0.5)
    set_learning_rate(optimizer, 0.25)
    assert max(group["lr"] for group in optimizer.param_groups) == 1.0
    assert all(group["lr"] == 0.25 * group["peak_lr"] for group in optimizer.param_groups)


@pytest.mark.parametrize(("schedule", "last"), [("cosine", 0), ("linear", 1 / 80), ("inverse-sqrt", 0.449)])
def test_a_falling_rate_ends_where_the_formula_says(schedule: str, last: float) -> None:
    config = TuningConfig(schedule=schedule, warmup_share=0.2)
    assert learning_rate_factor(99, 100, config) == pytest.approx(last, abs=1e-3)


def test_every_optimizer_that_may_be_asked_for_exists() -> None:
    assert set(OPTIMIZERS) == set(OPTIMIZER_MAKERS)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("adamw", torch.optim.AdamW),
        ("sgd", torch.optim.SGD),
        ("adafactor", torch.optim.Adafactor),
        ("muon", MuonWithAdamW),
    ],
)
def test_the_named_optimizer_is_built(network: TextRegressor, name: str, kind: type) -> None:
    assert isinstance(build_optimizer(network, TuningConfig(optimizer=name)), kind)


def steps_taken(network: TextRegressor, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return how far each parameter moves in two steps along made-up gradients."""
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    random = torch.Generator().manual_seed(0)
    for _ in range(2):
        for parameter in network.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=random)
        optimizer.step()
    return {name: parameter.detach() - before[name] for name, parameter in network.named_parameters()}


def test_muon_takes_the_matrices_of_the_layers_and_adamw_the_rest(tiny_backbone: Path) -> None:
    def moved(name: str) -> dict[str, torch.Tensor]:
        with isolated_random_state(0, torch.device("cpu")):
            network = TextRegressor(load_encoder(tiny_backbone), dropout=0.0)
        config = TuningConfig(optimizer=name, learning_rate=0.01, weight_decay=0.0)
        return steps_taken(network, build_optimizer(network, config))

    muon, adamw = moved("muon"), moved("adamw")
    matrices = {name for name in muon if ".layer." in name and muon[name].ndim == 2}
    assert len(matrices) == 12
    assert {name for name in muon if not torch.equal(muon[name], adamw[name])} == matrices
    # An orthogonalized step has singular values near one another; AdamW's are spread.
    query = "encoder.encoder.layer.1.attention.self.query.weight"
    spread = {
        way: torch.linalg.svdvals(moves[query]).std() for way, moves in (("muon", muon), ("adamw", adamw))
    }
    assert spread["muon"] < 0.5 * spread["adamw"]
    # A step is 0.2 times the rate long, which is where AdamW's steps settle once gradients vary.
    assert float(muon[query].square().mean().sqrt()) == pytest.approx(0.2 * math.sqrt(2) * 0.01, rel=0.3)


def test_an_adafactor_step_is_as_long_as_the_rate(network: TextRegressor) -> None:
    config = TuningConfig(optimizer="adafactor", learning_rate=0.01, layer_decay=1.0, weight_decay=0.0)
    moved = steps_taken(network, build_optimizer(network, config))
    length = moved["encoder.encoder.layer.0.intermediate.dense.weight"].square().mean().sqrt()
    assert float(length) == pytest.approx(0.01 * math.sqrt(2), rel=0.2)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_memory_of_an_optimizer_goes_through_a_checkpoint(network: TextRegressor, name: str) -> None:
    optimizer = build_optimizer(network, TuningConfig(optimizer=name))
    steps_taken(network, optimizer)
    parameters = trained_parameters(network)
    kept = optimizer_tensors(optimizer, parameters)
    assert {key.split(":", 1)[1] for key in kept} == set(parameters)
    assert all(isinstance(value, torch.Tensor) for one in optimizer.state.values() for value in one.values())
    other = build_optimizer(network, TuningConfig(optimizer=name))
    restore_optimizer(other, parameters, kept)
    again = optimizer_tensors(other, parameters)
    assert kept.keys() == again.keys()
    assert all(torch.equal(kept[key], again[key]) for key in kept)


def test_muon_without_an_encoder_is_refused() -> None:
    with pytest.raises(ConfigError, match="matrices of the encoder, which are frozen; use optimizer 'adamw'"):
        TuningConfig(optimizer="muon", method="frozen")
