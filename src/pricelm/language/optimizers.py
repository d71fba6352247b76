"""Optimizers and the course of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

from pricelm.language.config import TuningConfig
from pricelm.language.network import LayerMap, TextRegressor, trained_parameters

_MOMENTUM = 0.9


def parameter_groups(network: TextRegressor, config: TuningConfig) -> list[dict[str, Any]]:
    """Sort the trained parameters into groups of equal rate and decay.

    The head takes ``head_learning_rate``. The topmost layer takes the peak rate, each layer below it the
    decay times the rate of the one above, and the embeddings are one step below the lowest layer.
    Vectors (biases and norms) are not decayed.

    Parameters
    ----------
    network : TextRegressor
        The network, with frozen parameters already marked.
    config : TuningConfig
        The rates.

    Returns
    -------
    list of dict
        Groups with ``params``, ``lr``, ``peak_lr``, ``weight_decay`` and ``names``.
    """
    layers = LayerMap(network)
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter in trained_parameters(network).items():
        height = layers.height(name)
        if height > layers.n_layers:
            rate = config.peak_head_rate
        else:
            rate = config.peak_learning_rate * config.rate_decay ** (layers.n_layers - height)
        decay = config.weight_decay if parameter.ndim >= 2 else 0.0
        empty: dict[str, Any] = {
            "params": [],
            "names": [],
            "lr": rate,
            "peak_lr": rate,
            "weight_decay": decay,
        }
        group = groups.setdefault((rate, decay), empty)
        group["params"].append(parameter)
        group["names"].append(name)
    return list(groups.values())


def build_optimizer(network: TextRegressor, config: TuningConfig) -> Optimizer:
    """Return the configured optimizer over the trained parameters."""
    groups = parameter_groups(network, config)
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=_MOMENTUM)
    return torch.optim.AdamW(groups, fused=True)


def learning_rate_factor(step: int, total_steps: int, config: TuningConfig) -> float:
    """Return by what the peak rates are multiplied at a step.

    Parameters
    ----------
    step : int
        Steps already taken, from 0.
    total_steps : int
        Steps of the whole run.
    config : TuningConfig
        Schedule and warm-up.

    Returns
    -------
    float
        Between 0 and 1; never exactly 0, as such a step would be wasted.

    Examples
    --------
    >>> config = TuningConfig(schedule="linear", warmup_share=0.2)
    >>> [round(learning_rate_factor(step, 10, config), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.125]
    """
    warmup = int(config.warmup_share * total_steps)
    if step < warmup:
        return (step + 1) / warmup
    return _COURSES[config.schedule]((step - warmup) / max(1, total_steps - warmup))


def set_learning_rate(optimizer: Optimizer, factor: float) -> None:
    """Set the rate of every group to ``factor`` times its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor


_COURSES: dict[str, Callable[[float], float]] = {
    "cosine": lambda share: 0.5 * (1.0 + math.cos(math.pi * share)),
    "linear": lambda share: 1.0 - share,
    "constant": lambda share: 1.0,
}
