"""Forces of a market: what beside the price moves demand, each by itself.

Some are drawn before the first day and nobody can change them (season, shocks, drift); others answer to the
prices that are asked (stock, customers who wait, loyal ones, competitors).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

_YEAR, _WEEK = 365.25, 7.0


@dataclass(frozen=True, eq=False)
class Weather:
    """What comes over n rows, whatever the prices are.

    Parameters
    ----------
    level : numpy.ndarray
        Factor on demand, shape (days, n).
    steepness : numpy.ndarray
        Factor on the elasticity, shape (days, n).
    """

    level: np.ndarray
    steepness: np.ndarray

    def __mul__(self, other: Weather) -> Weather:
        return Weather(self.level * other.level, self.steepness * other.steepness)

    @classmethod
    def fair(cls, days: int, n: int) -> Weather:
        """Return weather that changes nothing."""
        return cls(np.ones((days, n)), np.ones((days, n)))


def season(days: int, n: int, rng: np.random.Generator) -> Weather:
    """Return waves of week and year: more is sold at weekends and in season, when prices matter less."""
    day = np.arange(days)[:, None]
    phase = rng.uniform(0, 2 * np.pi, n)[None, :]
    year, week = np.sin(2 * np.pi * day / _YEAR * 2 + phase), np.sin(2 * np.pi * day / _WEEK)
    return Weather(np.exp(0.3 * year + 0.15 * week), np.exp(-0.25 * year))


def shocks(days: int, n: int, rng: np.random.Generator) -> Weather:
    """Return sudden weeks of much more or less demand, and one lasting change of what customers will pay."""
    level = np.ones((days, n))
    for row in range(n):
        for _ in range(max(1, days // 45)):
            start, length = rng.integers(0, days), rng.integers(4, 15)
            level[start : start + length, row] *= np.exp(rng.choice([-0.6, 0.6]))
    broken = rng.integers(days // 4, 3 * days // 4 + 1, n)[None, :] <= np.arange(days)[:, None]
    return Weather(level, np.where(broken, np.exp(rng.choice([-0.4, 0.4], n))[None, :], 1.0))


def drift(days: int, n: int, rng: np.random.Generator) -> Weather:
    """Return a market that turns: from the first day to the last the elasticity quadruples or falls to a
    quarter."""
    share = np.linspace(-0.5, 0.5, days)[:, None]
    return Weather(
        np.exp(0.3 * share * rng.choice([-1, 1], n)), np.exp(np.log(4) * share * rng.choice([-1, 1], n))
    )


class Reaction(ABC):
    """A force that answers to prices; it keeps its own state for n rows."""

    def factor(self, relative: np.ndarray) -> np.ndarray:
        """Return the factor on today's demand at prices relative to the first one, shape (n,)."""
        return np.ones(len(relative))

    @abstractmethod
    def settle(self, relative: np.ndarray, units: np.ndarray) -> None:
        """Take in the prices asked and the units sold today."""


class Waiting(Reaction):
    """A third of the customers know the lowest price of two weeks, and wait for it when it is dearer.

    Who waits gives up after a while; who finds the low price buys, for a part of those who wait too.
    """

    _SHARE, _MEMORY, _GIVE_UP, _COME_BACK = 0.35, 14, 0.08, 0.4
    _DEARER = 1.02

    def __init__(self, n: int) -> None:
        self._past = np.ones((self._MEMORY, n))
        self._pool, self._day = np.zeros(n), 0

    def factor(self, relative: np.ndarray) -> np.ndarray:
        """Return less than 1 where customers wait, and more where those come back who have."""
        waits = relative > self._past.min(axis=0) * self._DEARER
        return np.where(waits, 1 - self._SHARE, 1 + self._COME_BACK * self._pool)

    def settle(self, relative: np.ndarray, units: np.ndarray) -> None:
        """Let people join or leave the queue, and remember the price."""
        waits = relative > self._past.min(axis=0) * self._DEARER
        left = self._pool * np.where(waits, 1 - self._GIVE_UP, 1 - self._COME_BACK)
        # who waits would have bought only with the demand that the price leaves
        self._pool = np.minimum(left + np.where(waits, self._SHARE * relative**-2.0, 0.0), 5.0)
        self._past[self._day % self._MEMORY] = relative
        self._day += 1


class Loyalty(Reaction):
    """Customers who stay as long as prices are what they are used to: rises cost some of them for long."""

    _SHARE, _HABIT, _PACE = 0.5, 0.05, 0.08

    def __init__(self, n: int) -> None:
        self._base, self._usual = np.ones(n), np.ones(n)

    def factor(self, relative: np.ndarray) -> np.ndarray:
        """Return the customers who are still there, over those at the start."""
        return 1 - self._SHARE + self._SHARE * self._base

    def settle(self, relative: np.ndarray, units: np.ndarray) -> None:
        """Win or lose customers by today's price against the usual one."""
        self._base = np.clip(
            self._base - self._PACE * np.log(relative / self._usual) + 0.01 * (1 - self._base), 0.4, 1.6
        )
        self._usual += self._HABIT * (relative - self._usual)


class Rival(Reaction):
    """A competitor whose price wanders and follows ours within days; customers compare.

    Parameters
    ----------
    wander : numpy.ndarray
        Daily steps of the log price, shape (days, n).
    """

    _CROSS, _FOLLOW = 0.8, 0.15

    def __init__(self, wander: np.ndarray) -> None:
        self._wander, self._day = wander, 0
        self.log_price = np.zeros(wander.shape[1])

    @property
    def relative(self) -> np.ndarray:
        """Its price over our first one, shape (n,)."""
        return np.exp(self.log_price)

    def factor(self, relative: np.ndarray) -> np.ndarray:
        """Return more than 1 where the competitor is dear."""
        return np.exp(self._CROSS * self.log_price)

    def settle(self, relative: np.ndarray, units: np.ndarray) -> None:
        """Move towards our price, and at random."""
        target = np.log(relative)
        step = self._FOLLOW * (target - self.log_price) + self._wander[self._day]
        self.log_price = np.clip(self.log_price + step, -0.5, 0.5)
        self._day += 1


class Stock:
    """What can be sold at most: a delivery a week, less than would be wanted at the first price.

    Parameters
    ----------
    weekly : numpy.ndarray
        Units of a delivery, shape (n,).
    """

    def __init__(self, weekly: np.ndarray) -> None:
        self._weekly, self._day = weekly, 0
        self.on_hand = weekly.copy()

    @property
    def room(self) -> np.ndarray:
        """Units a day that the stock lasts for until the next delivery, shape (n,)."""
        return self.on_hand / (_WEEK - self._day % _WEEK)

    def sell(self, wanted: np.ndarray) -> np.ndarray:
        """Return the units that are sold of those wanted, and take in the delivery of the night."""
        sold = np.minimum(wanted, np.floor(self.on_hand))
        self.on_hand = self.on_hand - sold
        self._day += 1
        if self._day % _WEEK == 0:
            self.on_hand = np.minimum(self.on_hand + self._weekly, 2 * self._weekly)
        return sold
