"""What every head is: options checked early, something learned from the targets, a loss and a way back.

A head works on standardized targets and on the outputs of one linear layer, so it has no weights of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from pricelm.core.errors import ConfigError
from pricelm.language.options import Options


@dataclass(frozen=True)
class Scale:
    """Mean and deviation that targets were standardized with.

    Parameters
    ----------
    mean, std : float
        In the targets' unit.

    Examples
    --------
    >>> Scale(10.0, 2.0).standardize(np.array([10.0, 14.0])).tolist()
    [0.0, 2.0]
    """

    mean: float
    std: float

    def standardize(self, values: np.ndarray) -> np.ndarray:
        """Return standardized values."""
        return (values - self.mean) / self.std

    def restore(self, values: np.ndarray) -> np.ndarray:
        """Return values in the targets' unit."""
        return values * self.std + self.mean


class Head(ABC):
    """A task: how many outputs the network has, what they cost, and which number they stand for.

    Attributes
    ----------
    name : str
        The name that it is registered under.
    options_class : type
        Its options.
    edges : ndarray of float64, shape (n_bands + 1,), or None
        Ends of its bands, standardized; None for a head without bands.
    levels : tuple of float or None
        Quantile levels; None for a head without quantiles.
    """

    name: ClassVar[str]
    options_class: ClassVar[type[Options]]
    edges: np.ndarray | None = None
    levels: tuple[float, ...] | None = None

    @classmethod
    @abstractmethod
    def fit(cls, options: Any, targets: np.ndarray, scale: Scale) -> Self:
        """Learn what the head needs from standardized ``targets`` (n,), for example the ends of bands."""

    @property
    @abstractmethod
    def n_outputs(self) -> int:
        """Numbers that the network gives for each text."""

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return one loss a text, shape (n,), of ``outputs`` (n, n_outputs) and ``targets`` (n,)."""

    @abstractmethod
    def decode(self, outputs: Tensor) -> Tensor:
        """Return one standardized number a text, shape (n,)."""

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probability of each band, shape (n, n_bands)."""
        raise ConfigError(f"the head {self.name!r} has no bands; tune with head 'bands', 'ordinal' or 'both'")

    def quantiles(self, outputs: Tensor) -> Tensor:
        """Return the standardized quantiles, shape (n, n_levels)."""
        raise ConfigError(f"the head {self.name!r} has no quantiles; tune with head 'quantile'")

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return everything that :meth:`from_dict` needs, as values that JSON can hold."""

    @classmethod
    @abstractmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild the head."""
