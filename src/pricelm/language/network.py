"""The network: encoder or decoder, pooling, optional facts through a gate, and a regression head."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from pricelm.core.errors import BackboneError, ConfigError
from pricelm.language.pretrained import is_decoder

_ENCODER = "encoder."


class GatedFusion(nn.Module):
    """Adds what the facts say to what the text says, as far as a learned gate lets them in.

    Parameters
    ----------
    hidden_size : int
        Width of the pooled text.
    n_inputs : int
        Numbers a text: the standardized facts and their missing indicators.
    """

    def __init__(self, hidden_size: int, n_inputs: int) -> None:
        super().__init__()
        self.read = nn.Sequential(
            nn.Linear(n_inputs, hidden_size), nn.GELU(), nn.Linear(hidden_size, hidden_size)
        )
        self.gate = nn.Linear(2 * hidden_size, hidden_size)

    def forward(self, pooled: Tensor, facts: Tensor) -> Tensor:
        """Return the fused state, shape (n, hidden_size)."""
        told = self.read(facts)
        return pooled + torch.sigmoid(self.gate(torch.cat([pooled, told], dim=1))) * told


class TextRegressor(nn.Module):
    """Predicts one standardized number a text.

    Parameters
    ----------
    encoder : transformers.PreTrainedModel
        Turns tokens into states, shape (n, length, hidden_size).
    dropout : float
        Dropout inside the encoder and before the head.
    n_facts : int, default 0
        Facts beside each text; 0 builds no fusion.
    """

    def __init__(self, encoder: Any, *, dropout: float, n_facts: int = 0) -> None:
        super().__init__()
        hidden_size = int(encoder.config.hidden_size)
        self.encoder = encoder
        for module in encoder.modules():
            if isinstance(module, nn.Dropout):
                module.p = dropout
        self.dropout = nn.Dropout(dropout)
        self.fusion = GatedFusion(hidden_size, 2 * n_facts) if n_facts else None
        self.head = nn.Linear(hidden_size, 1)
        # A small head starts near the mean of the targets and does not shake the encoder in the first steps.
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def pool(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return one state a text, shape (n, hidden_size), fp32.

        That is the mean over the tokens of an encoder and the last one of a decoder. Padding must be on the
        right; it changes nothing, whatever else is in the batch.
        """
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        if is_decoder(self.encoder.config):
            return states[torch.arange(len(states), device=states.device), mask.sum(dim=1) - 1]
        weights = mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1)

    def regress(self, pooled: Tensor, facts: Tensor | None) -> Tensor:
        """Return predictions from pooled states, shape (n,)."""
        if self.fusion is not None:
            pooled = self.fusion(pooled, facts)
        return self.head(self.dropout(pooled)).squeeze(-1)

    def forward(self, ids: Tensor, mask: Tensor, facts: Tensor | None = None) -> Tensor:
        """Return predictions from tokens, shape (n,)."""
        return self.regress(self.pool(ids, mask), facts)


class LayerMap:
    """Knows at which height of a network each parameter sits.

    Parameters
    ----------
    network : TextRegressor
        The network.

    Raises
    ------
    BackboneError
        If the encoder has no recognizable stack of layers.
    """

    def __init__(self, network: TextRegressor) -> None:
        encoder = network.encoder
        self.n_layers = int(encoder.config.num_hidden_layers)
        stacks = [
            name
            for name, module in encoder.named_modules()
            if isinstance(module, nn.ModuleList) and len(module) == self.n_layers
        ]
        if not stacks:
            raise BackboneError(
                f"expected a stack of {self.n_layers} layers in the encoder, found none; "
                f"its type is {encoder.config.model_type!r}"
            )
        self._layer = re.compile(rf"{re.escape(_ENCODER + stacks[0])}\.(\d+)\.")

    def height(self, name: str) -> int:
        """Return 0 for embeddings, 1 to ``n_layers`` for layers, ``n_layers + 1`` for the head.

        Parameters
        ----------
        name : str
            Name of a parameter of the network.

        Returns
        -------
        int
            The height. A norm after the last layer counts as part of it.
        """
        if not name.startswith(_ENCODER):
            return self.n_layers + 1
        found = self._layer.match(name)
        if found:
            return int(found[1]) + 1
        norm = "norm" in name.lower() or ".ln_" in name
        return self.n_layers if norm and "embeddings" not in name else 0


def apply_trainable(network: TextRegressor, trainable: str) -> int:
    """Freeze what is not to be tuned.

    Parameters
    ----------
    network : TextRegressor
        The network; ``requires_grad`` of its parameters is set.
    trainable : str
        ``"full"``, ``"head"`` or ``"last-N"``.

    Returns
    -------
    int
        Number of parameters that will be trained.

    Raises
    ------
    ConfigError
        If ``N`` is larger than the number of layers.
    """
    layers = LayerMap(network)
    lowest = 0
    if trainable == "head":
        lowest = layers.n_layers + 1
    elif trainable != "full":
        count = int(trainable.removeprefix("last-"))
        if count > layers.n_layers:
            raise ConfigError(
                f"trainable={trainable!r} asks for more layers than the backbone's {layers.n_layers}; "
                f"use 'last-{layers.n_layers}' at most, or 'full' for everything"
            )
        lowest = layers.n_layers + 1 - count
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(layers.height(name) >= lowest)
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def trained_parameters(network: TextRegressor) -> dict[str, nn.Parameter]:
    """Return the parameters that are tuned, by name."""
    return {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
