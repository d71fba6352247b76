"""Writes a tuned regressor as an ONNX graph: tokens in, the number and the embedding out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pricelm.core.errors import BackboneError, ConfigError
from pricelm.language.network import TextRegressor
from pricelm.language.runtime import limited_threads
from pricelm.language.saving import Fitted

INPUTS = ("token_ids", "token_mask")
OUTPUTS = ("log_price", "unit_state")
_OPSET = 18
# Three texts of different lengths, so that nothing looks as if it were always one or always equal.
_TRACED_LENGTHS = (7, 5, 6)


class ExportedNetwork(nn.Module):
    """What the graph computes: the task's number in the targets' unit, and the pooled state of length 1.

    Parameters
    ----------
    fitted : Fitted
        A tuned regressor without facts.
    """

    def __init__(self, fitted: Fitted) -> None:
        super().__init__()
        self.network = fitted.network
        self.mean, self.std = fitted.scale.mean, fitted.scale.std

    def forward(self, token_ids: Tensor, token_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return numbers, shape (n,), and states, shape (n, hidden_size)."""
        pooled = self.network.pool(token_ids, token_mask)
        decoded = self.network.task.decode(self.network.regress(pooled, None))
        return decoded * self.std + self.mean, functional.normalize(pooled, dim=1)


def export_graph(fitted: Fitted, file: Path) -> None:
    """Write the graph of a tuned regressor, fp32, for any number and length of texts.

    Parameters
    ----------
    fitted : Fitted
        The regressor; its adapters are folded already, or become part of the graph.
    file : pathlib.Path
        Where the graph goes.

    Raises
    ------
    ConfigError
        If it was trained with facts beside the texts.
    BackboneError
        If this kind of backbone cannot be written as a graph.
    """
    if fitted.facts is not None:
        raise ConfigError("expected a language model that reads texts alone, got one with facts beside them")
    module = ExportedNetwork(fitted).eval().cpu()
    longest = min(max(_TRACED_LENGTHS), fitted.config.max_length)
    lengths = torch.tensor(_TRACED_LENGTHS).clamp_max(longest).unsqueeze(1)
    mask = (torch.arange(longest) < lengths).long()
    ids = torch.where(mask == 1, 1, fitted.tokenizer.pad_id)
    axes = {name: {0: "texts", 1: "length"} for name in INPUTS} | {name: {0: "texts"} for name in OUTPUTS}
    with limited_threads(fitted.config.threads), _plain_attention(fitted.network), _quiet():
        try:
            torch.onnx.export(
                module,
                (ids, mask),
                str(file),
                input_names=list(INPUTS),
                output_names=list(OUTPUTS),
                dynamic_axes=axes,
                opset_version=_OPSET,
                dynamo=False,
            )
        except Exception as error:  # anything in the model's own code may not be traceable
            kind = fitted.network.base_encoder.config.model_type
            raise BackboneError(
                f"a {kind} model with method {fitted.config.method!r} could not be written as ONNX "
                f"({type(error).__name__}: {str(error)[:200]}); serve it with torch"
            ) from error


@contextmanager
def _plain_attention(network: TextRegressor) -> Iterator[None]:
    """Write attention as single products, which ONNX Runtime knows how to join into one operator."""
    config: Any = network.base_encoder.config
    before = config._attn_implementation
    config._attn_implementation = "eager"
    try:
        yield
    finally:
        config._attn_implementation = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes about its own future, and about shapes that are constant, to itself."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
