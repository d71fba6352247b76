"""Regression with the band as an auxiliary task: one encoder, two questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from pricelm.language.heads.bands import BandsOptions, band_loss
from pricelm.language.heads.head import Head, Scale
from pricelm.language.heads.price_bands import PriceBands
from pricelm.language.heads.regression import LOSSES, check_loss
from pricelm.language.options import Options, check_number


@dataclass(frozen=True)
class BothOptions(BandsOptions):
    """Options of the double head.

    Parameters
    ----------
    loss : {"huber", "mse", "mae", "log_cosh"}, default "huber"
        Loss of the regression.
    band_weight : float, default 0.1
        What the cross-entropy of the bands counts beside the loss of the regression.
    band_share : float, default 0.0
        Share of the bands' number in the prediction, 0 to 1; 0 takes the regression alone.
    """

    loss: str = "huber"
    band_weight: float = 0.1
    band_share: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_loss(self.loss)
        check_number("band_weight", self.band_weight, 1e-6, 100.0)
        check_number("band_share", self.band_share, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class RegressionAndBandsHead(Head):
    """The first output is the prediction, the others are the bands.

    Parameters
    ----------
    options : BothOptions
        The loss, the bands, and how they are weighed.
    bands : PriceBands
        The bands.

    References
    ----------
    Caruana, R. (1997). Multitask learning. Machine Learning 28, 41-75.

    Examples
    --------
    >>> head = RegressionAndBandsHead.fit(BothOptions(n_bands=4), np.linspace(-1, 1, 41), Scale(0.0, 1.0))
    >>> head.n_outputs
    5
    """

    options: BothOptions
    bands: PriceBands
    name: ClassVar[str] = "both"
    options_class: ClassVar[type[Options]] = BothOptions

    @classmethod
    def fit(cls, options: BothOptions, targets: np.ndarray, scale: Scale) -> Self:
        """Make the bands."""
        return cls(options, PriceBands.fit(options, targets, scale))

    @property
    def edges(self) -> np.ndarray:  # type: ignore[override]
        """Standardized ends of the bands, shape (n_bands + 1,)."""
        return self.bands.edges

    @property
    def n_outputs(self) -> int:
        """The prediction and one for each band."""
        return 1 + self.bands.n_bands

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the weighted sum of both losses, shape (n,)."""
        options = self.options
        regression = LOSSES[options.loss](outputs[:, 0], targets)
        return regression + options.band_weight * band_loss(
            outputs[:, 1:], targets, self.bands, options.softness
        )

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probability of each band, shape (n, n_bands)."""
        return outputs[:, 1:].softmax(dim=1)

    def decode(self, outputs: Tensor) -> Tensor:
        """Return the regression, mixed with the bands' number if ``band_share`` is above 0."""
        share = self.options.band_share
        if share == 0:
            return outputs[:, 0]
        return (1 - share) * outputs[:, 0] + share * self.bands.decode(
            self.probabilities(outputs), self.options.decoding
        )

    def to_dict(self) -> dict[str, Any]:
        """Return options and bands."""
        return {"head": self.name, "options": self.options.to_dict(), "bands": self.bands.to_dict()}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild the head."""
        options = BothOptions.from_mapping(saved["options"], f"head {cls.name!r}")
        return cls(options, PriceBands.from_dict(saved["bands"]))
