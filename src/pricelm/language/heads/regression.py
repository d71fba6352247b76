"""The regression head: one output, the target itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor
from torch.nn import functional

from pricelm.core.errors import ConfigError
from pricelm.language.heads.head import Head, Scale
from pricelm.language.options import Options

Loss = Callable[[Tensor, Tensor], Tensor]


def mse_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Return squared errors, shape (n,).

    Examples
    --------
    >>> import torch
    >>> mse_loss(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 2.0])).tolist()
    [0.0, 9.0]
    """
    return functional.mse_loss(predicted, target, reduction="none")


def mae_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Return absolute errors, shape (n,).

    Examples
    --------
    >>> import torch
    >>> mae_loss(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 2.0])).tolist()
    [0.0, 3.0]
    """
    return functional.l1_loss(predicted, target, reduction="none")


def huber_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Return Huber losses, shape (n,): squared within one standard deviation, absolute beyond.

    Examples
    --------
    >>> import torch
    >>> huber_loss(torch.tensor([1.5, 5.0]), torch.tensor([1.0, 2.0])).tolist()
    [0.125, 2.5]
    """
    return functional.huber_loss(predicted, target, reduction="none")


def log_cosh_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the logarithm of the hyperbolic cosine of the errors, shape (n,).

    Examples
    --------
    >>> import torch
    >>> [round(x, 4) for x in log_cosh_loss(torch.tensor([1.0, 99.0]), torch.tensor([1.0, 0.0])).tolist()]
    [0.0, 98.3069]
    """
    miss = (predicted - target).abs()
    # log cosh x = x + log(1 + exp(-2x)) - log 2, which does not overflow
    return miss + functional.softplus(-2.0 * miss) - float(np.log(2.0))


LOSSES: dict[str, Loss] = {
    "huber": huber_loss,
    "mse": mse_loss,
    "mae": mae_loss,
    "log_cosh": log_cosh_loss,
}


def check_loss(loss: object) -> None:
    """Raise ConfigError unless ``loss`` names a loss of a regression."""
    if loss not in LOSSES:
        raise ConfigError(f"expected loss to be one of {', '.join(LOSSES)}, got {loss!r}")


@dataclass(frozen=True)
class RegressionOptions(Options):
    """Options of the regression head.

    Parameters
    ----------
    loss : {"huber", "mse", "mae", "log_cosh"}, default "huber"
        On the standardized target.
    """

    loss: str = "huber"

    def __post_init__(self) -> None:
        check_loss(self.loss)


@dataclass(frozen=True)
class RegressionHead(Head):
    """One output that is the prediction.

    Parameters
    ----------
    options : RegressionOptions
        The loss.

    Examples
    --------
    >>> import torch
    >>> head = RegressionHead.fit(RegressionOptions(), np.zeros(3), Scale(0.0, 1.0))
    >>> head.decode(torch.tensor([[0.5], [2.0]])).tolist()
    [0.5, 2.0]
    """

    options: RegressionOptions
    name: ClassVar[str] = "regression"
    options_class: ClassVar[type[Options]] = RegressionOptions

    @classmethod
    def fit(cls, options: RegressionOptions, targets: np.ndarray, scale: Scale) -> Self:
        """Learn nothing: the targets are standardized already."""
        return cls(options)

    @property
    def n_outputs(self) -> int:
        """One."""
        return 1

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the chosen loss of each text, shape (n,)."""
        return LOSSES[self.options.loss](outputs[:, 0], targets)

    def decode(self, outputs: Tensor) -> Tensor:
        """Return the output."""
        return outputs[:, 0]

    def to_dict(self) -> dict[str, Any]:
        """Return name and options."""
        return {"head": self.name, "options": self.options.to_dict()}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild the head."""
        return cls(RegressionOptions.from_mapping(saved["options"], f"head {cls.name!r}"))
