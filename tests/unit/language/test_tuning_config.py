"""TuningConfig: every wrong value is refused with what was expected."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest

from pricelm.core.errors import ConfigError
from pricelm.language.config import TuningConfig


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("backbone", ""),
        ("max_length", 3),
        ("max_length", 64.0),
        ("epochs", 0),
        ("epochs", True),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", "1e-4"),
        ("head_learning_rate", float("inf")),
        ("layer_decay", 0.0),
        ("layer_decay", 1.1),
        ("optimizer", "adam"),
        ("schedule", "step"),
        ("warmup_share", 1.0),
        ("warmup_share", -0.1),
        ("weight_decay", -1),
        ("dropout", 1.0),
        ("clip_norm", 0.0),
        ("accumulation_steps", 0),
        ("head", "regresion"),
        ("head_options", {"los": "mse"}),
        ("head_options", "mse"),
        ("method_options", {"rank": 4}),
        ("method", "last-N"),
        ("method", "lorra"),
        ("method", "last-0"),
        ("method", "last"),
        ("method", "none"),
        ("patience", 0),
        ("bucketed", 1),
        ("gradient_checkpointing", "yes"),
        ("precision", "fp16"),
        ("threads", 0),
        ("checkpoint_every_steps", 0),
        ("seed", -1),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name.removesuffix("_options")):
        TuningConfig(**{name: value})


def test_values_at_the_limits_are_accepted() -> None:
    TuningConfig(warmup_share=0.0, weight_decay=0, dropout=0, layer_decay=1, clip_norm=None, method="last-12")


def test_an_unknown_option_names_close_matches() -> None:
    with pytest.raises(ConfigError, match="did you mean 'learning_rate'"):
        TuningConfig.from_dict({"learning_rat": 1e-3})


def test_a_config_survives_json() -> None:
    config = TuningConfig(
        method="lora",
        method_options={"rank": 4},
        head="quantile",
        head_options={"levels": [0.1, 0.5, 0.9]},
        patience=2,
        learning_rate=3e-5,
    )
    assert TuningConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert set(config.to_dict()) == {field.name for field in fields(TuningConfig)}


def test_only_options_that_change_the_weights_forbid_resuming() -> None:
    options = TuningConfig().result_options()
    assert options == TuningConfig(threads=2, checkpoint_every_steps=5).result_options()
    assert options != TuningConfig(seed=1).result_options()
    assert TuningConfig().with_seed(1) == TuningConfig(seed=1)


def test_options_cannot_be_changed_from_outside() -> None:
    options = {"rank": 4}
    config = TuningConfig(method="lora", method_options=options)
    options["rank"] = 5
    assert config.method_options == {"rank": 4}


def test_rates_are_the_usual_ones_of_the_method_unless_given() -> None:
    assert (TuningConfig().peak_learning_rate, TuningConfig().rate_decay) == (2e-4, 0.8)
    assert TuningConfig(method="lora").rate_decay == 1.0
    assert TuningConfig(method="lora", learning_rate=1e-5).peak_learning_rate == 1e-5
    assert TuningConfig(method="full", layer_decay=0.9).rate_decay == 0.9


def test_the_light_modules_load_no_torch() -> None:
    code = (
        "import sys, pricelm.language.config, pricelm.language.regressor, pricelm.language.baseline;"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
