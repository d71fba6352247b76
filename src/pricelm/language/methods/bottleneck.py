"""The bottleneck adapter: a small network after each layer of a frozen backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pricelm.language.methods.method import Method, freeze
from pricelm.language.network import LayerMap, TextRegressor
from pricelm.language.options import Options, check_number, check_whole_number


@dataclass(frozen=True)
class BottleneckOptions(Options):
    """Options of the bottleneck adapter.

    Parameters
    ----------
    size : int, default 32
        Width of the bottleneck.
    dropout : float, default 0.0
        Dropout inside it.
    """

    size: int = 32
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_whole_number("size", self.size, 1, 4096)
        check_number("dropout", self.dropout, 0.0, 0.9)


class Bottleneck(nn.Module):
    """Adds to a state what a narrow two-layer network makes of it; at first nothing.

    Parameters
    ----------
    hidden_size : int
        Width of the state.
    options : BottleneckOptions
        Width of the bottleneck and dropout.
    """

    def __init__(self, hidden_size: int, options: BottleneckOptions) -> None:
        super().__init__()
        self.down = nn.Linear(hidden_size, options.size)
        self.up = nn.Linear(options.size, hidden_size)
        self.dropout = nn.Dropout(options.dropout)
        nn.init.normal_(self.down.weight, std=0.02)
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, states: Tensor) -> Tensor:
        """Return the changed states, of the same shape."""
        return states + self.up(self.dropout(nn.functional.gelu(self.down(states))))


class BottleneckAdapter(Method):
    """A bottleneck after each layer, joined by hooks so that the backbone stays as it was.

    References
    ----------
    Houlsby, N. et al. (2019). Parameter-efficient transfer learning for NLP. ICML 2019. One adapter a
    layer, as in Pfeiffer, J. et al. (2021). AdapterFusion. EACL 2021, 487-503.
    """

    options: BottleneckOptions
    options_class: ClassVar[type[Options]] = BottleneckOptions

    def apply(self, network: TextRegressor) -> None:
        """Add a bottleneck to each layer and freeze the backbone."""
        freeze(network)
        layers = LayerMap(network).stack
        hidden_size = int(network.encoder.config.hidden_size)
        network.adapters = nn.ModuleList(Bottleneck(hidden_size, self.options) for _ in layers)
        for layer, bottleneck in zip(layers, network.adapters, strict=True):
            layer.register_forward_hook(_after_layer(bottleneck))


def _after_layer(bottleneck: nn.Module) -> Any:
    def change(_layer: nn.Module, _inputs: Any, output: Any) -> Any:
        if isinstance(output, torch.Tensor):
            return bottleneck(output)
        return (bottleneck(output[0]), *output[1:])

    return change
