"""Optimizers and the course of the learning rate; an optimizer is added here and named in ``config``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

from pricelm.language.config import TuningConfig
from pricelm.language.network import LayerMap, TextRegressor, trained_parameters

_MOMENTUM = 0.9

Group = dict[str, Any]


class MuonWithAdamW(Optimizer):
    """Muon for the matrices of the encoder's layers, AdamW for embeddings, vectors and the head.

    Parameters
    ----------
    groups : list of dict
        What :func:`parameter_groups` returned.

    References
    ----------
    Jordan, K. et al. (2024). Muon: An optimizer for hidden layers in neural networks.
    Liu, J. et al. (2025). Muon is scalable for LLM training. arXiv:2502.16982.
    """

    def __init__(self, groups: list[Group]) -> None:
        super().__init__(groups, {})
        # The parts work on the very same groups, so a rate that is set here holds for them too. Muon's
        # steps are scaled to the size of AdamW's, so that the same rates mean the same for both.
        matrices = [group for group in groups if group["hidden_matrices"]]
        others = [group for group in groups if not group["hidden_matrices"]]
        self._parts: list[Optimizer] = [torch.optim.AdamW(others, fused=True)]
        if matrices:
            self._parts.append(torch.optim.Muon(matrices, adjust_lr_fn="match_rms_adamw"))
        for part in self._parts:
            part.state = self.state

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take one step with both parts."""
        for part in self._parts:
            part.step()


def parameter_groups(network: TextRegressor, config: TuningConfig) -> list[Group]:
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
        Groups with ``params``, ``lr``, ``peak_lr``, ``weight_decay``, ``names`` and ``hidden_matrices``
        (whether they are matrices of the encoder's layers).
    """
    layers = LayerMap(network)
    groups: dict[tuple[float, float, bool, type], Group] = {}
    for name, parameter in trained_parameters(network).items():
        height = layers.height(name)
        if height > layers.n_layers:
            rate = config.peak_head_rate
        else:
            rate = config.peak_learning_rate * config.rate_decay ** (layers.n_layers - height)
        decay = config.weight_decay if parameter.ndim >= 2 else 0.0
        hidden_matrix = parameter.ndim == 2 and 1 <= height <= layers.n_layers
        empty: Group = {
            "params": [],
            "names": [],
            "lr": rate,
            "peak_lr": rate,
            "weight_decay": decay,
            "hidden_matrices": hidden_matrix,
        }
        # Weights that are divided among processes are of another type, and the two do not mix in a group.
        group = groups.setdefault((rate, decay, hidden_matrix, type(parameter.data)), empty)
        group["params"].append(parameter)
        group["names"].append(name)
    return list(groups.values())


def build_optimizer(network: TextRegressor, config: TuningConfig) -> Optimizer:
    """Return the configured optimizer over the trained parameters."""
    return OPTIMIZER_MAKERS[config.optimizer](parameter_groups(network, config))


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
    return _COURSES[config.schedule](step - warmup, max(1, total_steps - warmup), max(1, warmup))


def set_learning_rate(optimizer: Optimizer, factor: float) -> None:
    """Set the rate of every group to ``factor`` times its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor


OPTIMIZER_MAKERS: dict[str, Callable[[list[Group]], Optimizer]] = {
    "adamw": lambda groups: torch.optim.AdamW(groups, fused=True),
    "sgd": lambda groups: torch.optim.SGD(groups, momentum=_MOMENTUM),
    # By default Adafactor's rate is relative to the size of the weights; with a floor of 1 it is the
    # length of a step, as with the others, so that one learning_rate means the same everywhere.
    "adafactor": lambda groups: torch.optim.Adafactor(groups, eps=(None, 1.0)),
    "muon": MuonWithAdamW,
}

# By steps since the warm-up, steps after the warm-up in all, and steps of the warm-up.
_COURSES: dict[str, Callable[[int, int, int], float]] = {
    "cosine": lambda done, total, warmup: 0.5 * (1.0 + math.cos(math.pi * done / total)),
    "linear": lambda done, total, warmup: 1.0 - done / total,
    "constant": lambda done, total, warmup: 1.0,
    "inverse-sqrt": lambda done, total, warmup: math.sqrt(warmup / (warmup + done)),
}
