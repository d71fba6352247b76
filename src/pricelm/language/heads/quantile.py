"""The quantile head: several quantiles at once that cannot cross."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pricelm.core.errors import ConfigError
from pricelm.language.heads.head import Head, Scale
from pricelm.language.options import Options

_MEDIAN = 0.5


def pinball_loss(predicted: Tensor, target: Tensor, levels: Tensor) -> Tensor:
    """Return the mean pinball loss over levels, shape (n,).

    Parameters
    ----------
    predicted : Tensor of shape (n, k)
        Predicted quantiles.
    target : Tensor of shape (n,)
        What came.
    levels : Tensor of shape (k,)
        Levels between 0 and 1.

    References
    ----------
    Koenker, R. and Bassett, G. (1978). Regression quantiles. Econometrica 46, 33-50.

    Examples
    --------
    >>> pinball_loss(torch.tensor([[0.0]]), torch.tensor([2.0]), torch.tensor([0.75])).tolist()
    [1.5]
    """
    miss = target.unsqueeze(1) - predicted
    return torch.maximum(levels * miss, (levels - 1.0) * miss).mean(dim=1)


@dataclass(frozen=True)
class QuantileOptions(Options):
    """Options of the quantile head.

    Parameters
    ----------
    levels : tuple of float, default (0.05, 0.25, 0.5, 0.75, 0.95)
        Rising levels between 0 and 1; 0.5 must be among them, as it is the prediction.
    """

    levels: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.levels, self.levels[1:], strict=False))
        if not rising or _MEDIAN not in self.levels or not all(0 < level < 1 for level in self.levels):
            raise ConfigError(
                f"expected levels to rise, to lie between 0 and 1 and to hold 0.5, got {list(self.levels)}"
            )


@dataclass(frozen=True)
class QuantileHead(Head):
    """The median and positive steps away from it, so that no quantile crosses another.

    Parameters
    ----------
    options : QuantileOptions
        The levels.
    starts : tuple of float
        Standardized quantiles of the training targets; a network that says nothing predicts them.

    Examples
    --------
    >>> head = QuantileHead.fit(QuantileOptions((0.1, 0.5, 0.9)), np.linspace(-2, 2, 101), Scale(0, 1))
    >>> [round(value, 2) for value in head.quantiles(torch.zeros(1, 3))[0].tolist()]
    [-1.6, 0.0, 1.6]
    """

    options: QuantileOptions
    starts: tuple[float, ...]
    name: ClassVar[str] = "quantile"
    options_class: ClassVar[type[Options]] = QuantileOptions

    @classmethod
    def fit(cls, options: QuantileOptions, targets: np.ndarray, scale: Scale) -> Self:
        """Take the quantiles of the training targets as the start."""
        return cls(options, tuple(map(float, np.quantile(targets, options.levels))))

    @property
    def levels(self) -> tuple[float, ...]:  # type: ignore[override]
        """The levels."""
        return self.options.levels

    @property
    def n_outputs(self) -> int:
        """One for each level."""
        return len(self.options.levels)

    def quantiles(self, outputs: Tensor) -> Tensor:
        """Return standardized quantiles, rising along the second axis."""
        starts = torch.tensor(self.starts, dtype=outputs.dtype, device=outputs.device)
        middle = self.options.levels.index(_MEDIAN)
        # softplus(x + log(exp(s) - 1)) is s at x = 0 and positive everywhere
        gaps = starts.diff().clamp_min(1e-3)
        steps = functional.softplus(_without(outputs, middle) + torch.log(torch.expm1(gaps)))
        median = (outputs[:, middle] + starts[middle]).unsqueeze(1)
        below = median - steps[:, :middle].flip(1).cumsum(1).flip(1)
        above = median + steps[:, middle:].cumsum(1)
        return torch.cat([below, median, above], dim=1)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean pinball loss of each text, shape (n,)."""
        levels = torch.tensor(self.options.levels, dtype=outputs.dtype, device=outputs.device)
        return pinball_loss(self.quantiles(outputs), targets, levels)

    def decode(self, outputs: Tensor) -> Tensor:
        """Return the median."""
        return self.quantiles(outputs)[:, self.options.levels.index(_MEDIAN)]

    def to_dict(self) -> dict[str, Any]:
        """Return levels and starts."""
        return {"head": self.name, "options": self.options.to_dict(), "starts": list(self.starts)}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild the head."""
        options = QuantileOptions.from_mapping(saved["options"], f"head {cls.name!r}")
        return cls(options, tuple(map(float, saved["starts"])))


def _without(outputs: Tensor, column: int) -> Tensor:
    return torch.cat([outputs[:, :column], outputs[:, column + 1 :]], dim=1)
