"""What may be asked for: distributions of units, and how much of them a stock does not cover."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, pi, sqrt
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy import integrate, special

from pricelm.core.errors import DataError

_SUM_TOLERANCE = 1e-6
_TAIL = 1e-12
MOST_UNITS = 200_000


@runtime_checkable
class UncertainUnits(Protocol):
    """Units that may be asked for in some span of time."""

    @property
    def mean(self) -> float:
        """Expected units."""
        ...

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        ...

    def quantile(self, probability: float) -> float:
        """Return the least stock that suffices with this probability."""
        ...

    def shortage(self, stock: float) -> float:
        """Return the expected units that ``stock`` leaves unserved."""
        ...


@dataclass(frozen=True)
class NormalUnits:
    """Normal units.

    Parameters
    ----------
    mean, deviation : float
        In units; a deviation of 0 is a certain demand.

    Raises
    ------
    DataError
        If a number is not finite, or negative.

    Examples
    --------
    >>> round(NormalUnits(50, 8).shortage(50), 3)
    3.192
    """

    mean: float
    deviation: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.mean, self.deviation]).all() and self.mean >= 0 and self.deviation >= 0):
            raise DataError(
                f"negative demand: expected a mean and a deviation of 0 or more, got {self.mean:g} and "
                f"{self.deviation:g}. Correct the forecast"
            )

    def quantile(self, probability: float) -> float:
        """Return the least stock that suffices with this probability."""
        if self.deviation == 0:
            return self.mean
        return float(self.mean + self.deviation * special.ndtri(probability))

    def shortage(self, stock: float) -> float:
        """Return the expected units that ``stock`` leaves unserved."""
        if self.deviation == 0:
            return max(self.mean - stock, 0.0)
        z = (stock - self.mean) / self.deviation
        density = exp(-(z**2) / 2) / sqrt(2 * pi)
        return float(self.deviation * (density - z * special.ndtr(-z)))


@dataclass(frozen=True, eq=False)
class DiscreteUnits:
    """Whole units 0, 1, 2, ... with their probabilities.

    Parameters
    ----------
    probabilities : numpy.ndarray
        Probability of 0, 1, ... units, shape (n,), with sum 1.

    Raises
    ------
    DataError
        If they are not probabilities, or more than 200,000.

    Examples
    --------
    >>> one_or_two = DiscreteUnits(np.array([0.0, 0.5, 0.5]))
    >>> one_or_two.mean, one_or_two.quantile(0.6), one_or_two.shortage(1)
    (1.5, 2.0, 0.5)
    """

    probabilities: np.ndarray

    def __post_init__(self) -> None:
        known = np.asarray(self.probabilities, dtype=np.float64)
        sound = known.ndim == 1 and 0 < known.size <= MOST_UNITS and np.isfinite(known).all()
        if not sound or known.min() < 0 or abs(known.sum() - 1) > _SUM_TOLERANCE:
            raise DataError(
                f"no distribution: expected up to {MOST_UNITS:,} probabilities of 0, 1, ... units that sum "
                f"to 1, got shape {known.shape} with sum {known.sum():g}"
            )
        object.__setattr__(self, "probabilities", known / known.sum())

    @classmethod
    def of(cls, frozen: Any) -> DiscreteUnits:
        """Build from a frozen discrete distribution of scipy on 0, 1, ..., such as ``poisson(6)``.

        Raises
        ------
        DataError
            If it reaches below 0 or beyond 200,000 units.
        """
        low, high = float(frozen.support()[0]), float(frozen.isf(_TAIL))
        if low < 0 or not high < MOST_UNITS:
            raise DataError(
                f"negative demand: expected units from 0 to {MOST_UNITS:,}, got {low:g} to {high:g}"
            )
        known = frozen.pmf(np.arange(int(high) + 1))
        return cls(known / known.sum())

    @property
    def mean(self) -> float:
        """Expected units."""
        return float(self.probabilities @ np.arange(self.probabilities.size))

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        moved = np.arange(self.probabilities.size) - self.mean
        return float(np.sqrt(self.probabilities @ moved**2))

    def quantile(self, probability: float) -> float:
        """Return the least stock that suffices with this probability."""
        # sums of probabilities end a hair below their exact value
        reached = np.cumsum(self.probabilities) >= probability - 1e-12
        return float(np.argmax(reached)) if reached.any() else float(self.probabilities.size - 1)

    def shortage(self, stock: float) -> float:
        """Return the expected units that ``stock`` leaves unserved."""
        return float(self.probabilities @ np.maximum(np.arange(self.probabilities.size) - stock, 0.0))

    def plus(self, other: DiscreteUnits) -> DiscreteUnits:
        """Return the sum of independent units."""
        both = np.convolve(self.probabilities, other.probabilities)
        kept = int(np.searchsorted(np.cumsum(both), 1 - _TAIL)) + 1
        return DiscreteUnits(both[:kept] / both[:kept].sum())


@dataclass(frozen=True)
class ScipyUnits:
    """Any continuous distribution of scipy on units from 0 up, such as ``lognorm(0.3, 0, 400)``.

    Parameters
    ----------
    frozen : object
        A frozen distribution: ``mean()``, ``std()``, ``ppf(p)`` and ``sf(x)``.

    Examples
    --------
    >>> from scipy import stats
    >>> round(ScipyUnits(stats.norm(50, 8)).shortage(50), 3)
    3.192
    """

    frozen: Any

    def __post_init__(self) -> None:
        known = (float(self.frozen.mean()), float(self.frozen.std()))
        if not (np.isfinite(known).all() and known[0] >= 0):
            raise DataError(
                f"negative demand: expected a finite mean of 0 or more and a finite deviation, got {known}"
            )

    @property
    def mean(self) -> float:
        """Expected units."""
        return float(self.frozen.mean())

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return float(self.frozen.std())

    def quantile(self, probability: float) -> float:
        """Return the least stock that suffices with this probability."""
        return float(self.frozen.ppf(probability))

    def shortage(self, stock: float) -> float:
        """Return the expected units that ``stock`` leaves unserved."""
        end = max(float(self.frozen.isf(_TAIL)), stock)
        # a bound that quad is given as infinite can hide a narrow hump
        return float(integrate.quad(self.frozen.sf, stock, end, limit=200)[0])


def units_from_draws(draws: np.ndarray) -> DiscreteUnits:
    """Return the distribution of drawn units: a forecast at the chosen price, or what was sold.

    Parameters
    ----------
    draws : numpy.ndarray
        Units, shape (n,); a draw between two whole units counts for both, by nearness, so the mean stays.

    Returns
    -------
    DiscreteUnits
        Their distribution.

    Raises
    ------
    DataError
        If there is no draw, or one is negative, not finite or above 200,000.

    Examples
    --------
    >>> units_from_draws(np.array([1.0, 2.5])).probabilities.tolist()
    [0.0, 0.5, 0.25, 0.25]
    """
    known = np.asarray(draws, dtype=np.float64).ravel()
    if not known.size or not np.isfinite(known).all() or known.min() < 0 or known.max() >= MOST_UNITS - 1:
        raise DataError(
            f"negative demand: expected drawn units from 0 to {MOST_UNITS:,}, got {known.size:,} draws"
            + (f" from {known.min():g} to {known.max():g}" if known.size else "")
        )
    whole = np.floor(known).astype(np.int64)
    above = known - whole
    size = int(whole.max()) + 2
    mass = np.bincount(whole, 1 - above, size) + np.bincount(whole + 1, above, size)
    return DiscreteUnits(np.trim_zeros(mass, "b") / known.size)
