"""The network: encoder or decoder, pooling, facts through a gate where there are any, a linear layer."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from pricelm.core.errors import BackboneError
from pricelm.language.heads.head import Head
from pricelm.language.heads.regression import RegressionHead, RegressionOptions
from pricelm.language.pretrained import is_decoder

_ENCODER, _ADDED = "encoder.", ("adapters.", "encoder.prompt_encoder.")
_PLAIN = RegressionHead(RegressionOptions())


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
    """Answers one task about each text.

    Parameters
    ----------
    encoder : transformers.PreTrainedModel
        Turns tokens into states, shape (n, length, hidden_size).
    task : Head, default RegressionHead
        What the outputs mean.
    dropout : float
        Dropout inside the encoder and before the head.
    n_facts : int, default 0
        Facts beside each text; 0 builds no fusion.
    """

    def __init__(self, encoder: Any, task: Head = _PLAIN, *, dropout: float, n_facts: int = 0) -> None:
        super().__init__()
        hidden_size = int(encoder.config.hidden_size)
        self.encoder = encoder
        for module in encoder.modules():
            if isinstance(module, nn.Dropout):
                module.p = dropout
        self.dropout = nn.Dropout(dropout)
        self.fusion = GatedFusion(hidden_size, 2 * n_facts) if n_facts else None
        self.task = task
        self.head = nn.Linear(hidden_size, task.n_outputs)
        # A small head starts near the mean of the targets and does not shake the encoder in the first steps.
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        # filled by the bottleneck adapter
        self.adapters = nn.ModuleList()

    @property
    def base_encoder(self) -> Any:
        """The encoder without what a method has wrapped around it."""
        return self.encoder.get_base_model() if hasattr(self.encoder, "get_base_model") else self.encoder

    def pool(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return one state a text, shape (n, hidden_size), fp32.

        That is the mean over the tokens of an encoder and the last one of a decoder. Padding must be on the
        right; it changes nothing, whatever else is in the batch.
        """
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        states = states[:, -ids.shape[1] :]  # learned tokens before the text are read, not pooled
        if is_decoder(self.base_encoder.config):
            return states[torch.arange(states.shape[0], device=states.device), mask.sum(dim=1) - 1]
        weights = mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1)

    def regress(self, pooled: Tensor, facts: Tensor | None) -> Tensor:
        """Return outputs from pooled states, shape (n, n_outputs)."""
        if self.fusion is not None:
            pooled = self.fusion(pooled, facts)
        return self.head(self.dropout(pooled))

    def forward(self, ids: Tensor, mask: Tensor, facts: Tensor | None = None) -> Tensor:
        """Return outputs from tokens, shape (n, n_outputs)."""
        return self.regress(self.pool(ids, mask), facts)


class LayerMap:
    """Knows at which height of a network each parameter sits.

    Parameters
    ----------
    network : TextRegressor
        The network.

    Attributes
    ----------
    stack : torch.nn.ModuleList
        The layers, lowest first.

    Raises
    ------
    BackboneError
        If the encoder has no recognizable stack of layers.
    """

    def __init__(self, network: TextRegressor) -> None:
        encoder = network.encoder
        self.n_layers = int(encoder.config.num_hidden_layers)
        stacks = [
            (name, module)
            for name, module in encoder.named_modules()
            if isinstance(module, nn.ModuleList) and len(module) == self.n_layers
        ]
        if not stacks:
            raise BackboneError(
                f"expected a stack of {self.n_layers} layers in the encoder, found none; "
                f"its type is {encoder.config.model_type!r}"
            )
        name, self.stack = stacks[0]
        self._layer = re.compile(rf"{re.escape(_ENCODER + name)}\.(\d+)\.")

    def height(self, name: str) -> int:
        """Return 0 for embeddings, 1 to ``n_layers`` for layers, ``n_layers + 1`` for the head.

        Parameters
        ----------
        name : str
            Name of a parameter of the network.

        Returns
        -------
        int
            The height. A norm after the last layer counts as part of it, and so do weights that were added.
        """
        if name.startswith(_ADDED):
            return self.n_layers
        if not name.startswith(_ENCODER):
            return self.n_layers + 1
        found = self._layer.match(name)
        if found:
            return int(found[1]) + 1
        norm = "norm" in name.lower() or ".ln_" in name
        return self.n_layers if norm and "embeddings" not in name else 0


def trained_parameters(network: TextRegressor) -> dict[str, nn.Parameter]:
    """Return the parameters that are tuned, by name."""
    return {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
