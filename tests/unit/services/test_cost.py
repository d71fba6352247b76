"""What a training costs, before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from pricelm.core.errors import OutputError
from pricelm.language.config import TuningConfig
from pricelm.models.presets import derive_plan
from pricelm.services.cost import TuningCost, tuning_cost


def test_the_cost_counts_every_copy(tiny_backbone: Path) -> None:
    weights = 4 * sum(tensor.size for tensor in load_file(tiny_backbone / "model.safetensors").values())
    plan = derive_plan("best", 10_000, backbone=str(tiny_backbone), tuning=None)
    cost = tuning_cost(plan, 10_000)
    assert (cost.texts, cost.epochs) == (2 * 8_000, plan.tuning.epochs)
    assert cost.disk_bytes == (6 + 2 * 2) * weights


def test_a_backbone_stored_in_16_bits_costs_as_much_as_one_in_32(tiny_backbone: Path, tmp_path: Path) -> None:
    stored = load_file(tiny_backbone / "model.safetensors")
    (tmp_path / "config.json").write_text((tiny_backbone / "config.json").read_text())
    save_file({name: tensor.astype("f2") for name, tensor in stored.items()}, tmp_path / "model.safetensors")
    costs = [
        tuning_cost(derive_plan("balanced", 500, backbone=str(folder), tuning=None), 500).disk_bytes
        for folder in (tiny_backbone, tmp_path)
    ]
    assert costs[0] == costs[1] > 0


def test_tuning_takes_longer_without_bf16_and_a_frozen_encoder_is_read_once() -> None:
    cost = TuningCost(1000, 3, 0)
    full, head = TuningConfig(), TuningConfig(method="frozen")
    assert cost.seconds(100, full, native_bf16=False) > cost.seconds(100, full, native_bf16=True) > 30
    assert cost.seconds(100, TuningConfig(precision="fp32"), native_bf16=True) == cost.seconds(
        100, full, native_bf16=False
    )
    assert cost.seconds(100, head, native_bf16=True) == 10


def test_the_disk_is_asked_where_the_folder_will_be(tmp_path: Path) -> None:
    TuningCost(1, 1, 1000).check_disk(tmp_path / "not" / "yet" / "there")
    with pytest.raises(OutputError, match="choose another disk"):
        TuningCost(1, 1, 1 << 60).check_disk(tmp_path / "not" / "yet" / "there")
