"""Methods that tune some of the backbone's own weights."""

from __future__ import annotations

from torch import nn

from pricelm.core.errors import ConfigError
from pricelm.language.methods import last_layers
from pricelm.language.methods.method import Method, freeze
from pricelm.language.network import LayerMap, TextRegressor


class Full(Method):
    """Every weight."""

    def apply(self, network: TextRegressor) -> None:
        """Mark every weight as tuned."""
        for parameter in network.parameters():
            parameter.requires_grad_(True)


class LastLayers(Method):
    """The topmost N layers; those below see the same as before."""

    def apply(self, network: TextRegressor) -> None:
        """Mark the topmost layers as tuned.

        Raises
        ------
        ConfigError
            If the backbone has fewer layers.
        """
        layers = LayerMap(network)
        count = last_layers(self.name) or 0
        if count > layers.n_layers:
            raise ConfigError(
                f"method {self.name!r} asks for more layers than the backbone's {layers.n_layers}; "
                f"use 'last-{layers.n_layers}' at most, or 'full' for everything"
            )
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(layers.height(name) > layers.n_layers - count)


class Frozen(Method):
    """The head alone. The backbone is asked once about each text, which makes passes nearly free."""

    reads_once = True

    def apply(self, network: TextRegressor) -> None:
        """Mark the backbone as not tuned."""
        freeze(network)


class BitFit(Method):
    """The biases alone.

    References
    ----------
    Ben Zaken, E., Goldberg, Y. and Ravfogel, S. (2022). BitFit: simple parameter-efficient fine-tuning for
    transformer-based masked language-models. ACL 2022, 1-9.
    """

    def apply(self, network: TextRegressor) -> None:
        """Mark biases as tuned, or the scales of norms in a backbone that has no biases."""
        freeze(network)
        biases = [p for name, p in network.encoder.named_parameters() if name.endswith("bias")]
        for parameter in biases or _norm_scales(network.encoder):
            parameter.requires_grad_(True)


def _norm_scales(encoder: nn.Module) -> list[nn.Parameter]:
    return [p for name, p in encoder.named_parameters() if p.ndim == 1 and "norm" in name.lower()]
