"""Losses of a regression: each gives one number a text, so that a step may be split into batches."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

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


LOSS_FUNCTIONS: dict[str, Loss] = {"huber": huber_loss, "mse": mse_loss, "mae": mae_loss}
