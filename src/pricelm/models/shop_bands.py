"""The shop's own price bands, such as budget, middle and premium: read from YAML, kept in the bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pricelm.core.errors import ConfigError
from pricelm.core.nouns import PriceBand

_MOST_BYTES = 1_000_000
_MOST_BANDS = 1000


@dataclass(frozen=True)
class ShopBands:
    """Price bands with names, from the cheapest to the dearest.

    Parameters
    ----------
    names : tuple of str
        One for each band, n in all.
    edges : tuple of float
        Where a band ends and the next begins, n - 1 rising prices; a price on an edge is in the dearer band.

    Raises
    ------
    ConfigError
        If names repeat, edges do not rise, or their numbers do not match.

    Examples
    --------
    >>> bands = ShopBands(("budget", "middle", "premium"), (10.0, 50.0))
    >>> [band.name for band in bands.of(np.array([9.99, 10.0, 80.0]))]
    ['budget', 'middle', 'premium']
    """

    names: tuple[str, ...]
    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.names) <= _MOST_BANDS or len(self.edges) != len(self.names) - 1:
            raise ConfigError(
                f"expected 2 to {_MOST_BANDS} price bands with an edge between each two, got "
                f"{len(self.names)} names and {len(self.edges)} edges"
            )
        if len(set(self.names)) != len(self.names) or not all(self.names):
            raise ConfigError(f"expected a different name for each price band, got {list(self.names)}")
        rising = all(low < high for low, high in pairwise((0.0, *self.edges)))
        if not rising or not all(isfinite(edge) for edge in self.edges):
            raise ConfigError(f"expected edges of price bands to rise from above 0, got {list(self.edges)}")

    def of(self, prices: np.ndarray) -> list[PriceBand]:
        """Return the band of each price, n of them."""
        ends = (0.0, *self.edges, inf)
        numbers = np.searchsorted(self.edges, prices, side="right")
        return [PriceBand(self.names[n], ends[n], ends[n + 1]) for n in map(int, numbers)]

    def log_edges(self) -> tuple[float, ...]:
        """Return the edges as log prices, which the band heads take."""
        return tuple(float(edge) for edge in np.log1p(self.edges))

    def to_dict(self) -> dict[str, Any]:
        """Return the bands as values that JSON and YAML can hold."""
        ends: tuple[float | None, ...] = (*self.edges, None)
        return {
            "bands": [
                {"name": name} if end is None else {"name": name, "below": end}
                for name, end in zip(self.names, ends, strict=True)
            ]
        }

    @classmethod
    def from_dict(cls, document: Any) -> ShopBands:
        """Rebuild the bands from `to_dict`, or from what a person wrote in the same form.

        Raises
        ------
        ConfigError
            If the form is another one.
        """
        rows = document.get("bands") if isinstance(document, Mapping) else None
        if not isinstance(rows, Sequence) or isinstance(rows, str) or set(document) != {"bands"}:
            raise ConfigError(
                "expected price bands as 'bands:' with a list of 'name' and 'below' under it, the last "
                f"without 'below', got {str(document)[:100]!r}"
            )
        return cls(
            tuple(_name(row, place) for place, row in enumerate(rows, 1)),
            tuple(_edge(row, place) for place, row in enumerate(rows[:-1], 1)),
        )


def read_shop_bands(path: Path) -> ShopBands:
    """Read price bands from a YAML file.

    Parameters
    ----------
    path : pathlib.Path
        For example ``bands: [{name: budget, below: 10}, {name: premium}]``, at most 1 MB.

    Raises
    ------
    ConfigError
        If there is no such file, or it holds something else.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"expected price bands of at most 1 MB, got a larger file {path}")
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected a file of price bands at {path}, got: {error}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"expected YAML in {path}, got: {' '.join(str(error).split())[:300]}") from error
    return ShopBands.from_dict(document)


def _name(row: Any, place: int) -> str:
    if not isinstance(row, Mapping) or not isinstance(row.get("name"), str) or set(row) - {"name", "below"}:
        raise ConfigError(f"expected band {place} to have a 'name' and a 'below', got {str(row)[:100]!r}")
    return str(row["name"])


def _edge(row: Mapping[str, Any], place: int) -> float:
    edge = row.get("below")
    if isinstance(edge, bool) or not isinstance(edge, int | float):
        raise ConfigError(f"expected 'below' of band {place} to be a price, got {edge!r}")
    return float(edge)
