"""A memory of texts seen before, bounded, and shared by all threads."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_KEY_BYTES = 16


@dataclass(frozen=True)
class CacheStatistics:
    """What a cache has done so far.

    Parameters
    ----------
    hits, misses : int
        Texts that were remembered, and texts that were not.
    entries : int
        Texts that are remembered now.
    capacity : int
        Most texts that are remembered.

    Examples
    --------
    >>> CacheStatistics(hits=3, misses=1, entries=1, capacity=10).hit_rate
    0.75
    """

    hits: int
    misses: int
    entries: int
    capacity: int

    @property
    def hit_rate(self) -> float:
        """Share of the texts that were remembered, 0 to 1."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


class TextCache:
    """Remembers a number for each of the texts that were used last.

    Texts are kept as a digest of 16 bytes, so that long ones take no more memory than short ones.

    Parameters
    ----------
    capacity : int
        Most texts; the one that was not used for longest goes first.

    Examples
    --------
    >>> cache = TextCache(capacity=2)
    >>> cache.store(["mug", "cup"], np.array([1.0, 2.0]))
    >>> cache.look_up(["cup", "pot"]).tolist()
    [2.0, nan]
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._values: OrderedDict[bytes, float] = OrderedDict()
        self._hits = self._misses = 0
        self._lock = threading.Lock()

    def look_up(self, texts: Sequence[str]) -> np.ndarray:
        """Return the number of each text, NaN where it is not remembered, shape (n_texts,)."""
        keys = [_key(text) for text in texts]
        found = np.full(len(keys), np.nan)
        with self._lock:
            for position, key in enumerate(keys):
                if key in self._values:
                    self._values.move_to_end(key)
                    found[position] = self._values[key]
            hits = int(np.count_nonzero(~np.isnan(found)))
            self._hits += hits
            self._misses += len(keys) - hits
        return found

    def store(self, texts: Sequence[str], values: np.ndarray) -> None:
        """Remember a number for each text; one that is not finite is not remembered."""
        keys = [_key(text) for text in texts]
        with self._lock:
            for key, value in zip(keys, values, strict=True):
                if np.isfinite(value):
                    self._values[key] = float(value)
                    self._values.move_to_end(key)
            while len(self._values) > self._capacity:
                self._values.popitem(last=False)

    def statistics(self) -> CacheStatistics:
        """Return what has happened so far."""
        with self._lock:
            return CacheStatistics(self._hits, self._misses, len(self._values), self._capacity)


def _key(text: str) -> bytes:
    # a lone surrogate, which JSON can carry, has no UTF-8
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).digest()
