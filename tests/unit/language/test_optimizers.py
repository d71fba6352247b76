"""Optimizers: rates by height, decay for matrices only, the course of the rate."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from pricelm.core.errors import ConfigError
from pricelm.language.config import TuningConfig
from pricelm.language.methods import build_method
from pricelm.language.network import TextRegressor, trained_parameters
from pricelm.language.optimizers import (
    build_optimizer,
    learning_rate_factor,
    parameter_groups,
    set_learning_rate,
)
from pricelm.language.pretrained import load_encoder

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
    build_method(TuningConfig(method=method)).apply(network)
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
        build_method(TuningConfig(method="last-3")).apply(network)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_the_rate_rises_then_never_rises_again(schedule: str) -> None:
    config = TuningConfig(schedule=schedule, warmup_share=0.2)
    factors = [learning_rate_factor(step, 50, config) for step in range(50)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[10] == pytest.approx(1.0)
    assert all(later <= earlier for earlier, later in pairwise(factors[10:]))
    assert min(factors) > 0
    assert factors[-1] == 1.0 if schedule == "constant" else factors[-1] < 0.05


def test_cosine_is_half_way_down_in_the_middle() -> None:
    assert learning_rate_factor(50, 100, TuningConfig(warmup_share=0.0)) == pytest.approx(0.5)


def test_the_factor_scales_every_group(network: TextRegressor) -> None:
    optimizer = build_optimizer(network, TuningConfig(learning_rate=1.0, head_learning_rate=4.0))
    set_learning_rate(optimizer, 0.5)
    set_learning_rate(optimizer, 0.25)
    assert max(group["lr"] for group in optimizer.param_groups) == 1.0
    assert all(group["lr"] == 0.25 * group["peak_lr"] for group in optimizer.param_groups)


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_the_named_optimizer_is_built(network: TextRegressor, name: str, kind: type) -> None:
    assert isinstance(build_optimizer(network, TuningConfig(optimizer=name)), kind)
