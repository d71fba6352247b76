"""The band head: which of several price bands a text belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pricelm.language.heads.head import Head, Scale
from pricelm.language.heads.price_bands import BandOptions, PriceBands
from pricelm.language.options import Options, check_number


@dataclass(frozen=True)
class BandsOptions(BandOptions):
    """Options of the band head.

    Parameters
    ----------
    softness : float, default 0.0
        0 trains with the one true band. Above 0 neighbours share the truth: a normal curve around
        the true target, this many standard deviations of the targets wide, is summed over each band.
    """

    softness: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("softness", self.softness, 0.0, 10.0)


def band_loss(outputs: Tensor, targets: Tensor, bands: PriceBands, softness: float) -> Tensor:
    """Return the cross-entropy of each text, shape (n,), against hard or soft bands."""
    if softness == 0:
        return functional.cross_entropy(outputs, bands.index(targets), reduction="none")
    edges = torch.as_tensor(bands.edges, dtype=outputs.dtype, device=outputs.device).clone()
    edges[0], edges[-1] = -torch.inf, torch.inf
    below = torch.special.ndtr((edges - targets.unsqueeze(1)) / softness)
    return -(below.diff(dim=1) * functional.log_softmax(outputs, dim=1)).sum(dim=1)


@dataclass(frozen=True, eq=False)
class BandsHead(Head):
    """A class for every band, trained with cross-entropy.

    Parameters
    ----------
    options : BandsOptions
        Number, ends and softness of the bands, and the decoding.
    bands : PriceBands
        The bands.

    Examples
    --------
    >>> head = BandsHead.fit(BandsOptions(edges=(15.0, 25.0)), np.array([-1.0, 0.0, 1.0]), Scale(20.0, 10.0))
    >>> head.n_outputs
    3
    """

    options: BandsOptions
    bands: PriceBands
    name: ClassVar[str] = "bands"
    options_class: ClassVar[type[Options]] = BandsOptions

    @classmethod
    def fit(cls, options: BandsOptions, targets: np.ndarray, scale: Scale) -> Self:
        """Make the bands."""
        return cls(options, PriceBands.fit(options, targets, scale))

    @property
    def edges(self) -> np.ndarray:  # type: ignore[override]
        """Standardized ends of the bands, shape (n_bands + 1,)."""
        return self.bands.edges

    @property
    def n_outputs(self) -> int:
        """One for each band."""
        return self.bands.n_bands

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy of each text, shape (n,)."""
        return band_loss(outputs, targets, self.bands, self.options.softness)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probability of each band, shape (n, n_bands)."""
        return outputs.softmax(dim=1)

    def decode(self, outputs: Tensor) -> Tensor:
        """Return the median or the expectation."""
        return self.bands.decode(self.probabilities(outputs), self.options.decoding)

    def to_dict(self) -> dict[str, Any]:
        """Return options and bands."""
        return {"head": self.name, "options": self.options.to_dict(), "bands": self.bands.to_dict()}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild the head."""
        options = BandsOptions.from_mapping(saved["options"], f"head {cls.name!r}")
        return cls(options, PriceBands.from_dict(saved["bands"]))
