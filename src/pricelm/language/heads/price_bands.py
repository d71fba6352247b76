"""Bands on the line of standardized targets, and the number that probabilities of bands stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from pricelm.core.errors import ConfigError
from pricelm.language.heads.head import Scale
from pricelm.language.options import Options, check_whole_number

DECODINGS = ("median", "expectation")
_MOST_BANDS = 1000


@dataclass(frozen=True)
class BandOptions(Options):
    """Options of every head with bands.

    Parameters
    ----------
    n_bands : int, default 32
        Bands with equally many training targets each; equal quantiles make fewer.
    edges : tuple of float or None, default None
        Inner ends of bands in the targets' unit, rising, instead of quantiles; n ends make n + 1 bands.
    decoding : {"median", "expectation"}, default "median"
        How probabilities become one number.
    """

    n_bands: int = 32
    edges: tuple[float, ...] | None = None
    decoding: str = "median"

    def __post_init__(self) -> None:
        check_whole_number("n_bands", self.n_bands, 2, _MOST_BANDS)
        if self.decoding not in DECODINGS:
            raise ConfigError(f"expected decoding to be one of {', '.join(DECODINGS)}, got {self.decoding!r}")
        if self.edges is not None:
            finite = len(self.edges) > 0 and bool(np.isfinite(np.asarray(self.edges, dtype=float)).all())
            if not finite or any(a >= b for a, b in zip(self.edges, self.edges[1:], strict=False)):
                raise ConfigError(f"expected edges to be finite numbers that rise, got {list(self.edges)}")


@dataclass(frozen=True, eq=False)
class PriceBands:
    """Bands that cover the line, with the mean of the training targets in each.

    Parameters
    ----------
    edges : ndarray of float64, shape (n_bands + 1,)
        Rising ends; the outermost are the least and the largest target, or beyond.
    centers : ndarray of float64, shape (n_bands,)
        What a band stands for.

    Examples
    --------
    >>> bands = PriceBands.fit(BandOptions(n_bands=2), np.array([0.0, 1.0, 2.0, 3.0]), Scale(0.0, 1.0))
    >>> bands.edges.tolist(), bands.centers.tolist()
    ([0.0, 2.0, 3.0], [0.5, 2.5])
    """

    edges: np.ndarray
    centers: np.ndarray

    @classmethod
    def fit(cls, options: BandOptions, targets: np.ndarray, scale: Scale) -> Self:
        """Make bands from standardized targets, shape (n,).

        Raises
        ------
        ConfigError
            If the targets fall into one band.
        """
        if options.edges is None:
            # ends that are targets themselves leave no band empty
            inner = np.quantile(targets, np.linspace(0, 1, options.n_bands + 1)[1:-1], method="higher")
        else:
            inner = scale.standardize(np.asarray(options.edges, dtype=float))
        low, high = float(targets.min()), float(targets.max())
        if options.edges is None:
            inner = np.unique(inner[inner > low])
            if not len(inner):
                inner = np.unique(targets[targets > low])[:1]
        if low == high:
            raise ConfigError("the targets are too alike for bands; use head 'regression'")
        width = max(1e-3, float(np.diff(inner).mean()) if len(inner) > 1 else high - low)
        first = low if low < inner[0] else inner[0] - width
        last = high if high > inner[-1] else inner[-1] + width
        edges = np.concatenate([[first], inner, [last]])
        band = np.searchsorted(inner, targets, side="right")
        counts = np.bincount(band, minlength=len(inner) + 1)
        sums = np.bincount(band, weights=targets, minlength=len(inner) + 1)
        middles = (edges[:-1] + edges[1:]) / 2
        return cls(edges, np.where(counts > 0, sums / np.maximum(counts, 1), middles))

    @property
    def n_bands(self) -> int:
        """How many there are."""
        return len(self.centers)

    def index(self, targets: Tensor) -> Tensor:
        """Return the band of each standardized target, int64, shape (n,)."""
        inner = torch.as_tensor(self.edges[1:-1], dtype=targets.dtype, device=targets.device)
        return torch.bucketize(targets, inner, right=True)

    def decode(self, probabilities: Tensor, decoding: str) -> Tensor:
        """Return one standardized number for each row of band probabilities, shape (n,)."""
        if decoding == "expectation":
            centers = torch.as_tensor(self.centers, dtype=probabilities.dtype, device=probabilities.device)
            return probabilities @ centers
        edges = torch.as_tensor(self.edges, dtype=probabilities.dtype, device=probabilities.device)
        below = probabilities.cumsum(dim=1)
        band = (below < 0.5).sum(dim=1).clamp_max(self.n_bands - 1)
        column = band.unsqueeze(1)
        inside = probabilities.gather(1, column).squeeze(1).clamp_min(1e-12)
        share = ((0.5 - (below.gather(1, column).squeeze(1) - inside)) / inside).clamp(0.0, 1.0)
        return edges[band] + share * (edges[band + 1] - edges[band])

    def to_dict(self) -> dict[str, Any]:
        """Return the bands as values that JSON can hold."""
        return {"edges": self.edges.tolist(), "centers": self.centers.tolist()}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild the bands."""
        return cls(np.asarray(saved["edges"], dtype=float), np.asarray(saved["centers"], dtype=float))
