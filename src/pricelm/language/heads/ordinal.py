"""The ordinal head: for every inner end of a band, whether the target lies above it."""

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
from pricelm.language.options import Options


@dataclass(frozen=True, eq=False)
class OrdinalHead(Head):
    """One yes-or-no question an end; neighbouring bands are near each other, unlike in cross-entropy.

    The first output is a score that moves the answers to all questions at once, the others move one answer
    each. A network that says nothing gives the shares of the training targets.

    Parameters
    ----------
    options : BandOptions
        Number and ends of the bands, and the decoding.
    bands : PriceBands
        The bands.
    starts : tuple of float
        Log odds of lying above each inner end among the training targets.

    References
    ----------
    Frank, E. and Hall, M. (2001). A simple approach to ordinal classification. ECML 2001, 145-156.
    Chernozhukov, V., Fernandez-Val, I. and Galichon, A. (2010). Quantile and probability curves without
    crossing. Econometrica 78, 1093-1125 (putting in order instead of cutting off).

    Examples
    --------
    >>> head = OrdinalHead.fit(BandOptions(n_bands=4), np.linspace(-1, 1, 41), Scale(0.0, 1.0))
    >>> head.n_outputs
    4
    >>> [round(share, 2) for share in head.probabilities(torch.zeros(1, 4))[0].tolist()]
    [0.25, 0.24, 0.24, 0.27]
    """

    options: BandOptions
    bands: PriceBands
    starts: tuple[float, ...]
    name: ClassVar[str] = "ordinal"
    options_class: ClassVar[type[Options]] = BandOptions

    @classmethod
    def fit(cls, options: BandOptions, targets: np.ndarray, scale: Scale) -> Self:
        """Make the bands."""
        bands = PriceBands.fit(options, targets, scale)
        # half a target more on either side, so that no odds are infinite
        above = (targets[:, None] >= bands.edges[1:-1]).sum(axis=0) + 0.5
        return cls(options, bands, tuple(map(float, np.log(above / (len(targets) + 1 - above)))))

    @property
    def edges(self) -> np.ndarray:  # type: ignore[override]
        """Standardized ends of the bands, shape (n_bands + 1,)."""
        return self.bands.edges

    @property
    def n_outputs(self) -> int:
        """The score and one for each inner end."""
        return self.bands.n_bands

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean binary cross-entropy over the ends, shape (n,)."""
        ends = torch.arange(self.bands.n_bands - 1, device=outputs.device)
        above = (self.bands.index(targets).unsqueeze(1) > ends).to(outputs.dtype)
        odds = self._log_odds(outputs)
        return functional.binary_cross_entropy_with_logits(odds, above, reduction="none").mean(dim=1)

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probability of each band, shape (n, n_bands)."""
        # Being above a higher end cannot be likelier than being above a lower one: answers are put in order.
        above = self._log_odds(outputs).sigmoid().sort(dim=1, descending=True).values
        ones, zeros = torch.ones_like(above[:, :1]), torch.zeros_like(above[:, :1])
        return torch.cat([ones, above], dim=1) - torch.cat([above, zeros], dim=1)

    def decode(self, outputs: Tensor) -> Tensor:
        """Return the median or the expectation."""
        return self.bands.decode(self.probabilities(outputs), self.options.decoding)

    def _log_odds(self, outputs: Tensor) -> Tensor:
        starts = torch.tensor(self.starts, dtype=outputs.dtype, device=outputs.device)
        return outputs[:, :1] + outputs[:, 1:] + starts

    def to_dict(self) -> dict[str, Any]:
        """Return options and bands."""
        bands = self.bands.to_dict()
        return {
            "head": self.name,
            "options": self.options.to_dict(),
            "bands": bands,
            "starts": list(self.starts),
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild the head."""
        options = BandOptions.from_mapping(saved["options"], f"head {cls.name!r}")
        return cls(options, PriceBands.from_dict(saved["bands"]), tuple(map(float, saved["starts"])))
