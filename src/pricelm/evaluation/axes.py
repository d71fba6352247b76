"""From values to places on a chart: linear and logarithmic scales with round ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scale:
    """A map from a range of values to a range of places.

    Parameters
    ----------
    low, high : float
        Range of the values, ``low < high``; both positive when ``log``.
    start, end : float
        Places of ``low`` and ``high``; ``start`` may be the larger, as for a vertical axis.
    log : bool, default False
        Whether equal ratios rather than equal differences are equally far apart.

    Examples
    --------
    >>> Scale(0, 10, 0, 100).place(2.5)
    25.0
    >>> Scale(1, 100, 0, 100, log=True).place(10)
    50.0
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """Return the place of a value; what lies outside is put on the nearest end."""
        return float(self.places(np.array([value]))[0])

    def places(self, values: np.ndarray) -> np.ndarray:
        """Return the places of many values, shape of ``values``."""
        inner = np.clip(np.asarray(values, dtype=np.float64), self.low, self.high)
        low, high = self.low, self.high
        if self.log:
            inner, low, high = np.log(inner), math.log(low), math.log(high)
        return self.start + (inner - low) / (high - low) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Return about ``count`` round values inside the range.

        Examples
        --------
        >>> Scale(0.12, 0.48, 0, 1).ticks(4)
        [0.2, 0.3, 0.4]
        >>> Scale(2, 3000, 0, 1, log=True).ticks()
        [10.0, 100.0, 1000.0]
        """
        return self._log_ticks(count) if self.log else self._linear_ticks(count)

    def _linear_ticks(self, count: int) -> list[float]:
        rough = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(index * step, 12) for index in range(first, last + 1)]

    def _log_ticks(self, count: int) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for factors in ((1,), (1, 3), (1, 2, 5)):
            ticks = [factor * 10.0**power for power in decades for factor in factors]
            ticks = [tick for tick in ticks if self.low <= tick <= self.high]
            if len(ticks) >= min(3, count):
                break
        return ticks[:: max(1, math.ceil(len(ticks) / (count + 2)))]


def padded(values: np.ndarray, share: float = 0.05, *, log: bool = False) -> tuple[float, float]:
    """Return a range that holds all finite values with some room on both sides.

    Parameters
    ----------
    values : numpy.ndarray
        At least one finite value; positive when ``log``.
    share : float, default 0.05
        Room on each side, as a share of the range.
    log : bool, default False
        Whether the range is for a logarithmic scale.

    Examples
    --------
    >>> padded(np.array([0.0, 10.0]), share=0.1)
    (-1.0, 11.0)
    """
    real = np.asarray(values, dtype=np.float64)
    real = real[np.isfinite(real)]
    low, high = float(real.min()), float(real.max())
    if log:
        low, high = math.log(low), math.log(high)
    # one value alone still needs a range around it
    room = share * (high - low) or max(abs(low) * share, share)
    low, high = low - room, high + room
    return (math.exp(low), math.exp(high)) if log else (low, high)


def short_number(value: float) -> str:
    """Write a tick: few digits, thousands as k, millions as M.

    Examples
    --------
    >>> [short_number(value) for value in (0.25, 3.0, 1500, 2_000_000)]
    ['0.25', '3', '1.5k', '2M']
    """
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:g}{unit}"
    return f"{value:g}"
